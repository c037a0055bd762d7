//! The connections: opened when needed, closed after a while without calls, and reopened when the file was
//! replaced or a connection failed.

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
    error::{QueryResult, spoils},
    statements::Statements,
    unlocked::Unlocked,
};

/// How long a statement waits for the till before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a connection stays open without use: the till must be the last one to close, and must have the file
/// to itself when it needs exclusive access.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(2);

/// How many prepared statements a connection keeps: more than there are for one product table.
const CACHED_STATEMENTS: usize = 64;

/// A shop's file, with one connection for reads and one for short writes.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) options: SqliteOptions,
    pub(super) statements: Statements,
    reader: Mutex<Option<Open>>,
    writer: Mutex<Option<Open>>,
}

/// An open connection and the file that it belongs to.
#[derive(Debug)]
struct Open {
    connection: Connection,
    /// None where the connection locks the file while it reads, as usual.
    unlocked: Option<Unlocked>,
    file: FileId,
    used: Instant,
}

/// What a connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Reading; never changes the shop's file.
    Read,
    /// Short write transactions.
    Write,
    /// One short write transaction, if no other program is writing at the moment.
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

    /// Runs `work` on a connection. Blocks; no transaction outlives the call.
    pub(super) fn with<T>(
        &self,
        access: Access,
        operation: &'static str,
        work: impl FnOnce(&Connection, &Self) -> QueryResult<T>,
    ) -> Result<T> {
        let slot = match access {
            Access::Read => &self.reader,
            Access::Write | Access::WriteIfFree => &self.writer,
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        // The connection is taken out of its slot, so that any failure below also closes it.
        let mut open = self.fresh(slot.take(), access, operation)?;
        let limit = match access {
            Access::Read | Access::Write => BUSY_TIMEOUT,
            Access::WriteIfFree => Duration::ZERO,
        };
        let done = open
            .connection
            .busy_timeout(limit)
            .map_err(Into::into)
            .and_then(|()| work(&open.connection, self))
            .map_err(|fault| fault.into_error(operation, &self.options));
        if let Some(unlocked) = &open.unlocked {
            // The connection is not kept: it would continue to assume that no program writes.
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

    /// Closes the connections that no call has used for a while. Returns how long the others may stay open;
    /// none when there are no others.
    pub(super) fn close_idle(&self) -> Option<Duration> {
        let rests = [&self.reader, &self.writer].map(|slot| {
            let mut slot = match slot.try_lock() {
                Ok(slot) => slot,
                Err(TryLockError::Poisoned(slot)) => slot.into_inner(),
                Err(TryLockError::WouldBlock) => return Some(IDLE_TIMEOUT),
            };
            let used = slot.as_ref()?.used;
            let rest = IDLE_TIMEOUT.checked_sub(used.elapsed());
            if rest.is_none() {
                *slot = None;
            }
            rest
        });
        rests.into_iter().flatten().max()
    }

    /// The open connection if the file is still the same, otherwise a new one.
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

    /// Where the file is; symbolic links are followed.
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
/// A reader asks for write access too, and does without it where it is not allowed: SQLite may have to roll
/// back what a crashed till left behind, and the last connection to close has to write the WAL back.
fn connect(path: &Path, access: Access) -> QueryResult<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(absolute(path), flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // Enforcing the shop's rules is the till's task: the agent's short writes touch only its own tables.
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "query_only", access == Access::Read)?;
    // Reads the header: a file that is not a database is noticed here.
    connection.pragma_query_value(None, "schema_version", |row| row.get::<_, i64>(0))?;
    Ok(connection)
}

/// Makes a path absolute: SQLite never takes an absolute path for a `file:` URI.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}
