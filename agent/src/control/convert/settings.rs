//! Converts the configuration.

use shopmaster_engine::CatalogEffect;
use shopmaster_proto::v1;
use shopmaster_view::{grouped, products};

use super::{selection, time};
use crate::config::{Config, Edit, KeyError, Value};

/// All values in use.
pub(in crate::control) fn settings(config: &Config) -> v1::Settings {
    let text = |path: &str| {
        config
            .get(path)
            .map(|value| value.to_string())
            .unwrap_or_default()
    };
    v1::Settings {
        catalog: Some(v1::CatalogSettings {
            kind: text("catalog.kind"),
            server: text("catalog.server"),
            database: text("catalog.database"),
            table: text("catalog.table"),
            auth: text("catalog.auth"),
            username: text("catalog.username"),
            encryption: text("catalog.encryption"),
            trust: text("catalog.trust"),
            path: text("catalog.path"),
            capture: text("catalog.capture"),
            columns: Some(v1::ColumnSettings {
                id: config.catalog.columns.id.first.clone(),
                more_id: config.catalog.columns.id.more.clone(),
                separator: text("catalog.columns.separator"),
                name: text("catalog.columns.name"),
                price: text("catalog.columns.price"),
                qr_code: text("catalog.columns.qr_code"),
                status: text("catalog.columns.status"),
            }),
            price_digits: config.catalog.price_digits.map(u32::from),
            price_text: text("catalog.price_text"),
            sold_when: selection::scalars(&config.catalog.sold_when),
            only: selection::conditions(&config.catalog.only),
            watch: selection::watches(&config.catalog.watch),
        }),
        digible: Some(v1::DigibleSettings {
            base_url: text("digible.base_url"),
            email: text("digible.email"),
            batch_size: config.digible.batch_size,
            max_in_flight: config.digible.max_in_flight,
            bulk_threshold: config.digible.bulk_threshold,
            ca_file: text("digible.ca_file"),
            timeout: Some(time::length(config.digible.timeout)),
            late_window: config.digible.late_window.map(time::length),
        }),
        sync: Some(v1::SyncSettings {
            automatic: config.sync.automatic,
            interval: Some(time::length(config.sync.interval)),
            probe: Some(time::length(config.sync.probe)),
            verify: text("sync.verify"),
            verify_limit: config.sync.verify_limit,
            removed: text("sync.removed"),
        }),
        remote: Some(v1::RemoteSettings {
            listen: text("remote.listen"),
            certificate: text("remote.certificate"),
            key: text("remote.key"),
        }),
        secrets: Some(v1::SecretsSettings {
            store: text("secrets.store"),
        }),
        log: Some(v1::LogSettings {
            level: text("log.level"),
        }),
        tray: Some(v1::TraySettings {
            notifications: config.tray.notifications,
        }),
        metrics: Some(v1::MetricsSettings {
            listen: text("metrics.listen"),
        }),
    }
}

/// What another catalog means for what was sent before. `is_another_table`: not only another choice of its rows.
pub(in crate::control) fn effect(
    effect: &CatalogEffect,
    is_another_table: bool,
) -> v1::CatalogEffect {
    v1::CatalogEffect {
        equal: effect.equal,
        differing: effect.differing,
        new: effect.new,
        gone: effect.gone,
        gone_ids: effect.gone_ids.iter().map(ToString::to_string).collect(),
        refused: effect.refused,
        refused_examples: effect.refused_examples.clone(),
        text: effect_text(effect, is_another_table),
    }
}

/// A new, empty journal. `left_behind`: how many products the journal in use knows at Digible.
pub(in crate::control) fn new_journal(left_behind: u64) -> v1::NewJournal {
    let stay = match left_behind {
        1 => "stays",
        _ => "stay",
    };
    v1::NewJournal {
        left_behind,
        text: format!(
            "Another Digible account or address starts a new, empty journal, and an upload is due; {} {stay} listed at the old account",
            products(left_behind)
        ),
    }
}

