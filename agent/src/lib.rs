//! The shopMaster agent: keeps a Digible catalogue equal to a shop's product database.
//!
//! Imports point one way: `main -> control -> engine -> catalog, digible, journal`. The three at the
//! end know nothing of each other; `product` is the vocabulary that they share, `run` and `health`
//! what the engine shows of itself.

pub mod alarm;
pub mod args;
pub mod autostart;
pub mod config;
pub mod console;
pub mod control;
#[cfg(feature = "demo")]
pub mod demo;
pub mod engine;
pub mod health;
pub mod logging;
pub mod notices;
pub mod paths;
#[cfg(target_os = "linux")]
mod readiness;
pub mod run;
pub mod secrets;
pub mod service;
pub mod signals;
pub mod supervisor;
pub mod tray;
#[cfg(windows)]
pub mod windows_service;
