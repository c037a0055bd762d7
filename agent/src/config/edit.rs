//! Sets and gets single keys by their path.

use std::{collections::BTreeMap, fmt};

use super::{
    Config,
    keys::{self, KeyError},
    limits,
};

/// One key's new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The key, for example `catalog.server`.
    pub path: String,
    /// Its new value.
    pub value: Value,
}

/// A key's value in TOML's types; durations, times and words are strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A string.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// True or false.
    Flag(bool),
    /// A list.
    List(Vec<Value>),
    /// A table, inside a list.
    Table(BTreeMap<String, Value>),
}

impl Config {
    /// The value of one key; none when the key is unknown.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<Value> {
        let (path, _) = keys::find(path).ok()?;
        let mut table = toml::Table::try_from(self).ok()?;
        Value::of_toml(slot(&mut table, path)?)
    }

    /// Sets one key.
    ///
    /// # Errors
    ///
    /// When the key is unknown, or does not allow the value; then nothing is changed.
    pub fn set(&mut self, path: &str, value: &Value) -> Result<(), KeyError> {
        let (path, allowed) = keys::find(path)?;
        let Some(config) = self.with(path, value) else {
            return Err(KeyError::Value {
                key: path,
                value: value.to_string(),
                allowed,
            });
        };
        *self = config;
        Ok(())
    }

    /// Sets all of these keys, or none of them. Returns the keys whose value has changed.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set), for the first key that is refused.
    pub fn edit(&mut self, edits: &[Edit]) -> Result<Vec<String>, KeyError> {
        let mut config = self.clone();
        for Edit { path, value } in edits {
            config.set(path, value)?;
        }
        let changed = edits
            .iter()
            .map(|edit| &edit.path)
            .filter(|path| config.get(path) != self.get(path))
            .cloned()
            .collect();
        *self = config;
        Ok(changed)
    }

    /// This configuration with one key changed; none when the value is not allowed.
    fn with(&self, path: &'static str, value: &Value) -> Option<Self> {
        let mut table = toml::Table::try_from(self).ok()?;
        *slot(&mut table, path)? = value.to_toml();
        let config: Self = table.try_into().ok()?;
        limits::allow(&config, path).then_some(config)
    }
}

fn slot<'a>(table: &'a mut toml::Table, path: &str) -> Option<&'a mut toml::Value> {
    match path.split_once('.') {
        None => table.get_mut(path),
        Some((name, rest)) => slot(table.get_mut(name)?.as_table_mut()?, rest),
    }
}

impl Edit {
    /// A new value for the key at `path`.
    pub fn new(path: impl Into<String>, value: impl Into<Value>) -> Self {
        Self {
            path: path.into(),
            value: value.into(),
        }
    }
}

impl Value {
    /// None for the types that no key has.
    pub(super) fn of_toml(value: &toml::Value) -> Option<Self> {
        Some(match value {
            toml::Value::String(text) => Self::Text(text.clone()),
            toml::Value::Integer(number) => Self::Integer(*number),
            toml::Value::Boolean(flag) => Self::Flag(*flag),
            toml::Value::Array(values) => {
                Self::List(values.iter().map(Self::of_toml).collect::<Option<_>>()?)
            }
            toml::Value::Table(table) => {
                let entry =
                    |(name, value): (&String, _)| Some((name.clone(), Self::of_toml(value)?));
                Self::Table(table.iter().map(entry).collect::<Option<_>>()?)
            }
            toml::Value::Float(_) | toml::Value::Datetime(_) => return None,
        })
    }

    fn to_toml(&self) -> toml::Value {
        match self {
            Self::Text(text) => toml::Value::String(text.clone()),
            Self::Integer(number) => toml::Value::Integer(*number),
            Self::Flag(flag) => toml::Value::Boolean(*flag),
            Self::List(values) => toml::Value::Array(values.iter().map(Self::to_toml).collect()),
            Self::Table(entries) => {
                let entries = entries
                    .iter()
                    .map(|(name, value)| (name.clone(), value.to_toml()));
                toml::Value::Table(entries.collect())
            }
        }
    }
}

