//! Names in SQL.

/// A name as an SQL identifier, whatever characters it contains.
///
/// Source: <https://www.sqlite.org/lang_keywords.html>.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_a_name_is_doubled() {
        assert_eq!(identifier("Products"), r#""Products""#);
        assert_eq!(identifier(r#"a"b]c'd.e"#), r#""a""b]c'd.e""#);
    }
}
