//! The file of the clients.

use std::path::Path;

use serde::{Deserialize, Serialize};
use shopmaster_base::{atomic_file::write_atomically, exclusive_file};

use super::{Client, ClientsError};

/// The version of the file's format.
const VERSION: u32 = 1;

/// The file.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    version: u32,
    clients: Vec<Client>,
}

/// What every version of the file has.
#[derive(Debug, Deserialize)]
struct Head {
    version: u32,
}

/// The clients in the file at `path`; none when there is no file.
pub(super) fn read(path: &Path) -> Result<Vec<Client>, ClientsError> {
    let text = exclusive_file::read(path).map_err(|source| ClientsError::Read {
        path: path.to_owned(),
        source,
    })?;
    let Some(text) = text else {
        return Ok(Vec::new());
    };
    let damaged = |source| ClientsError::Damaged {
        path: path.to_owned(),
        source,
    };
    let head: Head = serde_json::from_slice(&text).map_err(damaged)?;
    if head.version != VERSION {
        return Err(ClientsError::Newer {
            path: path.to_owned(),
            version: head.version,
        });
    }
    let document: Document = serde_json::from_slice(&text).map_err(damaged)?;
    Ok(document.clients)
}

/// Replaces the file at `path` with one that only this user can read.
pub(super) fn write(path: &Path, clients: Vec<Client>) -> Result<(), ClientsError> {
    let failed = |source| ClientsError::Write {
        path: path.to_owned(),
        source,
    };
    let version = VERSION;
    let document = Document { version, clients };
    let text = serde_json::to_vec_pretty(&document).map_err(|error| failed(error.into()))?;
    write_atomically(path, &text).map_err(failed)
}
