//! Every key, its allowed values, and the key that was probably meant by an unknown one.

/// How similar two keys must be, from 0 to 1, before one is suggested for the other.
const ALIKE: f64 = 0.7;

/// Every key with its allowed values, in the order of the documentation.
pub(super) const KEYS: [(&str, &str); 42] = [
    ("catalog.kind", "`sqlserver` or `sqlite`"),
    ("catalog.server", r"`host`, `host\instance` or `host,port`"),
    ("catalog.database", "the database's name"),
    ("catalog.table", "the table's name"),
    ("catalog.auth", "`windows` or `sql`"),
    ("catalog.username", "the login's name"),
    (
        "catalog.encryption",
        "`required`, `login-only`, `none`, or an empty string for the default",
    ),
    (
        "catalog.trust",
        "`system`, `any`, `pin:` and the SHA-256 digest of the certificate, or an empty string for the default",
    ),
    ("catalog.path", "the absolute path of the database file"),
    ("catalog.capture", "`trigger`, `scan` or `both`"),
    (
        "catalog.price_digits",
        "a whole number from 0 to 10, or an empty string for as many decimal places as the column has",
    ),
    (
        "catalog.price_text",
        "an example of how prices are written, such as `1234.50`, `1.234,50` or `1 234,50`, or an empty string for a decimal point",
    ),
    (
        "catalog.sold_when",
        "a list of at most 1,000 values such as `[1]`, with `catalog.columns.status` set",
    ),
    (
        "catalog.only",
        "tables such as `{ column = \"Discontinued\", is = [0] }`, each with one of `is`, `is_not`, `is_null = true` and `not_null = true`, and at most 1,000 values",
    ),
    (
        "catalog.watch",
        "tables such as `{ table = \"dbo.Prices\", key = \"Code\", column = \"Code\" }`",
    ),
    (
        "catalog.columns.id",
        "a column's name, or a list of the names of columns that are unique together",
    ),
    (
        "catalog.columns.separator",
        "one to three characters that are neither letters nor digits",
    ),
    ("catalog.columns.name", "a column's name"),
    ("catalog.columns.price", "a column's name"),
    ("catalog.columns.qr_code", "a column's name"),
    (
        "catalog.columns.status",
        "a column's name, as long as `catalog.sold_when` has values",
    ),
    (
        "digible.base_url",
        "an address that starts with `https://` or `http://`, without `?` and `#`",
    ),
    ("digible.email", "the account's email"),
    ("digible.batch_size", "a whole number from 1 to 200"),
    ("digible.max_in_flight", "a whole number from 1 to 64"),
    ("digible.bulk_threshold", "a whole number from 0"),
    (
        "digible.ca_file",
        "the absolute path of a PEM file, or an empty string for none",
    ),
    (
        "digible.timeout",
        "a duration such as `30s`, from `100ms` to `1h`",
    ),
    (
        "digible.late_window",
        "a duration such as `2m30s`, from `100ms` to `24h`, or an empty string for five times `digible.timeout`, at least two minutes",
    ),
    ("sync.automatic", "`true` or `false`"),
    (
        "sync.interval",
        "a duration such as `2m` or `1h30m`, from `1s` to `24h`",
    ),
    (
        "sync.probe",
        "a duration such as `2s`, from `100ms` to `24h`",
    ),
    ("sync.verify", "a local time such as `03:00`, or `off`"),
    ("sync.verify_limit", "a whole number from 1 to 100"),
    ("sync.removed", "`attention` or `note`"),
    (
        "remote.listen",
        "an address and port such as `0.0.0.0:7443`, or an empty string for off",
    ),
    (
        "remote.certificate",
        "the absolute path of a PEM file, or an empty string for a certificate that the agent makes",
    ),
    (
        "remote.key",
        "the absolute path of a PEM file, or an empty string",
    ),
    ("secrets.store", "`auto`, `os` or `file`"),
    ("log.level", "`error`, `warn`, `info`, `debug` or `trace`"),
    ("tray.notifications", "`true` or `false`"),
    (
        "metrics.listen",
        "a loopback address and port such as `127.0.0.1:9464`, because everyone who reaches the port may read the metrics, or an empty string for off; other computers read them with a token from the remote listener (`remote.listen`)",
    ),
];

/// Why a key cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key is unknown.
    #[error("unknown key `{key}`{}", hint(suggestion.as_deref()))]
    Unknown {
        /// The key.
        key: String,
        /// The key that was probably meant.
        suggestion: Option<&'static str>,
    },
    /// A table was given a value.
    #[error("`{key}` is a table and cannot have a value")]
    Table {
        /// The table.
        key: String,
    },
    /// The value is of another type or out of range.
    #[error("`{key}` cannot be `{value}`; use {allowed}")]
    Value {
        /// The key.
        key: &'static str,
        /// The value as written.
        value: String,
        /// The allowed values.
        allowed: &'static str,
    },
}

impl KeyError {
    pub(super) fn unknown(key: &str) -> Self {
        Self::Unknown {
            key: key.to_owned(),
            suggestion: suggestion(key),
        }
    }
}

/// The key with this name, and its allowed values.
pub(super) fn find(path: &str) -> Result<(&'static str, &'static str), KeyError> {
    if is_table(path) {
        return Err(KeyError::Table {
            key: path.to_owned(),
        });
    }
    KEYS.into_iter()
        .find(|(key, _)| *key == path)
        .ok_or_else(|| KeyError::unknown(path))
}

/// Whether this is the name of a table.
pub(super) fn is_table(path: &str) -> bool {
    KEYS.iter().any(|(key, _)| {
        key.strip_prefix(path)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

/// The most similar key, even if it is in another table.
fn suggestion(wrong: &str) -> Option<&'static str> {
    let alike = |key: &str| {
        let whole = strsim::normalized_damerau_levenshtein(wrong, key);
        let last = strsim::normalized_damerau_levenshtein(last(wrong), last(key));
        // The right name in the wrong table is a better guess than a similar name.
        whole.max(last * 0.9)
    };
    KEYS.iter()
        .map(|(key, _)| (alike(key), *key))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, key)| key)
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn hint(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |key| format!("; did you mean `{key}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_key_is_answered_with_the_one_that_was_meant() {
        let shown = |path| find(path).unwrap_err().to_string();
        assert_eq!(
            shown("digible.emial"),
            "unknown key `digible.emial`; did you mean `digible.email`?"
        );
        assert!(shown("catalog.email").ends_with("did you mean `digible.email`?"));
        assert!(shown("sync.intervall").ends_with("did you mean `sync.interval`?"));
        assert!(shown("catalog.colums.id").ends_with("did you mean `catalog.columns.id`?"));
        assert_eq!(shown("qqq"), "unknown key `qqq`");
        assert_eq!(
            shown("catalog.columns"),
            "`catalog.columns` is a table and cannot have a value"
        );
    }
}
