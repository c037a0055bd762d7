//! The key of a row as one SQL expression, for a trigger to record.

use shopmaster_catalog::KeyColumns;

use super::quote::{identifier, text};

/// The key of the row `alias`, as the rest of the program shows it.
pub(super) fn of(columns: &KeyColumns, alias: &str) -> String {
    let parts: Vec<_> = columns
        .names()
        .map(|name| format!("{alias}.{}", identifier(name)))
        .collect();
    match &parts[..] {
        [part] => part.clone(),
        parts => joined(parts, &text(columns.separator())),
    }
}

/// The parts with the separator between them, or a list of literals where that would not be clear.
///
/// The same as `RowKey::shown`, in the SQL of 2009.
fn joined(parts: &[String], separator: &str) -> String {
    let is_value = |part: &String| format!("typeof({part}) IN ('text', 'integer')");
    // A separator has no letters, so the first one in the text is the one behind the part.
    let is_clear =
        |part: &String| format!("replace({part} || {separator}, {separator}, 'x') = {part} || 'x'");
    let before = &parts[..parts.len() - 1];
    let conditions: Vec<_> = parts
        .iter()
        .map(is_value)
        .chain(before.iter().map(is_clear))
        .collect();
    let literals: Vec<_> = parts.iter().map(|part| format!("quote({part})")).collect();
    format!(
        "(CASE WHEN {} THEN {} ELSE '(' || {} || ')' END)",
        conditions.join(" AND "),
        parts.join(&format!(" || {separator} || ")),
        literals.join(" || ', ' || ")
    )
}
