//! Whether an open journal would be believed by the next start, asked while it is used.
//!
//! Looked at through a connection of its own, which only reads: one moment of the journal, beside the
//! steps that write it. Nothing that is sent waits for it.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};
use shopmaster_base::blocking;

use super::{
    Journal, JournalError, Result, checksums::Soundness, is_damage, migrations,
    soundness::soundness,
};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Integrity {
    /// What it holds is what was written.
    Sound {
        /// How large it is.
        bytes: u64,
    },
    /// It is damaged, for the reason given, and what it says of products cannot be believed.
    Doubtful(String),
    /// It is damaged, for the reason given, and cannot be gone on with.
    Unusable(String),
}

/// Opening and closing a journal take its file's lock for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl Journal {
    /// Compares all that it holds with what was written, as each start does.
    ///
    /// # Errors
    ///
    /// [`JournalError::Gone`] when the file was deleted or replaced, and when it cannot be read for a
    /// reason that is not its content.
    pub async fn check_integrity(&self) -> Result<Integrity> {
        self.check_in_place().await?;
        let path = self.place.path().to_owned();
        let looked = blocking::run(move || look(&path)).await;
        match looked.ok_or(JournalError::Stopped)? {
            Err(source) if is_damage(&source) => Ok(Integrity::Unusable(format!(
                "it could not be read ({source})"
            ))),
            looked => looked.map_err(|source| JournalError::Statement {
                operation: "check what it holds",
                source,
            }),
        }
    }
}

fn look(path: &Path) -> rusqlite::Result<Integrity> {
    let mut connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // The rows and their checksums are of one commit.
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
