//! The table of settings: one entry for each, from which flags, keys, prompts and output are made.

use std::{collections::BTreeMap, path};

use serde_json::{Map, Value, json};
use shopmaster_proto::v1::{
    CatalogSettings, ColumnSettings, Condition, DigibleSettings, LogSettings, MetricsSettings,
    RemoteSettings, Scalar, Scalars, SecretsSettings, Settings, SyncSettings, TraySettings, Watch,
    condition, scalar,
};

use super::lists;
use crate::time::{duration_text, duration_to_proto, parse_duration};

/// One setting.
#[derive(Debug)]
pub struct Field {
    /// Its key in the configuration file and in a field mask: `catalog.server`.
    pub path: &'static str,
    /// Its flag, without the dashes.
    pub flag: &'static str,
    /// The placeholder for its value in `--help`.
    pub value: &'static str,
    /// What it is, for `--help` and prompts.
    pub help: &'static str,
    /// Where its value is, and what kind of value it is.
    pub slot: Slot,
}

/// Where a setting's value is in the message, and what kind of value it is.
#[derive(Debug)]
pub enum Slot {
    /// Any text.
    Text(fn(&mut Settings) -> &mut String),
    /// One of a few words.
    Word(fn(&mut Settings) -> &mut String, &'static [&'static str]),
    /// A file on the agent's computer. [`Field::make_absolute`] makes a relative path absolute.
    File(fn(&mut Settings) -> &mut String),
    /// A whole number; the agent checks its limits.
    Number(fn(&mut Settings) -> &mut u32),
    /// A whole number, or an empty string for none.
    OptionalNumber(fn(&mut Settings) -> &mut Option<u32>),
    /// `true` or `false`.
    Switch(fn(&mut Settings) -> &mut bool),
    /// A duration: `30m`.
    Duration(fn(&mut Settings) -> &mut Option<prost_types::Duration>),
    /// Values, separated by commas.
    Scalars(fn(&mut Settings) -> &mut Vec<Scalar>),
    /// Conditions, separated by semicolons.
    Conditions(fn(&mut Settings) -> &mut Vec<Condition>),
    /// Watched tables, separated by semicolons.
    Watches(fn(&mut Settings) -> &mut Vec<Watch>),
    /// A column's name.
    Name(fn(&mut Settings) -> &mut String),
    /// One or more names, separated by commas: the first, and the others.
    Names(
        fn(&mut Settings) -> &mut String,
        fn(&mut Settings) -> &mut Vec<String>,
    ),
}

