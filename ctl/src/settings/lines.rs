//! Settings as `key = value` lines.

use super::{Changes, FIELDS};

/// Key of the Digible password.
const DIGIBLE_PASSWORD: &str = "digible.password";
/// Key of the SQL password.
const SQL_PASSWORD: &str = "catalog.password";

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It has no equals sign.
    #[error("line {0} is not `key = value`")]
    NoValue(usize),
    /// Its key is not a setting.
    #[error("line {line}: unknown setting `{key}`")]
    UnknownKey {
        /// Number of the line, from 1.
        line: usize,
        /// The key.
        key: String,
    },
    /// The setting does not accept the value.
    #[error("line {line}: `{key}`: {problem}")]
    BadValue {
        /// Number of the line, from 1.
        line: usize,
        /// The key.
        key: String,
        /// What is wrong with the value.
        problem: String,
    },
}

/// Reads `key = value` lines: keys of the configuration file, `digible.password` and
/// `catalog.password`. Empty lines and lines that start with `#` are skipped. A value in double
/// quotes loses the quotes, so that it can begin and end with spaces.
pub fn read(text: &str) -> Result<Changes, LineError> {
    let mut changes = Changes::default();
    for (index, content) in text.lines().enumerate() {
        let line = index + 1;
        let content = content.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let (key, value) = content.split_once('=').ok_or(LineError::NoValue(line))?;
        let (key, value) = (key.trim(), unquoted(value.trim(), '"'));
        match key {
            DIGIBLE_PASSWORD => changes.secrets.digible_password = Some(value.to_owned()),
            SQL_PASSWORD => changes.secrets.sql_password = Some(value.to_owned()),
            _ => {
                let field = FIELDS.iter().find(|field| field.path == key);
                let field = field.ok_or_else(|| LineError::UnknownKey {
                    line,
                    key: key.to_owned(),
                })?;
                changes
                    .set(field, value)
                    .map_err(|problem| LineError::BadValue {
                        line,
                        key: key.to_owned(),
                        problem,
                    })?;
            }
        }
    }
    Ok(changes)
}

/// The text without the pair of quotes around it, if there is one.
pub fn unquoted(text: &str, quote: char) -> &str {
    text.strip_prefix(quote)
        .and_then(|rest| rest.strip_suffix(quote))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_changes() {
        let changes = read(
            "# the shop\n\n catalog.table = dbo.Products \r\ndigible.timeout=30s\n\
             digible.password = a = b#\ncatalog.password = \" x \"\nsync.verify=\n",
        )
        .unwrap();
        assert_eq!(changes.secrets.digible_password.as_deref(), Some("a = b#"));
        assert_eq!(changes.secrets.sql_password.as_deref(), Some(" x "));
        let request = changes.into_request();
        assert_eq!(
            request.update_mask.unwrap().paths,
            ["catalog.table", "digible.timeout", "sync.verify"]
        );
        let settings = request.settings.unwrap();
        assert_eq!(settings.catalog.unwrap().table, "dbo.Products");
        assert_eq!(settings.digible.unwrap().timeout.unwrap().seconds, 30);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let refuse = |text: &str| read(text).map(|_| ()).unwrap_err().to_string();
        assert_eq!(refuse("\nnonsense"), "line 2 is not `key = value`");
        assert_eq!(
            refuse("catalog.tabel = x"),
            "line 1: unknown setting `catalog.tabel`"
        );
        assert_eq!(
            refuse("digible.batch_size = many"),
            "line 1: `digible.batch_size`: not a whole number"
        );
    }

    #[test]
    fn only_a_pair_of_quotes_is_taken_off() {
        let shown = ["\"a\"", "\"a", "a\"", "\"", "\"\""].map(|text| unquoted(text, '"'));
        assert_eq!(shown, ["a", "\"a", "a\"", "\"", ""]);
    }
}
