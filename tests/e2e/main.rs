//! End-to-end tests: the real programs against a stand-in for Digible and a SQLite shop.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod agent_process;
mod bad_input;
mod configuration;
mod control;
mod ctl;
mod full_disk;
mod kill;
mod postponed;
mod support;
