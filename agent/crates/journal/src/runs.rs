//! Runs that ended, and the one that was going.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};

use super::{Journal, Result, meta, settle::milliseconds, time};

/// How many ended runs are kept.
const KEEP: u32 = 500;
/// So many of them are kept however old they are: what a shop that was closed for a season asks for.
const ALWAYS: u32 = 50;
/// How old the others may become.
const OLDEST: Duration = Duration::from_secs(90 * 86_400);
/// Key of the time at which Digible last acknowledged something.
const SENT_AT: &str = "sent_at";

/// A run as it is stored: what is needed to find it, and the rest as the engine wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRun {
    /// Its id.
    pub id: String,
    /// Grows with each run: the order of runs, whatever the clock says.
    pub sequence: u64,
    /// When it started, in milliseconds since 1970.
    pub started_at: i64,
    /// When it ended; none while it goes.
    pub finished_at: Option<i64>,
    /// The engine's own JSON.
    pub record: String,
}

impl Journal {
    /// Stores a run, in place of an earlier state of it, and when Digible last acknowledged something.
    /// One that has ended lets the oldest ones go.
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

    /// Stores how far a run is, so that its numbers are known when the agent is killed. Nothing when
    /// it has ended meanwhile, or is not kept.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn store_progress(&self, run: StoredRun, sent_at: Option<Timestamp>) -> Result<()> {
        self.write("store how far a run is", move |transaction| {
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
        self.read("read when something was last sent", |connection| {
            Ok(meta::get(connection, SENT_AT)?.map(time))
        })
        .await
    }

    /// Deletes a run that is not worth keeping.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn drop_run(&self, id: String) -> Result<()> {
        self.write("drop a run", move |transaction| {
            transaction.execute("DELETE FROM run WHERE id = ?1", [id])?;
            Ok(())
        })
        .await
    }

    /// Runs, the one that began last first.
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

    /// One run.
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

/// Deletes ended runs that are too many or too old at `now`. One that has not ended is kept.
fn trim(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    let too_old = now.saturating_sub(milliseconds(OLDEST));
    connection
        .prepare_cached(
            "DELETE FROM run WHERE id IN
                 (SELECT id FROM
                      (SELECT id, finished_at, row_number() OVER (ORDER BY sequence DESC) AS place
                       FROM run WHERE finished_at IS NOT NULL)
                  WHERE place > ?1 OR place > ?2 AND finished_at < ?3)",
        )?
        .execute((KEEP, ALWAYS, too_old))?;
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

/// Nothing was sent by this process yet: what an earlier one noted stays.
fn note_sent(connection: &Connection, at: Option<Timestamp>) -> rusqlite::Result<()> {
    match at {
        Some(at) => meta::set(connection, SENT_AT, &at.as_millisecond()),
        None => Ok(()),
    }
}

fn number(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}
