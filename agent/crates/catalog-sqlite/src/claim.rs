//! One agent per shop: a lock file beside the shop's file, held for the agent's lifetime.
//!
//! In scan mode nothing is written beside the shop's file: the lock file is in the folder for temporary files.
//! An agent that takes one of the two lock files also checks the other.

use std::{
    env,
    fs::File,
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    process,
    sync::{Mutex, PoisonError},
};

use sha2::{Digest as _, Sha256};
use shopmaster_base::lock_file::{self, LockFile, LockFileError};
use shopmaster_catalog::{CatalogError, Result};

/// The lock files that this process holds, so that an agent is not refused because of its own lock.
static OURS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// The lock file that this agent holds, if any.
#[derive(Debug)]
pub(super) struct Claim {
    scan: bool,
    held: Mutex<Option<Held>>,
}

#[derive(Debug)]
struct Held(LockFile);

impl Claim {
    pub(super) fn new(scan: bool) -> Self {
        Self {
            scan,
            held: Mutex::new(None),
        }
    }

    /// Takes the lock of `database`, a path without symbolic links, or checks that this agent still has it.
    pub(super) fn hold(&self, database: &Path) -> Result<()> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (path, other) = self.paths(database);
        if held
            .as_ref()
            .is_some_and(|Held(held)| held.path() == path && held.is_in_place())
        {
            return Ok(());
        }
        // The lock file was deleted or replaced: the process that has locked the file of that name now serves
        // the shop.
        *held = None;
        let taken = take(&path)?;
        check_free(&other)?;
        *held = Some(taken);
        Ok(())
    }

    /// Checks that the lock could be taken, or that this process has it.
    pub(super) fn check(&self, database: &Path) -> Result<()> {
        let (path, other) = self.paths(database);
        if is_ours(&path) {
            return Ok(());
        }
        take(&path)?;
        check_free(&other)
    }

    /// The lock file to take, and the one that an agent in the other mode takes.
    fn paths(&self, database: &Path) -> (PathBuf, PathBuf) {
        match self.scan {
            true => (elsewhere(database), beside(database)),
            false => (beside(database), elsewhere(database)),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        ours().retain(|path| path != self.0.path());
    }
}

fn take(path: &Path) -> Result<Held> {
    let mut taken = match LockFile::take(path) {
        Ok(taken) => taken,
        Err(LockFileError::Held(mut file)) => {
            return Err(CatalogError::Claimed(holder(path, &mut file)));
        }
        // Another user's agent holds the file.
        Err(LockFileError::Open(_)) if let Some(process) = lock_file::holder(path) => {
            return Err(CatalogError::Claimed(format!("process {process}")));
        }
        Err(LockFileError::Open(error) | LockFileError::Lock(error)) => {
            return Err(failed(path, error));
        }
    };
    sign(taken.file()).map_err(|error| failed(path, error))?;
    ours().push(path.to_owned());
    Ok(Held(taken))
}

/// Checks that no other process holds the lock file at `path`.
fn check_free(path: &Path) -> Result<()> {
    if is_ours(path) || !path.exists() {
        return Ok(());
    }
    match File::open(path).map(|mut file| (file.try_lock_shared(), holder(path, &mut file))) {
        Ok((Err(std::fs::TryLockError::WouldBlock), holder)) => Err(CatalogError::Claimed(holder)),
        Ok(_) => Ok(()),
        Err(_) => match lock_file::holder(path) {
            Some(process) => Err(CatalogError::Claimed(format!("process {process}"))),
            None => Ok(()),
        },
    }
}

/// Writes this process's id into the file, for the message of the next agent that tries to take it.
fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", process::id())
}

/// Which process holds the lock: as reported by the operating system, otherwise as written in the file by its
/// last holder.
fn holder(path: &Path, file: &mut File) -> String {
    if let Some(process) = lock_file::holder(path) {
        return format!("process {process}");
    }
    let mut written = String::new();
    match file.take(20).read_to_string(&mut written) {
        Ok(_) if !written.trim().is_empty() => format!("process {}", written.trim()),
        // On Windows a locked file cannot be read.
        _ => "its process is unknown".to_owned(),
    }
}

fn beside(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".shopmaster.lock");
    path.into()
}

/// The lock file in the folder for temporary files. Its name depends on the shop's file and on this user: a
/// file that another user left there could not be opened.
fn elsewhere(database: &Path) -> PathBuf {
    let digest = Sha256::digest(database.as_os_str().as_encoded_bytes());
    let shop: String = digest
        .iter()
        .take(12)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    env::temp_dir().join(format!("shopmaster-{}{shop}.lock", user()))
}

#[cfg(unix)]
fn user() -> String {
    format!("{}-", rustix::process::getuid().as_raw())
}

#[cfg(windows)]
fn user() -> String {
    // The folder belongs to this user.
    String::new()
}

fn is_ours(path: &Path) -> bool {
    ours().iter().any(|ours| ours == path)
}

fn ours() -> std::sync::MutexGuard<'static, Vec<PathBuf>> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(path: &Path, source: io::Error) -> CatalogError {
    CatalogError::LockFile {
        path: path.to_owned(),
        source,
    }
}