impl fmt::Display for Value {
    /// The value as a person would write it, without TOML's quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::List(_) | Self::Table(_) => write!(f, "{}", self.to_toml()),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_keys_is_the_list_of_fields() {
        fn flatten(prefix: &str, table: &toml::Table, into: &mut Vec<String>) {
            for (name, value) in table {
                match value.as_table() {
                    Some(table) => flatten(&format!("{prefix}{name}."), table, into),
                    None => into.push(format!("{prefix}{name}")),
                }
            }
        }
        let mut fields = Vec::new();
        let table = toml::Table::try_from(Config::default()).unwrap();
        flatten("", &table, &mut fields);
        let mut keys = keys::KEYS.map(|(key, _)| key.to_owned()).to_vec();
        keys.sort();
        fields.sort();
        assert_eq!(keys, fields);
    }

    #[test]
    fn a_refused_value_says_what_is_allowed_and_changes_nothing() {
        let mut config = Config::default();
        let error = config.set("digible.batch_size", &0_u32.into()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`digible.batch_size` cannot be `0`; use a whole number from 1 to 200"
        );
        let error = config
            .set("catalog.kind", &"mysql".into())
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "`catalog.kind` cannot be `mysql`; use `sqlserver` or `sqlite`"
        );
        let error = config.set("metrics.listen", &"0.0.0.0:9464".into());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("a loopback address"), "{error}");
        assert!(error.contains("`remote.listen`"), "{error}");
        for (path, value) in [
            ("catalog.server", Value::Integer(1)),
            ("catalog.path", "shop.db".into()),
            ("catalog.price_digits", Value::Integer(11)),
            ("catalog.price_digits", Value::Integer(-1)),
            ("catalog.price_digits", Value::Integer(258)),
            ("catalog.price_digits", "11".into()),
            ("catalog.price_digits", "2.0".into()),
            ("catalog.price_digits", " ".into()),
            ("catalog.price_digits", true.into()),
            (
                "catalog.sold_when",
                Value::List(vec![Value::List(Vec::new())]),
            ),
            ("catalog.sold_when", Value::List(vec![1_i64.into(); 1_001])),
            ("digible.base_url", "ftp://x".into()),
            ("digible.base_url", "https://".into()),
            ("digible.base_url", "https://x/?a=b".into()),
            ("sync.verify_limit", Value::Integer(0)),
            ("sync.verify_limit", Value::Integer(101)),
            ("digible.max_in_flight", Value::Integer(65)),
            ("digible.max_in_flight", Value::Integer(-1)),
            ("digible.bulk_threshold", Value::Integer(1 << 40)),
            ("digible.timeout", "99ms".into()),
            ("digible.timeout", "61m".into()),
            ("sync.automatic", "true".into()),
            ("sync.interval", "0s".into()),
            ("sync.interval", "25h".into()),
            ("sync.interval", "soon".into()),
            ("sync.interval", "-2m".into()),
            ("sync.probe", Value::Integer(2)),
            ("sync.verify", "3 o'clock".into()),
            ("remote.listen", "7443".into()),
            ("metrics.listen", "9464".into()),
            ("metrics.listen", "0.0.0.0:9464".into()),
            ("metrics.listen", "[::]:9464".into()),
            ("metrics.listen", "192.168.1.2:9464".into()),
            ("metrics.listen", "127.0.0.1:0".into()),
            ("metrics.listen", "localhost:9464".into()),
            ("sync.removed", "quiet".into()),
            ("secrets.store", "".into()),
            ("log.level", "verbose".into()),
        ] {
            assert!(config.set(path, &value).is_err(), "{path} = {value}");
        }
        assert_eq!(config, Config::default());
    }

    #[test]
    fn what_is_set_is_what_is_got() {
        let mut config = Config::default();
        for (path, value) in [
            ("catalog.kind", Value::from("sqlserver")),
            ("catalog.encryption", "login-only".into()),
            ("catalog.trust", "any".into()),
            ("catalog.price_digits", Value::Integer(0)),
            ("catalog.price_digits", Value::Integer(10)),
            ("catalog.price_digits", "".into()),
            ("digible.base_url", "http://127.0.0.1:9000/v1".into()),
            ("digible.batch_size", Value::Integer(200)),
            ("sync.automatic", false.into()),
            ("sync.interval", "1h 30m".into()),
            ("sync.verify", "off".into()),
            ("remote.listen", "0.0.0.0:7443".into()),
            ("metrics.listen", "127.0.0.1:9464".into()),
            ("metrics.listen", "[::1]:9464".into()),
            ("metrics.listen", "".into()),
            ("catalog.kind", "".into()),
        ] {
            config.set(path, &value).unwrap();
            assert_eq!(config.get(path), Some(value), "{path}");
        }
        config.set("sync.interval", &"1h30m".into()).unwrap();
        assert_eq!(config.get("sync.interval"), Some("1h 30m".into()));
        config.set("catalog.price_digits", &"2".into()).unwrap();
        assert_eq!(config.get("catalog.price_digits"), Some(Value::Integer(2)));
        assert_eq!(config.get("sync"), None);
    }

    #[test]
    fn edits_are_taken_together_or_not_at_all() {
        let mut config = Config::default();
        let mut edits = vec![
            Edit::new("digible.email", "shop@example.com"),
            Edit::new("sync.probe", "2s"),
        ];
        assert_eq!(config.edit(&edits).unwrap(), ["digible.email"]);
        edits[0].value = "other@example.com".into();
        edits.push(Edit::new("sync.pobe", "3s"));
        assert!(matches!(config.edit(&edits), Err(KeyError::Unknown { .. })));
        assert_eq!(config.digible.email, "shop@example.com");
    }
}
