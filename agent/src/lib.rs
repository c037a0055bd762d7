//! The shopMaster agent, which keeps a Digible catalog in sync with a shop's database.
//!
//! This package has the process, its configuration, the control plane and the tray. The work is done by the
//! crates below `agent/crates/`.
//!
//! Imports point one way: `main -> service -> supervisor, control -> engine -> catalog, digible, journal`. The last
//! three do not depend on each other; `product` has the types that they share.

pub mod args;
pub mod autostart;
pub mod config;
pub mod console;
pub mod control;
pub mod logging;
mod metrics_port;
pub mod notices;
#[cfg(feature = "otlp")]
mod otlp;
pub mod paths;
#[cfg(target_os = "linux")]
mod readiness;
pub mod service;
pub mod signals;
pub mod supervisor;
pub mod tray;
#[cfg(windows)]
pub mod windows_service;
