//! The agent's own SQLite file: what Digible acknowledged, what is in doubt, parked or removed, the runs, and
//! where an upload resumes. It belongs to one Digible account.
//!
//! The WAL is used with `synchronous = FULL`: a power cut never undoes a record because of which a change was
//! deleted.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, Transaction};
use shopmaster_base::blocking;

mod aside;
mod checksums;
mod clock;
mod entry;
mod files;
mod identity;
mod integrity;
mod lists;
mod meta;
mod migrations;
mod open;
mod position;
mod products;
mod row_excess;
mod runs;
mod settle;
mod soundness;
mod state;
mod stored;
#[cfg(test)]
mod tests;
mod unlocated;
mod uploads;
mod values;
mod verified;
mod wal;

pub use aside::{Kept, starts_over};
pub use clock::steady_ms;
pub use entry::{Doubt, Entry, Event, Published, Refusal, Times};
pub use integrity::Integrity;
pub use lists::{Page, Parked, Removed};
pub use meta::{Pause, Stamp};
pub use open::{Binding, Opened};
pub use products::Known;
pub use runs::StoredRun;
pub use settle::{Acknowledged, Finding, InFlight, Landing, Settled, UploadProgress};
pub use state::AgentState;
pub use uploads::Checkpoint;
pub use verified::{Asks, LastVerify, Shrank, Verified};

/// The SHA-256 digest of a body.
pub type DigestBytes = [u8; 32];

/// The journal of one account. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Journal {
    connection: Arc<Mutex<Connection>>,
    checksums: checksums::Checksums,
    steps: Arc<settle::Steps>,
    place: Arc<identity::InPlace>,
}

/// How many products are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Acknowledged at least once, and not removed.
    pub published: u64,
    /// Digible may have something other than what it last acknowledged. A product that is also parked or
    /// removed counts only as parked or removed.
    pub in_doubt: u64,
    /// Those in doubt whose newest state is acknowledged, and which wait for the end of the late window.
    pub confirming: u64,
    /// When the last of those will be sent once more.
    pub confirming_until: Option<Timestamp>,
    /// Refused and listed.
    pub parked: u64,
    /// Refused and dismissed.
    pub discarded: u64,
    /// Refused products, listed or not, of which Digible has an earlier state: they count as published, too.
    pub outdated: u64,
    /// Gone from the shop and listed.
    pub removed: u64,
}

impl Counts {
    /// The number of products that the shop has, as far as the journal knows.
    pub fn in_shop(&self) -> u64 {
        (self.published + self.parked + self.discarded).saturating_sub(self.outdated)
    }
}

/// Why the journal could not be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It was written by a newer version.
    #[error(
        "the journal `{path}` is from a newer version of shopMaster (its format is {found}; this version supports formats up to {known})"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The journal's format.
        found: i64,
        /// The newest format that this version supports.
        known: i64,
    },
    /// It could not be opened or set up.
    #[error("the journal `{path}` cannot be opened")]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// Its folder is on a disk where a write-ahead log does not work.
    #[error("the journal `{path}` cannot use a write-ahead log (SQLite chose `{mode}` mode)")]
    NoWal {
        /// The file.
        path: PathBuf,
        /// The mode that SQLite chose.
        mode: String,
    },
    /// It could not be set aside.
    #[error("the journal `{path}` cannot be set aside")]
    KeepAside {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// It was deleted or replaced while it was open: what is recorded in it is lost when the agent stops.
    #[error("the journal `{path}` was deleted or replaced while the agent was running")]
    Gone {
        /// Where it was.
        path: PathBuf,
    },
    /// Its write-ahead log could not be read.
    #[error("the write-ahead log of the journal `{path}` cannot be read")]
    ReadWal {
        /// The journal.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The agent's state beside the journal, such as a pause, could not be written.
    #[error("the pause could not be saved")]
    KeepState {
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// A statement failed.
    #[error("the journal failed to {operation}")]
    Statement {
        /// What was to be done, as a bare verb.
        operation: &'static str,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The agent stopped before the work was done.
    #[error("the agent is stopping and no longer uses the journal")]
    Stopped,
}

/// The result of a call to the journal.
pub type Result<T> = std::result::Result<T, JournalError>;

impl JournalError {
    /// A stable code, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Newer { .. } => "JOURNAL_NEWER",
            Self::Gone { .. } => "JOURNAL_GONE",
            Self::Open { .. }
            | Self::NoWal { .. }
            | Self::KeepAside { .. }
            | Self::KeepState { .. }
            | Self::ReadWal { .. }
            | Self::Statement { .. }
            | Self::Stopped => "JOURNAL_FAILED",
        }
    }

    /// What to do about it, for people.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Newer { .. } => {
                "Install that version again; or move the journal file away, restart the agent and run `shopmasterctl upload`"
            }
            Self::Statement { source, .. } if is_damage(source) => {
                "Restart the agent: it sets the damaged journal aside and starts an empty one"
            }
            Self::NoWal { .. } => {
                "Put the journal's folder on a local disk, not on a network share"
            }
            Self::Gone { .. } => "Restart the agent, then run `shopmasterctl upload`",
            Self::Open { .. }
            | Self::KeepAside { .. }
            | Self::KeepState { .. }
            | Self::ReadWal { .. }
            | Self::Statement { .. } => {
                "Free disk space, and check that this user may write to the journal's folder"
            }
            Self::Stopped => "Start the agent again",
        }
    }
}

