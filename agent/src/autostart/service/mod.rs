//! The service, which the machine's service manager starts even when no user is logged in.

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
    /// Whether it is the user's or the machine's.
    pub scope: Scope,
    /// Whether it exists and starts automatically.
    pub state: Registered,
    /// Whether it is running now; none when the service manager does not report it.
    pub running: Option<bool>,
    /// Whether it differs from what `enable` would write now: the program or the shop's file has moved, or it was
    /// changed by hand.
    pub changed: bool,
    /// Where it is stored.
    pub place: String,
    /// The account that it runs under; none for the user's own.
    pub account: Option<String>,
}

/// Whether a service is the user's or the machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// A user service, which can show the icon itself.
    User,
    /// A system service.
    System,
}

/// Whether a service exists and starts automatically.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Registered {
    /// It does not exist.
    Absent,
    /// It exists, but does not start automatically.
    Disabled,
    /// It starts automatically.
    Enabled,
}

/// What was changed, one sentence each.
#[derive(Debug, Default)]
pub struct Changes {
    /// The changes that were made.
    pub done: Vec<String>,
    /// Further information for the user.
    pub notes: Vec<String>,
}

impl ServiceState {
    /// Whether it starts automatically.
    #[must_use]
    pub fn starts(&self) -> bool {
        self.state == Registered::Enabled
    }
}

/// The file of a SQLite shop, with links resolved: the agent writes the ChangeLog in it, and SQLite and the agent
/// create files next to it.
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
    // A file that does not exist yet has no links to resolve.
    Some(fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()))
}

/// The agent that is running with these folders, for people; none when there is none.
#[cfg(any(windows, target_os = "linux"))]
fn other_agent(folders: &Folders) -> Option<String> {
    let lock = folders.run.join("agent.lock");
    // Taking the lock would create the file, and root would create it in another user's folder.
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
