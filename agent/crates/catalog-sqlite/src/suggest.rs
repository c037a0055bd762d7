//! What an SQLite shop's database suggests to configure: tables to watch, flags of goods that are not sold, and what
//! customers know a product by.
//!
//! It is advice for a person who decides, so it is found quickly and left out where it is not clear.

use rusqlite::Connection;
use shopmaster_catalog::Suggestion;
use shopmaster_view::names::quoted;

use super::{SqliteOptions, error::QueryResult, schema::TableSchema};

mod data;
mod flags;
mod ids;
mod resolve;
mod select;
mod tokens;
mod watches;

/// The tables that a view reads, by the names that they have there.
pub(super) fn named_tables(
    connection: &Connection,
    view: &str,
) -> QueryResult<Vec<(String, String)>> {
    Ok(resolve::resolve(connection, view)?.names)
}

/// What the database suggests.
pub(super) fn suggestions(
    connection: &Connection,
    options: &SqliteOptions,
) -> QueryResult<Vec<Suggestion>> {
    let moment = connection.unchecked_transaction()?;
    let table = TableSchema::read(connection, options)?;
    let mut suggestions = Vec::new();
    if table.is_view() {
        suggestions.extend(watches::suggested(connection, options, &table)?);
    }
    suggestions.extend(flags::suggested(connection, options, &table)?);
    suggestions.extend(ids::suggested(connection, options, &table)?);
    moment.commit()?;
    suggestions.retain(|suggestion| !suggestion.is_made(&options.mapping));
    for suggestion in &mut suggestions {
        if let Suggestion::Watch(watch) = suggestion {
            watch.table = quoted(&watch.table);
        }
    }
    Ok(suggestions)
}