impl Journal {
    /// Runs `work` in one transaction on a thread that may block.
    async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let checksums = self.checksums.clone();
        self.blocking(operation, move |connection| {
            checksums.write(connection, work)
        })
        .await
    }

    /// Runs `work` on a thread that may block, within one transaction: it sees one snapshot, and many look-ups
    /// take the file's lock only once.
    async fn read<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.blocking(operation, |connection| {
            let moment = connection.transaction()?;
            let value = work(&moment)?;
            moment.commit()?;
            Ok(value)
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let connection = Arc::clone(&self.connection);
        let answer = blocking::run(move || {
            // A panic cannot leave a transaction open (it rolls back on drop): the lock stays usable.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut connection).map_err(|source| JournalError::Statement { operation, source })
        });
        answer.await.unwrap_or(Err(JournalError::Stopped))
    }

    /// How many products are in which state.
    ///
    /// # Errors
    ///
    /// When SQLite fails, as with every call of the journal.
    pub async fn counts(&self) -> Result<Counts> {
        self.read("count the products", |connection| {
            let count = |sql: &str| {
                let rows: i64 = connection
                    .prepare_cached(sql)?
                    .query_row([], |row| row.get(0))?;
                Ok::<_, rusqlite::Error>(rows.unsigned_abs())
            };
            let (confirming, until) = connection
                .prepare_cached(
                    "SELECT count(*), max(due) FROM doubt
                     WHERE due > 0 AND id NOT IN (SELECT id FROM parked WHERE retry = 0)
                       AND id NOT IN (SELECT id FROM removed)",
                )?
                .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?;
            Ok(Counts {
                published: checksums::rows(connection, "published")?,
                in_doubt: count(
                    "SELECT count(*) FROM (SELECT id FROM doubt UNION SELECT id FROM in_flight)
                     WHERE id NOT IN (SELECT id FROM parked WHERE retry = 0)
                       AND id NOT IN (SELECT id FROM removed)",
                )?,
                confirming: confirming.unsigned_abs(),
                confirming_until: Option::map(until, clock::shown),
                parked: count("SELECT count(*) FROM parked WHERE discarded = 0")?,
                discarded: count("SELECT count(*) FROM parked WHERE discarded = 1")?,
                outdated: count(
                    "SELECT count(*) FROM parked AS k
                     WHERE EXISTS (SELECT 1 FROM published AS p WHERE p.id = k.id)",
                )?,
                removed: count("SELECT count(*) FROM removed")?,
            })
        })
        .await
    }
}

fn has_rows(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    exists(
        connection,
        &format!("SELECT EXISTS (SELECT 1 FROM {table})"),
    )
}

fn exists(connection: &Connection, sql: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))
}

/// Whether the cause is the file's content, and not the disk or the rights.
fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
    )
}

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Converts a stored time: milliseconds since 1970, UTC.
fn time(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or_default()
}
