//! Exact prices and names out of columns of SQL Server.

use tiberius::{Row, numeric::Numeric};

use super::{facts::DataType, fault::Work};
use crate::{
    catalog::decimal::{Fault, rounded},
    product::{Price, Problem},
};

/// Digits behind the point of a price that is kept in a float, which has no scale of its own.
const FLOAT_SCALE: u8 = 2;

/// How prices are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PriceType {
    /// `decimal` and `numeric`: exact, with the column's scale.
    Decimal,
    /// `money` and `smallmoney`: a decimal with this many digits, 4 of them behind the point. The driver
    /// would give them as floats.
    Money(u8),
    /// Whole numbers.
    Integer,
    /// `float`: the shortest decimal of the float, rounded half away from zero to two digits.
    Float,
    /// `real`: the same of a smaller float.
    Real,
}

impl PriceType {
    /// The type of a price column, or why it holds no prices, for people.
    pub(super) fn of(column: &DataType) -> Result<Self, String> {
        match column.name.as_str() {
            "decimal" | "numeric" => Ok(Self::Decimal),
            "money" => Ok(Self::Money(19)),
            "smallmoney" => Ok(Self::Money(10)),
            "tinyint" | "smallint" | "int" | "bigint" => Ok(Self::Integer),
            "float" => Ok(Self::Float),
            "real" => Ok(Self::Real),
            other => Err(format!("its type is {other}, which is no number")),
        }
    }

    /// A value of the column as it is read.
    pub(super) fn selected(self, value: &str) -> String {
        match self {
            Self::Decimal | Self::Float | Self::Real => value.to_owned(),
            Self::Money(digits) => format!("CAST({value} AS decimal({digits},4))"),
            Self::Integer => format!("CAST({value} AS bigint)"),
        }
    }

    /// The price in a column that was [`selected`](Self::selected), or why it cannot be sent.
    pub(super) fn read(self, row: &Row, index: usize) -> Work<Result<Price, Problem>> {
        let price = match self {
            Self::Decimal | Self::Money(_) => row.try_get::<Numeric, _>(index)?.map(decimal),
            Self::Integer => row
                .try_get::<i64, _>(index)?
                .map(|whole| Price::new(whole.into(), 0).ok_or(Fault::TooLong.of(""))),
            Self::Float => row
                .try_get::<f64, _>(index)?
                .map(|float| of_float(&float.to_string(), &format!("{float:?}"))),
            Self::Real => row
                .try_get::<f32, _>(index)?
                .map(|float| of_float(&float.to_string(), &format!("{float:?}"))),
        };
        Ok(price.unwrap_or_else(|| Err(Problem("the price is NULL".to_owned()))))
    }
}

fn decimal(number: Numeric) -> Result<Price, Problem> {
    let price = Price::new(number.value(), number.scale());
    price.ok_or_else(|| Fault::TooLong.of(&number.to_string()))
}

/// `shortest` has no exponent, `shown` may.
fn of_float(shortest: &str, shown: &str) -> Result<Price, Problem> {
    rounded(shortest, Some(FLOAT_SCALE)).map_err(|fault| fault.of(shown))
}

/// How names are read: all as `nvarchar`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameType {
    /// At most 4,000 characters.
    Short,
    /// `nvarchar(max)`.
    Long,
}

impl NameType {
    /// The type of a name column, or why it holds no names, for people.
    pub(super) fn of(column: &DataType) -> Result<Self, String> {
        match column.name.as_str() {
            "binary" | "varbinary" | "image" | "timestamp" | "rowversion" | "geography"
            | "geometry" | "hierarchyid" => {
                Err(format!("its type is {}, which is no text", column.name))
            }
            "text" | "ntext" | "xml" | "sql_variant" | "json" => Ok(Self::Long),
            _ if column.max_length < 0 || column.max_length > 8_000 => Ok(Self::Long),
            "varchar" | "char" if column.max_length > 4_000 => Ok(Self::Long),
            _ => Ok(Self::Short),
        }
    }

    /// A value of the column as it is read.
    pub(super) fn selected(self, value: &str) -> String {
        match self {
            Self::Short => format!("CAST({value} AS nvarchar(4000))"),
            Self::Long => format!("CAST({value} AS nvarchar(max))"),
        }
    }
}

/// The name in a column that was selected, or why it cannot be sent.
pub(super) fn read_name(row: &Row, index: usize) -> Work<Result<String, Problem>> {
    let name: Option<&str> = row.try_get(index)?;
    Ok(name
        .map(str::to_owned)
        .ok_or_else(|| Problem("the name is NULL".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, max_length: i32) -> DataType {
        DataType {
            name: name.to_owned(),
            max_length,
            precision: 0,
            scale: 0,
            collation: None,
        }
    }

    #[test]
    fn numbers_are_prices_and_texts_are_not() {
        for (name, expected) in [
            ("decimal", "p"),
            ("numeric", "p"),
            ("money", "CAST(p AS decimal(19,4))"),
            ("smallmoney", "CAST(p AS decimal(10,4))"),
            ("tinyint", "CAST(p AS bigint)"),
            ("bigint", "CAST(p AS bigint)"),
            ("float", "p"),
            ("real", "p"),
        ] {
            let price = PriceType::of(&column(name, 8)).unwrap();
            assert_eq!(price.selected("p"), expected);
        }
        for name in ["varchar", "nvarchar", "bit", "date", "sql_variant"] {
            let reason = PriceType::of(&column(name, 8)).unwrap_err();
            assert!(reason.contains(name));
        }
    }

    #[test]
    fn floats_are_rounded_to_cents() {
        let float = |number: f64| match of_float(&number.to_string(), &format!("{number:?}")) {
            Ok(price) => price.to_string(),
            Err(problem) => problem.to_string(),
        };
        for (number, expected) in [
            (19.99, "19.99"),
            (1.1 * 3.0, "3.30"),
            (1.005, "1.01"),
            (2.675, "2.68"),
            (-0.005, "-0.01"),
            (-0.004, "0.00"),
            (12.0, "12.00"),
            (1e-320, "0.00"),
            (1e300, "the price has more than 38 digits: `1e300`"),
        ] {
            assert_eq!(float(number), expected, "{number}");
        }
        let real = 19.99_f32;
        let price = of_float(&real.to_string(), "").unwrap();
        assert_eq!(price.to_string(), "19.99");
    }

    #[test]
    fn names_are_texts() {
        for (name, length, expected) in [
            ("nvarchar", 200, NameType::Short),
            ("nvarchar", 8_000, NameType::Short),
            ("nvarchar", -1, NameType::Long),
            ("varchar", 4_000, NameType::Short),
            ("varchar", 4_001, NameType::Long),
            ("ntext", 16, NameType::Long),
            ("int", 4, NameType::Short),
        ] {
            assert_eq!(NameType::of(&column(name, length)), Ok(expected), "{name}");
        }
        assert!(NameType::of(&column("varbinary", 50)).is_err());
    }
}
