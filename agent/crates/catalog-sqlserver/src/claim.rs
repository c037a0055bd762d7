//! One agent for one shop: an application lock, held for life on a connection of its own.
//!
//! The connection is in `tempdb`, where it keeps nobody from the shop's database, and the lock's name says which
//! table of which database it is for. It is one per server: replicas of a database have one each.
//!
//! A server notices only after a while that a connection broke, and until then the connection keeps its locks.
//! Who holds a lock is told to no login without rights on the whole server. So each agent takes two: that of the
//! table, and before it one of its own name on that table. When its own is taken, the holder of both is itself,
//! earlier.

use shopmaster_catalog::CatalogError;
use tokio::sync::Mutex;

use super::{
    SqlServerOptions,
    entry::Entry,
    error::{QueryError, QueryResult},
    session::{SIGN_OF_LIFE, Session},
};

/// What this agent holds, if anything.
#[derive(Default)]
pub(crate) struct Claim(Mutex<Option<Held>>);

struct Held {
    /// The lock lives as long as the connection.
    session: Session,
    object_id: i32,
    resource: String,
}

impl Claim {
    /// Makes sure that the lock of a table is still ours. False when it is not.
    pub(crate) async fn holds(&self, object_id: i32) -> bool {
        let mut held = self.0.lock().await;
        match held.as_mut() {
            Some(mine) => mine.object_id == object_id && mine.is_held().await,
            None => false,
        }
    }

    /// Takes the lock of a table of this database, or makes sure that it is still ours.
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
        // The connection broke, or the table is another one: whoever takes the lock now is the one.
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

    /// Whether its connection still stands. Tells a session that was ended from a server that is away, and a
    /// line that broke.
    pub(crate) async fn answers(&self) -> bool {
        // Whoever has it now opens it, or finds out that it is dead.
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

    /// How the server says that the lock is held by this session.
    async fn mode(&mut self) -> QueryResult<Option<String>> {
        if self.session.is_spoiled() {
            return Err(QueryError::TimedOut);
        }
        let sql = include_str!("sql/claimed.sql");
        let rows = self
            .session
            .rows_within(SIGN_OF_LIFE, sql, &[&self.resource])
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
    // 0 and 1 are held; below zero is not, whatever the number.
    let is_held = |answer: Option<i32>| answer.is_some_and(|answer| answer >= 0);
    if !is_held(answer(0)?) {
        return Err(CatalogError::OwnConnection(place()).into());
    }
    if !is_held(answer(1)?) {
        return Err(CatalogError::Claimed(place()).into());
    }
    Ok(session)
}
