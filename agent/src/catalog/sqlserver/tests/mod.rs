//! The SQL Server catalog, tried as a whole over a real server, where there is one.

mod conforming;
pub(crate) mod server;
mod shop;
