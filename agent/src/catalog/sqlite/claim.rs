//! One agent for one shop: a lock file beside the shop's file, held for life.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    process,
    sync::{Mutex, PoisonError},
};

use super::open::{FileId, file_id};
use crate::catalog::{CatalogError, Result};

/// What this agent holds, if anything.
#[derive(Debug, Default)]
pub(super) struct Claim(Mutex<Option<Held>>);

#[derive(Debug)]
struct Held {
    path: PathBuf,
    /// The lock lives as long as the handle.
    file: File,
}

impl Claim {
    /// Takes the lock of `database`, a path without links, or makes sure that it is still ours.
    pub(super) fn hold(&self, database: &Path) -> Result<()> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let path = lock_path(database);
        if held.as_ref().is_some_and(|held| held.is_at(&path)) {
            return Ok(());
        }
        // Deleted or replaced under us: whoever has the file of that name now is the one.
        *held = None;
        *held = Some(take(path)?);
        Ok(())
    }
}

impl Held {
    fn is_at(&self, path: &Path) -> bool {
        self.path == path && same_file(&self.file, path)
    }
}

fn take(path: PathBuf) -> Result<Held> {
    loop {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| failed("make its lock file", error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(CatalogError::Claimed(holder(&mut file))),
            Err(TryLockError::Error(error)) => return Err(failed("lock its lock file", error)),
        }
        // Somebody may have deleted it between opening and locking.
        if same_file(&file, &path) {
            sign(&mut file).map_err(|error| failed("write its lock file", error))?;
            return Ok(Held { path, file });
        }
    }
}

/// For the message of who comes second.
fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", process::id())
}

fn holder(file: &mut File) -> String {
    let mut pid = String::new();
    match file.take(20).read_to_string(&mut pid) {
        Ok(_) if !pid.trim().is_empty() => format!("process {}", pid.trim()),
        // On Windows a locked file cannot be read.
        _ => "its process is not known".to_owned(),
    }
}

fn same_file(file: &File, path: &Path) -> bool {
    let ours = file.metadata().map(|metadata| FileId::of(&metadata));
    matches!((ours, file_id(path)), (Ok(ours), Ok(there)) if ours == there)
}

fn lock_path(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".shopmaster.lock");
    path.into()
}

fn failed(operation: &'static str, error: io::Error) -> CatalogError {
    CatalogError::Statement {
        operation,
        source: Box::new(error),
    }
}
