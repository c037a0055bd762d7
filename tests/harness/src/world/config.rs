//! The agent's configuration file for a test.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::Value;

/// Configuration keys by their dotted path (`digible.email`) and their values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config(BTreeMap<String, Value>);

impl Config {
    /// Sets one key to a string, a whole number, or true or false.
    pub fn set(&mut self, path: &str, value: impl Into<Value>) -> &mut Self {
        self.0.insert(path.to_owned(), value.into());
        self
    }

    /// Resets one key to its default.
    pub fn unset(&mut self, path: &str) -> &mut Self {
        self.0.remove(path);
        self
    }

    /// Sets all keys that `other` has.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The file's text.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut sections: BTreeMap<&str, String> = BTreeMap::new();
        for (path, value) in &self.0 {
            let (section, key) = path.rsplit_once('.').unwrap_or(("", path));
            // Strings, numbers and booleans of JSON are valid in TOML, too.
            let _infallible = writeln!(sections.entry(section).or_default(), "{key} = {value}");
        }
        let mut text = String::new();
        for (section, keys) in sections {
            if !section.is_empty() {
                let _infallible = writeln!(text, "[{section}]");
            }
            text.push_str(&keys);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_grouped_by_their_section() {
        let mut config = Config::default();
        config
            .set("digible.email", "a \"b\" \\ ü")
            .set("digible.batch_size", 10)
            .set("catalog.columns.id", "Key")
            .set("catalog.kind", "sqlite")
            .set("sync.automatic", false)
            .set("top", true)
            .unset("digible.batch_size");
        assert_eq!(
            config.to_toml(),
            "top = true\n\
             [catalog]\nkind = \"sqlite\"\n\
             [catalog.columns]\nid = \"Key\"\n\
             [digible]\nemail = \"a \\\"b\\\" \\\\ ü\"\n\
             [sync]\nautomatic = false\n"
        );
    }
}
