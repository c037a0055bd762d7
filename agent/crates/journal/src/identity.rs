//! Whether the open journal is still the file at its path.
//!
//! A file that is deleted or replaced while it is open can still be written, but what is written is lost when
//! the process ends. So this is checked before each step: nothing is sent that cannot be recorded.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Journal, JournalError, Result,
    files::{SUFFIXES, with_suffix},
};

/// The journal's files as they were when it was opened.
#[derive(Debug)]
pub(super) struct InPlace {
    path: PathBuf,
    files: Vec<(PathBuf, FileId)>,
}

impl InPlace {
    /// The files of the journal at `path`, which has just been opened.
    pub(super) fn of(path: &Path) -> Self {
        let files = SUFFIXES
            .iter()
            .map(|suffix| with_suffix(path, suffix))
            .filter_map(|file| Some((file.clone(), FileId::of(&file).ok()?)))
            .collect();
        Self {
            path: path.to_owned(),
            files,
        }
    }

    /// The journal's path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A number that differs between this file and a copy of it; none where the operating system has no such
    /// number.
    pub(super) fn number(&self) -> Option<u64> {
        let (_, journal) = self.files.first()?;
        journal.number()
    }

    fn check(&self) -> Result<()> {
        for (file, opened) in &self.files {
            match FileId::of(file) {
                Ok(now) if now == *opened => {}
                Ok(_) => return Err(self.gone()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(self.gone()),
                // The folder cannot be read at the moment, which says nothing about the file.
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn gone(&self) -> JournalError {
        JournalError::Gone {
            path: self.path.clone(),
        }
    }
}

impl Journal {
    /// Checks that what is recorded will still be there when the agent starts again.
    ///
    /// # Errors
    ///
    /// [`JournalError::Gone`] when the file was deleted or replaced.
    pub async fn check_in_place(&self) -> Result<()> {
        let place = std::sync::Arc::clone(&self.place);
        tokio::task::spawn_blocking(move || place.check())
            .await
            .map_err(|_| JournalError::Stopped)?
    }
}

/// Tells two files apart that have the same path at different times.
#[cfg(unix)]
#[derive(Debug, PartialEq, Eq)]
struct FileId {
    device: u64,
    number: u64,
}

#[cfg(unix)]
impl FileId {
    fn number(&self) -> Option<u64> {
        Some(self.number)
    }

    fn of(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;

        let found = fs::metadata(path)?;
        Ok(Self {
            device: found.dev(),
            number: found.ino(),
        })
    }
}

/// On Windows, SQLite opens its files so that no program can delete or rename them: it is enough that they
/// exist.
#[cfg(not(unix))]
#[derive(Debug, PartialEq, Eq)]
struct FileId;

#[cfg(not(unix))]
impl FileId {
    fn number(&self) -> Option<u64> {
        None
    }

    fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|_| Self)
    }
}