/// Every setting, in the order of the configuration file.
pub const FIELDS: [Field; 42] = [
    Field {
        path: "catalog.kind",
        flag: "kind",
        value: "KIND",
        help: "Kind of the shop's database",
        slot: Slot::Word(|s| &mut catalog(s).kind, &["sqlserver", "sqlite"]),
    },
    Field {
        path: "catalog.server",
        flag: "server",
        value: "SERVER",
        help: r"SQL Server: host, host\instance or host,port",
        slot: Slot::Text(|s| &mut catalog(s).server),
    },
    Field {
        path: "catalog.database",
        flag: "database",
        value: "NAME",
        help: "SQL Server: the database",
        slot: Slot::Text(|s| &mut catalog(s).database),
    },
    Field {
        path: "catalog.table",
        flag: "table",
        value: "NAME",
        help: "The product table, with its schema where it has one",
        slot: Slot::Text(|s| &mut catalog(s).table),
    },
    Field {
        path: "catalog.auth",
        flag: "auth",
        value: "AUTH",
        help: "SQL Server: how to log in",
        slot: Slot::Word(|s| &mut catalog(s).auth, &["windows", "sql"]),
    },
    Field {
        path: "catalog.username",
        flag: "username",
        value: "NAME",
        help: "SQL Server: the login's name",
        slot: Slot::Text(|s| &mut catalog(s).username),
    },
    Field {
        path: "catalog.encryption",
        flag: "encryption",
        value: "LEVEL",
        help: "SQL Server: required, login-only or none; empty for the default, which depends on whether the server is on this computer",
        slot: Slot::Text(|s| &mut catalog(s).encryption),
    },
    Field {
        path: "catalog.trust",
        flag: "trust",
        value: "TRUST",
        help: "SQL Server: system, pin:SHA256 or any; empty for the default, which depends on whether the server is on this computer",
        slot: Slot::Text(|s| &mut catalog(s).trust),
    },
    Field {
        path: "catalog.path",
        flag: "path",
        value: "FILE",
        help: "SQLite: the database file",
        slot: Slot::File(|s| &mut catalog(s).path),
    },
    Field {
        path: "catalog.capture",
        flag: "capture",
        value: "MODE",
        help: "How changes are found",
        slot: Slot::Word(|s| &mut catalog(s).capture, &["trigger", "scan", "both"]),
    },
    Field {
        path: "catalog.price_digits",
        flag: "price-digits",
        value: "COUNT",
        help: "Decimal places of every price, 0 to 10; empty for as many as the column has",
        slot: Slot::OptionalNumber(|s| &mut catalog(s).price_digits),
    },
    Field {
        path: "catalog.price_text",
        flag: "price-text",
        value: "EXAMPLE",
        help: "How prices that are text are written, such as 1234.50 or 1.234,50; empty for a decimal point",
        slot: Slot::Text(|s| &mut catalog(s).price_text),
    },
    Field {
        path: "catalog.sold_when",
        flag: "sold-when",
        value: "VALUES",
        help: "Values of the status column that products which are sold have, such as 1; empty for any",
        slot: Slot::Scalars(|s| &mut catalog(s).sold_when),
    },
    Field {
        path: "catalog.only",
        flag: "only",
        value: "CONDITION",
        help: "Which rows are sold, such as 'Discontinued = 0' or 'DeletedAt is null'; several are joined with AND; empty for all",
        slot: Slot::Conditions(|s| &mut catalog(s).only),
    },
    Field {
        path: "catalog.watch",
        flag: "watch",
        value: "TABLE.KEY=COLUMN",
        help: "A table that the view reads, its key, and the view's column with the same value, such as 'dbo.Prices.Code = Code'; empty for none",
        slot: Slot::Watches(|s| &mut catalog(s).watch),
    },
    Field {
        path: "catalog.columns.id",
        flag: "column-id",
        value: "COLUMN",
        help: "Column of the product's key, or several that are unique together, such as A,B",
        slot: Slot::Names(|s| &mut columns(s).id, |s| &mut columns(s).more_id),
    },
    Field {
        path: "catalog.columns.separator",
        flag: "column-separator",
        value: "TEXT",
        help: "What separates the values of a key of several columns in a product's id",
        slot: Slot::Text(|s| &mut columns(s).separator),
    },
    Field {
        path: "catalog.columns.name",
        flag: "column-name",
        value: "COLUMN",
        help: "Column of the product's name",
        slot: Slot::Name(|s| &mut columns(s).name),
    },
    Field {
        path: "catalog.columns.price",
        flag: "column-price",
        value: "COLUMN",
        help: "Column of the product's price",
        slot: Slot::Name(|s| &mut columns(s).price),
    },
    Field {
        path: "catalog.columns.qr_code",
        flag: "column-qr-code",
        value: "COLUMN",
        help: "Column of the product's QR code; optional",
        slot: Slot::Name(|s| &mut columns(s).qr_code),
    },
    Field {
        path: "catalog.columns.status",
        flag: "column-status",
        value: "COLUMN",
        help: "Column of the product's status; optional",
        slot: Slot::Name(|s| &mut columns(s).status),
    },
    Field {
        path: "digible.base_url",
        flag: "base-url",
        value: "URL",
        help: "Address of Digible's API",
        slot: Slot::Text(|s| &mut digible(s).base_url),
    },
    Field {
        path: "digible.email",
        flag: "email",
        value: "EMAIL",
        help: "Email of the Digible account",
        slot: Slot::Text(|s| &mut digible(s).email),
    },
    Field {
        path: "digible.batch_size",
        flag: "batch-size",
        value: "COUNT",
        help: "Products in one batch, 1 to 200",
        slot: Slot::Number(|s| &mut digible(s).batch_size),
    },
    Field {
        path: "digible.max_in_flight",
        flag: "max-in-flight",
        value: "COUNT",
        help: "Requests in flight at once, 1 to 64",
        slot: Slot::Number(|s| &mut digible(s).max_in_flight),
    },
    Field {
        path: "digible.bulk_threshold",
        flag: "bulk-threshold",
        value: "COUNT",
        help: "More waiting updates than this go through the batch endpoint",
        slot: Slot::Number(|s| &mut digible(s).bulk_threshold),
    },
    Field {
        path: "digible.ca_file",
        flag: "ca-file",
        value: "FILE",
        help: "An extra CA certificate file (PEM); empty for none",
        slot: Slot::File(|s| &mut digible(s).ca_file),
    },
    Field {
        path: "digible.timeout",
        flag: "timeout",
        value: "DURATION",
        help: "How long one request may take",
        slot: Slot::Duration(|s| &mut digible(s).timeout),
    },
    Field {
        path: "digible.late_window",
        flag: "late-window",
        value: "DURATION",
        help: "How long a request that was abandoned may still take effect at Digible; empty for five times the timeout, at least two minutes",
        slot: Slot::Duration(|s| &mut digible(s).late_window),
    },
    Field {
        path: "sync.automatic",
        flag: "automatic",
        value: "BOOL",
        help: "Whether syncs start automatically",
        slot: Slot::Switch(|s| &mut sync(s).automatic),
    },
    Field {
        path: "sync.interval",
        flag: "interval",
        value: "DURATION",
        help: "Time from the end of one regular sync to the start of the next",
        slot: Slot::Duration(|s| &mut sync(s).interval),
    },
    Field {
        path: "sync.probe",
        flag: "probe",
        value: "DURATION",
        help: "Time from one check for changes to the next",
        slot: Slot::Duration(|s| &mut sync(s).probe),
    },
    Field {
        path: "sync.verify",
        flag: "verify",
        value: "TIME",
        help: "Local time of the daily verify, such as 03:00, or off",
        slot: Slot::Text(|s| &mut sync(s).verify),
    },
    Field {
        path: "sync.verify_limit",
        flag: "verify-limit",
        value: "PERCENT",
        help: "A verify asks before it sends more than this part of the shop, 1 to 100; 100 never asks",
        slot: Slot::Number(|s| &mut sync(s).verify_limit),
    },
    Field {
        path: "sync.removed",
        flag: "removed",
        value: "HOW",
        help: "Whether products gone from the shop need attention until they are forgotten, or are only named",
        slot: Slot::Word(|s| &mut sync(s).removed, &["attention", "note"]),
    },
    Field {
        path: "remote.listen",
        flag: "remote-listen",
        value: "ADDRESS:PORT",
        help: "Where the agent listens for remote clients; empty for nowhere. `shopmasterctl remote enable` sets it, too",
        slot: Slot::Text(|s| &mut remote(s).listen),
    },
    Field {
        path: "remote.certificate",
        flag: "remote-certificate",
        value: "FILE",
        help: "The certificate for remote clients (PEM); empty for one that the agent makes",
        slot: Slot::File(|s| &mut remote(s).certificate),
    },
    Field {
        path: "remote.key",
        flag: "remote-key",
        value: "FILE",
        help: "The private key of that certificate (PEM), readable by its owner only",
        slot: Slot::File(|s| &mut remote(s).key),
    },
    Field {
        path: "secrets.store",
        flag: "secrets-store",
        value: "STORE",
        help: "Where secrets are kept",
        slot: Slot::Word(|s| &mut secrets(s).store, &["auto", "os", "file"]),
    },
    Field {
        path: "log.level",
        flag: "log-level",
        value: "LEVEL",
        help: "How much is logged",
        slot: Slot::Word(
            |s| &mut log(s).level,
            &["error", "warn", "info", "debug", "trace"],
        ),
    },
    Field {
        path: "tray.notifications",
        flag: "notifications",
        value: "BOOL",
        help: "Whether notifications appear when something needs attention",
        slot: Slot::Switch(|s| &mut tray(s).notifications),
    },
    Field {
        path: "metrics.listen",
        flag: "metrics-listen",
        value: "ADDRESS",
        help: "Loopback address and port at which Prometheus reads the metrics, such as 127.0.0.1:9464; empty for off",
        slot: Slot::Text(|s| &mut metrics(s).listen),
    },
];

