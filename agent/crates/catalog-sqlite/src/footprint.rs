//! Whether an SQLite file may have changed, found out without opening it as a database.
//!
//! An agent that only checks for changes must not disturb the till: it must not even have a connection open
//! while the till closes its own, because the last connection to close writes the WAL back.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Two writes within this time may leave a file with the same timestamps: FAT stores them in steps of two
/// seconds.
const TIMESTAMP_RESOLUTION: Duration = Duration::from_secs(2);

/// The properties of the files that every commit changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Footprint {
    database: Part,
    /// None without a WAL, or with an empty one.
    wal: Option<Part>,
}

/// The properties of one of the files.
///
/// On Unix the file is not read: closing a file releases every lock that this process has on it, including
/// those of the agent's own connections (<https://www.sqlite.org/howtocorrupt.html>).
#[cfg(unix)]
type Part = [i64; 7];

/// The properties of one of the files: its length and its header. On Windows, a file's time is updated when the
/// file is closed.
#[cfg(windows)]
type Part = (u64, Vec<u8>);

/// The footprint at the latest check, and since when it has been the same.
#[derive(Debug, Default)]
pub(super) struct Trail {
    last: Option<(Footprint, Instant)>,
}

impl Footprint {
    pub(super) fn of(database: &Path) -> io::Result<Self> {
        let beside = |suffix: &str| {
            let mut path = database.as_os_str().to_owned();
            path.push(suffix);
            PathBuf::from(path)
        };
        let wal = match part(&beside("-wal"), &beside("-shm")) {
            Ok(part) => part,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let database = part(database, Path::new(""))?.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(Self { database, wal })
    }

    /// Whether there may be commits that are not in the database itself.
    pub(super) fn has_wal(&self) -> bool {
        self.wal.is_some()
    }
}

impl Trail {
    /// Records the current footprint. Returns whether it is the same as at the previous check, and has been for
    /// so long that no write can have gone unnoticed.
    pub(super) fn note(&mut self, footprint: Option<Footprint>, now: Instant) -> Step {
        let Some(footprint) = footprint else {
            self.last = None;
            return Step::Moved;
        };
        match &self.last {
            Some((last, since)) if *last == footprint => {
                match now.duration_since(*since) >= TIMESTAMP_RESOLUTION {
                    true => Step::Settled,
                    false => Step::Fresh,
                }
            }
            _ => {
                self.last = Some((footprint, now));
                Step::Moved
            }
        }
    }

    /// How long the footprint has been the same, as far as it was checked.
    pub(super) fn unchanged_for(&self, now: Instant) -> Duration {
        let since = self.last.as_ref().map(|(_, since)| *since);
        since.map_or(Duration::ZERO, |since| now.duration_since(since))
    }
}

/// The result of checking the footprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It differs from the previous one.
    Moved,
    /// It is the same, but another write may not be visible yet.
    Fresh,
    /// It is the same, and any later write will be visible.
    Settled,
}

/// Reads the properties of the file at `path`. `shared` is the file with a WAL's newest commits; the path is
/// empty for the database.
#[cfg(unix)]
fn part(path: &Path, shared: &Path) -> io::Result<Option<Part>> {
    use std::os::unix::fs::MetadataExt as _;

    let is_wal = !shared.as_os_str().is_empty();
    let it = fs::metadata(path)?;
    let part = [
        it.dev().cast_signed(),
        it.ino().cast_signed(),
        it.size().cast_signed(),
        it.mtime(),
        it.mtime_nsec(),
        // `cp -p` sets the modification time; on a WAL, SQLite changes this one just by opening the file.
        if is_wal { 0 } else { it.ctime() },
        if is_wal { 0 } else { it.ctime_nsec() },
    ];
    Ok((it.size() > 0).then_some(part))
}

#[cfg(windows)]
fn part(path: &Path, shared: &Path) -> io::Result<Option<Part>> {
    use std::io::Read as _;

    let head = |path: &Path, length: u64| {
        let mut head = Vec::new();
        fs::File::open(path)?.take(length).read_to_end(&mut head)?;
        io::Result::Ok(head)
    };
    let size = fs::metadata(path)?.len();
    let mut header = head(path, 100)?;
    if !shared.as_os_str().is_empty() {
        // Its locks begin after byte 120.
        header.extend(head(shared, 96).unwrap_or_default());
    }
    Ok((size > 0).then_some((size, header)))
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn every_commit_shows() {
        for mode in ["WAL", "DELETE", "TRUNCATE", "PERSIST"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("shop.db");
            let till = Connection::open(&path).unwrap();
            till.execute_batch(&format!("PRAGMA journal_mode = {mode}; CREATE TABLE t (x)"))
                .unwrap();
            let mut trail = Trail::default();
            let start = Instant::now();
            let at = |seconds| start + Duration::from_secs(seconds);
            let mut look = |now| trail.note(Footprint::of(&path).ok(), now);
            assert_eq!(look(at(0)), Step::Moved);
            assert_eq!(look(at(1)), Step::Fresh);
            assert_eq!(look(at(2)), Step::Settled);
            let before = Footprint::of(&path).unwrap();
            // The clock of a file system is no finer than its ticks: the same row, until it has moved on.
            while Footprint::of(&path).unwrap() == before {
                till.execute_batch("INSERT INTO t VALUES (1)").unwrap();
            }
            assert_eq!(look(at(3)), Step::Moved, "{mode}");
            assert_eq!(look(at(4)), Step::Fresh, "{mode}");
        }
    }

    #[test]
    fn a_wal_that_nobody_wrote_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let write = |sql| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        write("PRAGMA journal_mode = WAL; CREATE TABLE t (x)");
        let before = Footprint::of(&path).unwrap();
        let reader = Connection::open(&path).unwrap();
        reader
            .query_row("SELECT count(*) FROM t", [], |_| Ok(()))
            .unwrap();
        assert!(folder.path().join("shop.db-wal").exists());
        assert_eq!(Footprint::of(&path).unwrap(), before);
        drop(reader);
        assert_eq!(Footprint::of(&path).unwrap(), before);
    }
}
