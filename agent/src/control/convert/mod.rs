//! Converts the agent's types to the contract's, one file per noun.

pub(super) mod capture;
pub(super) mod product;
pub(super) mod run;
mod selection;
pub(super) mod settings;
pub(super) mod status;
pub(super) mod time;

/// The agent's version.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");
