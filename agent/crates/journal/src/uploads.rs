//! Where an upload goes on after a crash or a cancel.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Transaction};
use shopmaster_product::ProductId;

use super::{Journal, Result, UploadProgress, exists, meta, now_ms, time};

/// Key of when an upload last finished; none while one is due.
const UPLOADED_AT: &str = "uploaded_at";
/// Key of whether everything was sent from another catalog.
const ANOTHER_CATALOG: &str = "another_catalog";
/// Key of the time as of which every product was last compared.
const COMPARED_AT: &str = "compared_at";
/// Whether an upload was begun that has not finished.
const UNFINISHED: &str = "SELECT EXISTS (SELECT 1 FROM upload WHERE finished_at IS NULL)";

/// The newest upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Grows with each upload.
    pub number: i64,
    /// When it started.
    pub started_at: Timestamp,
    /// When it finished; none while it has not.
    pub finished_at: Option<Timestamp>,
    /// The last key that it is through with; none at its start.
    pub cursor: Option<ProductId>,
    /// Products that it is through with.
    pub done: u64,
}

impl Journal {
    /// The newest upload; none before the first.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn newest_upload(&self) -> Result<Option<Checkpoint>> {
        self.read("read the upload's checkpoint", |connection| {
            connection
                .prepare_cached(
                    "SELECT number, started_at, finished_at, cursor, done FROM upload
                     ORDER BY number DESC LIMIT 1",
                )?
                .query_row([], |row| {
                    let done: i64 = row.get(4)?;
                    Ok(Checkpoint {
                        number: row.get(0)?,
                        started_at: time(row.get(1)?),
                        finished_at: row.get::<_, Option<i64>>(2)?.map(time),
                        cursor: row.get(3)?,
                        done: done.unsigned_abs(),
                    })
                })
                .optional()
        })
        .await
    }

    /// Begins a new upload in place of the newest one. Gives its number.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn begin_upload(&self) -> Result<i64> {
        self.write("begin an upload", |transaction| {
            // Numbers never come again: products carry them.
            let newest: i64 = meta::get(transaction, "upload")?.unwrap_or_default();
            let number = newest + 1;
            meta::set(transaction, "upload", &number)?;
            transaction.execute("DELETE FROM upload", [])?;
            transaction.execute(
                "INSERT INTO upload (number, started_at) VALUES (?1, ?2)",
                (number, now_ms()),
            )?;
            Ok(number)
        })
        .await
    }

    /// Notes that an upload is through with every product. One that is no longer the newest, or that
    /// began before everything came in doubt, counts for nothing.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn finish_upload(&self, number: i64) -> Result<()> {
        self.write("finish an upload", move |transaction| {
            let finished = transaction.execute(
                "UPDATE upload SET finished_at = ?2 WHERE number = ?1",
                (number, now_ms()),
            )?;
            if finished == 0 {
                return Ok(());
            }
            let now = now_ms();
            note_finished(transaction, now)?;
            meta::set(transaction, COMPARED_AT, &now)
        })
        .await
    }

    /// Notes that no upload is due any more: every product was compared, and what differed was sent.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn note_uploaded(&self) -> Result<()> {
        self.write("note that no upload is due", move |transaction| {
            note_finished(transaction, now_ms())
        })
        .await
    }

    /// Whether the journal was of another catalog, and nothing has compared and sent everything since.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn has_another_catalog(&self) -> Result<bool> {
        self.read("read whether the catalog is another", |connection| {
            Ok(meta::get::<i64>(connection, ANOTHER_CATALOG)?.is_some())
        })
        .await
    }

    /// Notes as of when every product was last compared.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn note_compared(&self, at: Timestamp) -> Result<()> {
        self.write("note that every product was compared", move |transaction| {
            meta::set(transaction, COMPARED_AT, &at.as_millisecond())
        })
        .await
    }

    /// As of when every product was last compared, by an upload or by walking the table; none when
    /// that never happened. Stays when an upload is due again.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn compared_at(&self) -> Result<Option<Timestamp>> {
        self.read("read when every product was compared", |connection| {
            Ok(compared_at(connection)?.map(time))
        })
        .await
    }

    /// When an upload last finished; none when none did, or when one is due again.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn uploaded_at(&self) -> Result<Option<Timestamp>> {
        self.read("read when an upload has finished", |connection| {
            Ok(meta::get(connection, UPLOADED_AT)?.map(time))
        })
        .await
    }

    /// Notes whether an upload that has not finished goes on by itself in the next process.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn let_upload_resume(&self, resumes: bool) -> Result<()> {
        self.write(
            "note whether an upload goes on by itself",
            move |transaction| meta::set(transaction, "upload_resumes", &i64::from(resumes)),
        )
        .await
    }

    /// Whether an upload was begun that has not finished.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn has_unfinished_upload(&self) -> Result<bool> {
        self.read("look for an upload that has not finished", |connection| {
            exists(connection, UNFINISHED)
        })
        .await
    }

    /// Whether an upload has not finished and goes on by itself.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn has_upload_to_resume(&self) -> Result<bool> {
        self.read("look for an upload that goes on by itself", |connection| {
            let resumes = meta::get::<i64>(connection, "upload_resumes")? == Some(1);
            Ok(resumes && exists(connection, UNFINISHED)?)
        })
        .await
    }

    /// Notes that an upload is due, because changes may have been missed.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn need_upload(&self) -> Result<()> {
        self.write("note that an upload is due", |transaction| {
            need(transaction)
        })
        .await
    }
}

/// An upload is due.
pub(super) fn need(connection: &Connection) -> rusqlite::Result<()> {
    // One that is going may have been too early, too.
    connection.execute("DELETE FROM upload", [])?;
    meta::set(connection, UPLOADED_AT, &None::<i64>)
}

/// The catalog is another one. What Digible acknowledged it has, whatever the shop has now: nothing comes in
/// doubt, and whoever compares finds what differs.
pub(super) fn begin_anew_for_another_catalog(connection: &Connection) -> rusqlite::Result<()> {
    meta::set(connection, ANOTHER_CATALOG, &1)?;
    need(connection)
}

/// Everything was compared, and what differed was sent.
fn note_finished(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    meta::set(connection, ANOTHER_CATALOG, &None::<i64>)?;
    meta::set(connection, UPLOADED_AT, &now)
}

/// As of when every product was last compared, in milliseconds.
pub(super) fn compared_at(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    match meta::get(connection, COMPARED_AT)? {
        // Uploads of earlier versions noted only that they had finished.
        None => meta::get(connection, UPLOADED_AT),
        at => Ok(at),
    }
}

pub(super) fn advance(
    transaction: &Transaction<'_>,
    number: i64,
    progress: &UploadProgress,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("UPDATE upload SET cursor = ?2, done = ?3 WHERE number = ?1")?
        .execute((
            number,
            &progress.cursor,
            i64::try_from(progress.done).unwrap_or(i64::MAX),
        ))?;
    Ok(())
}