impl Field {
    /// The heading under which `--help` lists it.
    pub fn heading(&self) -> &'static str {
        match self.path.rsplit_once('.') {
            Some(("catalog", _)) => "The shop's database",
            Some(("catalog.columns", _)) => "The shop's column names",
            Some(("digible", _)) => "The Digible account",
            Some(("sync", _)) => "When to sync",
            _ => "The agent itself",
        }
    }

    /// The words that it accepts; empty when it accepts other values.
    pub fn words(&self) -> &'static [&'static str] {
        match self.slot {
            Slot::Word(_, words) => words,
            Slot::Switch(_) => &["true", "false"],
            _ => &[],
        }
    }

    /// Makes a relative path absolute, as seen from this folder: the agent runs in another one.
    ///
    /// # Errors
    ///
    /// If there is no such path.
    pub fn make_absolute(&self, settings: &mut Settings) -> Result<(), String> {
        if let Slot::File(at) = &self.slot {
            let path = at(settings);
            *path = absolute(path)?;
        }
        Ok(())
    }

    /// Puts a value as the user typed it into `settings`.
    ///
    /// # Errors
    ///
    /// If the value is not valid: what is wrong with it, for people.
    pub fn set(&self, settings: &mut Settings, text: &str) -> Result<(), String> {
        match &self.slot {
            Slot::Text(at) | Slot::File(at) => text.clone_into(at(settings)),
            Slot::Name(at) => *at(settings) = lists::name(text)?,
            Slot::Word(at, words) if words.contains(&text) => text.clone_into(at(settings)),
            Slot::Word(..) => return Err(format!("use one of `{}`", self.words().join("`, `"))),
            Slot::Number(at) => {
                *at(settings) = number(text)?;
            }
            Slot::OptionalNumber(at) => {
                *at(settings) = match text {
                    "" => None,
                    text => Some(number(text)?),
                };
            }
            Slot::Switch(at) => {
                *at(settings) = text
                    .parse()
                    .map_err(|_| "use `true` or `false`".to_owned())?;
            }
            Slot::Scalars(at) => *at(settings) = lists::scalars(text)?,
            Slot::Conditions(at) => *at(settings) = lists::conditions(text)?,
            Slot::Watches(at) => *at(settings) = lists::watches(text)?,
            Slot::Names(first, more) => {
                let mut names = lists::names(text)?;
                let others = names.split_off(names.len().min(1));
                *first(settings) = names.pop().unwrap_or_default();
                *more(settings) = others;
            }
            Slot::Duration(at) => {
                *at(settings) = match text {
                    "" => None,
                    text => Some(duration_to_proto(parse_duration(text)?)),
                };
            }
        }
        Ok(())
    }

    /// Its value as the user would type it.
    pub fn text(&self, settings: &Settings) -> String {
        let mut settings = settings.clone();
        match &self.slot {
            Slot::Text(at) | Slot::Word(at, _) | Slot::File(at) => at(&mut settings).clone(),
            Slot::Name(at) => lists::name_text(at(&mut settings)),
            Slot::Number(at) => at(&mut settings).to_string(),
            Slot::OptionalNumber(at) => {
                let number = *at(&mut settings);
                number.map_or_else(String::new, |number| number.to_string())
            }
            Slot::Switch(at) => at(&mut settings).to_string(),
            Slot::Duration(at) => duration_text(at(&mut settings).as_ref()),
            Slot::Scalars(at) => lists::scalars_text(at(&mut settings)),
            Slot::Conditions(at) => lists::conditions_text(at(&mut settings)),
            Slot::Watches(at) => lists::watches_text(at(&mut settings)),
            Slot::Names(first, more) => {
                let first = first(&mut settings).clone();
                lists::names_text(&[vec![first], more(&mut settings).clone()].concat())
            }
        }
    }

    fn json(&self, settings: &Settings) -> Value {
        let mut copy = settings.clone();
        match &self.slot {
            Slot::Number(at) => Value::from(*at(&mut copy)),
            Slot::OptionalNumber(at) => Value::from(*at(&mut copy)),
            Slot::Switch(at) => Value::from(*at(&mut copy)),
            Slot::Scalars(at) => at(&mut copy).iter().map(scalar_json).collect(),
            Slot::Conditions(at) => at(&mut copy).iter().map(condition_json).collect(),
            Slot::Watches(at) => at(&mut copy).iter().map(watch_json).collect(),
            Slot::Names(first, more) if !more(&mut copy).is_empty() => {
                let first = first(&mut copy).clone();
                Value::from([vec![first], more(&mut copy).clone()].concat())
            }
            _ => Value::from(self.text(settings)),
        }
    }
}

