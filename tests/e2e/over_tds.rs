//! The same end-to-end tests with an agent that speaks TDS, and what only the wire shows.
//!
//! The fixture knows from this program's name that the shop is behind the stand-in for SQL Server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod agent_process;
mod answers;
mod bad_input;
mod changes;
mod configuration;
mod control;
mod ctl;
mod full_disk;
mod help;
mod kill;
mod metrics;
#[cfg(target_os = "linux")]
mod offers;
mod parking;
mod pauses;
mod postponed;
mod session;
mod support;
#[cfg(target_os = "linux")]
mod terminal;
mod uploads;
mod wire;
