//! The connections: opened when needed, closed when nothing more is asked for a while, and opened anew when
//! the file was replaced or failed.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError, TryLockError},
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags};
use shopmaster_base::file_id::FileId;
use shopmaster_catalog::{CatalogError, Result};

use super::{
    SqliteOptions,
    fault::{Work, spoils},
    statements::Statements,
    unlocked::Unlocked,
};

/// How long to wait for the till before giving way.
const PATIENCE: Duration = Duration::from_secs(2);
/// A connection that nobody used for so long is closed: the till has to be the last one to close, and finds
/// the file to itself when it asks for that.
pub(super) const IDLE: Duration = Duration::from_secs(2);

/// One shop's file, with a connection for reads and one for short writes.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) options: SqliteOptions,
    pub(super) statements: Statements,
    reader: Mutex<Option<Open>>,
    writer: Mutex<Option<Open>>,
}

/// An open connection and the file that it is of.
#[derive(Debug)]
struct Open {
    connection: Connection,
    /// None where it keeps others away while it reads, as usual.
    unlocked: Option<Unlocked>,
    file: FileId,
    used: Instant,
}

/// What a connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Never changes the shop's file.
    Read,
    /// Short transactions.
    Write,
    /// One short transaction, if nobody else writes just now.
    WriteIfFree,
}

impl Database {
    pub(super) fn new(options: SqliteOptions) -> Self {
        Self {
            statements: Statements::new(&options),
            options,
            reader: Mutex::new(None),
            writer: Mutex::new(None),
        }
    }

    /// Does `work` on a connection. Blocks; no transaction outlives it.
    pub(super) fn with<T>(
        &self,
        access: Access,
        operation: &'static str,
        work: impl FnOnce(&Connection, &Self) -> Work<T>,
    ) -> Result<T> {
        let slot = match access {
            Access::Read => &self.reader,
            Access::Write | Access::WriteIfFree => &self.writer,
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out, so that whatever goes wrong below also closes it.
        let mut open = self.fresh(slot.take(), access, operation)?;
        let patience = match access {
            Access::Read | Access::Write => PATIENCE,
            Access::WriteIfFree => Duration::ZERO,
        };
        let done = open
            .connection
            .busy_timeout(patience)
            .map_err(Into::into)
            .and_then(|()| work(&open.connection, self))
            .map_err(|fault| fault.into_error(operation, &self.options));
        if let Some(unlocked) = &open.unlocked {
            // Not kept: it would go on believing that nobody writes.
            return unlocked.check(operation).and(done);
        }
        let ended =
            open.connection.is_autocommit() || open.connection.execute_batch("ROLLBACK").is_ok();
        if ended && !done.as_ref().is_err_and(spoils) {
            open.used = Instant::now();
            *slot = Some(open);
        }
        done
    }

    /// Closes the connections that nobody used for a while. Gives how long the others may stay open; none
    /// when there are no others.
    pub(super) fn close_idle(&self) -> Option<Duration> {
        let rests = [&self.reader, &self.writer].map(|slot| {
            let mut slot = match slot.try_lock() {
                Ok(slot) => slot,
                Err(TryLockError::Poisoned(slot)) => slot.into_inner(),
                Err(TryLockError::WouldBlock) => return Some(IDLE),
            };
            let used = slot.as_ref()?.used;
            let rest = IDLE.checked_sub(used.elapsed());
            if rest.is_none() {
                *slot = None;
            }
            rest
        });
        rests.into_iter().flatten().max()
    }

    /// The connection at hand when the file is still the same, else a new one.
    fn fresh(&self, open: Option<Open>, access: Access, operation: &'static str) -> Result<Open> {
        let file = FileId::of(&self.options.path).map_err(|error| self.no_file(error))?;
        if let Some(open) = open.filter(|open| open.file == file) {
            return Ok(open);
        }
        let path = &self.options.path;
        let opened = match connect(path, access) {
            Ok(connection) => Ok((connection, None)),
            Err(fault) if access == Access::Read => Unlocked::open(&absolute(path), fault)
                .map(|(connection, unlocked)| (connection, Some(unlocked))),
            Err(fault) => Err(fault),
        };
        let (connection, unlocked) =
            opened.map_err(|fault| fault.into_error(operation, &self.options))?;
        Ok(Open {
            connection,
            unlocked,
            file,
            used: Instant::now(),
        })
    }

    /// Where the file is, links followed.
    pub(super) fn place(&self) -> Result<PathBuf> {
        let path = self.options.path.canonicalize();
        path.map_err(|error| self.no_file(error))
    }

    fn no_file(&self, error: io::Error) -> CatalogError {
        if error.kind() == io::ErrorKind::NotFound {
            return CatalogError::NoFile(self.options.path.clone());
        }
        CatalogError::Unreachable {
            database: self.options.path.display().to_string(),
            source: Box::new(error),
        }
    }
}

/// Opens an existing file, never creates one.
///
/// A reader asks for write access, too, and does with less: SQLite may have to roll back what a crashed till
/// left behind, and the last one to close has to fold the WAL back.
fn connect(path: &Path, access: Access) -> Work<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(absolute(path), flags)?;
    connection.busy_timeout(PATIENCE)?;
    // The shop's rules are the till's to keep: our own short writes touch only our own tables.
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "query_only", access == Access::Read)?;
    // Reads the header: a file that is no database is found here.
    connection.pragma_query_value(None, "schema_version", |row| row.get::<_, i64>(0))?;
    Ok(connection)
}

/// An absolute path never reads as a `file:` URI.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}
