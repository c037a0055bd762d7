//! Which rows are products that are sold, by the values of a column. Never SQL text: each kind of database quotes and
//! types the values itself.

use std::fmt;

/// What a row must have in one column to be sold.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Condition {
    /// The column.
    pub column: String,
    /// What its value must be.
    pub test: Test,
}

/// What a column's value must be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Test {
    /// One of these values. NULL is none of them.
    Is(Vec<Scalar>),
    /// None of these values. NULL is none of them, so a row with NULL is sold.
    IsNot(Vec<Scalar>),
    /// NULL.
    IsNull,
    /// Any value.
    NotNull,
}

/// A value to compare a column with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scalar {
    /// A whole number: also the same digits as text, for a column that holds text.
    Integer(i64),
    /// Text: also a number, for a column that holds numbers.
    Text(String),
    /// True or false: also 1 or 0, for a column that holds numbers.
    Flag(bool),
}

impl Scalar {
    /// The value as a number, for a column that holds numbers: an optional sign, digits, an optional decimal point.
    /// None when it is no number.
    #[must_use]
    pub fn number(&self) -> Option<String> {
        match self {
            Self::Integer(number) => Some(number.to_string()),
            Self::Flag(flag) => Some(u8::from(*flag).to_string()),
            Self::Text(text) => super::decimal::plain(text)
                .ok()
                .map(|price| price.to_string()),
        }
    }

    /// The value as text, for a column that holds text. None for true and false, which have no text of their own.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Integer(number) => Some(number.to_string()),
            Self::Text(text) => Some(text.clone()),
            Self::Flag(_) => None,
        }
    }
}

impl fmt::Display for Scalar {
    /// The value as a person would write it: text in quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Self::Flag(flag) => write!(f, "{flag}"),
        }
    }
}

impl fmt::Display for Condition {
    /// `` `Discontinued` is 0 ``, `` `Status` is not 'X' or 'Y' ``, `` `DeletedAt` is NULL ``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = |values: &[Scalar]| {
            let values: Vec<_> = values.iter().map(ToString::to_string).collect();
            values.join(" or ")
        };
        write!(f, "`{}` ", self.column)?;
        match &self.test {
            Test::Is(values) => write!(f, "is {}", listed(values)),
            Test::IsNot(values) => write!(f, "is not {}", listed(values)),
            Test::IsNull => f.write_str("is NULL"),
            Test::NotNull => f.write_str("is not NULL"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_reads_like_a_sentence() {
        let text = |value: &str| Scalar::Text(value.to_owned());
        for (test, expected) in [
            (Test::Is(vec![Scalar::Integer(0)]), "`c` is 0"),
            (
                Test::IsNot(vec![text("it's"), text("Y")]),
                "`c` is not 'it''s' or 'Y'",
            ),
            (Test::Is(vec![Scalar::Flag(true)]), "`c` is true"),
            (Test::IsNull, "`c` is NULL"),
            (Test::NotNull, "`c` is not NULL"),
        ] {
            let column = "c".to_owned();
            assert_eq!(Condition { column, test }.to_string(), expected);
        }
    }

    #[test]
    fn a_value_has_the_forms_that_columns_need() {
        for (value, number, text) in [
            (Scalar::Integer(-7), Some("-7"), Some("-7")),
            (Scalar::Flag(true), Some("1"), None),
            (Scalar::Flag(false), Some("0"), None),
            (Scalar::Text("01".to_owned()), Some("1"), Some("01")),
            (Scalar::Text("1.50".to_owned()), Some("1.50"), Some("1.50")),
            (Scalar::Text("no".to_owned()), None, Some("no")),
            (Scalar::Text(String::new()), None, Some("")),
        ] {
            assert_eq!(value.number().as_deref(), number, "{value}");
            assert_eq!(value.text().as_deref(), text, "{value}");
        }
    }
}
