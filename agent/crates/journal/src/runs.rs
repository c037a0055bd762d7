//! Runs that ended, and the one that is in progress.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};

use super::{Journal, Result, meta, settle::milliseconds, time};

/// How many ended runs are kept.
const MAX_RUNS: u32 = 500;
/// How many of them are kept however old they are, for a shop that was closed for a season.
const MIN_RUNS: u32 = 50;
/// The age after which the others are deleted.
const MAX_RUN_AGE: Duration = Duration::from_secs(90 * 86_400);
/// The key of the time at which Digible last acknowledged something.
const SENT_AT: &str = "sent_at";

/// A stored run: what is needed to find it, and the rest as the engine wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRun {
    /// The run's id.
    pub id: String,
    /// Increases with each run: the order of runs, whatever the clock says.
    pub sequence: u64,
    /// When it started, in milliseconds since 1970.
    pub started_at: i64,
    /// When it ended; none while it is in progress.
    pub finished_at: Option<i64>,
    /// The engine's record of the run, as JSON.
    pub record: String,
}

impl Journal {
    /// Stores a run, replacing its earlier state, and when Digible last acknowledged something. Storing a run
    /// that has ended deletes the oldest runs.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn store_run(&self, run: StoredRun, sent_at: Option<Timestamp>) -> Result<()> {
        self.write("store a run", move |transaction| {
            note_sent(transaction, sent_at)?;
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO run (id, sequence, started_at, finished_at, record)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute((
                    &run.id,
                    number(run.sequence),
                    run.started_at,
                    run.finished_at,
                    &run.record,
                ))?;
            match run.finished_at {
                Some(now) => trim(transaction, now),
                None => Ok(()),
            }
        })
        .await
    }

    /// Stores how far a run has got, so that its numbers are known if the agent is killed. Does nothing when
    /// the run has ended meanwhile, or is not stored.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn store_progress(&self, run: StoredRun, sent_at: Option<Timestamp>) -> Result<()> {
        self.write("store the progress of a run", move |transaction| {
            note_sent(transaction, sent_at)?;
            transaction
                .prepare_cached("UPDATE run SET record = ?2 WHERE id = ?1 AND finished_at IS NULL")?
                .execute((&run.id, &run.record))?;
            Ok(())
        })
        .await
    }

    /// When Digible last acknowledged something, as it was stored with a run; none before the first.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn sent_at(&self) -> Result<Option<Timestamp>> {
        self.read(
            "read when Digible last acknowledged something",
            |connection| Ok(meta::get(connection, SENT_AT)?.map(time)),
        )
        .await
    }

    /// Deletes a run that is not worth keeping.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn drop_run(&self, id: String) -> Result<()> {
        self.write("delete a run", move |transaction| {
            transaction.execute("DELETE FROM run WHERE id = ?1", [id])?;
            Ok(())
        })
        .await
    }

    /// Stored runs, the latest first.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn stored_runs(&self, limit: u32) -> Result<Vec<StoredRun>> {
        self.read("list runs", move |connection| {
            connection
                .prepare_cached(
                    "SELECT id, sequence, started_at, finished_at, record FROM run
                     ORDER BY sequence DESC LIMIT ?1",
                )?
                .query_map([limit], stored)?
                .collect()
        })
        .await
    }

    /// One stored run; none when there is no run with this id.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn stored_run(&self, id: String) -> Result<Option<StoredRun>> {
        self.read("look up a run", move |connection| {
            connection
                .prepare_cached(
                    "SELECT id, sequence, started_at, finished_at, record FROM run WHERE id = ?1",
                )?
                .query_row([id], stored)
                .optional()
        })
        .await
    }
}

/// Deletes ended runs that exceed the number or the age to keep at `now`. A run that has not ended is kept.
fn trim(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    let too_old = now.saturating_sub(milliseconds(MAX_RUN_AGE));
    connection
        .prepare_cached(
            "DELETE FROM run WHERE id IN
                 (SELECT id FROM
                      (SELECT id, finished_at, row_number() OVER (ORDER BY sequence DESC) AS place
                       FROM run WHERE finished_at IS NOT NULL)
                  WHERE place > ?1 OR place > ?2 AND finished_at < ?3)",
        )?
        .execute((MAX_RUNS, MIN_RUNS, too_old))?;
    Ok(())
}

fn stored(row: &rusqlite::Row<'_>) -> rusqlite::Result<StoredRun> {
    Ok(StoredRun {
        id: row.get(0)?,
        sequence: row.get::<_, i64>(1)?.unsigned_abs(),
        started_at: row.get(2)?,
        finished_at: row.get(3)?,
        record: row.get(4)?,
    })
}

/// Records when Digible last acknowledged something. With none, this process has sent nothing yet: what an
/// earlier process recorded stays.
fn note_sent(connection: &Connection, at: Option<Timestamp>) -> rusqlite::Result<()> {
    match at {
        Some(at) => meta::set(connection, SENT_AT, &at.as_millisecond()),
        None => Ok(()),
    }
}

fn number(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}
