//! The preflight's verdict on the watched tables.

use rusqlite::{Connection, params_from_iter};
use shopmaster_catalog::finding::{Finding, good, warning};

use super::{
    SqliteOptions,
    concerned::{self, After},
    error::QueryResult,
    key::Key,
    quote::identifier,
    suggest,
    watches::{self, WatchedTable},
};

/// How many rows of a table are read in no time.
const SMALL: usize = 1_000;
/// How many of a table's keys are looked for in the view.
const SAMPLE: usize = 10;

/// The verdict on the watched tables.
pub(super) fn watch(connection: &Connection, options: &SqliteOptions) -> QueryResult<Finding> {
    if options.watches().is_empty() {
        return Ok(good("in scan mode no table is watched"));
    }
    let view = watches::read(connection, options)?;
    for table in &view.tables {
        // These are only advice: other checks report a view that cannot be read.
        if finds_nothing(connection, options, table).unwrap_or_default() {
            return Ok(warning(
                format!(
                    "none of the first keys in `{}` of `{}` is found in {} of the view, so that changes would concern no product",
                    table.key,
                    table.schema.name,
                    columns(table)
                ),
                "Check the columns: a watch is `TABLE.KEY = COLUMN`, and the view's column must have the same values as the table's key",
            ));
        }
        let scanned = scanned(connection, options, table).unwrap_or_default();
        if let Some(scanned) = scanned {
            return Ok(warning(
                format!(
                    "each change in `{}` reads all rows of `{scanned}`, because no index finds the view's rows by {}",
                    table.schema.name,
                    columns(table)
                ),
                "No action needed as long as that is fast; otherwise create an index on the column that the view takes the value from",
            ));
        }
    }
    let watches: Vec<_> = options.watches().iter().map(ToString::to_string).collect();
    Ok(good(format!(
        "changes are noticed in {}",
        watches.join(", ")
    )))
}

/// Whether the table has keys, and none of the first ones is in the view.
pub(super) fn finds_nothing(
    connection: &Connection,
    options: &SqliteOptions,
    table: &WatchedTable,
) -> QueryResult<bool> {
    let keys = first_keys(connection, &table.schema.name, &table.key)?;
    for key in &keys {
        if is_in_view(connection, options, table, key)? {
            return Ok(false);
        }
    }
    Ok(!keys.is_empty())
}

/// Some values in a column of a table, each once.
fn first_keys(connection: &Connection, table: &str, column: &str) -> QueryResult<Vec<Key>> {
    let (table, column) = (identifier(table), identifier(column));
    let sql = format!(
        "SELECT DISTINCT t.{column} FROM {table} AS t WHERE t.{column} IS NOT NULL LIMIT {SAMPLE}"
    );
    let mut statement = connection.prepare(&sql)?;
    let keys = statement.query_map([], |row| row.get_ref(0).map(Key::of))?;
    Ok(keys.collect::<rusqlite::Result<_>>()?)
}

fn is_in_view(
    connection: &Connection,
    options: &SqliteOptions,
    table: &WatchedTable,
    key: &Key,
) -> QueryResult<bool> {
    let values = Key::recorded(&key.shown().0.to_string());
    let sql = concerned::rows(options, table, &values, After::Start);
    let limit = std::iter::once(Key::Integer(1));
    let parameters = limit.chain(concerned::filled(&values));
    let mut statement = connection.prepare(&sql)?;
    Ok(statement.exists(params_from_iter(parameters))?)
}

/// A large table that is read whole to find the rows that a change concerns.
fn scanned(
    connection: &Connection,
    options: &SqliteOptions,
    table: &WatchedTable,
) -> QueryResult<Option<String>> {
    let values = [Key::Integer(1)];
    let sql = concerned::rows(options, table, &values, After::Start);
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    let parameters = std::iter::once(Key::Integer(1)).chain(concerned::filled(&values));
    let steps = statement.query_map(params_from_iter(parameters), |step| step.get(3))?;
    let steps: Vec<String> = steps.collect::<rusqlite::Result<_>>()?;
    let names = suggest::named_tables(connection, &options.mapping.table)?;
    for step in &steps {
        let scanned = step.strip_prefix("SCAN ");
        let name = scanned.and_then(|rest| rest.split(' ').next());
        let is_it = |(alias, _): &&(String, String)| {
            name.is_some_and(|name| name.eq_ignore_ascii_case(alias))
        };
        // What is no table is made of tables, which have steps of their own.
        if let Some((_, table)) = names.iter().find(is_it)
            && is_large(connection, table)?
        {
            return Ok(Some(table.clone()));
        }
    }
    Ok(None)
}

fn is_large(connection: &Connection, table: &str) -> QueryResult<bool> {
    let table = identifier(table);
    let sql = format!("SELECT 1 FROM {table} LIMIT 1 OFFSET {SMALL}");
    Ok(connection.prepare(&sql)?.exists([])?)
}

/// The view's columns, for people.
fn columns(table: &WatchedTable) -> String {
    let quoted: Vec<_> = table
        .columns
        .iter()
        .map(|column| format!("`{column}`"))
        .collect();
    quoted.join(" and ")
}
