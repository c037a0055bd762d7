//! Product ids as SQLite values.

use rusqlite::{
    ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, Value, ValueRef},
};

use crate::product::ProductId;

/// The bound that `after` sets for a list in the order of ids: all are behind none.
///
/// A bound that is always there keeps the statement a range search. SQLite orders numbers before texts.
pub(super) fn behind(after: Option<ProductId>) -> Value {
    match after {
        None => Value::Real(f64::NEG_INFINITY),
        Some(ProductId::Integer(number)) => Value::Integer(number),
        Some(ProductId::Text(text)) => Value::Text(text),
    }
}

/// Integers and texts stay apart.
impl ToSql for ProductId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

impl FromSql for ProductId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Integer(number) => Ok(Self::Integer(number)),
            ValueRef::Text(_) => value.as_str().map(|text| Self::Text(text.to_owned())),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}
