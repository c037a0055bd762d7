//! The settings that are lists, and what the database suggests for them.

use std::collections::BTreeMap;

use prost_types::FieldMask;
use shopmaster_catalog::{Condition, Scalar, Suggestion, Test, Watch};
use shopmaster_proto::v1;
use shopmaster_view as words;

use crate::config::{ConditionConfig, Config, ScalarConfig, TestConfig, Value, WatchConfig};

const ONLY: &str = "Products that are left out are not sent. One that is already at Digible stays there, and is listed as gone from the shop";
const WATCH: &str = "A trigger on the table records which keys change, so that a change reaches Digible within seconds. Without it, the view is scanned at each interval";
const KEY: &str = "Customers and other programs find a product at Digible by its id. Decide before the first upload: with another id later, every product is sent again, and the old ones stay at Digible";

pub(super) fn scalars(values: &[ScalarConfig]) -> Vec<v1::Scalar> {
    use v1::scalar::Value::{Flag, Integer, Text};
    let scalar = |value: &ScalarConfig| match value {
        ScalarConfig::Integer(number) => Integer(*number),
        ScalarConfig::Flag(flag) => Flag(*flag),
        ScalarConfig::Text(text) => Text(text.clone()),
    };
    let values = values.iter().map(scalar);
    values
        .map(|value| v1::Scalar { value: Some(value) })
        .collect()
}

pub(super) fn conditions(conditions: &[ConditionConfig]) -> Vec<v1::Condition> {
    use v1::condition::Test::{Is, IsNot, IsNull, NotNull};
    let list = |values: &[ScalarConfig]| v1::Scalars {
        values: scalars(values),
    };
    let condition = |condition: &ConditionConfig| v1::Condition {
        column: condition.column.clone(),
        test: Some(match &condition.test {
            TestConfig::Is(values) => Is(list(values)),
            TestConfig::IsNot(values) => IsNot(list(values)),
            TestConfig::IsNull => IsNull(true),
            TestConfig::NotNull => NotNull(true),
        }),
    };
    conditions.iter().map(condition).collect()
}

pub(super) fn watches(watches: &[WatchConfig]) -> Vec<v1::Watch> {
    let watch = |watch: &WatchConfig| v1::Watch {
        table: watch.table.clone(),
        key: watch.key.clone(),
        column: watch.column.clone(),
    };
    watches.iter().map(watch).collect()
}

/// A list of scalars as the configuration has it. One without a value becomes what no key takes.
pub(super) fn scalar_list(values: Vec<v1::Scalar>) -> Value {
    use v1::scalar::Value::{Flag, Integer, Text};
    let scalar = |scalar: v1::Scalar| match scalar.value {
        Some(Integer(number)) => Value::Integer(number),
        Some(Flag(flag)) => Value::Flag(flag),
        Some(Text(text)) => Value::Text(text),
        None => Value::List(Vec::new()),
    };
    Value::List(values.into_iter().map(scalar).collect())
}

pub(super) fn condition_list(conditions: Vec<v1::Condition>) -> Value {
    use v1::condition::Test::{Is, IsNot, IsNull, NotNull};
    let condition = |condition: v1::Condition| {
        let test = condition.test.map(|test| match test {
            Is(list) => ("is", scalar_list(list.values)),
            IsNot(list) => ("is_not", scalar_list(list.values)),
            IsNull(flag) => ("is_null", Value::Flag(flag)),
            NotNull(flag) => ("not_null", Value::Flag(flag)),
        });
        let column = ("column", Value::Text(condition.column));
        table([column].into_iter().chain(test))
    };
    Value::List(conditions.into_iter().map(condition).collect())
}

pub(super) fn watch_list(watches: Vec<v1::Watch>) -> Value {
    let watch = |watch: v1::Watch| {
        table([
            ("table", Value::Text(watch.table)),
            ("key", Value::Text(watch.key)),
            ("column", Value::Text(watch.column)),
        ])
    };
    Value::List(watches.into_iter().map(watch).collect())
}

/// What to ask the user about a suggestion; none where there is nothing to set.
pub(super) fn offer(suggestion: &Suggestion, config: &Config) -> Option<v1::Offer> {
    let mut catalog = v1::CatalogSettings::default();
    let (text, explanation, path) = match suggestion {
        Suggestion::Only {
            condition,
            left_out,
            rows,
        } => {
            catalog.only = conditions(&config.catalog.only);
            catalog.only.push(wire_condition(condition));
            let (left_out, rows) = (words::grouped(*left_out), words::products(*rows));
            let text = format!(
                "Send only products where {condition}, which leaves out {left_out} of {rows}"
            );
            (text, ONLY, "catalog.only")
        }
        Suggestion::Watch(watch) => {
            catalog.watch = watches(&config.catalog.watch);
            catalog.watch.push(wire_watch(watch));
            let text = format!("Capture changes of {watch}, which the view reads");
            (text, WATCH, "catalog.watch")
        }
        Suggestion::Key { column, example } => {
            catalog.columns = Some(v1::ColumnSettings {
                id: column.clone(),
                ..v1::ColumnSettings::default()
            });
            let text =
                format!("Use `{column}`, such as `{example}`, as the products' id at Digible");
            (text, KEY, "catalog.columns.id")
        }
        Suggestion::Unwatchable { .. } => return None,
    };
    Some(v1::Offer {
        text,
        settings: Some(v1::Settings {
            catalog: Some(catalog),
            ..v1::Settings::default()
        }),
        update_mask: Some(FieldMask {
            paths: vec![path.to_owned()],
        }),
        explanation: explanation.to_owned(),
    })
}

fn wire_condition(condition: &Condition) -> v1::Condition {
    let scalars = |values: &[Scalar]| {
        let scalar = |scalar: &Scalar| match scalar {
            Scalar::Integer(number) => ScalarConfig::Integer(*number),
            Scalar::Flag(flag) => ScalarConfig::Flag(*flag),
            Scalar::Text(text) => ScalarConfig::Text(text.clone()),
        };
        values.iter().map(scalar).collect()
    };
    let test = match &condition.test {
        Test::Is(values) => TestConfig::Is(scalars(values)),
        Test::IsNot(values) => TestConfig::IsNot(scalars(values)),
        Test::IsNull => TestConfig::IsNull,
        Test::NotNull => TestConfig::NotNull,
    };
    let config = ConditionConfig {
        column: condition.column.clone(),
        test,
    };
    conditions(&[config]).remove(0)
}

fn wire_watch(watch: &Watch) -> v1::Watch {
    v1::Watch {
        table: watch.table.clone(),
        key: watch.key.clone(),
        column: watch.column.clone(),
    }
}

fn table(entries: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let entries = entries
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Value::Table(entries.collect::<BTreeMap<_, _>>())
}
