//! What is captured: the product table itself, or the tables that a view reads.

use rusqlite::Connection;

use super::{
    SqliteOptions,
    error::QueryResult,
    preflight,
    schema::KeySchema,
    watches::{self, WatchedView},
};

/// What is captured.
#[derive(Debug)]
pub(super) enum Target {
    /// The product table, and how its key compares.
    Product(KeySchema),
    /// The tables that a view reads.
    Watched(WatchedView),
}

impl Target {
    /// What is to be captured, if it can be.
    pub(super) fn read(connection: &Connection, options: &SqliteOptions) -> QueryResult<Self> {
        if !options.watches().is_empty() {
            return Ok(Self::Watched(watches::read(connection, options)?));
        }
        let table = preflight::fit(connection, options)?;
        Ok(Self::Product(table.key(connection, options)?))
    }
}