/// `9 products stay as they are at Digible, 1 differs and is sent again, 2 are new; 1 product would be refused, such as
/// ...; 203 products of the old table are not in the new one and stay at Digible`.
fn effect_text(effect: &CatalogEffect, is_another_table: bool) -> String {
    let verb = |count: u64, one: &'static str, many: &'static str| match count {
        1 => one,
        _ => many,
    };
    let (equal, differing) = (effect.equal, effect.differing);
    let stay = verb(equal, "stays as it is", "stay as they are");
    let mut text = format!("{} {stay} at Digible", products(equal));
    if differing > 0 {
        let differ = verb(differing, "differs and is", "differ and are");
        text += &format!(", {} {differ} sent again", grouped(differing));
    }
    if effect.new > 0 {
        text += &format!(
            ", {} {} new",
            grouped(effect.new),
            verb(effect.new, "is", "are")
        );
    }
    if effect.refused > 0 {
        let refused = products(effect.refused);
        let examples = effect.refused_examples.join("; ");
        text += &format!("; {refused} would be refused, such as {examples}");
    }
    if effect.gone > 0 {
        let gone = effect.gone;
        let left = match is_another_table {
            true => verb(
                gone,
                "of the old table is not in the new one and stays",
                "of the old table are not in the new one and stay",
            ),
            false => verb(
                gone,
                "is no longer sold and stays",
                "are no longer sold and stay",
            ),
        };
        text += &format!("; {} {left} at Digible", products(gone));
    }
    text
}

/// The fields that a mask names.
///
/// # Errors
///
/// When a path names no field.
pub(in crate::control) fn edits(
    settings: &v1::Settings,
    paths: Vec<String>,
) -> Result<Vec<Edit>, KeyError> {
    paths
        .into_iter()
        .map(|path| match value(settings, &path) {
            Some(value) => Ok(Edit { path, value }),
            // The configuration itself suggests the key that was meant.
            None => Err(Config::default()
                .set(&path, &Value::Flag(false))
                .err()
                .unwrap_or(KeyError::Unknown {
                    key: path,
                    suggestion: None,
                })),
        })
        .collect()
}

fn value(settings: &v1::Settings, path: &str) -> Option<Value> {
    let settings = settings.clone();
    let catalog = settings.catalog.unwrap_or_default();
    let columns = catalog.columns.unwrap_or_default();
    let digible = settings.digible.unwrap_or_default();
    let sync = settings.sync.unwrap_or_default();
    Some(match path {
        "catalog.kind" => Value::Text(catalog.kind),
        "catalog.server" => Value::Text(catalog.server),
        "catalog.database" => Value::Text(catalog.database),
        "catalog.table" => Value::Text(catalog.table),
        "catalog.auth" => Value::Text(catalog.auth),
        "catalog.username" => Value::Text(catalog.username),
        "catalog.encryption" => Value::Text(catalog.encryption),
        "catalog.trust" => Value::Text(catalog.trust),
        "catalog.path" => Value::Text(catalog.path),
        "catalog.capture" => Value::Text(catalog.capture),
        "catalog.price_digits" => match catalog.price_digits {
            None => Value::Text(String::new()),
            Some(digits) => Value::Integer(digits.into()),
        },
        "catalog.price_text" => Value::Text(catalog.price_text),
        "catalog.sold_when" => selection::scalar_list(catalog.sold_when),
        "catalog.only" => selection::condition_list(catalog.only),
        "catalog.watch" => selection::watch_list(catalog.watch),
        "catalog.columns.id" if columns.more_id.is_empty() => Value::Text(columns.id),
        "catalog.columns.id" => {
            let names = [vec![columns.id], columns.more_id].concat();
            Value::List(names.into_iter().map(Value::Text).collect())
        }
        "catalog.columns.separator" => Value::Text(columns.separator),
        "catalog.columns.name" => Value::Text(columns.name),
        "catalog.columns.price" => Value::Text(columns.price),
        "catalog.columns.qr_code" => Value::Text(columns.qr_code),
        "catalog.columns.status" => Value::Text(columns.status),
        "digible.base_url" => Value::Text(digible.base_url),
        "digible.email" => Value::Text(digible.email),
        "digible.batch_size" => Value::Integer(digible.batch_size.into()),
        "digible.max_in_flight" => Value::Integer(digible.max_in_flight.into()),
        "digible.bulk_threshold" => Value::Integer(digible.bulk_threshold.into()),
        "digible.ca_file" => Value::Text(digible.ca_file),
        "digible.timeout" => length(digible.timeout),
        "digible.late_window" => match digible.late_window {
            None => Value::Text(String::new()),
            window => length(window),
        },
        "sync.automatic" => Value::Flag(sync.automatic),
        "sync.interval" => length(sync.interval),
        "sync.probe" => length(sync.probe),
        "sync.verify" => Value::Text(sync.verify),
        "sync.verify_limit" => Value::Integer(sync.verify_limit.into()),
        "sync.removed" => Value::Text(sync.removed),
        "remote.listen" => Value::Text(settings.remote.unwrap_or_default().listen),
        "remote.certificate" => Value::Text(settings.remote.unwrap_or_default().certificate),
        "remote.key" => Value::Text(settings.remote.unwrap_or_default().key),
        "secrets.store" => Value::Text(settings.secrets.unwrap_or_default().store),
        "log.level" => Value::Text(settings.log.unwrap_or_default().level),
        "tray.notifications" => Value::Flag(settings.tray.unwrap_or_default().notifications),
        "metrics.listen" => Value::Text(settings.metrics.unwrap_or_default().listen),
        _ => return None,
    })
}

