//! The terms that catalog, cloud and journal share: a product's key, its price, its row.

use std::fmt;

pub mod position;
#[cfg(feature = "sqlite")]
mod sqlite;

/// A product's key, spelled as in its row.
///
/// Two ids are equal only if they match byte for byte. Whether `abc` and `ABC` name the same row is for the
/// database to decide.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProductId {
    /// From an integer column; a JSON number at Digible.
    Integer(i64),
    /// From any other column; a JSON string at Digible.
    Text(String),
}

/// An exact decimal: `units` times ten to the power of minus `scale`. Never a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    units: i128,
    scale: u8,
}

/// One row of the product table, as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The key, spelled as in the row.
    pub id: ProductId,
    /// The name, or why it cannot be sent.
    pub name: Result<String, Problem>,
    /// The price, or why it cannot be sent.
    pub price: Result<Price, Problem>,
}

/// Why a value of a row cannot be sent, for people; it names the value, so that another bad value is
/// another problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Problem(pub String);

impl Price {
    /// How many digits a price may have at most, as in SQL Server's `decimal`.
    pub const MAX_DIGITS: usize = 38;

    /// `units` times ten to the power of minus `scale`; none when it has more than 38 digits.
    #[must_use]
    pub fn new(units: i128, scale: u8) -> Option<Self> {
        let limit = 10_u128.pow(38);
        if units.unsigned_abs() >= limit || usize::from(scale) > Self::MAX_DIGITS {
            return None;
        }
        Some(Self { units, scale })
    }

    /// The integer without its decimal point.
    #[must_use]
    pub fn units(self) -> i128 {
        self.units
    }

    /// Whether both are the same amount, whatever their digits: 1.50 and 1.5.
    #[must_use]
    pub fn is_worth(self, other: Self) -> bool {
        let amount = |price: Self| {
            let (mut units, mut scale) = (price.units, price.scale);
            while scale > 0 && units % 10 == 0 {
                (units, scale) = (units / 10, scale - 1);
            }
            (units, scale)
        };
        amount(self) == amount(other)
    }

    /// Digits after the decimal point.
    #[must_use]
    pub fn scale(self) -> u8 {
        self.scale
    }
}

impl fmt::Display for Price {
    /// All digits of the scale, as Digible gets it: `1500.00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::from(self.scale);
        let digits = format!("{:0>width$}", self.units.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let sign = if self.units < 0 { "-" } else { "" };
        if fraction.is_empty() {
            return write!(f, "{sign}{whole}");
        }
        write!(f, "{sign}{whole}.{fraction}")
    }
}

impl fmt::Display for ProductId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_shows_every_digit_of_its_scale() {
        let shown = |units, scale| Price::new(units, scale).unwrap().to_string();
        assert_eq!(shown(150_000, 2), "1500.00");
        assert_eq!(shown(5, 2), "0.05");
        assert_eq!(shown(-5, 2), "-0.05");
        assert_eq!(shown(0, 4), "0.0000");
        assert_eq!(shown(12, 0), "12");
        let most = 10_i128.pow(38) - 1;
        assert_eq!(shown(most, 38), format!("0.{}", "9".repeat(38)));
    }

    #[test]
    fn an_amount_is_the_same_whatever_its_digits() {
        let price = |units, scale| Price::new(units, scale).unwrap();
        assert!(price(150, 2).is_worth(price(15, 1)));
        assert!(price(0, 4).is_worth(price(0, 0)));
        assert!(price(-1_000, 3).is_worth(price(-1, 0)));
        assert!(!price(150, 2).is_worth(price(151, 2)));
        assert!(!price(150, 2).is_worth(price(150, 1)));
    }

    #[test]
    fn more_than_38_digits_are_no_price() {
        assert_eq!(Price::new(10_i128.pow(38), 0), None);
        assert_eq!(Price::new(i128::MIN, 0), None);
        assert_eq!(Price::new(1, 39), None);
    }
}
