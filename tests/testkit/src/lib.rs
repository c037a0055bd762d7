//! Stand-ins and helpers to try shopMaster without a shop and without Digible.
//!
//! - [`digible`]: a strict stand-in for Digible with scriptable faults, also as the binary `digible-sim`;

pub mod digible;
pub mod duration;
