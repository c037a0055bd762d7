//! The triggers on the product table: which there are, and their SQL.
//!
//! Each records one or two keys with the same two statements: the first inserts a row with the next change id,
//! the second deletes the row that the key had before. A till may include its own SQLite that is many years
//! old, and fails on a schema that it cannot parse: nothing here needs a version newer than 3.6.19 (2009).

use shopmaster_catalog::template::fill;

use super::{SqliteOptions, quote::identifier, schema::KeyColumn, statements::over};

/// The names of all of shopMaster's triggers, including those that not every table needs.
pub(super) const NAMES: [&str; 5] = [
    "shopmaster_capture_insert",
    "shopmaster_capture_update",
    "shopmaster_capture_delete",
    "shopmaster_capture_replace",
    "shopmaster_capture_rename",
];

/// One trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trigger {
    pub(super) name: &'static str,
    pub(super) sql: String,
}

/// The triggers that capture a table with this key.
pub(super) fn planned(options: &SqliteOptions, key: &KeyColumn) -> Vec<Trigger> {
    let (table, id) = (
        identifier(&options.mapping.table),
        identifier(options.mapping.columns.id.first()),
    );
    let (old, new) = (format!("OLD.{id}"), format!("NEW.{id}"));
    let differs = format!("({old} COLLATE BINARY IS NOT {new} OR typeof({old}) <> typeof({new}))");
    let kind_after_update = format!("CASE WHEN {differs} THEN 'INSERT' ELSE 'UPDATE' END");
    let born_after_update = format!("CASE WHEN {differs} THEN n.ID ELSE 0 END");
    // The arguments, each as an SQL expression: the kind of the change, the key, the birth of a key without a
    // change so far, and the condition for recording the change.
    let note = |kind, key, born, when| {
        let places = [("kind", kind), ("key", key), ("born", born), ("when", when)];
        fill(include_str!("sql/note_change.sql"), &places)
    };
    let mut triggers = vec![
        Trigger::new(
            &table,
            NAMES[0],
            "AFTER INSERT",
            &note("'INSERT'", &new, "n.ID", "1"),
        ),
        Trigger::new(
            &table,
            NAMES[1],
            "AFTER UPDATE",
            &[
                note("'DELETE'", &old, "0", &differs),
                note(&kind_after_update, &new, &born_after_update, "1"),
            ]
            .concat(),
        ),
        Trigger::new(
            &table,
            NAMES[2],
            "AFTER DELETE",
            &note("'DELETE'", &old, "0", "1"),
        ),
    ];
    if key.collation.eq_ignore_ascii_case("BINARY") {
        return triggers;
    }
    // `REPLACE` deletes a row with another spelling of the key without firing a trigger.
    let replaced = format!("(SELECT r.{id} FROM {table} AS r WHERE r.{id} = {new})");
    let is_other = format!("{replaced} COLLATE BINARY IS NOT {new} AND {replaced} IS NOT NULL");
    triggers.push(Trigger::new(
        &table,
        NAMES[3],
        "BEFORE INSERT",
        &note("'DELETE'", &replaced, "0", &is_other),
    ));
    let is_third = format!("{is_other} AND {replaced} COLLATE BINARY IS NOT {old}");
    triggers.push(Trigger::new(
        &table,
        NAMES[4],
        &format!("BEFORE UPDATE OF {id}"),
        &note("'DELETE'", &replaced, "0", &is_third),
    ));
    triggers
}

/// The triggers of the first version, which left a row for every change.
pub(super) fn of_first_version(options: &SqliteOptions) -> Vec<Trigger> {
    let texts = [
        include_str!("sql/v1/insert_trigger.sql"),
        include_str!("sql/v1/update_trigger.sql"),
        include_str!("sql/v1/delete_trigger.sql"),
    ];
    NAMES
        .into_iter()
        .zip(texts)
        .map(|(name, text)| Trigger {
            name,
            sql: over(options, text.trim_end()),
        })
        .collect()
}

impl Trigger {
    fn new(table: &str, name: &'static str, when: &str, notes: &str) -> Self {
        Self {
            name,
            sql: format!("CREATE TRIGGER {name} {when} ON {table}\nBEGIN\n{notes}END"),
        }
    }
}
