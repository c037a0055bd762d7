//! Whether the next start would accept the open journal, checked while it is in use.
//!
//! The check uses a connection of its own that only reads: one snapshot of the journal, concurrent with the
//! steps that write it. Nothing that is sent waits for it.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};
use shopmaster_base::blocking;

use super::{
    Journal, JournalError, Result, checksums::Soundness, is_damage, migrations,
    soundness::soundness,
};

/// The result of the check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Integrity {
    /// The journal contains what was written.
    Sound {
        /// The journal's size in bytes.
        bytes: u64,
    },
    /// It is damaged, for the reason given, and what it says about products is not reliable.
    Doubtful(String),
    /// It is damaged, for the reason given, and cannot be used.
    Unusable(String),
}

/// How long the check waits for a lock: opening and closing a journal lock its file for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl Journal {
    /// Compares everything that the journal contains with what was written, as every start does.
    ///
    /// # Errors
    ///
    /// [`JournalError::Gone`] when the file was deleted or replaced; any error when it cannot be read for a
    /// reason other than its content.
    pub async fn check_integrity(&self) -> Result<Integrity> {
        self.check_in_place().await?;
        let path = self.place.path().to_owned();
        let looked = blocking::run(move || look(&path)).await;
        match looked.ok_or(JournalError::Stopped)? {
            Err(source) if is_damage(&source) => Ok(Integrity::Unusable(format!(
                "it could not be read ({source})"
            ))),
            looked => looked.map_err(|source| JournalError::Statement {
                operation: "check its content",
                source,
            }),
        }
    }
}

fn look(path: &Path) -> rusqlite::Result<Integrity> {
    let mut connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // The rows and their checksums must be from the same commit.
    let moment = connection.transaction()?;
    let format = migrations::format(&moment)?;
    let found = match soundness(&moment, format)? {
        Soundness::Sound => Integrity::Sound {
            bytes: bytes(&moment)?,
        },
        Soundness::Doubtful(reason) => Integrity::Doubtful(reason),
        Soundness::Unusable(reason) => Integrity::Unusable(reason),
    };
    moment.commit()?;
    Ok(found)
}

fn bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let bytes: i64 = connection.query_row(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
        [],
        |row| row.get(0),
    )?;
    Ok(bytes.unsigned_abs())
}
