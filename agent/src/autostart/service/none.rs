//! Where there is no service manager that we know.

use clap::Args;
use shopmaster_proto::InstanceName;

use super::{Changes, ServiceState};
use crate::autostart::AutostartError;

/// There is none to show.
pub const LOGIN_ITEM_SHOWS_ICON: bool = false;

/// How to install it.
#[derive(Debug, Clone, Args)]
pub struct ServiceOptions {}

/// None.
///
/// # Errors
///
/// Never.
pub fn states(_: &InstanceName) -> Result<Vec<ServiceState>, AutostartError> {
    Ok(Vec::new())
}

/// Refuses.
///
/// # Errors
///
/// Always.
pub fn enable(_: &InstanceName, _: &ServiceOptions) -> Result<Changes, AutostartError> {
    Err(AutostartError::NoServiceManager)
}

/// There is nothing to remove.
///
/// # Errors
///
/// Never.
pub fn disable(_: &InstanceName, _: &mut Changes) -> Result<(), AutostartError> {
    Ok(())
}
