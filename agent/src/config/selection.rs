//! Which rows are sold, which tables are watched, and which columns make a key: the settings that are lists.

use serde::{Deserialize, Serialize};
use shopmaster_catalog::{KeyColumns, PriceText};

/// What a row must have in one column to be sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ConditionTable", into = "ConditionTable")]
pub struct ConditionConfig {
    /// The column.
    pub column: String,
    /// What its value must be.
    pub test: TestConfig,
}

/// What a column's value must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestConfig {
    /// One of these values.
    Is(Vec<ScalarConfig>),
    /// None of these values.
    IsNot(Vec<ScalarConfig>),
    /// NULL.
    IsNull,
    /// Any value.
    NotNull,
}

/// A value to compare a column with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ScalarConfig {
    /// A whole number.
    Integer(i64),
    /// True or false.
    Flag(bool),
    /// Text.
    Text(String),
}

/// A table whose changes count, and which rows of the view they concern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchConfig {
    /// The table.
    pub table: String,
    /// Its column that is recorded at each change.
    pub key: String,
    /// The view's column with the same value.
    pub column: String,
}

/// The columns of a key: a name, or a list of names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Names", into = "Names")]
pub struct KeyConfig {
    /// The first column, or the only one.
    pub first: String,
    /// The others.
    pub more: Vec<String>,
}

/// How prices that are text are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PriceTextConfig(pub PriceText);

/// Why a setting that is a list cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// A condition has no column.
    #[error("a condition needs a `column`")]
    NoColumn,
    /// A condition does not say one thing.
    #[error("a condition needs one of `is`, `is_not`, `is_null = true` and `not_null = true`")]
    NoTest,
    /// A key has no column.
    #[error("a key needs a column")]
    NoKey,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionTable {
    column: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    is: Option<OneOrMany<ScalarConfig>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_not: Option<OneOrMany<ScalarConfig>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_null: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_null: Option<bool>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

type Names = OneOrMany<String>;

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

impl TryFrom<ConditionTable> for ConditionConfig {
    type Error = ListError;

    fn try_from(table: ConditionTable) -> Result<Self, ListError> {
        if table.column.is_empty() {
            return Err(ListError::NoColumn);
        }
        let values = |values: OneOrMany<_>| {
            let values = values.into_vec();
            (!values.is_empty()).then_some(values)
        };
        let test = match (table.is, table.is_not, table.is_null, table.not_null) {
            (Some(is), None, None, None) => values(is).map(TestConfig::Is),
            (None, Some(is_not), None, None) => values(is_not).map(TestConfig::IsNot),
            (None, None, Some(true), None) => Some(TestConfig::IsNull),
            (None, None, None, Some(true)) => Some(TestConfig::NotNull),
            _ => None,
        };
        Ok(Self {
            column: table.column,
            test: test.ok_or(ListError::NoTest)?,
        })
    }
}

impl From<ConditionConfig> for ConditionTable {
    fn from(condition: ConditionConfig) -> Self {
        let mut table = Self {
            column: condition.column,
            is: None,
            is_not: None,
            is_null: None,
            not_null: None,
        };
        match condition.test {
            TestConfig::Is(values) => table.is = Some(OneOrMany::Many(values)),
            TestConfig::IsNot(values) => table.is_not = Some(OneOrMany::Many(values)),
            TestConfig::IsNull => table.is_null = Some(true),
            TestConfig::NotNull => table.not_null = Some(true),
        }
        table
    }
}

impl KeyConfig {
    /// One column.
    pub fn one(name: impl Into<String>) -> Self {
        Self {
            first: name.into(),
            more: Vec::new(),
        }
    }

    /// The columns with what separates their values in an id.
    pub fn columns(&self, separator: &str) -> KeyColumns {
        KeyColumns::several(self.first.clone(), self.more.clone(), separator)
    }
}

impl TryFrom<Names> for KeyConfig {
    type Error = ListError;

    fn try_from(names: Names) -> Result<Self, ListError> {
        let is_one = matches!(names, OneOrMany::One(_));
        let mut names = names.into_vec();
        // A single name may be empty until it is set.
        if names.is_empty() || (!is_one && names.iter().any(String::is_empty)) {
            return Err(ListError::NoKey);
        }
        let more = names.split_off(1);
        Ok(Self {
            first: names.concat(),
            more,
        })
    }
}

impl From<KeyConfig> for Names {
    fn from(key: KeyConfig) -> Self {
        match key.more.is_empty() {
            true => Self::One(key.first),
            false => Self::Many([vec![key.first], key.more].concat()),
        }
    }
}

impl TryFrom<String> for PriceTextConfig {
    type Error = shopmaster_catalog::NoPriceText;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

impl From<PriceTextConfig> for String {
    fn from(text: PriceTextConfig) -> Self {
        text.0.to_string()
    }
}
