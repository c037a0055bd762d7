//! Names and strings in T-SQL.

/// A name in brackets, whatever characters it contains.
pub(crate) fn identifier(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

/// A string literal, whatever characters it contains.
pub(crate) fn literal(text: &str) -> String {
    format!("N'{}'", text.replace('\'', "''"))
}
