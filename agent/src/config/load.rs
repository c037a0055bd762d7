//! Reads the file and the environment over the defaults.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use toml_edit::{Document, Item, TableLike, TomlError};

use super::{
    Config, KeyError, Value, environment,
    keys::{self, is_table},
};

/// A configuration, and where it differs from its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The values in use.
    pub config: Config,
    /// The keys whose value comes from the environment, such as `catalog.server`, sorted.
    pub overridden: Vec<String>,
}

/// Why the configuration cannot be used. The file is not changed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file exists, but cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("`{path}`, line {line}, column {column}: {message}: `{text}`")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// The line's text.
        text: String,
        /// The parser's message.
        message: String,
    },
    /// A key of the file is unknown, or its value is not allowed.
    #[error("`{path}`, line {line}")]
    Key {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key, and why it is refused.
        #[source]
        source: KeyError,
    },
    /// An environment variable names an unknown key, or its value is not allowed.
    #[error("environment variable `{name}`")]
    Environment {
        /// The variable.
        name: String,
        /// The key, and why it is refused.
        #[source]
        source: KeyError,
    },
}

/// Reads the configuration: the defaults, overridden by the file, overridden by the variables of `environment` that
/// name a key, such as `SHOPMASTER_CATALOG__SERVER`.
///
/// # Errors
///
/// When the file cannot be read or is not valid, or a variable is not. A missing file is not an error.
pub fn load(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, ConfigError> {
    let mut config = parse(path, &read(path)?)?;
    let overridden = environment::override_keys(&mut config, environment)?;
    Ok(Loaded { config, overridden })
}

/// The file's text; empty when there is no file.
pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        result => result.map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

/// The file's values over the defaults. `path` is for messages.
pub(super) fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
    let document = Document::parse(text).map_err(|error| syntax(path, text, &error))?;
    let mut reader = Reader {
        path,
        text,
        config: Config::default(),
    };
    reader.table("", document.as_table())?;
    Ok(reader.config)
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    config: Config,
}

impl Reader<'_> {
    fn table(&mut self, prefix: &str, table: &dyn TableLike) -> Result<(), ConfigError> {
        for (name, item) in table.iter() {
            let path = format!("{prefix}{name}");
            let below = is_table(&path).then(|| item.as_table_like()).flatten();
            if let Some(below) = below {
                self.table(&format!("{path}."), below)?;
                continue;
            }
            self.key(&path, item).map_err(|source| {
                let span = table.key(name).and_then(toml_edit::Key::span);
                ConfigError::Key {
                    path: self.path.to_owned(),
                    line: position(self.text, span.map_or(0, |span| span.start)).line,
                    source,
                }
            })?;
        }
        Ok(())
    }

    fn key(&mut self, path: &str, item: &Item) -> Result<(), KeyError> {
        let (key, allowed) = keys::find(path)?;
        let Some(value) = Value::of_item(item) else {
            return Err(KeyError::Value {
                key,
                value: item.to_string().trim().to_owned(),
                allowed,
            });
        };
        self.config.set(key, &value)
    }
}

struct Position<'a> {
    line: usize,
    column: usize,
    text: &'a str,
}

/// The line that contains the byte at `offset`.
fn position(text: &str, offset: usize) -> Position<'_> {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    Position {
        line: before.matches('\n').count() + 1,
        column: before[start..].chars().count() + 1,
        text: text[start..].lines().next().unwrap_or_default(),
    }
}

