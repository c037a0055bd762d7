//! Which rows of a view a change in a watched table concerns, as SQL.

use std::iter;

use shopmaster_catalog::template::fill;

use super::{
    SqliteOptions,
    key::Key,
    key_sql,
    quote::{identifier, text},
    watches::WatchedTable,
};

/// How many values a key may have been recorded with: text, an integer, or the value whose literal it is.
const FORMS: usize = 3;
/// The first parameter of the key after which rows are asked for, behind their number and the values of the key.
const AFTER: usize = 2 + FORMS;

/// The keys of the rows that have one of the values of a watched key, in their order. The parameters: how many rows, the
/// values, and the values of the key after which they begin.
pub(super) fn rows(
    options: &SqliteOptions,
    table: &WatchedTable,
    values: &[Key],
    after: After,
) -> String {
    let columns = &options.mapping.columns.id;
    let behind = match after {
        After::Start => String::new(),
        After::Key => format!(" AND {}", key_sql::behind(columns, AFTER)),
        After::AnyKey => format!(" AND {}", key_sql::behind_any(columns, AFTER)),
    };
    let has_value = |column: &String| {
        let column = format!("p.{}", identifier(column));
        let places: Vec<_> = (0..FORMS).map(|form| format!("?{}", 2 + form)).collect();
        let is_listed = format!("{column} IN ({})", places.join(", "));
        match values.contains(&Key::Null) {
            false => is_listed,
            true => format!("{is_listed} OR {column} IS NULL"),
        }
    };
    let concerned: Vec<_> = table.columns.iter().map(has_value).collect();
    let concerned = concerned.join(" OR ");
    let concerned = match after {
        After::Start => format!("({concerned})"),
        // There are many of them. With the sign no index finds them, and the view is read on from the last one: else
        // each page would find and sort all of them again.
        After::Key | After::AnyKey => format!("+({concerned})"),
    };
    fill(
        include_str!("sql/watched/concerned.sql").trim_end(),
        &[
            ("key", &key_sql::listed(columns)),
            ("view", &identifier(&options.mapping.table)),
            ("concerned", &concerned),
            ("behind", &behind),
        ],
    )
}

/// Where the rows begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// At the first one.
    Start,
    /// After a key without NULL.
    Key,
    /// After any key.
    AnyKey,
}

/// As many values as the statement has parameters for: the last one is repeated.
pub(super) fn filled(values: &[Key]) -> impl Iterator<Item = Key> {
    let last = values.last().cloned().unwrap_or(Key::Null);
    values.iter().cloned().chain(iter::repeat(last)).take(FORMS)
}

/// The recorded changes that concern the rows with a key, through a column of the view.
pub(super) fn changes(options: &SqliteOptions, table: &WatchedTable, column: &str) -> String {
    fill(
        include_str!("sql/watched/concerning.sql").trim_end(),
        &[
            ("view", &identifier(&options.mapping.table)),
            ("is_key", &key_sql::is(&options.mapping.columns.id, 1)),
            ("source", &text(&table.schema.name)),
            ("column", &identifier(column)),
        ],
    )
}
