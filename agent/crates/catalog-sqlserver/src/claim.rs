//! One agent per shop: an application lock, held for the agent's lifetime on a connection of its own.
//!
//! The connection is in `tempdb`, where it keeps no program out of the shop's database, and the lock's name
//! says which table of which database it is for. There is one lock per server: each replica of a database has
//! its own.
//!
//! A server notices only after a while that a connection broke, and until then the connection keeps its locks.
//! A login without rights on the whole server cannot find out which session holds a lock. So each agent takes
//! two locks: one for the table, and before it one for its own name on that table. If the agent's own lock is
//! already taken, an earlier connection of this agent holds both.

use shopmaster_catalog::CatalogError;
use tokio::sync::Mutex;

use super::{
    SqlServerOptions,
    entry::Entry,
    error::{QueryError, QueryResult},
    session::{LIVENESS_TIMEOUT, Session},
};

/// The locks that this agent holds, if any.
#[derive(Default)]
pub(crate) struct Claim(Mutex<Option<Held>>);

struct Held {
    /// The locks last as long as the connection.
    session: Session,
    object_id: i32,
    resource: String,
}

impl Claim {
    /// Whether this agent still holds the lock of a table.
    pub(crate) async fn holds(&self, object_id: i32) -> bool {
        let mut held = self.0.lock().await;
        match held.as_mut() {
            Some(mine) => mine.object_id == object_id && mine.is_held().await,
            None => false,
        }
    }

    /// Takes the lock of a table of this database, or checks that this agent still holds it.
    pub(crate) async fn hold(
        &self,
        entry: &Entry,
        options: &SqlServerOptions,
        database: &str,
        object_id: i32,
    ) -> QueryResult<()> {
        let mut held = self.0.lock().await;
        let resource = format!("shopmaster:{database}:{object_id}");
        if let Some(mine) = held.as_mut()
            && mine.resource == resource
            && mine.is_held().await
        {
            return Ok(());
        }
        // The connection broke, or the table has changed: the agent that takes the lock now serves the table.
        *held = None;
        let session = entry.open(options).await?;
        let session = take(options, session, &resource).await?;
        *held = Some(Held {
            session,
            object_id,
            resource,
        });
        Ok(())
    }

    /// Whether the connection that holds the locks still works. This tells a session that was ended from a
    /// server that is down or a network that failed.
    pub(crate) async fn answers(&self) -> bool {
        // The call that holds the mutex is opening the connection, or will find out that it is broken.
        let Ok(mut held) = self.0.try_lock() else {
            return false;
        };
        match held.as_mut() {
            Some(mine) => mine.mode().await.is_ok(),
            None => false,
        }
    }
}

impl Held {
    async fn is_held(&mut self) -> bool {
        matches!(self.mode().await, Ok(Some(mode)) if mode == "Exclusive")
    }

    /// The mode in which this session holds the lock, as the server reports it.
    async fn mode(&mut self) -> QueryResult<Option<String>> {
        if self.session.is_spoiled() {
            return Err(QueryError::TimedOut);
        }
        let sql = include_str!("sql/claimed.sql");
        let rows = self
            .session
            .rows_within(LIVENESS_TIMEOUT, sql, &[&self.resource])
            .await?;
        let mode = rows.first().map(|row| row.try_get::<&str, _>(0));
        Ok(mode.transpose()?.flatten().map(str::to_owned))
    }
}

async fn take(
    options: &SqlServerOptions,
    mut session: Session,
    resource: &str,
) -> QueryResult<Session> {
    let own = format!("{resource}:{}", options.claimant);
    let parameters: [&dyn tiberius::ToSql; 2] = [&resource, &own];
    let rows = session
        .rows(include_str!("sql/claim.sql"), &parameters)
        .await?;
    let answer = |index| {
        let answer = rows.first().map(|row| row.try_get::<i32, _>(index));
        Ok::<_, QueryError>(answer.transpose()?.flatten())
    };
    let place = || format!("`{}` on `{}`", options.database, options.server);
    // 0 and 1 mean that the lock is held; a negative number means that it is not.
    let is_held = |answer: Option<i32>| answer.is_some_and(|answer| answer >= 0);
    if !is_held(answer(0)?) {
        return Err(CatalogError::OwnConnection(place()).into());
    }
    if !is_held(answer(1)?) {
        return Err(CatalogError::Claimed(place()).into());
    }
    Ok(session)
}
