//! Runs that ended, and the one that was going.

use rusqlite::OptionalExtension as _;

use super::{Journal, Result};

/// How many ended runs are kept.
const KEEP: u32 = 500;

/// A run as it is stored: what is needed to find it, and the rest as the engine wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRun {
    /// Its id.
    pub id: String,
    /// When it started, in milliseconds since 1970.
    pub started_at: i64,
    /// When it ended; none while it goes.
    pub finished_at: Option<i64>,
    /// The engine's own JSON.
    pub record: String,
}

impl Journal {
    /// Stores a run, in place of an earlier state of it.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn store_run(&self, run: StoredRun) -> Result<()> {
        self.write("store a run", move |transaction| {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO run (id, started_at, finished_at, record)
                     VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute((&run.id, run.started_at, run.finished_at, &run.record))?;
            transaction
                .prepare_cached(
                    "DELETE FROM run WHERE id IN
                         (SELECT id FROM run WHERE finished_at IS NOT NULL
                          ORDER BY started_at DESC, id DESC LIMIT -1 OFFSET ?1)",
                )?
                .execute([KEEP])?;
            Ok(())
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

    /// Runs, newest first.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn stored_runs(&self, limit: u32) -> Result<Vec<StoredRun>> {
        self.read("list runs", move |connection| {
            connection
                .prepare_cached(
                    "SELECT id, started_at, finished_at, record FROM run
                     ORDER BY started_at DESC, id DESC LIMIT ?1",
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
                    "SELECT id, started_at, finished_at, record FROM run WHERE id = ?1",
                )?
                .query_row([id], stored)
                .optional()
        })
        .await
    }
}

fn stored(row: &rusqlite::Row<'_>) -> rusqlite::Result<StoredRun> {
    Ok(StoredRun {
        id: row.get(0)?,
        started_at: row.get(1)?,
        finished_at: row.get(2)?,
        record: row.get(3)?,
    })
}
