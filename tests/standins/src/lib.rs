//! Stand-ins for the systems that shopMaster works with, to try it without a shop and without Digible.
//!
//! - [`digible`]: a strict stand-in for Digible with scriptable faults, also as the binary `digible-sim`;
//! - [`agent`]: an agent on the wire, with scripted answers, for tests of clients;
//! - [`shop`]: a SQLite shop and a till that keeps changing it;
//! - [`tds`]: a stand-in for SQL Server on the wire, with scriptable faults;
//! - [`needs`]: what some tests need and not every machine has.

pub mod agent;
pub mod digible;
pub mod duration;
pub mod needs;
pub mod shop;
pub mod tds;
