//! End-to-end tests: the real programs against a stand-in for Digible and a SQLite shop.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod agent_process;
mod answers;
#[cfg(unix)]
mod authority;
#[cfg(target_os = "linux")]
mod autostart;
mod bad_input;
mod changes;
mod configuration;
mod control;
mod ctl;
#[cfg(target_os = "linux")]
mod dialogue;
mod dry_run;
mod full_disk;
mod help;
#[cfg(unix)]
mod id_types;
mod journal_file;
mod kill;
mod leaving;
mod metrics;
mod odd_names;
mod parking;
mod pauses;
mod postponed;
#[cfg(unix)]
mod python;
mod remote;
mod scan;
mod session;
mod shop_file;
#[cfg(unix)]
mod silent;
mod storm;
#[cfg(target_os = "linux")]
mod strangers;
mod support;
#[cfg(target_os = "linux")]
mod terminal;
#[cfg(target_os = "linux")]
mod tray;
mod truth;
mod unfit;
mod uploads;
mod verify;
mod your_table;
