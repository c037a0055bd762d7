//! The lock that ensures one agent per instance.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process,
    sync::Arc,
};

use shopmaster_base::lock_file::{LockFile, LockFileError};

/// Proof that this process is the one agent of its instance, as long as a clone of this value lives.
///
/// The operating system releases the lock when the process ends, however it ends.
#[derive(Debug, Clone)]
pub struct InstanceLock {
    _held: Arc<Held>,
}

#[derive(Debug)]
struct Held {
    _file: LockFile,
    /// Contains the holder's process id. It is a separate file, because on Windows a locked file cannot be read.
    pid: PathBuf,
}

/// Why this process cannot be the agent of its instance.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process is the agent.
    #[error(
        "an agent of this instance is already running{}; stop it first, or choose another instance with `--instance`",
        process_id(*pid)
    )]
    AlreadyRunning {
        /// The other process, if it is known.
        pid: Option<u32>,
    },
    /// The lock file cannot be created or locked.
    #[error("cannot lock `{path}`")]
    Failed {
        /// The lock file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
}

impl InstanceLock {
    /// Takes the lock at `path`, without waiting for it.
    ///
    /// # Errors
    ///
    /// [`LockError::AlreadyRunning`] when another process holds it.
    pub fn acquire(path: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::Failed {
            path: path.to_owned(),
            source,
        };
        let pid = path.with_extension("pid");
        let file = match LockFile::take(path) {
            Ok(file) => file,
            Err(LockFileError::Held(_)) => {
                let text = fs::read_to_string(&pid).unwrap_or_default();
                return Err(LockError::AlreadyRunning {
                    pid: text.trim().parse().ok(),
                });
            }
            Err(LockFileError::Open(source) | LockFileError::Lock(source)) => {
                return Err(failed(source));
            }
        };
        // Only for the message above: the lock does not need it.
        if let Err(error) = fs::write(&pid, process::id().to_string()) {
            tracing::warn!(path = %pid.display(), %error, "cannot write the process id");
        }
        Ok(Self {
            _held: Arc::new(Held { _file: file, pid }),
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // After a crash it is left over, and the next agent replaces it.
        let _ = fs::remove_file(&self.pid);
    }
}

fn process_id(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_agent_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.lock");
        let first = InstanceLock::acquire(&path).unwrap();
        let clone = first.clone();
        drop(first);
        let error = InstanceLock::acquire(&path).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "an agent of this instance is already running (process {}); stop it first, or choose another instance with `--instance`",
                process::id()
            )
        );
        drop(clone);
        InstanceLock::acquire(&path).unwrap();
    }

    #[test]
    fn leftovers_of_a_crash_are_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.lock");
        fs::write(&path, "").unwrap();
        fs::write(path.with_extension("pid"), "4711").unwrap();
        let _lock = InstanceLock::acquire(&path).unwrap();
        let pid = fs::read_to_string(path.with_extension("pid")).unwrap();
        assert_eq!(pid, process::id().to_string());
    }
}
