//! Systems without a supported service manager.

use clap::Args;
use shopmaster_proto::InstanceName;

use super::{Changes, ServiceState};
use crate::autostart::AutostartError;

/// Whether the service needs a login item that shows the icon.
pub const LOGIN_ITEM_SHOWS_ICON: bool = false;

/// Options of `enable`.
#[derive(Debug, Clone, Args)]
pub struct ServiceOptions {}

/// The services of an instance: always none.
///
/// # Errors
///
/// Never.
pub fn states(_: &InstanceName) -> Result<Vec<ServiceState>, AutostartError> {
    Ok(Vec::new())
}

/// Refuses to enable a service.
///
/// # Errors
///
/// Always.
pub fn enable(_: &InstanceName, _: &ServiceOptions) -> Result<Changes, AutostartError> {
    Err(AutostartError::NoServiceManager)
}

/// Does nothing: there is no service to remove.
///
/// # Errors
///
/// Never.
pub fn disable(_: &InstanceName, _: &mut Changes) -> Result<(), AutostartError> {
    Ok(())
}
