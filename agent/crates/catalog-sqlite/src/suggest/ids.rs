//! Other columns that customers may know a product by.

use rusqlite::Connection;
use shopmaster_catalog::{
    Suggestion,
    column_names::{is_printed, rank_of_id},
};

use super::{
    super::{
        SqliteOptions,
        affinity::Affinity,
        error::QueryResult,
        quote::identifier,
        schema::{Column, TableSchema},
    },
    data,
};

/// How many columns are looked at, the likeliest first.
const MAX_COLUMNS: usize = 4;

/// The columns that could be the key instead.
pub(super) fn suggested(
    connection: &Connection,
    options: &SqliteOptions,
    table: &TableSchema,
) -> QueryResult<Vec<Suggestion>> {
    let mut suggestions = Vec::new();
    for column in columns(options, table) {
        if !can_be_key(connection, table, column)? {
            continue;
        }
        if let Some(example) = example(connection, table, column)? {
            let column = column.name.clone();
            suggestions.push(Suggestion::Key { column, example });
        }
    }
    Ok(suggestions)
}

/// The columns whose name says that customers know a product by it, and by it better than by the key.
fn columns<'t>(options: &SqliteOptions, table: &'t TableSchema) -> Vec<&'t Column> {
    let mapping = &options.mapping;
    let key: Vec<_> = mapping.columns.id.names().collect();
    let key_is_printed = key.iter().any(|name| is_printed(name));
    let is_used = |column: &Column| {
        let names = [mapping.columns.name.as_str(), &mapping.columns.price];
        let mut used = key.iter().copied().chain(names);
        used.any(|name| name.eq_ignore_ascii_case(&column.name))
    };
    let is_text =
        |column: &Column| matches!(table.affinity(column), Affinity::Text | Affinity::Blob);
    let mut columns: Vec<_> = table
        .columns
        .iter()
        .filter(|column| !is_used(column) && is_text(column))
        .filter_map(|column| Some((rank_of_id(&column.name)?, column)))
        .filter(|(_, column)| !key_is_printed || is_printed(&column.name))
        .collect();
    columns.sort_by_key(|(rank, _)| *rank);
    columns.truncate(MAX_COLUMNS);
    columns.into_iter().map(|(_, column)| column).collect()
}

/// Whether a table's unique index makes sure that each value comes once. In a view only the rows show it.
fn can_be_key(connection: &Connection, table: &TableSchema, column: &Column) -> QueryResult<bool> {
    if table.is_view() {
        return Ok(true);
    }
    table.is_unique(connection, column)
}

/// One of the values, if each row has one of its own.
fn example(
    connection: &Connection,
    table: &TableSchema,
    column: &Column,
) -> QueryResult<Option<String>> {
    let name = format!("p.{}", identifier(&column.name));
    let query = format!(
        "SELECT count(*), count(DISTINCT nullif({name}, '')), min(typeof({name})), max({name})"
    );
    let mut statement = data::over(connection, &table.name, &[&column.name], &query)?;
    let (rows, values, kind, example) = statement.query_one([], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, Option<String>>(2)?,
            row.get::<_, Option<String>>(3).unwrap_or_default(),
        ))
    })?;
    let is_whole = rows > 0 && rows == values && kind.as_deref() == Some("text");
    // Spaces that fill up a value would be part of the id.
    Ok(example.filter(|example| is_whole && !example.ends_with(' ')))
}
