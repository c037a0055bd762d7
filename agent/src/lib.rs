//! The shopMaster agent: keeps a Digible catalogue equal to a shop's product database.
//!
//! Imports point one way: `main -> control -> engine -> catalog, digible, journal`. The three at the
//! end know nothing of each other; `product` is the vocabulary that they share, `run` and `health`
//! what the engine shows of itself.

pub mod alarm;
pub mod args;
mod atomic_file;
pub mod autostart;
mod blocking;
pub mod catalog;
pub mod causes;
pub mod config;
pub mod console;
pub mod control;
#[cfg(feature = "demo")]
pub mod demo;
pub mod digible;
pub mod engine;
mod file_id;
pub mod health;
pub mod journal;
mod lock_file;
pub mod logging;
pub mod notices;
pub mod paths;
pub mod position;
pub mod product;
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
mod words;
