//! One agent for one shop: a lock file beside the shop's file, held for life.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    process,
    sync::{Mutex, PoisonError},
};

use crate::{
    catalog::{CatalogError, Result},
    lock_file::{LockFile, LockFileError},
};

/// What this agent holds, if anything.
#[derive(Debug, Default)]
pub(super) struct Claim(Mutex<Option<LockFile>>);

impl Claim {
    /// Takes the lock of `database`, a path without links, or makes sure that it is still ours.
    pub(super) fn hold(&self, database: &Path) -> Result<()> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let path = lock_path(database);
        if held
            .as_ref()
            .is_some_and(|held| held.path() == path && held.is_in_place())
        {
            return Ok(());
        }
        // Deleted or replaced under us: whoever has the file of that name now is the one.
        *held = None;
        *held = Some(take(&path)?);
        Ok(())
    }
}

fn take(path: &Path) -> Result<LockFile> {
    let mut taken = match LockFile::take(path) {
        Ok(taken) => taken,
        Err(LockFileError::Held(mut file)) => {
            return Err(CatalogError::Claimed(holder(&mut file)));
        }
        Err(LockFileError::Open(error)) => return Err(failed("make its lock file", error)),
        Err(LockFileError::Lock(error)) => return Err(failed("lock its lock file", error)),
    };
    sign(taken.file()).map_err(|error| failed("write its lock file", error))?;
    Ok(taken)
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
