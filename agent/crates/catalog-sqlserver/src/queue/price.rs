//! Exact prices and names from columns of SQL Server.

use std::fmt;

use shopmaster_catalog::decimal::{Digits, Float, PriceError};
use shopmaster_product::{Price, Problem};
use tiberius::{Row, numeric::Numeric};

use crate::{data_type::DataType, error::QueryResult};

/// How prices are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PriceType {
    /// `decimal` and `numeric`: exact, with the column's scale.
    Decimal,
    /// `money` and `smallmoney`: a decimal with this many digits, 4 of them after the decimal point. The driver
    /// would return them as floats.
    Money(u8),
    /// Whole numbers.
    Integer,
    /// `float`, which has no scale of its own.
    Float,
    /// `real`, a smaller float.
    Real,
}

impl PriceType {
    /// The type of a price column, or why it holds no prices, for people.
    pub(crate) fn of(column: &DataType) -> Result<Self, String> {
        match column.name.as_str() {
            "decimal" | "numeric" => Ok(Self::Decimal),
            "money" => Ok(Self::Money(19)),
            "smallmoney" => Ok(Self::Money(10)),
            "tinyint" | "smallint" | "int" | "bigint" => Ok(Self::Integer),
            "float" => Ok(Self::Float),
            "real" => Ok(Self::Real),
            other => Err(format!("its type is {other}, which is not a number")),
        }
    }

    /// The expression that selects a value of the column.
    pub(crate) fn selected(self, value: &str) -> String {
        match self {
            Self::Decimal | Self::Float | Self::Real => value.to_owned(),
            Self::Money(digits) => format!("CAST({value} AS decimal({digits},4))"),
            Self::Integer => format!("CAST({value} AS bigint)"),
        }
    }

    /// The price in a column that was [`selected`](Self::selected), with these digits, or why the price cannot
    /// be sent.
    pub(crate) fn read(
        self,
        row: &Row,
        index: usize,
        digits: Digits,
    ) -> QueryResult<Result<Price, Problem>> {
        let price = match self {
            Self::Decimal | Self::Money(_) => row
                .try_get::<Numeric, _>(index)?
                .map(|number| decimal(number, digits)),
            Self::Integer => row
                .try_get::<i64, _>(index)?
                .map(|whole| decimal(Numeric::new_with_scale(whole.into(), 0), digits)),
            Self::Float => row
                .try_get::<f64, _>(index)?
                .map(|number| of_float(Float::double(number), &number, digits)),
            Self::Real => row
                .try_get::<f32, _>(index)?
                .map(|number| of_float(Float::single(number), &number, digits)),
        };
        Ok(price.unwrap_or_else(|| Err(Problem("the price is NULL".to_owned()))))
    }
}

fn decimal(number: Numeric, digits: Digits) -> Result<Price, Problem> {
    Price::new(number.value(), number.scale())
        .ok_or(PriceError::TooLong)
        .and_then(|price| digits.exact(price))
        .map_err(|error| error.problem(&number.to_string()))
}

fn of_float(
    float: Result<Float, PriceError>,
    number: &dyn fmt::Debug,
    digits: Digits,
) -> Result<Price, Problem> {
    float
        .and_then(|float| digits.float(float))
        .map_err(|error| error.problem(&format!("{number:?}")))
}

/// How names are read: all as `nvarchar`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameType {
    /// Text of at most 4,000 characters.
    Short,
    /// `nvarchar(max)`.
    Long,
}

impl NameType {
    /// The type of a name column, or why it holds no names, for people.
    pub(crate) fn of(column: &DataType) -> Result<Self, String> {
        match column.name.as_str() {
            "binary" | "varbinary" | "image" | "timestamp" | "rowversion" | "geography"
            | "geometry" | "hierarchyid" => {
                Err(format!("its type is {}, which is not text", column.name))
            }
            "text" | "ntext" | "xml" | "sql_variant" | "json" => Ok(Self::Long),
            _ if column.max_length < 0 || column.max_length > 8_000 => Ok(Self::Long),
            "varchar" | "char" if column.max_length > 4_000 => Ok(Self::Long),
            _ => Ok(Self::Short),
        }
    }

    /// The expression that selects a value of the column.
    pub(crate) fn selected(self, value: &str) -> String {
        match self {
            Self::Short => format!("CAST({value} AS nvarchar(4000))"),
            Self::Long => format!("CAST({value} AS nvarchar(max))"),
        }
    }
}

/// The name in a column that was [`selected`](NameType::selected), or why the name cannot be sent.
pub(crate) fn read_name(row: &Row, index: usize) -> QueryResult<Result<String, Problem>> {
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
    fn decimals_and_floats_have_the_digits_that_are_asked_for() {
        let shown = |price: Result<Price, Problem>| match price {
            Ok(price) => price.to_string(),
            Err(problem) => problem.to_string(),
        };
        let cents = Digits::new(Some(2), None);
        let money = |digits| shown(decimal(Numeric::new_with_scale(19_900, 4), digits));
        assert_eq!(money(cents), "1.99");
        assert_eq!(money(Digits::default()), "1.9900");
        let whole = |digits| shown(decimal(Numeric::new_with_scale(1_500, 0), digits));
        assert_eq!(whole(cents), "1500.00");
        assert_eq!(whole(Digits::default()), "1500");

        let double = |number: f64, digits| shown(of_float(Float::double(number), &number, digits));
        for (number, open, in_cents) in [
            (19.99, "19.99", "19.99"),
            (1.1 * 3.0, "3.3", "3.30"),
            (2.675, "2.675", "2.68"),
            (12.0, "12", "12.00"),
        ] {
            assert_eq!(double(number, Digits::default()), open, "{number}");
            assert_eq!(double(number, cents), in_cents, "{number}");
        }
        assert_eq!(
            double(1e300, cents),
            "the price has more than 38 digits: `1e300`"
        );
        let single = |number: f32, digits| shown(of_float(Float::single(number), &number, digits));
        assert_eq!(single(1.1 * 3.0, Digits::default()), "3.3");
        assert_eq!(single(19.99, cents), "19.99");
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
