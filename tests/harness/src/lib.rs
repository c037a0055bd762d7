//! Whole worlds around the real programs.
//!
//! - [`programs`]: the two programs, built by cargo, never stale;
//! - [`world`]: a shop, a stand-in for Digible and a real agent, for end-to-end tests;
//! - [`storm`]: random cases in which everything goes wrong, also as the binary `storm`;
//! - [`demo`]: everything at once, with nothing to set up, as the binary `demo`.

pub mod demo;
pub mod programs;
pub mod storm;
pub mod world;