/// All values as one object, by the keys of the configuration file.
pub fn to_json(settings: &Settings) -> Value {
    let mut all = Map::new();
    for field in &FIELDS {
        insert(&mut all, field.path, field.json(settings));
    }
    Value::Object(all)
}

/// A value as the configuration file has it.
fn scalar_json(scalar: &Scalar) -> Value {
    match &scalar.value {
        Some(scalar::Value::Integer(number)) => Value::from(*number),
        Some(scalar::Value::Flag(flag)) => Value::from(*flag),
        Some(scalar::Value::Text(text)) => Value::from(text.as_str()),
        None => Value::Null,
    }
}

fn condition_json(condition: &Condition) -> Value {
    let list = |values: &Scalars| values.values.iter().map(scalar_json).collect();
    let (name, value) = match &condition.test {
        Some(condition::Test::Is(values)) => ("is", list(values)),
        Some(condition::Test::IsNot(values)) => ("is_not", list(values)),
        Some(condition::Test::NotNull(flag)) => ("not_null", Value::from(*flag)),
        Some(condition::Test::IsNull(flag)) => ("is_null", Value::from(*flag)),
        None => ("is", Value::Null),
    };
    json!({"column": condition.column, name: value})
}

fn watch_json(watch: &Watch) -> Value {
    json!({"table": watch.table, "key": watch.key, "column": watch.column})
}

