//! How many changes are waiting in the ChangeLog.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use shopmaster_catalog::Backlog;
use tiberius::Row;
use tokio::time::Instant;

use super::changes::{count, milliseconds, newest, timestamp};
use crate::{error::QueryResult, session::Session};

/// How long a count is valid while no newer change is seen. A change that was made before the newest one may be
/// committed after it.
const COUNT_VALID_FOR: Duration = Duration::from_secs(60);

/// The last count. Counting many changes is expensive, and the result is the same as long as nothing was added
/// and nothing deleted.
#[derive(Debug, Default)]
pub(crate) struct Counted(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    last: Option<Count>,
    /// Increases with every deletion.
    deletions: u64,
}

#[derive(Debug)]
struct Count {
    /// The newest change before the count.
    newest: i64,
    at: Instant,
    backlog: Backlog,
}

impl Counted {
    /// The backlog, counted again if it may have changed.
    pub(crate) async fn backlog(&self, session: &mut Session) -> QueryResult<Backlog> {
        let deletions = self.counts().deletions;
        let Some(newest) = newest(session).await? else {
            return Ok(Backlog::default());
        };
        if let Some(backlog) = self.known(newest) {
            return Ok(backlog);
        }
        let backlog = counted(session).await?;
        let mut counts = self.counts();
        // Changes that were deleted meanwhile may have been counted.
        if counts.deletions == deletions {
            counts.last = Some(Count {
                newest,
                at: Instant::now(),
                backlog: backlog.clone(),
            });
        }
        Ok(backlog)
    }

    /// Records that changes were deleted.
    pub(crate) fn forget(&self) {
        let mut counts = self.counts();
        counts.last = None;
        counts.deletions += 1;
    }

    /// The last count, if nothing was added since. The age of the oldest change is updated.
    fn known(&self, newest: i64) -> Option<Backlog> {
        let counts = self.counts();
        let last = counts.last.as_ref()?;
        let since = last.at.elapsed();
        (last.newest == newest && since < COUNT_VALID_FOR).then(|| Backlog {
            oldest_age: last.backlog.oldest_age.map(|age| age + since),
            ..last.backlog.clone()
        })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn counted(session: &mut Session) -> QueryResult<Backlog> {
    let rows = session
        .rows(include_str!("../sql/backlog.sql"), &[])
        .await?;
    let Some(row) = rows.first() else {
        return Ok(Backlog::default());
    };
    let oldest = milliseconds(row, 2)?;
    let age = match (oldest, milliseconds(row, 3)?) {
        // The age is negative when the clock was set back.
        (Some(oldest), Some(now)) => Some(now.saturating_sub(oldest).max(0).unsigned_abs()),
        _ => None,
    };
    Ok(Backlog {
        changes: count(row, 0)?,
        products: count(row, 1)?,
        oldest_at: oldest.map(timestamp),
        oldest_age: age.map(Duration::from_millis),
        bytes: size(session).await?,
    })
}

/// How many bytes the ChangeLog occupies on disk; none where the engine does not report it.
async fn size(session: &mut Session) -> QueryResult<Option<u64>> {
    let rows = session.rows(include_str!("../sql/change_log_size.sql"), &[]);
    let rows = match rows.await {
        Err(fault) if fault.is_server() => return Ok(None),
        rows => rows?,
    };
    let bytes = rows.first().map(|row: &Row| row.try_get::<i64, _>(0));
    Ok(bytes.transpose()?.flatten().map(i64::unsigned_abs))
}
