//! A file that a process locks for as long as it holds the file open: only one process can hold the lock.
//!
//! The lock ends with the process, however the process ends. It protects the file's name only as far as the
//! system allows: on Windows a locked file can be neither deleted nor renamed; on Unix it can, and
//! [`LockFile::is_in_place`] notices.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::file_id::FileId;

/// A file that this process has locked.
#[derive(Debug)]
pub struct LockFile {
    path: PathBuf,
    /// Closing the handle releases the lock.
    file: File,
}

/// Why this process does not have the lock.
#[derive(Debug)]
pub enum LockFileError {
    /// Another process has it. On Windows the file cannot be read then.
    Held(File),
    /// The file cannot be created or opened.
    Open(io::Error),
    /// The operating system refuses the lock.
    Lock(io::Error),
}

impl LockFile {
    /// Takes the lock at `path` without waiting for it. The file is made where it is not there; what stands
    /// in it stays.
    pub fn take(path: &Path) -> Result<Self, LockFileError> {
        loop {
            let file = open(path).map_err(LockFileError::Open)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(LockFileError::Held(file)),
                Err(TryLockError::Error(error)) => return Err(LockFileError::Lock(error)),
            }
            if let Some(taken) = Self::of_locked(path, file) {
                return Ok(taken);
            }
        }
    }

    /// Takes the lock at `path`, and waits for it without limit. The file is made where it is not there.
    ///
    /// # Errors
    ///
    /// When the file cannot be created or opened, or the operating system refuses the lock.
    pub fn wait(path: &Path) -> io::Result<Self> {
        loop {
            let file = open(path)?;
            file.lock()?;
            if let Some(taken) = Self::of_locked(path, file) {
                return Ok(taken);
            }
        }
    }

    /// None when the file was deleted between opening and locking: then another process may have a file of that name.
    fn of_locked(path: &Path, file: File) -> Option<Self> {
        let path = path.to_owned();
        let taken = Self { path, file };
        taken.is_in_place().then_some(taken)
    }

    /// Whether the name still leads to the locked file.
    pub fn is_in_place(&self) -> bool {
        let ids = (FileId::of_open(&self.file), FileId::of(&self.path));
        matches!(ids, (Ok(ours), Ok(there)) if ours == there)
    }

    /// The path that was given to [`take`](Self::take).
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file, for writing a note to the next process that tries to take the lock.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }
}

/// Which process holds the lock of the file at `path`, as the operating system reports it, even for a file that
/// this user may not open. None when no process holds it, or the system does not report it.
#[cfg(target_os = "linux")]
pub fn holder(path: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;

    let file = std::fs::symlink_metadata(path).ok()?;
    let (major, minor) = (rustix::fs::major(file.dev()), rustix::fs::minor(file.dev()));
    // proc_locks(5): `1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF`.
    let place = format!("{major:02x}:{minor:02x}:{}", file.ino());
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, process, there, ..] = fields.as_slice() else {
            return None;
        };
        (*there == place).then(|| process.parse().ok()).flatten()
    })
}

/// Which process holds the lock of the file at `path`: this operating system does not report it.
#[cfg(not(target_os = "linux"))]
pub fn holder(_: &Path) -> Option<u32> {
    None
}

/// Opens the file, or creates one that only this user can open: a user who can read the file could hold its
/// lock. No symbolic link is followed.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};

    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
        .map_err(|error| match is_link(path) {
            true => other_file("it is a link"),
            false => error,
        })?;
    let found = file.metadata()?;
    if !found.is_file() || found.nlink() > 1 {
        return Err(other_file("it is another program's file"));
    }
    if found.permissions().mode() & 0o077 != 0 {
        // Of an earlier version. Where it cannot be changed, it stays as it is.
        drop(file.set_permissions(std::fs::Permissions::from_mode(0o600)));
    }
    Ok(file)
}

#[cfg(windows)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt as _;

    use windows_sys::Win32::Storage::FileSystem::{
        FILE_FLAG_OPEN_REPARSE_POINT, FILE_SHARE_READ, FILE_SHARE_WRITE,
    };

    if is_link(path) {
        return Err(other_file("it is a link"));
    }
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        // The others may open it, to find it locked. Not FILE_SHARE_DELETE, which Rust adds otherwise.
        .share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE)
        .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
        .open(path)
}

fn is_link(path: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|found| found.is_symlink())
}

fn other_file(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, reason)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_held_cannot_be_lost_unnoticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = LockFile::take(&path).unwrap();
        assert!(first.is_in_place());
        assert!(matches!(LockFile::take(&path), Err(LockFileError::Held(_))));
        let deleted = fs::remove_file(&path);
        let renamed = fs::rename(&path, folder.path().join("aside"));
        if cfg!(windows) {
            assert!(deleted.is_err() && renamed.is_err());
            assert!(first.is_in_place());
        } else {
            deleted.unwrap();
            assert!(!first.is_in_place());
            // One that took its place is another one.
            let _second = LockFile::take(&path).unwrap();
            assert!(!first.is_in_place());
        }
    }

    #[cfg(unix)]
    #[test]
    fn nothing_of_anybody_elses_is_opened() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};

        let folder = tempfile::tempdir().unwrap();
        let (letter, path) = (folder.path().join("letter"), folder.path().join("lock"));
        fs::write(&letter, "Dear Ann").unwrap();
        symlink(&letter, &path).unwrap();
        let taken = LockFile::take(&path);
        assert!(
            matches!(taken, Err(LockFileError::Open(error)) if error.to_string() == "it is a link")
        );
        fs::remove_file(&path).unwrap();
        fs::hard_link(&letter, &path).unwrap();
        assert!(matches!(LockFile::take(&path), Err(LockFileError::Open(_))));
        fs::remove_file(&path).unwrap();
        assert_eq!(fs::read_to_string(&letter).unwrap(), "Dear Ann");

        let mode = || path.metadata().unwrap().permissions().mode() & 0o777;
        drop(LockFile::take(&path).unwrap());
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        drop(LockFile::take(&path).unwrap());
        assert_eq!(mode(), 0o600, "of an earlier version");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_operating_system_tells_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert_eq!(holder(&path), None);
        let held = LockFile::take(&path).unwrap();
        assert_eq!(holder(&path), Some(std::process::id()));
        drop(held);
        assert_eq!(holder(&path), None);
    }

    #[test]
    fn what_stands_in_it_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        fs::write(&path, "4711").unwrap();
        drop(LockFile::take(&path).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "4711");
    }
}