/// The values at these paths, as a user would type them.
pub fn to_lines(settings: &Settings, paths: &[String]) -> BTreeMap<String, String> {
    let named = FIELDS
        .iter()
        .filter(|field| paths.iter().any(|path| path == field.path));
    named
        .map(|field| (field.path.to_owned(), field.text(settings)))
        .collect()
}

fn insert(object: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((table, rest)) = path.split_once('.') else {
        object.insert(path.to_owned(), value);
        return;
    };
    let table = object
        .entry(table)
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(table) = table {
        insert(table, rest, value);
    }
}

fn number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "not a whole number".to_owned())
}

fn absolute(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let path = path::absolute(text).map_err(|error| error.to_string())?;
    path.into_os_string()
        .into_string()
        .map_err(|_| "the path is not Unicode".to_owned())
}

fn catalog(settings: &mut Settings) -> &mut CatalogSettings {
    settings.catalog.get_or_insert_default()
}

fn columns(settings: &mut Settings) -> &mut ColumnSettings {
    catalog(settings).columns.get_or_insert_default()
}

fn digible(settings: &mut Settings) -> &mut DigibleSettings {
    settings.digible.get_or_insert_default()
}

fn sync(settings: &mut Settings) -> &mut SyncSettings {
    settings.sync.get_or_insert_default()
}

fn remote(settings: &mut Settings) -> &mut RemoteSettings {
    settings.remote.get_or_insert_default()
}

fn secrets(settings: &mut Settings) -> &mut SecretsSettings {
    settings.secrets.get_or_insert_default()
}

fn log(settings: &mut Settings) -> &mut LogSettings {
    settings.log.get_or_insert_default()
}

