//! Environment variables that override single keys.

use std::env;

use super::{Config, ConfigError, KeyError, Value, keys};

const PREFIX: &str = "SHOPMASTER_";
/// Stands for the dot of a key.
const DOT: &str = "__";

/// The process's `SHOPMASTER_*` variables, except those that are not Unicode.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with(PREFIX))
}

/// Sets the keys that variables name, and returns these keys, sorted.
pub(super) fn override_keys(
    config: &mut Config,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Vec<String>, ConfigError> {
    let mut variables: Vec<_> = variables
        .into_iter()
        .filter(|(name, _)| name.strip_prefix(PREFIX).is_some_and(|s| s.contains(DOT)))
        .collect();
    variables.sort();
    let mut overridden = Vec::new();
    for (name, text) in variables {
        let path = name[PREFIX.len()..].to_ascii_lowercase().replace(DOT, ".");
        match override_key(config, &path, &text) {
            Ok(()) => overridden.push(path),
            Err(source) => return Err(ConfigError::Environment { name, source }),
        }
    }
    Ok(overridden)
}

/// Sets one key from a string, which is parsed as the key's type.
fn override_key(config: &mut Config, path: &str, text: &str) -> Result<(), KeyError> {
    let (key, allowed) = keys::find(path)?;
    let value = match config.get(key) {
        // A string that is not a number may be empty, which leaves the key unset.
        Some(Value::Integer(_)) => Some(text.parse().map_or_else(|_| text.into(), Value::Integer)),
        Some(Value::Flag(_)) => text.parse().ok().map(Value::Flag),
        Some(Value::List(_)) => list(text),
        _ => Some(Value::from(text)),
    };
    let Some(value) = value else {
        return Err(KeyError::Value {
            key,
            value: text.to_owned(),
            allowed,
        });
    };
    config.set(key, &value)
}

/// A list as the file has it: `[1, 2]`, `[{ column = "Sold", is = [1] }]`.
fn list(text: &str) -> Option<Value> {
    let table: toml::Table = toml::from_str(&format!("list = {text}")).ok()?;
    Value::of_toml(table.get("list")?)
}

#[cfg(test)]
mod tests {
    use std::{error::Error as _, fs};

    use super::super::load;
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn variables_win_over_the_file_in_the_type_of_their_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(
            &path,
            "[catalog]\nserver = \"file\"\ndatabase = \"file\"\n[digible]\nbatch_size = 7\n",
        )
        .unwrap();
        let loaded = load(
            &path,
            variables(&[
                ("SHOPMASTER_SYNC__AUTOMATIC", "false"),
                ("SHOPMASTER_CATALOG__SERVER", "12"),
                ("SHOPMASTER_CATALOG__COLUMNS__QR_CODE", "Bar Code"),
                ("SHOPMASTER_DIGIBLE__BATCH_SIZE", "50"),
                ("SHOPMASTER_SYNC__INTERVAL", "90s"),
                ("SHOPMASTER_HOME", "/x"),
                ("SHOPMASTER_SQL_PASSWORD", "secret"),
                ("OTHER_CATALOG__SERVER", "x"),
            ]),
        )
        .unwrap();
        assert_eq!(loaded.config.catalog.server, "12");
        assert_eq!(loaded.config.catalog.database, "file");
        assert_eq!(loaded.config.catalog.columns.qr_code, "Bar Code");
        assert_eq!(loaded.config.digible.batch_size, 50);
        assert!(!loaded.config.sync.automatic);
        assert_eq!(loaded.config.sync.interval.as_secs(), 90);
        assert_eq!(
            loaded.overridden,
            [
                "catalog.columns.qr_code",
                "catalog.server",
                "digible.batch_size",
                "sync.automatic",
                "sync.interval"
            ]
        );
    }

    #[test]
    fn a_number_that_may_be_unset_is_set_and_unset() {
        let set = |config: &mut Config, text| {
            let variable = variables(&[("SHOPMASTER_CATALOG__PRICE_DIGITS", text)]);
            override_keys(config, variable).unwrap();
            config.catalog.price_digits
        };
        let mut config = Config::default();
        assert_eq!(set(&mut config, "2"), Some(2));
        assert_eq!(set(&mut config, "0"), Some(0));
        assert_eq!(set(&mut config, ""), None);
    }

    #[test]
    fn a_list_is_written_as_in_the_file() {
        let mut config = Config::default();
        let only = "[{ column = \"Discontinued\", is = [0] }]";
        let given = variables(&[
            ("SHOPMASTER_CATALOG__ONLY", only),
            ("SHOPMASTER_CATALOG__SOLD_WHEN", "[1]"),
        ]);
        override_keys(&mut config, given).unwrap();
        assert_eq!(config.catalog.only[0].column, "Discontinued");
        assert_eq!(config.catalog.sold_when.len(), 1);
        let wrong = variables(&[("SHOPMASTER_CATALOG__ONLY", "Discontinued = 0")]);
        assert!(override_keys(&mut config, wrong).is_err());
    }

    #[test]
    fn a_wrong_variable_is_named() {
        for (name, value, why) in [
            (
                "SHOPMASTER_CATALOG__SEVER",
                "secret",
                "unknown key `catalog.sever`; did you mean `catalog.server`?",
            ),
            (
                "SHOPMASTER_SYNC__AUTOMATIC",
                "maybe",
                "`sync.automatic` cannot be `maybe`; use `true` or `false`",
            ),
            (
                "SHOPMASTER_DIGIBLE__BATCH_SIZE",
                "201",
                "`digible.batch_size` cannot be `201`; use a whole number from 1 to 200",
            ),
            (
                "SHOPMASTER_DIGIBLE__BATCH_SIZE",
                "many",
                "`digible.batch_size` cannot be `many`; use a whole number from 1 to 200",
            ),
            (
                "SHOPMASTER_CATALOG__PRICE_DIGITS",
                "two",
                "`catalog.price_digits` cannot be `two`; use a whole number from 0 to 10, or an empty string for as many decimal places as the column has",
            ),
        ] {
            let error = override_keys(&mut Config::default(), variables(&[(name, value)]));
            let error = error.unwrap_err();
            assert_eq!(error.to_string(), format!("environment variable `{name}`"));
            assert_eq!(error.source().unwrap().to_string(), why);
        }
    }
}
