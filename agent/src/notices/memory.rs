//! Which notifications were shown, in a file next to the journal.

use std::{fs, io, path::PathBuf};

use shopmaster_base::atomic_file::write_atomically;
use tokio::task::spawn_blocking;

use super::rules::Memory;

/// Reads the file. If it is missing or not valid, the result is empty, and current notifications are shown again.
pub async fn load(path: PathBuf) -> Memory {
    let read = spawn_blocking(move || {
        let bytes = fs::read(path).ok()?;
        serde_json::from_slice(&bytes).ok()
    });
    read.await.ok().flatten().unwrap_or_default()
}

/// Writes the file for the next start.
pub async fn save(path: PathBuf, memory: Memory) {
    let written = spawn_blocking(move || {
        let written = serde_json::to_vec(&memory)
            .map_err(io::Error::from)
            .and_then(|bytes| write_atomically(&path, &bytes));
        if let Err(error) = written {
            tracing::debug!(path = %path.display(), %error, "cannot record the notifications that were shown");
        }
    });
    // It fails only if the process is ending.
    let _ = written.await;
}
