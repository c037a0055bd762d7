//! Whether the journal that is open is still the file in its place.
//!
//! A file that is deleted or replaced while it is open can still be written, and what is written is gone
//! with the process. So it is looked at before each step: nothing is sent that cannot be recorded.

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

    /// Where the journal is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What tells this file from a copy of it; none where the operating system has no such number.
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
                // Its folder cannot be looked into now: that says nothing of the file.
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
    /// Makes sure that what is recorded is still there when the agent starts again.
    ///
    /// # Errors
    ///
    /// [`JournalError::Gone`] when the file was deleted or another one is in its place.
    pub async fn check_in_place(&self) -> Result<()> {
        let place = std::sync::Arc::clone(&self.place);
        tokio::task::spawn_blocking(move || place.check())
            .await
            .map_err(|_| JournalError::Stopped)?
    }
}

/// What tells two files apart that have the same path at different times.
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

/// On Windows SQLite opens its files so that nobody can delete or rename them: that they are there is enough.
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
