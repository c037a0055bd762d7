//! The shopMaster agent: keeps a Digible catalogue equal to a shop's product database.
//!
//! This package starts and serves: the process, its configuration and secrets, the control plane, the tray. What the
//! agent is made of are the crates below `agent/crates/`.
//!
//! Imports point one way: `main -> service -> supervisor, control -> engine -> catalog, digible, journal`. The three
//! at the end know nothing of each other; `product` is the vocabulary that they share.

pub mod args;
pub mod autostart;
pub mod config;
pub mod console;
pub mod control;
pub mod logging;
pub mod notices;
pub mod paths;
#[cfg(target_os = "linux")]
mod readiness;
pub mod secrets;
pub mod service;
pub mod signals;
pub mod supervisor;
pub mod tray;
#[cfg(windows)]
pub mod windows_service;
