//! A file that is locked for as long as a process holds it open: who has it is the one.
//!
//! The lock ends with the process, however it ends. It is as good as its name: on Windows a file that is
//! held can be neither deleted nor renamed; on Unix it can, and [`LockFile::is_in_place`] tells.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::file_id::FileId;

/// A file of which this process has the lock.
#[derive(Debug)]
pub(crate) struct LockFile {
    path: PathBuf,
    /// The lock lives as long as the handle.
    file: File,
}

/// Why this process does not have the lock.
#[derive(Debug)]
pub(crate) enum LockFileError {
    /// Another one has it. On Windows it cannot be read.
    Held(File),
    /// The file cannot be made or opened.
    Open(io::Error),
    /// The operating system refuses the lock.
    Lock(io::Error),
}

impl LockFile {
    /// Takes the lock at `path` without waiting for it. The file is made where it is not there; what stands
    /// in it stays.
    pub(crate) fn take(path: &Path) -> Result<Self, LockFileError> {
        loop {
            let file = options().open(path).map_err(LockFileError::Open)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(LockFileError::Held(file)),
                Err(TryLockError::Error(error)) => return Err(LockFileError::Lock(error)),
            }
            let path = path.to_owned();
            let taken = Self { path, file };
            // It may have been deleted between opening and locking: then somebody else has one of its name.
            if taken.is_in_place() {
                return Ok(taken);
            }
        }
    }

    /// Whether the file of that name is still the one that is locked.
    pub(crate) fn is_in_place(&self) -> bool {
        let ids = (FileId::of_open(&self.file), FileId::of(&self.path));
        matches!(ids, (Ok(ours), Ok(there)) if ours == there)
    }

    /// Its path, as it was taken.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// To write in it for whoever comes second.
    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(windows)]
    {
        use std::os::windows::fs::OpenOptionsExt as _;

        use windows_sys::Win32::Storage::FileSystem::{FILE_SHARE_READ, FILE_SHARE_WRITE};

        // The others may open it, to find it locked. Not FILE_SHARE_DELETE, which Rust adds otherwise.
        options.share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE);
    }
    options
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

    #[test]
    fn what_stands_in_it_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        fs::write(&path, "4711").unwrap();
        drop(LockFile::take(&path).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "4711");
    }
}
