//! Names and values in SQL.

use super::key::hexadecimal;

/// A name as an SQL identifier, whatever characters it contains.
///
/// Source: <https://www.sqlite.org/lang_keywords.html>.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as an SQL literal, whatever characters it contains.
///
/// SQLite stops reading a statement at a NUL. The sign keeps the cast from having an affinity, which a literal does not
/// have either.
pub(super) fn text(value: &str) -> String {
    if value.contains('\0') {
        return format!("+CAST(X'{}' AS TEXT)", hexadecimal(value.as_bytes()));
    }
    format!("'{}'", value.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_a_name_is_doubled() {
        assert_eq!(identifier("Products"), r#""Products""#);
        assert_eq!(identifier(r#"a"b]c'd.e"#), r#""a""b]c'd.e""#);
    }

    #[test]
    fn a_text_is_itself() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        for value in ["", "Y", "it's", "'; --", "a\0b", "日本"] {
            let sql = format!("SELECT {}", text(value));
            let read: String = connection.query_one(&sql, [], |row| row.get(0)).unwrap();
            assert_eq!(read, value);
        }
    }
}
