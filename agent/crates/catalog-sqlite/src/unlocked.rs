//! Reading a file in WAL mode without its companion files.
//!
//! A WAL needs a shared-memory file beside the database, and a user that may not write to the folder cannot
//! create it while no till has the file open. If there is no WAL, everything is in the database file itself: it
//! can be read as an immutable file, if a check afterwards shows that no program changed it
//! (<https://www.sqlite.org/uri.html#uriimmutable>).

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};
use shopmaster_catalog::CatalogError;

use super::{
    error::{QueryError, QueryResult, is_unopenable},
    footprint::Footprint,
};

/// The state of the file before it was read without a lock.
#[derive(Debug)]
pub(super) struct Unlocked {
    path: PathBuf,
    before: Footprint,
}

impl Unlocked {
    /// Opens the file without a lock if it cannot be opened otherwise, and if this is possible.
    pub(super) fn open(path: &Path, failure: QueryError) -> QueryResult<(Connection, Self)> {
        if !matches!(&failure, QueryError::Sql(error) if is_unopenable(error)) {
            return Err(failure);
        }
        let before = match Footprint::of(path) {
            Ok(before) if !before.has_wal() => before,
            _ => return Err(failure),
        };
        let path = path.to_owned();
        match connect(&path) {
            Ok(connection) => Ok((connection, Self { path, before })),
            // The path is a folder, or the file may not be read either.
            Err(_) => Err(failure),
        }
    }

    /// Checks that no program has written to the file since.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Busy`] when a program has: what was read may be incomplete.
    pub(super) fn check(&self, operation: &'static str) -> Result<(), CatalogError> {
        match Footprint::of(&self.path) {
            Ok(now) if now == self.before => Ok(()),
            Ok(_) => Err(CatalogError::Busy(operation)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(CatalogError::NoFile(self.path.clone()))
            }
            Err(_) => Err(CatalogError::Busy(operation)),
        }
    }
}

/// Whether the file's header says that it is in WAL mode
/// (<https://www.sqlite.org/fileformat2.html#file_format_version_numbers>). Only for a connection that only
/// reads: closing a file releases every lock that this process has on it.
pub(super) fn is_in_wal_mode(path: &Path) -> bool {
    let mut header = [0; 20];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok() && header[18..] == [2, 2]
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(address(path), flags)?;
    connection.pragma_query_value(None, "schema_version", |row| row.get::<_, i64>(0))?;
    Ok(connection)
}

/// The file's URI, whatever characters its name contains.
fn address(path: &Path) -> String {
    use std::fmt::Write as _;

    let path = path.as_os_str().as_encoded_bytes();
    // On Windows: `C:\shop.db` becomes `/C:/shop.db`.
    let root = if path.starts_with(b"/") { "" } else { "/" };
    let mut address = format!("file://{root}");
    for byte in path {
        match byte {
            b'\\' if cfg!(windows) => address.push('/'),
            b'/' | b':' | b'-' | b'_' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                address.push(char::from(*byte));
            }
            // Writing to a string does not fail.
            byte => drop(write!(address, "%{byte:02X}")),
        }
    }
    address.push_str("?immutable=1");
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file in WAL mode that nobody has open.
    fn shop(name: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        till(&path, "PRAGMA journal_mode = WAL; CREATE TABLE t (x)");
        (folder, path)
    }

    fn till(path: &Path, sql: &str) {
        Connection::open(path).unwrap().execute_batch(sql).unwrap();
    }

    fn failure() -> QueryError {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
        QueryError::Sql(rusqlite::Error::SqliteFailure(code, None))
    }

    #[test]
    fn a_file_that_nobody_has_open_is_read_whatever_its_name() {
        for name in ["shop.db", "100 % ä#?mode=rw.db"] {
            let (_folder, path) = shop(name);
            let (connection, unlocked) = Unlocked::open(&path, failure()).unwrap();
            let count = connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0));
            assert_eq!(count, Ok(0));
            unlocked.check("read").unwrap();
        }
    }

    #[test]
    fn a_write_meanwhile_shows() {
        let (_folder, path) = shop("shop.db");
        let (_connection, unlocked) = Unlocked::open(&path, failure()).unwrap();
        let open = Connection::open(&path).unwrap();
        open.execute_batch("INSERT INTO t VALUES (1)").unwrap();
        let error = unlocked.check("read").unwrap_err();
        assert!(matches!(error, CatalogError::Busy(_)), "{error}");
        // What is in the WAL alone would be missed.
        assert!(Unlocked::open(&path, failure()).is_err());
        drop(open);
        assert!(Unlocked::open(&path, failure()).is_ok());
    }

    #[test]
    fn another_failure_stays_what_it_is() {
        let (_folder, path) = shop("shop.db");
        let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        let busy = QueryError::Sql(rusqlite::Error::SqliteFailure(busy, None));
        assert!(Unlocked::open(&path, busy).is_err());
    }
}
