//! One agent for one shop: an application lock, held for life on a connection of its own.
//!
//! A server notices only after a while that a connection broke, and until then the connection keeps its locks.
//! Who holds a lock is told to no login without rights on the whole server. So each agent takes two: that of the
//! table, and before it one of its own name on that table. When its own is taken, the holder of both is itself,
//! earlier.

use tokio::sync::Mutex;

use super::{
    SqlServerOptions,
    facts::Table,
    fault::{Fault, Work},
    session::Session,
};
use crate::catalog::CatalogError;

/// What this agent holds, if anything.
#[derive(Default)]
pub(super) struct Claim(Mutex<Option<Held>>);

struct Held {
    /// The lock lives as long as the connection.
    session: Session,
    resource: String,
}

impl Claim {
    /// Takes the lock of this table, or makes sure that it is still ours.
    pub(super) async fn hold(&self, options: &SqlServerOptions, table: &Table) -> Work<()> {
        let mut held = self.0.lock().await;
        let resource = format!("shopmaster.{}", table.object_id);
        if let Some(mine) = held.as_mut()
            && mine.resource == resource
            && mine.is_held().await
        {
            return Ok(());
        }
        // The connection broke, or the table is another one: whoever takes the lock now is the one.
        *held = None;
        let session = Session::open(options).await?;
        *held = Some(take(options, session, resource).await?);
        Ok(())
    }
}

impl Held {
    async fn is_held(&mut self) -> bool {
        let parameters: [&dyn tiberius::ToSql; 1] = [&self.resource];
        if self.session.is_spoiled() {
            return false;
        }
        let rows = self
            .session
            .rows(include_str!("sql/claimed.sql"), &parameters);
        let Ok(rows) = rows.await else {
            return false;
        };
        let mode = rows.first().map(|row| row.try_get::<&str, _>(0));
        matches!(mode, Some(Ok(Some("Exclusive"))))
    }
}

async fn take(options: &SqlServerOptions, mut session: Session, resource: String) -> Work<Held> {
    let own = format!("{resource}.{}", options.claimant);
    let parameters: [&dyn tiberius::ToSql; 2] = [&resource, &own];
    let rows = session
        .rows(include_str!("sql/claim.sql"), &parameters)
        .await?;
    let answer = |index| {
        let answer = rows.first().map(|row| row.try_get::<i32, _>(index));
        Ok::<_, Fault>(answer.transpose()?.flatten())
    };
    let place = || format!("`{}` on `{}`", options.database, options.server);
    // 0 and 1 are held; below zero is not, whatever the number.
    let is_held = |answer: Option<i32>| answer.is_some_and(|answer| answer >= 0);
    if !is_held(answer(0)?) {
        return Err(CatalogError::OwnConnection(place()).into());
    }
    if !is_held(answer(1)?) {
        return Err(CatalogError::Claimed(place()).into());
    }
    Ok(Held { session, resource })
}
