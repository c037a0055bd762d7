//! The key columns in SQL: the product table is named `p`, and a key's values are numbered parameters.

use shopmaster_catalog::KeyColumns;

use super::quote::identifier;

/// The columns, in their order.
pub(super) fn listed(columns: &KeyColumns) -> String {
    joined(columns, ", ", |_, column| column.to_owned())
}

/// The columns, from the last row to the first.
pub(super) fn descending(columns: &KeyColumns) -> String {
    joined(columns, ", ", |_, column| format!("{column} DESC"))
}

/// The rows with the key whose values begin with the parameter `first`.
pub(super) fn is(columns: &KeyColumns, first: usize) -> String {
    joined(columns, " AND ", |index, column| {
        format!("{column} IS ?{}", first + index)
    })
}

/// The rows after a key without NULL. An index on the key finds them.
pub(super) fn behind(columns: &KeyColumns, first: usize) -> String {
    let places = joined(columns, ", ", |index, _| format!("?{}", first + index));
    match columns.is_composite() {
        false => format!("{} > {places}", listed(columns)),
        true => format!("({}) > ({places})", listed(columns)),
    }
}

/// The rows after any key: NULL sorts first.
pub(super) fn behind_any(columns: &KeyColumns, first: usize) -> String {
    let names: Vec<_> = names(columns).collect();
    let alternatives = names.iter().enumerate().map(|(index, column)| {
        let before = names[..index].iter().enumerate();
        let before = before.map(|(index, column)| format!("{column} IS ?{} AND ", first + index));
        let place = first + index;
        format!(
            "({}({column} > ?{place} OR (?{place} IS NULL AND {column} IS NOT NULL)))",
            before.collect::<String>()
        )
    });
    format!("({})", alternatives.collect::<Vec<_>>().join(" OR "))
}

/// The rows up to any key, and those with this key.
pub(super) fn up_to(columns: &KeyColumns, first: usize) -> String {
    format!("coalesce({}, 0) = 0", behind_any(columns, first))
}

fn joined(columns: &KeyColumns, separator: &str, text: impl Fn(usize, &str) -> String) -> String {
    let texts = names(columns).enumerate();
    let texts: Vec<_> = texts.map(|(index, column)| text(index, &column)).collect();
    texts.join(separator)
}

fn names(columns: &KeyColumns) -> impl Iterator<Item = String> {
    columns
        .names()
        .map(|name| format!("p.{}", identifier(name)))
}
