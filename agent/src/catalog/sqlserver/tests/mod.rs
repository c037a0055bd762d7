//! The SQL Server catalog, tried as a whole over a real server, where there is one.

mod conforming;
mod names;
mod racing;
mod rights;
pub(crate) mod server;
mod shop;
mod types;
mod views;
mod volume;
