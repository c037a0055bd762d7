//! How a page of the table is asked for.

use std::sync::atomic::{AtomicBool, Ordering};

use tiberius::{Row as Found, ToSql};

use crate::{
    error::{QueryError, QueryResult},
    product_key::KeyValues,
    session::Session,
};

/// Whether the server is told to seek to a page's first key. Otherwise it may read the whole table and sort it
/// for every page, if the key's index is not the one that stores the rows.
#[derive(Debug, Default)]
pub(crate) struct Seeking {
    /// Whether the server found no plan that follows the hint.
    is_refused: AtomicBool,
}

/// Where a piece of a page ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End<'a> {
    /// Before this key.
    Before(&'a KeyValues),
    /// At this key, included.
    With(&'a KeyValues),
    /// At the end of the table.
    Table,
}

impl Seeking {
    /// The rows of a statement with the hint, or without it if the server cannot follow the hint.
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

    /// Forgets the refusal: the table, or its indexes, may have changed.
    pub(crate) fn forget(&self) {
        self.is_refused.store(false, Ordering::Relaxed);
    }
}

/// Whether the server says that no plan follows the hint.
fn is_impossible(fault: &QueryError) -> bool {
    fault.number() == Some(8622)
}
