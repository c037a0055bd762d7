//! Values in the configuration's document, with its comments and its ways of writing.

use toml_edit::{Array, ArrayOfTables, InlineTable, Item, Table, TableLike};

use super::Value;

impl Value {
    /// The value of an item, however it is written; none for the types that no key has.
    pub(super) fn of_item(item: &Item) -> Option<Self> {
        match item {
            Item::Value(value) => Self::of_value(value),
            Item::ArrayOfTables(tables) => {
                let tables = tables.iter().map(|table| Self::of_table(table));
                tables.collect::<Option<_>>().map(Self::List)
            }
            Item::Table(_) | Item::None => None,
        }
    }

    /// The value at a name of a table; none where there is none.
    pub(super) fn of_item_at(table: &dyn TableLike, name: &str) -> Option<Self> {
        Self::of_item(table.get(name)?)
    }

    /// The tables that a list of tables is written as; none for another value.
    pub(super) fn tables(&self) -> Option<ArrayOfTables> {
        let Self::List(values) = self else {
            return None;
        };
        let mut tables = ArrayOfTables::new();
        for value in values {
            let Self::Table(entries) = value else {
                return None;
            };
            let mut table = Table::new();
            for (name, value) in entries {
                table.insert(name, Item::Value(value.into()));
            }
            tables.push(table);
        }
        (!tables.is_empty()).then_some(tables)
    }

    fn of_value(value: &toml_edit::Value) -> Option<Self> {
        Some(match value {
            toml_edit::Value::String(text) => Self::Text(text.value().clone()),
            toml_edit::Value::Integer(number) => Self::Integer(*number.value()),
            toml_edit::Value::Boolean(flag) => Self::Flag(*flag.value()),
            toml_edit::Value::Array(values) => {
                Self::List(values.iter().map(Self::of_value).collect::<Option<_>>()?)
            }
            toml_edit::Value::InlineTable(table) => return Self::of_table(table),
            toml_edit::Value::Float(_) | toml_edit::Value::Datetime(_) => return None,
        })
    }

    fn of_table(table: &dyn TableLike) -> Option<Self> {
        let entry = |(name, item): (&str, _)| Some((name.to_owned(), Self::of_item(item)?));
        table
            .iter()
            .map(entry)
            .collect::<Option<_>>()
            .map(Self::Table)
    }
}

impl From<&Value> for toml_edit::Value {
    fn from(value: &Value) -> Self {
        match value {
            Value::Text(text) => text.into(),
            Value::Integer(number) => (*number).into(),
            Value::Flag(flag) => (*flag).into(),
            Value::List(values) => values.iter().map(Self::from).collect::<Array>().into(),
            Value::Table(entries) => {
                let entries = entries
                    .iter()
                    .map(|(name, value)| (name, Self::from(value)));
                entries.collect::<InlineTable>().into()
            }
        }
    }
}
