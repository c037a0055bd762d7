//! What was told, in a file beside the journal.

use std::{fs, path::Path};

use super::rules::Memory;
use crate::config::write_atomically;

/// What was told; nothing when the file is not there or makes no sense, and then it is told again.
pub fn load(path: &Path) -> Memory {
    fs::read(path)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// Keeps it for the next start.
pub fn save(path: &Path, memory: &Memory) {
    let written = serde_json::to_vec(memory)
        .map_err(std::io::Error::from)
        .and_then(|bytes| write_atomically(path, &bytes));
    if let Err(error) = written {
        tracing::debug!(path = %path.display(), %error, "cannot keep what was told");
    }
}
