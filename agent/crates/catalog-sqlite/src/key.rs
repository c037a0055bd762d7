//! Converts keys between SQLite, where a column may hold any type, and the rest of the program.
//!
//! INTEGER and TEXT are keys. Any other value is shown as its SQL literal, and its row has a [`Problem`], so
//! that it is refused and holds up no other product.

use std::{iter, str};

use rusqlite::{
    ToSql,
    types::{ToSqlOutput, ValueRef},
};
use shopmaster_catalog::decimal::shortened;
use shopmaster_product::{Problem, ProductId};

/// A key's value as it is bound to a statement.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key {
    Integer(i64),
    /// Text, which is not always UTF-8: SQLite does not check.
    Text(Vec<u8>),
    Null,
    Real(f64),
    Blob(Vec<u8>),
}

impl Key {
    pub(super) fn of(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Integer(number) => Self::Integer(number),
            ValueRef::Text(text) => Self::Text(text.to_vec()),
            ValueRef::Null => Self::Null,
            ValueRef::Real(number) => Self::Real(number),
            ValueRef::Blob(bytes) => Self::Blob(bytes.to_vec()),
        }
    }

    /// The values that `id` may stand for, the most likely first: itself, and the value whose literal it is.
    pub(super) fn candidates(id: &ProductId) -> impl Iterator<Item = Self> {
        iter::once(Self::plain(id)).chain(Self::odd(id))
    }

    /// The values that a key may have been recorded with that is shown as `shown`.
    pub(super) fn recorded(shown: &str) -> Vec<Self> {
        let text = ProductId::Text(shown.to_owned());
        Self::candidates(&text)
            .chain(Self::integer(shown))
            .collect()
    }

    /// The integer that is written like this, if any.
    pub(super) fn integer(text: &str) -> Option<Self> {
        let number = text.parse().ok();
        let number = number.filter(|number: &i64| number.to_string() == text);
        number.map(Self::Integer)
    }

    /// `id` taken literally.
    pub(super) fn plain(id: &ProductId) -> Self {
        match id {
            ProductId::Integer(number) => Self::Integer(*number),
            ProductId::Text(text) => Self::Text(text.clone().into_bytes()),
        }
    }

    /// The value whose literal `id` is, if any.
    pub(super) fn odd(id: &ProductId) -> Option<Self> {
        let ProductId::Text(text) = id else {
            return None;
        };
        let value = if text == "NULL" {
            Self::Null
        } else if let Some(bytes) = within(text, "X'", "'") {
            Self::Blob(bytes)
        } else if let Some(bytes) = within(text, "CAST(X'", "' AS TEXT)") {
            Self::Text(bytes)
        } else {
            Self::Real(text.parse().ok()?)
        };
        let (shown, problem) = value.shown();
        (problem.is_some() && shown == *id).then_some(value)
    }

    /// How the key is shown, and why it cannot be sent, if so.
    pub(super) fn shown(&self) -> (ProductId, Option<Problem>) {
        let (kind, literal) = match self {
            Self::Integer(number) => return (ProductId::Integer(*number), None),
            Self::Text(bytes) => match str::from_utf8(bytes) {
                Ok(text) => return (ProductId::Text(text.to_owned()), None),
                Err(_) => (
                    "not UTF-8",
                    format!("CAST(X'{}' AS TEXT)", hexadecimal(bytes)),
                ),
            },
            Self::Null => ("NULL", "NULL".to_owned()),
            Self::Real(number) => ("a REAL", real(*number)),
            Self::Blob(bytes) => ("a BLOB", format!("X'{}'", hexadecimal(bytes))),
        };
        let shown = shortened(&literal);
        let problem = Problem(format!("the key is {kind}, not TEXT or INTEGER: {shown}"));
        (ProductId::Text(literal), Some(problem))
    }
}

impl ToSql for Key {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(bytes) => ValueRef::Text(bytes),
            Self::Null => ValueRef::Null,
            Self::Real(number) => ValueRef::Real(*number),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// The shortest literal that reads back as the same float and cannot be mistaken for an integer.
pub(super) fn real(number: f64) -> String {
    if number.is_finite() {
        return format!("{number:?}");
    }
    // SQLite itself writes the infinities in this way; NaN is stored as NULL.
    let sign = if number < 0.0 { "-" } else { "" };
    format!("{sign}9e999")
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The bytes that are written in hexadecimal between `before` and `after`.
fn within(text: &str, before: &str, after: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix(before)?.strip_suffix(after)?.as_bytes();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_texts_are_themselves() {
        for (key, id) in [
            (Key::Integer(-7), ProductId::Integer(-7)),
            (
                Key::Text(b"P 1'\"".to_vec()),
                ProductId::Text("P 1'\"".to_owned()),
            ),
            (Key::Text(Vec::new()), ProductId::Text(String::new())),
        ] {
            assert_eq!(key.shown(), (id.clone(), None));
            assert_eq!(Key::candidates(&id).collect::<Vec<_>>(), [key]);
        }
    }

    #[test]
    fn odd_values_come_back_from_their_literals() {
        for (key, literal) in [
            (Key::Null, "NULL"),
            (Key::Real(1.5), "1.5"),
            (Key::Real(1.0), "1.0"),
            (Key::Real(-1e300), "-1e300"),
            (Key::Real(f64::INFINITY), "9e999"),
            (Key::Real(f64::NEG_INFINITY), "-9e999"),
            (Key::Blob(vec![0, 0xAB]), "X'00AB'"),
            (Key::Blob(Vec::new()), "X''"),
            (Key::Text(vec![b'a', 0xFF]), "CAST(X'61FF' AS TEXT)"),
        ] {
            let (id, problem) = key.shown();
            assert_eq!(id, ProductId::Text(literal.to_owned()));
            assert!(problem.unwrap().to_string().ends_with(literal));
            assert_eq!(Key::candidates(&id).last(), Some(key));
        }
    }

    #[test]
    fn what_was_recorded_is_among_what_it_may_be() {
        for (key, number) in [
            (Key::Integer(5), 2),
            (Key::Text(b"5".to_vec()), 2),
            (Key::Text(b"05".to_vec()), 1),
            (Key::Null, 2),
            (Key::Text(b"A".to_vec()), 1),
        ] {
            let recorded = Key::recorded(&key.shown().0.to_string());
            assert!(recorded.contains(&key), "{recorded:?}");
            assert_eq!(recorded.len(), number, "{recorded:?}");
        }
    }

    #[test]
    fn ordinary_texts_are_no_literals() {
        for text in [
            "null", "1", "1.50", "x'AB'", "X'A'", "X'GG'", "NaN", "inf", "P001",
        ] {
            let id = ProductId::Text(text.to_owned());
            assert_eq!(Key::candidates(&id).count(), 1, "{text}");
        }
    }
}
