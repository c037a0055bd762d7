//! Where an upload resumes after a crash or a cancel.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Transaction};
use shopmaster_product::ProductId;

use super::{Journal, Result, UploadProgress, exists, meta, now_ms, time};

/// The key of when an upload last finished; not set while an upload is due.
const UPLOADED_AT: &str = "uploaded_at";
/// The key of whether everything was sent from another catalog: [`UNCONFIRMED`] or [`CONFIRMED`] until a run has compared
/// everything.
const ANOTHER_CATALOG: &str = "another_catalog";
/// Nobody was asked what it means.
const UNCONFIRMED: i64 = 1;
/// The user knows what it means, and has agreed.
const CONFIRMED: i64 = 2;
/// The key of the time as of which every product was last compared.
const COMPARED_AT: &str = "compared_at";
/// Selects whether an upload was started that has not finished.
const UNFINISHED: &str = "SELECT EXISTS (SELECT 1 FROM upload WHERE finished_at IS NULL)";

/// The newest upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Increases with each upload.
    pub number: i64,
    /// When it started.
    pub started_at: Timestamp,
    /// When it finished; none while it has not.
    pub finished_at: Option<Timestamp>,
    /// The last key that has been processed; none at the start.
    pub cursor: Option<ProductId>,
    /// How many products have been processed.
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

    /// Starts a new upload in place of the newest one. Returns its number.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn begin_upload(&self) -> Result<i64> {
        self.write("start an upload", |transaction| {
            // Numbers are never reused: products refer to them.
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

    /// Records that an upload has processed every product. An upload that is no longer the newest, or that
    /// started before everything was marked as in doubt, does not count.
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

    /// Records that no upload is due any more: every product was compared, and what differed was sent.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn note_uploaded(&self) -> Result<()> {
        self.write("record that no upload is due", move |transaction| {
            note_finished(transaction, now_ms())
        })
        .await
    }

    /// Whether the journal belonged to another catalog, and no run has compared and sent everything since.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn has_another_catalog(&self) -> Result<bool> {
        self.read("read whether the catalog was changed", |connection| {
            Ok(meta::get::<i64>(connection, ANOTHER_CATALOG)?.is_some())
        })
        .await
    }

    /// Records that the user knows what another catalog means for what was sent before, and has agreed. Does nothing when
    /// the catalog is the same.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn confirm_catalog(&self) -> Result<()> {
        self.write("record the user's answer", |transaction| {
            match meta::get::<i64>(transaction, ANOTHER_CATALOG)? {
                Some(_) => meta::set(transaction, ANOTHER_CATALOG, &CONFIRMED),
                None => Ok(()),
            }
        })
        .await
    }

    /// Whether the catalog was changed, no run has compared everything since, and the user has agreed to it.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn is_catalog_confirmed(&self) -> Result<bool> {
        self.read("read the user's answer", |connection| {
            Ok(meta::get::<i64>(connection, ANOTHER_CATALOG)? == Some(CONFIRMED))
        })
        .await
    }

    /// Records when every product was last compared.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn note_compared(&self, at: Timestamp) -> Result<()> {
        self.write(
            "record when every product was compared",
            move |transaction| meta::set(transaction, COMPARED_AT, &at.as_millisecond()),
        )
        .await
    }

    /// The time as of which every product was last compared, by an upload or by reading the whole table; none if that
    /// never happened. Stays when an upload is due again.
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

    /// When an upload last finished; none if none has, or if one is due again.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn uploaded_at(&self) -> Result<Option<Timestamp>> {
        self.read("read when an upload last finished", |connection| {
            Ok(meta::get(connection, UPLOADED_AT)?.map(time))
        })
        .await
    }

    /// Records whether an upload that has not finished resumes automatically in the next process.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn let_upload_resume(&self, resumes: bool) -> Result<()> {
        self.write(
            "record whether an upload resumes automatically",
            move |transaction| meta::set(transaction, "upload_resumes", &i64::from(resumes)),
        )
        .await
    }

    /// Whether an upload was started that has not finished.
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

    /// Whether an upload has not finished and resumes automatically.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn has_upload_to_resume(&self) -> Result<bool> {
        self.read(
            "look for an upload that resumes automatically",
            |connection| {
                let resumes = meta::get::<i64>(connection, "upload_resumes")? == Some(1);
                Ok(resumes && exists(connection, UNFINISHED)?)
            },
        )
        .await
    }

    /// Records that an upload is due, because changes may have been missed.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn need_upload(&self) -> Result<()> {
        self.write("record that an upload is due", |transaction| {
            need(transaction)
        })
        .await
    }
}

/// Records that an upload is due.
pub(super) fn need(connection: &Connection) -> rusqlite::Result<()> {
    // An upload that is in progress may also have read products too early.
    connection.execute("DELETE FROM upload", [])?;
    meta::set(connection, UPLOADED_AT, &None::<i64>)
}

/// Prepares for a changed catalog. What Digible acknowledged, it has, whatever the shop has now: nothing is in
/// doubt because of this, and the next comparison finds what differs.
pub(super) fn begin_anew_for_another_catalog(connection: &Connection) -> rusqlite::Result<()> {
    meta::set(connection, ANOTHER_CATALOG, &UNCONFIRMED)?;
    need(connection)
}

/// Records that everything was compared, and that what differed was sent.
fn note_finished(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    meta::set(connection, ANOTHER_CATALOG, &None::<i64>)?;
    meta::set(connection, UPLOADED_AT, &now)
}

/// The time as of which every product was last compared, in milliseconds.
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
