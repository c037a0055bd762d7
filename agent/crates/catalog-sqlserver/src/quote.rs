//! Names and texts in T-SQL.

/// A name in brackets, whatever is in it.
pub(crate) fn identifier(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

/// A text in quotes, whatever is in it.
pub(crate) fn literal(text: &str) -> String {
    format!("N'{}'", text.replace('\'', "''"))
}
