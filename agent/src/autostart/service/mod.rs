//! The service: what the machine's service manager starts, with nobody logged in.

use serde::Serialize;
use shopmaster_proto::InstanceName;

#[cfg(not(any(windows, target_os = "linux")))]
mod none;
#[cfg(target_os = "linux")]
mod systemd;
#[cfg(any(test, target_os = "linux"))]
mod unit;

#[cfg(not(any(windows, target_os = "linux")))]
pub use none::{LOGIN_ITEM_SHOWS_ICON, ServiceOptions, disable, enable, states};
#[cfg(target_os = "linux")]
pub use systemd::{LOGIN_ITEM_SHOWS_ICON, ServiceOptions, disable, enable, states};

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

/// The name of an instance's service.
fn name(instance: &InstanceName) -> String {
    format!("shopmaster-{instance}")
}
