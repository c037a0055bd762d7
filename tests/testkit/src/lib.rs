//! Stand-ins and helpers to try shopMaster without a shop and without Digible.
//!
//! - [`digible`]: a strict stand-in for Digible with scriptable faults, also as the binary `digible-sim`;
//! - [`shop`]: a SQLite shop and a till that keeps changing it;
//! - [`tds`]: a stand-in for SQL Server on the wire, with scriptable faults;
//! - [`needs`]: what some tests need and not every machine has;
//! - [`programs`]: the two programs, built by cargo, never stale;
//! - [`world`]: all of them together around a real agent, for end-to-end tests.
//! - [`storm`]: random cases in which everything goes wrong, also as the binary `storm`;
//! - [`mod@bench`]: the numbers of the design, measured, also as the binary `bench`.

pub mod bench;
pub mod digible;
pub mod duration;
#[cfg(test)]
mod line_ends;
pub mod needs;
pub mod programs;
pub mod shop;
pub mod storm;
pub mod tds;
pub mod world;
