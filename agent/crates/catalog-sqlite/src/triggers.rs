//! The triggers on the product table: which there are, and their SQL.
//!
//! Each records one or two keys with the same two statements: the first inserts a row with the next change id,
//! the second deletes the row that the key had before. A till may include its own SQLite that is many years
//! old, and fails on a schema that it cannot parse: nothing here needs a version newer than 3.6.19 (2009).

use shopmaster_catalog::template::fill;

use super::{
    SqliteOptions, key_expression,
    quote::{identifier, text},
    schema::KeySchema,
    statements::over,
    watches::WatchedTable,
};

/// The names of the triggers on a product table, including those that not every table needs. Those on a watched table
/// have its name at the end.
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
    pub(super) name: String,
    pub(super) sql: String,
}

/// A table that is captured, as SQL.
struct Captured {
    /// The table.
    table: String,
    /// What is at the end of the triggers' names.
    suffix: String,
    /// The key of the row before the change.
    old: String,
    /// The key of the row after the change.
    new: String,
    /// The statements that record a key.
    note: &'static str,
    /// What the statements name the table.
    source: String,
}

/// A way in which `REPLACE` deletes a row with another spelling of the key, without firing a trigger.
struct Replaced {
    /// The key of the row that has the unique values of the new row.
    key: String,
    /// The columns with these values.
    columns: String,
}

/// The triggers that capture a product table with this key.
pub(super) fn planned(options: &SqliteOptions, key: &KeySchema) -> Vec<Trigger> {
    let columns = &options.mapping.columns.id;
    let of = |alias: &str| key_expression::of(columns, alias);
    let table = identifier(&options.mapping.table);
    let names: Vec<_> = columns.names().map(identifier).collect();
    let is_same: Vec<_> = names
        .iter()
        .map(|id| format!("r.{id} = NEW.{id}"))
        .collect();
    let replaced = (!key.is_binary()).then(|| Replaced {
        key: format!(
            "(SELECT {} FROM {table} AS r WHERE {})",
            of("r"),
            is_same.join(" AND ")
        ),
        columns: names.join(", "),
    });
    let captured = Captured {
        suffix: String::new(),
        old: of("OLD"),
        new: of("NEW"),
        note: include_str!("sql/note_change.sql"),
        source: String::new(),
        table,
    };
    captured.triggers(replaced.as_slice())
}

/// The triggers that capture a watched table.
pub(super) fn watching(watched: &WatchedTable) -> Vec<Trigger> {
    let (table, id) = (identifier(&watched.schema.name), identifier(&watched.key));
    let replaced = watched.replaced.iter().map(|columns| {
        let names: Vec<_> = columns.iter().map(|name| identifier(name)).collect();
        let is_same: Vec<_> = names
            .iter()
            .map(|id| format!("r.{id} = NEW.{id}"))
            .collect();
        Replaced {
            key: format!(
                "(SELECT +r.{id} FROM {table} AS r WHERE {})",
                is_same.join(" AND ")
            ),
            columns: names.join(", "),
        }
    });
    let replaced: Vec<_> = replaced.collect();
    let captured = Captured {
        suffix: format!("_{}", watched.schema.name),
        // The sign takes the column's affinity away: the ChangeLog has keys of several tables.
        old: format!("+OLD.{id}"),
        new: format!("+NEW.{id}"),
        note: include_str!("sql/watched/note_change.sql"),
        source: text(&watched.schema.name),
        table,
    };
    captured.triggers(&replaced)
}

impl Captured {
    fn triggers(&self, replaced: &[Replaced]) -> Vec<Trigger> {
        let (old, new) = (&self.old, &self.new);
        let differs =
            format!("({old} COLLATE BINARY IS NOT {new} OR typeof({old}) <> typeof({new}))");
        let kind_after_update = format!("CASE WHEN {differs} THEN 'INSERT' ELSE 'UPDATE' END");
        let born_after_update = format!("CASE WHEN {differs} THEN n.ID ELSE 0 END");
        let mut triggers = vec![
            self.trigger(0, "AFTER INSERT", &self.note("'INSERT'", new, "n.ID", "1")),
            self.trigger(
                1,
                "AFTER UPDATE",
                &[
                    self.note("'DELETE'", old, "0", &differs),
                    self.note(&kind_after_update, new, &born_after_update, "1"),
                ]
                .concat(),
            ),
            self.trigger(2, "AFTER DELETE", &self.note("'DELETE'", old, "0", "1")),
        ];
        if replaced.is_empty() {
            return triggers;
        }
        let notes = |of: &dyn Fn(&Replaced) -> String| {
            let notes = replaced
                .iter()
                .map(|it| self.note("'DELETE'", &it.key, "0", &of(it)));
            notes.collect::<String>()
        };
        let is_other = |it: &Replaced| {
            let replaced = &it.key;
            format!("{replaced} COLLATE BINARY IS NOT {new} AND {replaced} IS NOT NULL")
        };
        let is_third = |it: &Replaced| {
            let replaced = &it.key;
            format!(
                "{} AND {replaced} COLLATE BINARY IS NOT {old}",
                is_other(it)
            )
        };
        let columns: Vec<_> = replaced.iter().map(|it| it.columns.as_str()).collect();
        let update = format!("BEFORE UPDATE OF {}", columns.join(", "));
        triggers.push(self.trigger(3, "BEFORE INSERT", &notes(&is_other)));
        triggers.push(self.trigger(4, &update, &notes(&is_third)));
        triggers
    }

    /// The statements that record a key. The arguments, each as an SQL expression: the kind of the change, the key, the
    /// birth of a key without a change so far, and the condition for recording the change.
    fn note(&self, kind: &str, key: &str, born: &str, when: &str) -> String {
        fill(
            self.note,
            &[
                ("kind", kind),
                ("key", key),
                ("born", born),
                ("when", when),
                ("source", &self.source),
            ],
        )
    }

    fn trigger(&self, number: usize, when: &str, notes: &str) -> Trigger {
        let name = format!("{}{}", NAMES[number], self.suffix);
        let quoted = match self.suffix.as_str() {
            "" => name.clone(),
            _ => identifier(&name),
        };
        Trigger {
            sql: format!(
                "CREATE TRIGGER {quoted} {when} ON {}\nBEGIN\n{notes}END",
                self.table
            ),
            name,
        }
    }
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
            name: name.to_owned(),
            sql: over(options, text.trim_end()),
        })
        .collect()
}
