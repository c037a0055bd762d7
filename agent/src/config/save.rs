//! Writes changed keys into the file, and nothing else.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use shopmaster_base::atomic_file::write_atomically;
use toml_edit::{DocumentMut, Item, TableLike};

use super::{
    ConfigError, Edit, Value,
    load::{parse, read},
};

/// Why the file was not changed.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The file cannot be read or is not valid, so it cannot be changed; or it would not be valid with the new
    /// values.
    #[error("the configuration file cannot be changed")]
    Invalid(#[source] ConfigError),
    /// The invalid file could not be set aside.
    #[error("the invalid configuration file `{path}` could not be set aside")]
    SetAside {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
}

/// Changes these keys in the file at `path`, and keeps everything else in it, comments included. A missing file is
/// created.
///
/// # Errors
///
/// When the file is not valid, before or after the change, or cannot be written. Then it is unchanged.
pub fn save(path: &Path, edits: &[Edit]) -> Result<(), SaveError> {
    let text = read(path).map_err(SaveError::Invalid)?;
    parse(path, &text).map_err(SaveError::Invalid)?;
    // What `parse` accepts is valid TOML.
    let mut document: DocumentMut = text.parse().unwrap_or_default();
    apply(&mut document, edits);
    let text = document.to_string();
    parse(path, &text).map_err(SaveError::Invalid)?;
    write_atomically(path, text.as_bytes()).map_err(|source| SaveError::Write {
        path: path.to_owned(),
        source,
    })
}

/// Sets these keys. A key that already has the value is not touched.
pub fn apply(document: &mut DocumentMut, edits: &[Edit]) {
    for Edit { path, value } in edits {
        set(document.as_table_mut(), path, value);
    }
}

/// Renames the file at `path` to `<name>.broken-<UTC time>` in the same folder, and returns the new path.
///
/// # Errors
///
/// When it cannot be renamed.
pub(super) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(
        ".broken-{}",
        Timestamp::now().strftime("%Y%m%dT%H%M%S%.6fZ")
    ));
    let aside = path.with_file_name(name);
    fs::rename(path, &aside)?;
    Ok(aside)
}

