//! Exact prices and names from columns of SQL Server.

use std::fmt;

use shopmaster_catalog::{
    PriceText,
    decimal::{Digits, Float, PriceError, shortened},
};
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
    /// Text that is written in this way, of any length with `true`.
    Text(PriceText, bool),
}

impl PriceType {
    /// The type of a price column, or why it holds no prices, for people. `text`: how prices that are text are
    /// written, if that is known.
    pub(crate) fn of(column: &DataType, text: Option<PriceText>) -> Result<Self, String> {
        match column.name.as_str() {
            "decimal" | "numeric" => Ok(Self::Decimal),
            "money" => Ok(Self::Money(19)),
            "smallmoney" => Ok(Self::Money(10)),
            "tinyint" | "smallint" | "int" | "bigint" => Ok(Self::Integer),
            "float" => Ok(Self::Float),
            "real" => Ok(Self::Real),
            name @ ("char" | "varchar" | "nchar" | "nvarchar") => {
                let unknown = || {
                    format!(
                        "its type is {name}, which is not a number: set `catalog.price_text` to how prices are written, such as `1234.50`"
                    )
                };
                let is_long = NameType::of(column).is_ok_and(|it| it.length == Length::Long);
                Ok(Self::Text(text.ok_or_else(unknown)?, is_long))
            }
            other => Err(format!("its type is {other}, which is not a number")),
        }
    }

    /// The expression that selects a value of the column.
    pub(crate) fn selected(self, value: &str) -> String {
        match self {
            Self::Decimal | Self::Float | Self::Real => value.to_owned(),
            Self::Money(digits) => format!("CAST({value} AS decimal({digits},4))"),
            Self::Integer => format!("CAST({value} AS bigint)"),
            Self::Text(_, false) => Length::Short.selected(value),
            Self::Text(_, true) => Length::Long.selected(value),
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
            Self::Text(written, _) => row
                .try_get::<&str, _>(index)?
                .map(|text| of_text(written, text, digits)),
        };
        Ok(price.unwrap_or_else(|| Err(null_price())))
    }
}

/// Why a price that is NULL cannot be sent.
pub(crate) fn null_price() -> Problem {
    Problem("the price is NULL".to_owned())
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

fn of_text(written: PriceText, text: &str, digits: Digits) -> Result<Price, Problem> {
    let price = written.read(text).and_then(|price| digits.exact(price));
    price.map_err(|error| match error {
        PriceError::NotANumber => Problem(format!(
            "the price is not written like `{written}`: `{}`",
            shortened(text)
        )),
        PriceError::TooLong => error.problem(text),
    })
}

/// How names are read: all as `nvarchar`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NameType {
    length: Length,
    /// Whether the type fills every value up with spaces, which do not belong to a name.
    is_padded: bool,
}

/// How long a text may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    /// At most 4,000 characters.
    Short,
    /// Any.
    Long,
}

impl Length {
    fn selected(self, value: &str) -> String {
        match self {
            Self::Short => format!("CAST({value} AS nvarchar(4000))"),
            Self::Long => format!("CAST({value} AS nvarchar(max))"),
        }
    }
}

impl NameType {
    /// The type of a name column, or why it holds no names, for people.
    pub(crate) fn of(column: &DataType) -> Result<Self, String> {
        let length = match column.name.as_str() {
            "binary" | "varbinary" | "image" | "timestamp" | "rowversion" | "geography"
            | "geometry" | "hierarchyid" => {
                return Err(format!("its type is {}, which is not text", column.name));
            }
            "text" | "ntext" | "xml" | "sql_variant" | "json" => Length::Long,
            _ if column.max_length < 0 || column.max_length > 8_000 => Length::Long,
            "varchar" | "char" if column.max_length > 4_000 => Length::Long,
            _ => Length::Short,
        };
        Ok(Self {
            length,
            is_padded: is_padded(column),
        })
    }

    /// The expression that selects a value of the column.
    pub(crate) fn selected(self, value: &str) -> String {
        self.length.selected(value)
    }

    /// The name in a column that was [`selected`](Self::selected), or why the name cannot be sent.
    pub(crate) fn read(self, row: &Row, index: usize) -> QueryResult<Result<String, Problem>> {
        let name: Option<&str> = row.try_get(index)?;
        Ok(match name {
            Some(name) if self.is_padded => Ok(name.trim_end_matches(' ').to_owned()),
            Some(name) => Ok(name.to_owned()),
            None => Err(Problem("the name is NULL".to_owned())),
        })
    }
}

/// Whether the type fills every value up with spaces.
pub(crate) fn is_padded(column: &DataType) -> bool {
    matches!(column.name.as_str(), "char" | "nchar")
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
            let price = PriceType::of(&column(name, 8), None).unwrap();
            assert_eq!(price.selected("p"), expected);
        }
        for name in ["varchar", "nvarchar", "bit", "date", "sql_variant"] {
            let reason = PriceType::of(&column(name, 8), None).unwrap_err();
            assert!(reason.contains(name));
            assert_eq!(reason.contains("price_text"), name.ends_with("char"));
        }
    }

    #[test]
    fn a_text_is_a_price_if_it_is_written_as_it_should_be() {
        let comma: PriceText = "1.234,50".parse().unwrap();
        for (name, length, expected) in [
            ("varchar", 20, "CAST(p AS nvarchar(4000))"),
            ("nchar", 20, "CAST(p AS nvarchar(4000))"),
            ("nvarchar", -1, "CAST(p AS nvarchar(max))"),
            ("varchar", 8_000, "CAST(p AS nvarchar(max))"),
        ] {
            let price = PriceType::of(&column(name, length), Some(comma)).unwrap();
            assert_eq!(price.selected("p"), expected);
        }
        // A number is a number, however texts are written.
        let number = PriceType::of(&column("int", 4), Some(comma)).unwrap();
        assert_eq!(number, PriceType::Integer);
        for name in ["text", "bit", "xml"] {
            assert!(PriceType::of(&column(name, 16), Some(comma)).is_err());
        }
        let cents = Digits::new(Some(2), None);
        let read = |text, digits| of_text(comma, text, digits);
        let shown = |text, digits| read(text, digits).unwrap().to_string();
        assert_eq!(shown(" 1.234,5   ", Digits::default()), "1234.5");
        assert_eq!(shown("1.234,505", cents), "1234.51");
        assert_eq!(
            read("2.50", cents).unwrap_err().to_string(),
            "the price is not written like `1.234,50`: `2.50`"
        );
        let long = "9".repeat(40);
        let problem = read(&long, cents).unwrap_err().to_string();
        assert!(problem.contains("more than 38 digits"), "{problem}");
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
            ("nvarchar", 200, Length::Short),
            ("nvarchar", 8_000, Length::Short),
            ("nvarchar", -1, Length::Long),
            ("varchar", 4_000, Length::Short),
            ("varchar", 4_001, Length::Long),
            ("char", 4_001, Length::Long),
            ("ntext", 16, Length::Long),
            ("int", 4, Length::Short),
        ] {
            let read = NameType::of(&column(name, length)).unwrap();
            assert_eq!(read.length, expected, "{name}");
            assert_eq!(read.is_padded, name == "char", "{name}");
        }
        assert!(NameType::of(&column("varbinary", 50)).is_err());
    }
}
