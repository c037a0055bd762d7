//! What is looked at of a table's rows.

use rusqlite::{Connection, Statement};

use super::super::{error::QueryResult, quote::identifier};

/// How many rows are looked at.
pub(super) const MAX_ROWS: i64 = 200_000;

/// A query over the first rows of a table, which it names `p`.
pub(super) fn over<'c>(
    connection: &'c Connection,
    table: &str,
    columns: &[&str],
    query: &str,
) -> QueryResult<Statement<'c>> {
    let columns: Vec<_> = columns
        .iter()
        .map(|name| format!("t.{}", identifier(name)))
        .collect();
    let sql = format!(
        "{query} FROM (SELECT {} FROM {} AS t LIMIT {MAX_ROWS}) AS p",
        columns.join(", "),
        identifier(table)
    );
    Ok(connection.prepare(&sql)?)
}

/// The same over one column, for each of its values.
pub(super) fn grouped<'c>(
    connection: &'c Connection,
    table: &str,
    column: &str,
    query: &str,
) -> QueryResult<Statement<'c>> {
    let (table, column) = (identifier(table), identifier(column));
    let sql = format!(
        "{query} FROM (SELECT t.{column} FROM {table} AS t LIMIT {MAX_ROWS}) AS p GROUP BY p.{column} ORDER BY p.{column}"
    );
    Ok(connection.prepare(&sql)?)
}