fn metrics(settings: &mut Settings) -> &mut MetricsSettings {
    settings.metrics.get_or_insert_default()
}

fn tray(settings: &mut Settings) -> &mut TraySettings {
    settings.tray.get_or_insert_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value that the field takes, unlike that of any other field of its kind.
    fn sample(index: usize, field: &Field) -> String {
        match &field.slot {
            Slot::Text(_) | Slot::Name(_) => format!("text {index}"),
            Slot::Scalars(_) => format!("{index}, 'text {index}'").replace("'", ""),
            Slot::Conditions(_) => format!("c{index} = 0; d is not null"),
            Slot::Watches(_) => format!("t.k = c{index}"),
            Slot::Names(..) => format!("c{index}, d"),
            Slot::Word(_, words) => words[0].to_owned(),
            Slot::File(_) => format!("file {index}"),
            Slot::Number(_) | Slot::OptionalNumber(_) => index.to_string(),
            Slot::Switch(_) => "true".to_owned(),
            Slot::Duration(_) => format!("{}s", index + 1),
        }
    }

    #[test]
    fn every_field_gives_back_what_was_put_in() {
        let mut settings = Settings::default();
        for (index, field) in FIELDS.iter().enumerate() {
            field.set(&mut settings, &sample(index, field)).unwrap();
        }
        for (index, field) in FIELDS.iter().enumerate() {
            assert_eq!(
                field.text(&settings),
                sample(index, field),
                "{}",
                field.path
            );
        }
    }

    #[test]
    fn a_number_may_be_unset() {
        let field = FIELDS
            .iter()
            .find(|field| field.path == "catalog.price_digits")
            .unwrap();
        let mut settings = Settings::default();
        for (text, json) in [("0", json!(0)), ("2", json!(2)), ("", Value::Null)] {
            field.set(&mut settings, text).unwrap();
            assert_eq!(field.text(&settings), text);
            assert_eq!(field.json(&settings), json);
        }
    }

    #[test]
    fn values_that_make_no_sense_are_refused() {
        let refuse = |path: &str, text: &str| {
            let field = FIELDS.iter().find(|field| field.path == path).unwrap();
            field.set(&mut Settings::default(), text).unwrap_err()
        };
        assert_eq!(
            refuse("catalog.kind", "oracle"),
            "use one of `sqlserver`, `sqlite`"
        );
        assert_eq!(refuse("digible.batch_size", "many"), "not a whole number");
        assert_eq!(refuse("catalog.price_digits", "two"), "not a whole number");
        assert_eq!(refuse("sync.automatic", "yes"), "use `true` or `false`");
        assert!(refuse("sync.interval", "soon").starts_with("not a duration"));
    }

    #[test]
    fn the_object_has_the_keys_of_the_file() {
        assert_eq!(
            to_json(&Settings::default()),
            json!({
                "catalog": {
                    "kind": "",
                    "server": "",
                    "database": "",
                    "table": "",
                    "auth": "",
                    "username": "",
                    "encryption": "",
                    "trust": "",
                    "path": "",
                    "capture": "",
                    "price_digits": null,
                    "price_text": "",
                    "sold_when": [],
                    "only": [],
                    "watch": [],
                    "columns": {
                        "id": "",
                        "separator": "",
                        "name": "",
                        "price": "",
                        "qr_code": "",
                        "status": "",
                    },
                },
                "digible": {
                    "base_url": "",
                    "email": "",
                    "batch_size": 0,
                    "max_in_flight": 0,
                    "bulk_threshold": 0,
                    "ca_file": "",
                    "timeout": "",
                    "late_window": "",
                },
                "sync": {
                    "automatic": false,
                    "interval": "",
                    "probe": "",
                    "verify": "",
                    "verify_limit": 0,
                    "removed": "",
                },
                "remote": {"listen": "", "certificate": "", "key": ""},
                "secrets": {"store": ""},
                "log": {"level": ""},
                "tray": {"notifications": false},
                "metrics": {"listen": ""},
            })
        );
    }
}