/// A duration as the file has it: `2m`, `1s 500ms`.
fn length(duration: Option<prost_types::Duration>) -> Value {
    let duration = time::duration(&duration.unwrap_or_default());
    Value::Text(format!(
        "{:#}",
        jiff::SignedDuration::try_from(duration).unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_survives_the_wire() {
        let mut with_digits = Config::default();
        with_digits.catalog.price_digits = Some(0);
        let mut with_lists = Config::default();
        let scalars = Value::List(vec![1_i64.into(), "A".into(), true.into()]);
        let table = |entries: &[(&str, Value)]| {
            let entries = entries
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()));
            Value::Table(entries.collect())
        };
        let conditions = [
            table(&[("column", "a".into()), ("is", scalars.clone())]),
            table(&[("column", "b".into()), ("is_not", scalars.clone())]),
            table(&[("column", "c".into()), ("is_null", true.into())]),
            table(&[("column", "d".into()), ("not_null", true.into())]),
        ];
        let watch = table(&[
            ("table", "t".into()),
            ("key", "k".into()),
            ("column", "c".into()),
        ]);
        for (path, value) in [
            ("catalog.only", Value::List(conditions.into())),
            ("catalog.sold_when", scalars),
            ("catalog.watch", Value::List(vec![watch])),
            (
                "catalog.columns.id",
                Value::List(vec!["a".into(), "b".into()]),
            ),
            ("catalog.price_text", "1.234,50".into()),
        ] {
            with_lists.set(path, &value).unwrap();
        }
        for config in [Config::default(), with_digits, with_lists] {
            let paths = paths();
            let edits = edits(&settings(&config), paths.clone()).unwrap();
            assert_eq!(edits.len(), paths.len());
            let mut same = config.clone();
            assert_eq!(same.edit(&edits).unwrap(), Vec::<String>::new());
            assert_eq!(same, config);
        }
    }

    #[test]
    fn an_unknown_path_is_refused() {
        let error = edits(&v1::Settings::default(), vec!["digible.mail".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("digible.mail"), "{error}");
    }

    /// Every key of the configuration, taken from the configuration itself.
    fn paths() -> Vec<String> {
        fn walk(prefix: &str, table: &toml::Table, paths: &mut Vec<String>) {
            for (name, value) in table {
                let path = format!("{prefix}{name}");
                match value.as_table() {
                    Some(table) => walk(&format!("{path}."), table, paths),
                    None => paths.push(path),
                }
            }
        }
        let mut paths = Vec::new();
        walk(
            "",
            &toml::Table::try_from(Config::default()).unwrap(),
            &mut paths,
        );
        paths
    }
}
