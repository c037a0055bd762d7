//! The service: what the machine's service manager starts, with nobody logged in.

#[cfg(any(windows, target_os = "linux"))]
use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;
#[cfg(any(windows, target_os = "linux"))]
use shopmaster_proto::Folders;

#[cfg(any(windows, target_os = "linux"))]
use crate::{
    config::CatalogKind,
    control::listener::{InstanceLock, LockError},
};

#[cfg(any(windows, test))]
mod grants;
#[cfg(not(any(windows, target_os = "linux")))]
mod none;
#[cfg(target_os = "linux")]
mod systemd;
#[cfg(target_os = "linux")]
mod unit;
#[cfg(windows)]
mod windows;

#[cfg(not(any(windows, target_os = "linux")))]
pub use none::{LOGIN_ITEM_SHOWS_ICON, ServiceOptions, disable, enable, states};
#[cfg(target_os = "linux")]
pub use systemd::{LOGIN_ITEM_SHOWS_ICON, ServiceOptions, disable, enable, states};
#[cfg(windows)]
pub use windows::{LOGIN_ITEM_SHOWS_ICON, ServiceOptions, disable, enable, states};

/// One service of an instance, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceState {
    /// Its name for the service manager.
    pub name: String,
    /// Whose it is.
    pub scope: Scope,
    /// Whether it is there and starts by itself.
    pub state: Registered,
    /// Whether it runs now; none when the service manager does not say.
    pub running: Option<bool>,
    /// Whether it differs from what enabling it would write now: the program or the shop has moved, or
    /// somebody changed it.
    pub changed: bool,
    /// Where it is written down.
    pub place: String,
    /// Under which account it runs; none for the user's own.
    pub account: Option<String>,
}

/// Whose service it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One user's: it may show the icon by itself.
    User,
    /// The machine's.
    System,
}

/// Whether a service is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Registered {
    /// It is not.
    Absent,
    /// It is, but does not start by itself.
    Disabled,
    /// It starts by itself.
    Enabled,
}

/// What was changed, a sentence each.
#[derive(Debug, Default)]
pub struct Changes {
    /// What was done.
    pub done: Vec<String>,
    /// What else the person should know.
    pub notes: Vec<String>,
}

impl ServiceState {
    /// Whether it starts by itself.
    #[must_use]
    pub fn starts(&self) -> bool {
        self.state == Registered::Enabled
    }
}

/// The file of a SQLite shop, without links: the agent writes the ChangeLog in it, and SQLite and the agent
/// make files beside it.
#[cfg(any(windows, target_os = "linux"))]
fn shop_file(folders: &Folders) -> Option<PathBuf> {
    let file = folders.config.join("config.toml");
    let loaded = crate::config::load(&file, []).ok()?;
    let catalog = loaded.config.catalog;
    if catalog.kind != Some(CatalogKind::Sqlite) {
        return None;
    }
    let path = Path::new(&catalog.path);
    if !path.is_absolute() {
        return None;
    }
    // One that is not there yet has no links.
    Some(fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()))
}

/// The agent of these folders that runs now, for people.
#[cfg(any(windows, target_os = "linux"))]
fn other_agent(folders: &Folders) -> Option<String> {
    let lock = folders.run.join("agent.lock");
    // Taking the lock would create it, and as root for somebody else.
    if !lock.exists() {
        return None;
    }
    match InstanceLock::acquire(&lock) {
        Err(LockError::AlreadyRunning { pid: Some(pid) }) => {
            Some(format!("an agent of this instance (process {pid})"))
        }
        Err(LockError::AlreadyRunning { pid: None }) => {
            Some("an agent of this instance".to_owned())
        }
        _ => None,
    }
}
