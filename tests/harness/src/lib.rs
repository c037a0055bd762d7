//! Test worlds around the real programs.
//!
//! - [`programs`]: the two programs, always built by cargo first;
//! - [`world`]: a shop, a stand-in for Digible and a real agent, for end-to-end tests;
//! - [`database`]: a database on a real SQL Server;
//! - [`fleet`]: many stand-ins for agents, and a client that knows them;
//! - [`measure`]: memory and processor time of a program;
//! - [`storm`]: random cases in which everything goes wrong, also as the binary `storm`;
//! - [`demo`]: a demo that needs no setup, as the binary `demo`.

pub mod database;
pub mod demo;
pub mod fleet;
pub mod measure;
pub mod programs;
pub mod storm;
pub mod world;
