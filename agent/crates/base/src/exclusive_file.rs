//! A small file that several processes read and change as a whole.
//!
//! Whoever changes it reads it first. Between the two, nobody else may change it, or one of the changes is lost; so a
//! change takes a lock, and only what holds the lock can write.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{atomic_file::write_atomically, lock_file::LockFile};

/// A file that nobody else changes for as long as this value exists, provided that they use this type, too.
#[derive(Debug)]
pub struct ExclusiveFile {
    path: PathBuf,
    _lock: LockFile,
}

impl ExclusiveFile {
    /// Waits, without limit, until no other process or thread changes the file at `path`. The lock is a file of its own
    /// beside it, named `PATH.lock`, because writing puts another file in the place of the old one. A missing folder is
    /// created, private to this user.
    ///
    /// # Errors
    ///
    /// When the folder or the lock file cannot be created, or the operating system refuses the lock.
    pub fn lock(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            create_private(folder)?;
        }
        let mut lock = OsString::from(path);
        lock.push(".lock");
        Ok(Self {
            path: path.to_owned(),
            _lock: LockFile::wait(Path::new(&lock))?,
        })
    }

    /// What is in the file; none when there is no file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn read(&self) -> io::Result<Option<Vec<u8>>> {
        read(&self.path)
    }

    /// Replaces the file, [atomically](write_atomically).
    ///
    /// # Errors
    ///
    /// When the folder or the disk refuses the write; then the old file is unchanged.
    pub fn write(&self, bytes: &[u8]) -> io::Result<()> {
        write_atomically(&self.path, bytes)
    }
}

/// What is in a file; none when there is no file. Reading takes no lock: the file is replaced at once, so what is read was
/// written in one piece.
///
/// # Errors
///
/// When the file cannot be read.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Creates a folder and its parents, private to this user where they are new.
fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn no_change_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/count");
        assert_eq!(read(&path).unwrap(), None);
        let add_one = || {
            let file = ExclusiveFile::lock(&path).unwrap();
            let mut bytes = file.read().unwrap().unwrap_or_default();
            bytes.push(b'x');
            file.write(&bytes).unwrap();
        };
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..5).for_each(|_| add_one()));
            }
        });
        assert_eq!(read(&path).unwrap().unwrap().len(), 40);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_it_or_hold_its_lock() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/a");
        ExclusiveFile::lock(&path).unwrap().write(b"b").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&folder.path().join("new/a.lock")), 0o600);
    }
}
