//! How a page of the table is asked for.

use std::sync::atomic::{AtomicBool, Ordering};

use shopmaster_product::ProductId;
use tiberius::{Row as Found, ToSql};

use crate::{
    error::{QueryError, QueryResult},
    session::Session,
};

/// Whether the server is told to seek to a page's first key. Without being told it may read the whole table
/// and sort it for every page, where the key's index is not the one that holds the rows.
#[derive(Debug, Default)]
pub(crate) struct Seeking {
    /// It finds no such way.
    is_refused: AtomicBool,
}

/// Where a piece of a page ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End<'a> {
    /// Before this key.
    Before(&'a ProductId),
    /// With this key.
    With(&'a ProductId),
    /// With the table.
    Table,
}

impl Seeking {
    /// The rows of a statement with the hint; of the one without it where the server cannot follow it.
    pub(crate) async fn rows(
        &self,
        session: &mut Session,
        [hinted, plain]: [String; 2],
        parameters: &[&dyn ToSql],
    ) -> QueryResult<Vec<Found>> {
        if !self.is_refused.load(Ordering::Relaxed) {
            match session.rows(&hinted, parameters).await {
                Err(fault) if is_impossible(&fault) => {
                    self.is_refused.store(true, Ordering::Relaxed);
                }
                answer => return answer,
            }
        }
        session.rows(&plain, parameters).await
    }

    /// The table is another one, or has other indexes.
    pub(crate) fn forget(&self) {
        self.is_refused.store(false, Ordering::Relaxed);
    }
}

/// No plan follows the hint.
fn is_impossible(fault: &QueryError) -> bool {
    fault.number() == Some(8622)
}
