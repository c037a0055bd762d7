//! The tables that a view reads and whose changes are captured.

use std::collections::BTreeSet;

use rusqlite::Connection;
use shopmaster_catalog::{CatalogError, Watch};

use super::{
    SqliteOptions,
    affinity::Affinity,
    error::{QueryError, QueryResult},
    schema::{self, TableSchema},
};

/// The view that is the product table, and the tables that it reads.
#[derive(Debug)]
pub(super) struct WatchedView {
    pub(super) schema: TableSchema,
    pub(super) tables: Vec<WatchedTable>,
}

/// A table that is captured.
#[derive(Debug)]
pub(super) struct WatchedTable {
    pub(super) schema: TableSchema,
    /// The column that the triggers record, as the database spells it.
    pub(super) key: String,
    /// How the values of that column are stored.
    pub(super) affinity: Affinity,
    /// The view's columns with the same value, as the database spells them.
    pub(super) columns: BTreeSet<String>,
    /// The columns of each unique index through which `REPLACE` deletes rows with another spelling of the key.
    pub(super) replaced: Vec<Vec<String>>,
}

impl SqliteOptions {
    /// The tables to capture instead of the product table.
    pub(super) fn watches(&self) -> &[Watch] {
        match self.scan {
            true => &[],
            false => &self.mapping.watches,
        }
    }

    /// Whether a table is to have triggers.
    pub(super) fn captures(&self, table: &str) -> bool {
        match self.watches() {
            [] => table.eq_ignore_ascii_case(&self.mapping.table),
            watches => watches
                .iter()
                .any(|watch| table.eq_ignore_ascii_case(&watch.table)),
        }
    }
}

/// The view and the tables, if each of them can be watched.
pub(super) fn read(connection: &Connection, options: &SqliteOptions) -> QueryResult<WatchedView> {
    let mut tables: Vec<WatchedTable> = Vec::new();
    let view = &options.mapping.table;
    for watch in options.watches() {
        let (schema, key) = watched(connection, options, watch)?;
        let column = schema.find(&key);
        let affinity = column.map_or(Affinity::Blob, |column| schema.affinity(column));
        let replaced = column.map_or_else(Vec::new, |column| schema.respelling(column));
        match tables.iter().find(|table| table.schema.name == schema.name) {
            None => tables.push(WatchedTable {
                schema,
                key,
                affinity,
                columns: BTreeSet::new(),
                replaced,
            }),
            Some(table) if table.key == key => {}
            Some(table) => {
                return Err(unfit(
                    watch,
                    format!(
                        "it is watched by `{}` and by `{key}`, and a table has one key",
                        table.key
                    ),
                ));
            }
        }
    }
    // After the tables: a view over a table that is missing has no columns.
    let schema = TableSchema::read(connection, options)?;
    for watch in options.watches() {
        let column = schema.find(&watch.column).ok_or_else(|| {
            let reason = format!("the view `{view}` has no column `{}`", watch.column);
            unfit(watch, reason)
        })?;
        let is_it = |table: &&mut WatchedTable| table.schema.is_named(&watch.table);
        if let Some(table) = tables.iter_mut().find(is_it) {
            table.columns.insert(column.name.clone());
        }
    }
    Ok(WatchedView { schema, tables })
}

impl WatchedView {
    /// The watched table of this name.
    pub(super) fn table(&self, name: &str) -> Option<&WatchedTable> {
        self.tables.iter().find(|table| table.schema.is_named(name))
    }
}

impl WatchedTable {
    /// The unique indexes through which `INSERT OR REPLACE` may delete a row with another key.
    pub(super) fn deletes_unnoticed(&self) -> Vec<&str> {
        let column = self.schema.find(&self.key);
        column.map_or_else(Vec::new, |column| self.schema.uniques_without(column))
    }
}

/// The table of a watch, and its key as the database spells it.
fn watched(
    connection: &Connection,
    options: &SqliteOptions,
    watch: &Watch,
) -> QueryResult<(TableSchema, String)> {
    let refuse = |reason: &str| Err(unfit(watch, reason.to_owned()));
    let product = &options.mapping.table;
    if !schema::is_view(connection, product)? {
        // A missing one is an error of its own.
        TableSchema::read(connection, options)?;
        return Err(unfit(
            watch,
            format!(
                "`{product}` is a table, and a table is captured itself: only what a view reads is watched"
            ),
        ));
    }
    let Some(schema) = TableSchema::of(connection, &watch.table)? else {
        return refuse("the database has no such table");
    };
    match schema.kind.as_str() {
        "view" => return refuse("it is a view: watch the tables that it reads"),
        "table" if schema.is_internal() => {
            return refuse("it is a table of SQLite's or shopMaster's own");
        }
        "table" => {}
        _ => return refuse("it is a virtual table, which cannot have triggers"),
    }
    match schema.find(&watch.key) {
        Some(key) => {
            let key = key.name.clone();
            Ok((schema, key))
        }
        None => Err(unfit(watch, format!("it has no column `{}`", watch.key))),
    }
}

fn unfit(watch: &Watch, reason: String) -> QueryError {
    CatalogError::UnfitWatch {
        watched: watch.table.clone(),
        reason,
    }
    .into()
}
