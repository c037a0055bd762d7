//! What was told, in a file beside the journal.

use std::{fs, io, path::PathBuf};

use shopmaster_base::atomic_file::write_atomically;
use tokio::task::spawn_blocking;

use super::rules::Memory;

/// What was told; nothing when the file is not there or makes no sense, and then it is told again.
pub async fn load(path: PathBuf) -> Memory {
    let read = spawn_blocking(move || {
        let bytes = fs::read(path).ok()?;
        serde_json::from_slice(&bytes).ok()
    });
    read.await.ok().flatten().unwrap_or_default()
}

/// Keeps it for the next start.
pub async fn save(path: PathBuf, memory: Memory) {
    let written = spawn_blocking(move || {
        let written = serde_json::to_vec(&memory)
            .map_err(io::Error::from)
            .and_then(|bytes| write_atomically(&path, &bytes));
        if let Err(error) = written {
            tracing::debug!(path = %path.display(), %error, "cannot keep what was told");
        }
    });
    // It fails only when the process ends.
    let _ = written.await;
}
