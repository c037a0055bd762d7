//! The agent's own SQLite file: what Digible acknowledged, what is in doubt, parked or removed, the
//! runs, and where an upload goes on. Bound to one Digible account.
//!
//! WAL with `synchronous = FULL`: a power cut never undoes what let us delete a change.

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
pub use verified::{Asks, Shrank, Verified};

/// SHA-256 of a body.
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
    /// Digible may have something else than what it last acknowledged. A parked or removed one counts as
    /// parked or removed.
    pub in_doubt: u64,
    /// The part of those whose newest state is acknowledged, and which wait for the end of the late window.
    pub confirming: u64,
    /// When the last of those is to be sent once more.
    pub confirming_until: Option<Timestamp>,
    /// Refused and shown.
    pub parked: u64,
    /// Refused and dismissed.
    pub discarded: u64,
    /// Refused ones, shown or not, of which Digible has an earlier state: they count as published, too.
    pub outdated: u64,
    /// Gone from the shop and shown.
    pub removed: u64,
}

impl Counts {
    /// Of which the journal knows that the shop has them.
    pub fn in_shop(&self) -> u64 {
        (self.published + self.parked + self.discarded).saturating_sub(self.outdated)
    }
}

/// Why the journal could not be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It was written by a newer version.
    #[error(
        "the journal `{path}` is from a newer version of shopMaster (its format is {found}, this one knows {known})"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format that this version knows.
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
    /// Its folder is on a disk that cannot keep it safe.
    #[error("the journal `{path}` cannot be written ahead (SQLite chose `{mode}`)")]
    NoWal {
        /// The file.
        path: PathBuf,
        /// The mode that SQLite chose.
        mode: String,
    },
    /// It could not be kept aside.
    #[error("the journal `{path}` cannot be kept aside")]
    KeepAside {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// It was deleted or replaced while it was open: what is recorded in it is lost when the agent ends.
    #[error("the journal `{path}` was deleted or replaced while the agent runs")]
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
    /// What is kept beside it, such as a pause, could not be written.
    #[error("the pause could not be kept")]
    KeepState {
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// A statement failed.
    #[error("the journal failed to {operation}")]
    Statement {
        /// What it was to do.
        operation: &'static str,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The task that used it ended early.
    #[error("the journal was given up while the agent stops")]
    Stopped,
}

/// What every call may answer.
pub type Result<T> = std::result::Result<T, JournalError>;

impl JournalError {
    /// Stable, upper case, for programs.
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
                "Install that newer version again, or move the journal file away and run `shopmasterctl upload`"
            }
            Self::Statement { source, .. } if is_damage(source) => {
                "Restart the agent: it keeps the damaged journal aside and starts an empty one"
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
                "Check that the disk is not full and that this user may write the journal's folder"
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

    /// Runs `work` on a thread that may block, and shows it one moment: a transaction around many
    /// look-ups also takes the file's lock once instead of for each.
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
    /// When SQLite fails, as all calls of the journal.
    pub async fn counts(&self) -> Result<Counts> {
        self.read("count its products", |connection| {
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

/// Whether the file's content is at fault, and not the disk or the rights.
fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
    )
}

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Times are kept as milliseconds since 1970, UTC.
fn time(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or_default()
}