fn set(table: &mut dyn TableLike, path: &str, value: &Value) {
    if let Some((name, rest)) = path.split_once('.') {
        let below = table.entry(name).or_insert_with(toml_edit::table);
        if let Some(below) = below.as_table_like_mut() {
            set(below, rest, value);
        }
        return;
    }
    if Value::of_item_at(table, path).as_ref() == Some(value) {
        return;
    }
    if let Some(tables) = value.tables() {
        table.insert(path, Item::ArrayOfTables(tables));
        return;
    }
    let mut new = toml_edit::Value::from(value);
    match table.get_mut(path).and_then(Item::as_value_mut) {
        Some(old) => {
            // Keeps the spaces and the comment around the value.
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        None => {
            table.insert(path, Item::Value(new));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, keys, load};
    use super::*;

    #[test]
    fn only_the_changed_keys_change() {
        let before = "# The shop in the high street\n\
            [sync]  # rarely touched\n\
            probe = \"5s\"\n\
            interval    = \"2m\" # twice a coffee\n\
            automatic = true\n\n\
            [catalog]\n\
            columns = { id = 'Nr' }\n\
            server = 'old'\n";
        let after = "# The shop in the high street\n\
            [sync]  # rarely touched\n\
            probe = \"5s\"\n\
            interval    = \"3m\" # twice a coffee\n\
            automatic = true\n\n\
            [catalog]\n\
            columns = { id = 'Nr' , name = \"Bez\" }\n\
            server = 'old'\n\
            database = \"P\"\n\n\
            [digible]\n\
            max_in_flight = 4\n";
        let mut document: DocumentMut = before.parse().unwrap();
        apply(
            &mut document,
            &[
                Edit::new("sync.interval", "3m"),
                Edit::new("sync.automatic", true),
                Edit::new("catalog.server", "old"),
                Edit::new("catalog.columns.name", "Bez"),
                Edit::new("catalog.database", "P"),
                Edit::new("digible.max_in_flight", 4_u32),
            ],
        );
        assert_eq!(document.to_string(), after);
    }

    #[test]
    fn a_list_of_tables_is_written_as_tables_and_emptied() {
        let condition = [
            ("column".to_owned(), "Sold".into()),
            ("is".to_owned(), Value::List(vec![1_i64.into()])),
        ];
        let list = Value::List(vec![Value::Table(condition.into())]);
        let mut document: DocumentMut = "[catalog]\nkind = \"sqlite\"\n".parse().unwrap();
        let edit = Edit {
            path: "catalog.only".to_owned(),
            value: list,
        };
        apply(&mut document, std::slice::from_ref(&edit));
        let text =
            "[catalog]\nkind = \"sqlite\"\n\n[[catalog.only]]\ncolumn = \"Sold\"\nis = [1]\n";
        assert_eq!(document.to_string(), text);
        apply(&mut document, &[edit]);
        assert_eq!(
            document.to_string(),
            text,
            "what is the same is not touched"
        );
        let empty = Edit {
            path: "catalog.only".to_owned(),
            value: Value::List(Vec::new()),
        };
        apply(&mut document, &[empty]);
        assert_eq!(
            document.to_string(),
            "[catalog]\nkind = \"sqlite\"\nonly = []\n"
        );
    }

    #[test]
    fn a_broken_file_is_not_written_over_but_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let edits = [Edit::new("log.level", "debug")];
        for broken in ["[log\n", "[log]\nlevle = 'x'\n"] {
            fs::write(&path, broken).unwrap();
            assert!(load(&path, []).is_err());
            assert!(matches!(save(&path, &edits), Err(SaveError::Invalid(_))));
            assert_eq!(fs::read_to_string(&path).unwrap(), broken);

            let aside = set_aside(&path).unwrap();
            let name = aside.file_name().unwrap().to_str().unwrap();
            assert!(name.starts_with("config.toml.broken-2"), "{name}");
            assert_eq!(fs::read_to_string(&aside).unwrap(), broken);

            save(&path, &edits).unwrap();
            let text = fs::read_to_string(&path).unwrap();
            assert_eq!(text, "[log]\nlevel = \"debug\"\n");
        }
    }

    #[test]
    fn a_value_that_is_not_allowed_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        assert!(save(&path, &[Edit::new("digible.batch_size", 0_u32)]).is_err());
        assert!(!path.exists());
    }

    mod any_configuration {
        use proptest::prelude::*;

        use super::*;

        fn scalar() -> impl Strategy<Value = Value> {
            prop_oneof![
                any::<i64>().prop_map(Value::Integer),
                any::<bool>().prop_map(Value::Flag),
                any::<String>().prop_map(Value::Text),
            ]
        }

        fn condition() -> impl Strategy<Value = Value> {
            let test = prop_oneof![
                (any::<bool>(), prop::collection::vec(scalar(), 1..3)).prop_map(|(is, values)| {
                    (if is { "is" } else { "is_not" }, Value::List(values))
                }),
                Just(("is_null", Value::Flag(true))),
                Just(("not_null", Value::Flag(true))),
            ];
            (".{1,5}", test).prop_map(|(column, (name, value))| {
                let column = ("column".to_owned(), Value::Text(column));
                Value::Table([column, (name.to_owned(), value)].into())
            })
        }

        /// For each key a value that it takes.
        fn value(path: &'static str) -> BoxedStrategy<Value> {
            let one_of = |words: &'static [&'static str]| {
                prop::sample::select(words).prop_map(Value::from).boxed()
            };
            let absolute = if cfg!(windows) { r"C:\" } else { "/" };
            match path {
                "catalog.kind" => one_of(&["", "sqlserver", "sqlite"]),
                "catalog.auth" => one_of(&["windows", "sql"]),
                "catalog.encryption" => one_of(&["", "required", "login-only", "none"]),
                "catalog.trust" => prop_oneof![
                    prop::sample::select(&["", "system", "any"][..]).prop_map(Value::from),
                    "pin:[0-9a-f]{64}".prop_map(Value::from),
                ]
                .boxed(),
                "catalog.capture" => one_of(&["trigger", "scan", "both"]),
                "catalog.price_text" => {
                    one_of(&["", "1234.50", "1234,50", "1.234,50", "1'234.50", "1 234,50"])
                }
                "catalog.sold_when" => prop::collection::vec(scalar(), 0..3)
                    .prop_map(Value::List)
                    .boxed(),
                "catalog.only" => prop::collection::vec(condition(), 0..3)
                    .prop_map(Value::List)
                    .boxed(),
                "catalog.watch" => {
                    let names = ["table", "key", "column"];
                    let watch = prop::array::uniform3(".{1,5}").prop_map(move |texts| {
                        let texts = texts.map(Value::Text);
                        Value::Table(names.map(str::to_owned).into_iter().zip(texts).collect())
                    });
                    prop::collection::vec(watch, 0..3)
                        .prop_map(Value::List)
                        .boxed()
                }
                "catalog.columns.id" => prop_oneof![
                    any::<String>().prop_map(Value::from),
                    Just(Value::List(vec!["CompanyID".into(), "Item, No".into()])),
                ]
                .boxed(),
                // It must be there while `sold_when` has values.
                "catalog.columns.status" => ".{1,9}".prop_map(Value::from).boxed(),
                "catalog.columns.separator" => one_of(&["-", "|", " / "]),
                "catalog.price_digits" => {
                    prop_oneof![Just(Value::from("")), (0..=10_u32).prop_map(Value::from),].boxed()
                }
                "catalog.path" | "digible.ca_file" | "remote.certificate" | "remote.key" => {
                    any::<String>()
                        .prop_map(move |text| Value::from(format!("{absolute}{text}")))
                        .boxed()
                }
                "digible.base_url" => "https?://[a-z]{1,9}(:[1-9][0-9]{0,3})?(/[a-z]{0,9}){0,2}"
                    .prop_map(Value::from)
                    .boxed(),
                "digible.batch_size" => (1..=200_u32).prop_map(Value::from).boxed(),
                "sync.verify_limit" => (1..=100_u32).prop_map(Value::from).boxed(),
                "digible.max_in_flight" => (1..=64_u32).prop_map(Value::from).boxed(),
                "digible.bulk_threshold" => any::<u32>().prop_map(Value::from).boxed(),
                "digible.timeout" | "digible.late_window" => (1..=3_599_u32, 0..1000_u32)
                    .prop_map(|(s, ms)| Value::from(format!("{s}s {ms}ms")))
                    .boxed(),
                "sync.interval" | "sync.probe" => (1..=86_399_u32, 0..1000_u32)
                    .prop_map(|(s, ms)| Value::from(format!("{s}s {ms}ms")))
                    .boxed(),
                "sync.automatic" | "tray.notifications" => {
                    any::<bool>().prop_map(Value::from).boxed()
                }
                "sync.verify" => prop_oneof![
                    Just(Value::from("off")),
                    (0..24, 0..60).prop_map(|(h, m)| Value::from(format!("{h:02}:{m:02}"))),
                ]
                .boxed(),
                "remote.listen" => prop_oneof![
                    Just(Value::from("")),
                    any::<std::net::SocketAddr>().prop_map(|at| Value::from(at.to_string())),
                ]
                .boxed(),
                "metrics.listen" => prop_oneof![
                    Just(Value::from("")),
                    (1..=u16::MAX).prop_map(|port| Value::from(format!("127.0.0.1:{port}"))),
                ]
                .boxed(),
                "sync.removed" => one_of(&["attention", "note"]),
                "secrets.store" => one_of(&["auto", "os", "file"]),
                "log.level" => one_of(&["error", "warn", "info", "debug", "trace"]),
                _ => any::<String>().prop_map(Value::from).boxed(),
            }
        }

        fn config() -> impl Strategy<Value = Config> {
            let values: Vec<_> = keys::KEYS
                .iter()
                .map(|(path, _)| value(path).prop_map(move |value| Edit::new(*path, value)))
                .collect();
            values.prop_map(|edits| {
                let mut config = Config::default();
                config.edit(&edits).unwrap();
                config
            })
        }

        proptest! {
            #![proptest_config(ProptestConfig::with_cases(64))]

            #[test]
            fn survives_saving_and_loading(first in config(), second in config()) {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("config.toml");
                for config in [first, second] {
                    let edits: Vec<_> = keys::KEYS
                        .iter()
                        .map(|(path, _)| Edit::new(*path, config.get(path).unwrap()))
                        .collect();
                    save(&path, &edits).unwrap();
                    prop_assert_eq!(load(&path, []).unwrap().config, config);
                }
            }
        }
    }
}