fn syntax(path: &Path, text: &str, error: &TomlError) -> ConfigError {
    let position = position(text, error.span().map_or(0, |span| span.start));
    ConfigError::Syntax {
        path: path.to_owned(),
        line: position.line,
        column: position.column,
        text: position.text.trim_end().to_owned(),
        message: error.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::{error::Error as _, time::Duration};

    use super::super::CatalogKind;
    use super::*;

    const FILE: &str = "config.toml";

    fn refusal(text: &str) -> (String, String) {
        let error = parse(Path::new(FILE), text).unwrap_err();
        let source = error.source().map(ToString::to_string);
        (error.to_string(), source.unwrap_or_default())
    }

    #[test]
    fn a_missing_file_is_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let loaded = load(&folder.path().join(FILE), []).unwrap();
        assert_eq!(loaded.config, Config::default());
        assert!(loaded.overridden.is_empty());
    }

    #[test]
    fn keys_may_be_written_in_every_form_that_toml_has() {
        let text = "\u{feff}digible.email = \"a@example.com\"\r\n\
            sync = { automatic = false, interval = \"1h30m\" }\r\n\
            [catalog]\r\nkind = 'sqlite'\r\n[catalog.columns]\r\nid = \"Art. Nr\"\r\n";
        let config = parse(Path::new(FILE), text).unwrap();
        assert_eq!(config.digible.email, "a@example.com");
        assert!(!config.sync.automatic);
        assert_eq!(config.sync.interval, Duration::from_secs(5400));
        assert_eq!(config.catalog.kind, Some(CatalogKind::Sqlite));
        assert_eq!(config.catalog.columns.id.first, "Art. Nr");
    }

    #[test]
    fn a_syntax_error_shows_its_place() {
        let (message, _) = refusal("[catalog]\nkind = \"sqlite\"\nserver = \"a\n");
        assert!(
            message.starts_with("`config.toml`, line 3, column"),
            "{message}"
        );
        assert!(message.ends_with(": `server = \"a`"), "{message}");
        let (message, _) = refusal("[log]\nlevel = \"info\"\nlevel = \"warn\"\n");
        assert!(message.contains("line 3, column 1"), "{message}");
    }

    #[test]
    fn an_unknown_key_is_named_in_full() {
        let (message, source) = refusal("# mine\n\n[digible]\nemial = \"a@example.com\"\n");
        assert_eq!(message, "`config.toml`, line 4");
        assert_eq!(
            source,
            "unknown key `digible.emial`; did you mean `digible.email`?"
        );
        let (message, source) = refusal("[catalog.colums]\nid = 'x'\n");
        assert_eq!(message, "`config.toml`, line 1");
        assert!(source.contains("`catalog.colums`"), "{source}");
    }

    #[test]
    fn a_value_of_another_kind_is_named_with_its_key() {
        let (message, source) = refusal("[digible]\nbatch_size = 1.5\n");
        assert_eq!(message, "`config.toml`, line 2");
        assert_eq!(
            source,
            "`digible.batch_size` cannot be `1.5`; use a whole number from 1 to 200"
        );
        for (text, key) in [
            ("catalog = 1", "catalog"),
            ("[[catalog]]\nkind = 'sqlite'", "catalog"),
            ("[catalog.server]\nname = 'x'", "catalog.server"),
            ("[catalog.server]", "catalog.server"),
            ("sync.verify = 03:00:00", "sync.verify"),
            ("sync.verify = ['03:00']", "sync.verify"),
        ] {
            let (_, source) = refusal(text);
            assert!(source.starts_with(&format!("`{key}` ")), "{text}: {source}");
        }
    }

    #[test]
    fn lists_may_be_written_in_every_form_that_toml_has() {
        let text = "[catalog]\nsold_when = 1\n\
            watch = [{ table = 'Prices', key = 'Code', column = 'Code' }]\n\
            [[catalog.only]]\ncolumn = 'Discontinued'\nis = 0\n\
            [[catalog.only]]\ncolumn = 'DeletedAt'\nis_null = true\n\
            [catalog.columns]\nid = ['CompanyID', 'ItemNo']\n";
        let text = text.replace("sold_when = 1", "sold_when = [1, 'A']");
        let catalog = parse(Path::new(FILE), &text).unwrap().catalog;
        assert_eq!(catalog.sold_when.len(), 2);
        assert_eq!(catalog.watch[0].key, "Code");
        assert_eq!(catalog.only.len(), 2);
        assert_eq!(catalog.only[0].column, "Discontinued");
        assert_eq!(catalog.columns.id.more, ["ItemNo"]);
    }

    #[test]
    fn a_list_that_makes_no_sense_is_named_with_its_line() {
        for text in [
            "[catalog]\nonly = [{ column = 'a' }]",
            "[catalog]\nonly = [{ column = 'a', is = [1], is_null = true }]",
            "[catalog]\nonly = [{ column = 'a', is = [] }]",
            "[catalog]\nonly = [{ column = 'a', is = [1.5] }]",
            "[catalog]\nonly = [{ column = '', is = [1] }]",
            "[catalog]\nonly = [{ column = 'a', iz = [1] }]",
            "[catalog]\nonly = 'a = 1'",
            "[catalog]\n[[catalog.only]]\ncolumn = 'a'\nnot_null = false",
        ] {
            let (message, source) = refusal(text);
            assert!(
                message.starts_with("`config.toml`, line "),
                "{text}: {message}"
            );
            assert!(
                source.starts_with("`catalog.only` cannot be "),
                "{text}: {source}"
            );
        }
        for (text, key) in [
            ("[catalog.columns]\nid = []", "catalog.columns.id"),
            ("[catalog.columns]\nid = ['A', 'A']", "catalog.columns.id"),
            (
                "[catalog.columns]\nseparator = 'x'",
                "catalog.columns.separator",
            ),
            (
                "[catalog.columns]\nseparator = ''",
                "catalog.columns.separator",
            ),
            ("[catalog]\nprice_text = '1234'", "catalog.price_text"),
            (
                "[catalog]\nwatch = [{ table = 'a', key = '', column = 'c' }]",
                "catalog.watch",
            ),
        ] {
            let (_, source) = refusal(text);
            assert!(
                source.starts_with(&format!("`{key}` cannot be ")),
                "{text}: {source}"
            );
        }
    }

    #[test]
    fn a_file_that_is_not_text_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, b"\xff\xfe[\0c\0").unwrap();
        let error = load(&path, []).unwrap_err();
        assert!(matches!(error, ConfigError::Read { .. }), "{error}");
    }
}
