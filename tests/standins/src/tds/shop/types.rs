//! Types as SQL Server's catalogue views show them, out of what a column is declared as.

use rusqlite::types::ValueRef;

use super::as_text;
use crate::tds::model::{ColumnType, Value};

/// A column's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SqlType {
    /// In lower case: `varchar`.
    pub(super) name: String,
    /// In bytes; -1 for `max`.
    pub(super) max_length: i32,
    pub(super) precision: u8,
    pub(super) scale: u8,
    /// Of texts.
    pub(super) collation: Option<String>,
}

/// How SQLite compares texts, as SQL Server names it.
pub(super) const BINARY: &str = "Latin1_General_BIN2";
pub(super) const NO_CASE: &str = "Latin1_General_CI_AS";

impl SqlType {
    /// Of a declaration, SQLite's or SQL Server's: `VARCHAR(25)`, `varchar(25) COLLATE …`.
    pub(super) fn parse(declared: &str) -> Self {
        let declared = declared.trim().to_lowercase();
        let (declared, collation) = match declared.split_once(" collate ") {
            Some((declared, collation)) => (declared.to_owned(), Some(collation.to_owned())),
            None => (declared, None),
        };
        let (name, sizes) = declared.split_once('(').unwrap_or((&declared, ""));
        let mut sizes = sizes
            .trim_end_matches(')')
            .split(',')
            .filter_map(|size| size.trim().parse::<u16>().ok());
        let (first, second) = (sizes.next(), sizes.next());
        let text = |name: &str, max_length: i32| Self {
            name: name.to_owned(),
            max_length,
            precision: 0,
            scale: 0,
            collation: Some(match collation.as_deref() {
                Some(name) if name.eq_ignore_ascii_case(NO_CASE) => NO_CASE.to_owned(),
                _ => BINARY.to_owned(),
            }),
        };
        let number = |name: &str, bytes, precision, scale| Self {
            name: name.to_owned(),
            max_length: bytes,
            precision,
            scale,
            collation: None,
        };
        match name.trim() {
            name @ ("varchar" | "char") => text(name, first.unwrap_or(1).into()),
            name @ ("nvarchar" | "nchar") => text(name, i32::from(first.unwrap_or(1)) * 2),
            "int" | "integer" => number("int", 4, 10, 0),
            "bigint" => number("bigint", 8, 19, 0),
            "real" | "float" | "double" => number("float", 8, 53, 0),
            "numeric" | "decimal" => {
                let precision = first.and_then(|size| u8::try_from(size).ok());
                let scale = second.and_then(|size| u8::try_from(size).ok());
                let scale = scale.unwrap_or(if precision.is_some() { 0 } else { 2 });
                number("decimal", 9, precision.unwrap_or(18), scale)
            }
            // SQLite's own word, without a length: long enough for a name, short enough for a key.
            _ => text("nvarchar", 900),
        }
    }

    pub(super) fn is_text(&self) -> bool {
        self.collation.is_some()
    }

    /// Whether characters can get lost in it.
    pub(super) fn is_code_page(&self) -> bool {
        matches!(self.name.as_str(), "varchar" | "char")
    }

    /// How a value of it travels when the agent asks for it.
    pub(super) fn column(&self) -> ColumnType {
        match self.name.as_str() {
            "int" | "bigint" => ColumnType::BigInt,
            "float" => ColumnType::Float,
            "decimal" => ColumnType::Decimal {
                precision: self.precision,
                scale: self.scale,
            },
            _ => ColumnType::Text,
        }
    }

    /// A SQLite value as one of this type; NULL when it cannot be.
    pub(super) fn value(&self, value: ValueRef<'_>) -> Value {
        match (self.column(), value) {
            (ColumnType::Text, value) => as_text(value).map_or(Value::Null, Value::Text),
            (ColumnType::BigInt, ValueRef::Integer(whole)) => Value::BigInt(whole),
            (ColumnType::Float, ValueRef::Integer(whole)) => Value::Float(whole as f64),
            (ColumnType::Float, ValueRef::Real(real)) => Value::Float(real),
            (ColumnType::Decimal { scale, .. }, ValueRef::Integer(whole)) => {
                Value::Decimal(i128::from(whole) * 10_i128.pow(scale.into()))
            }
            (ColumnType::Decimal { scale, .. }, ValueRef::Real(real)) => {
                Value::Decimal((real * 10_f64.powi(scale.into())).round() as i128)
            }
            _ => Value::Null,
        }
    }

    /// How SQLite declares a column that compares alike.
    pub(super) fn sqlite(&self) -> &'static str {
        match &self.collation {
            Some(collation) if collation == NO_CASE => "TEXT COLLATE NOCASE",
            Some(_) => "TEXT COLLATE BINARY",
            None => "INTEGER",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_read() {
        for (declared, name, length, precision, scale) in [
            ("VARCHAR(25)", "varchar", 25, 0, 0),
            (
                "nvarchar(25) COLLATE Latin1_General_CI_AS",
                "nvarchar",
                50,
                0,
                0,
            ),
            ("TEXT", "nvarchar", 900, 0, 0),
            ("INT", "int", 4, 10, 0),
            ("NUMERIC(18,2)", "decimal", 9, 18, 2),
            ("NUMERIC", "decimal", 9, 18, 2),
            ("decimal(10)", "decimal", 9, 10, 0),
        ] {
            let read = SqlType::parse(declared);
            let expected = (name, length, precision, scale);
            let read = (
                read.name.as_str(),
                read.max_length,
                read.precision,
                read.scale,
            );
            assert_eq!(read, expected, "{declared}");
        }
    }

    #[test]
    fn prices_keep_their_scale() {
        let price = SqlType::parse("NUMERIC(18,2)");
        assert_eq!(price.value(ValueRef::Integer(12)), Value::Decimal(1200));
        assert_eq!(price.value(ValueRef::Real(0.07)), Value::Decimal(7));
        assert_eq!(price.value(ValueRef::Real(-12.5)), Value::Decimal(-1250));
        assert_eq!(price.value(ValueRef::Text(b"free")), Value::Null);
    }
}
