//! Exact prices from a column that may hold text, integers and floats.

use std::str;

use rusqlite::types::ValueRef;
use shopmaster_catalog::{
    PriceText,
    decimal::{Digits, Float, PriceError, plain, shortened},
};
use shopmaster_product::{Price, Problem};

use super::key::hexadecimal;

/// How the prices of a column are read and sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PriceFormat {
    pub(super) digits: Digits,
    /// How prices that are text are written; none for a decimal point and nothing else.
    pub(super) text: Option<PriceText>,
}

/// How many digits after the decimal point a declared type has: 2 in `NUMERIC(18,2)`.
pub(super) fn declared_scale(declared: &str) -> Option<u8> {
    let (_, arguments) = declared.trim_end().strip_suffix(')')?.rsplit_once('(')?;
    let (_, scale) = arguments.split_once(',')?;
    let scale = scale.trim().parse().ok()?;
    (usize::from(scale) <= Price::MAX_DIGITS).then_some(scale)
}

impl PriceFormat {
    /// The price in `value`, with the number of digits that prices are sent with.
    ///
    /// Integers and text are exact. Of a float, only the reliable digits are used.
    ///
    /// # Errors
    ///
    /// Why the price cannot be sent, with the value.
    pub(super) fn price(self, value: ValueRef<'_>) -> Result<Price, Problem> {
        match value {
            ValueRef::Null => Err(Problem("the price is NULL".to_owned())),
            ValueRef::Integer(number) => {
                let number = number.to_string();
                self.exact(&number, plain(&number))
            }
            ValueRef::Real(number) => Float::double(number)
                .and_then(|float| self.digits.float(float))
                .map_err(|error| error.problem(&format!("{number:?}"))),
            ValueRef::Text(bytes) => match str::from_utf8(bytes) {
                Ok(text) => self.text(text),
                Err(_) => Err(self.unreadable(&String::from_utf8_lossy(bytes))),
            },
            ValueRef::Blob(bytes) => Err(PriceError::NotANumber.problem(&format!(
                "X'{}'",
                hexadecimal(&bytes[..bytes.len().min(40)])
            ))),
        }
    }

    fn text(self, text: &str) -> Result<Price, Problem> {
        let read = match self.text {
            Some(format) => format.read(text),
            None => plain(text.trim_matches(' ')),
        };
        match read {
            Err(PriceError::NotANumber) => Err(self.unreadable(text)),
            read => self.exact(text, read),
        }
    }

    /// The price that was read from `shown`, with the digits that it is sent with.
    fn exact(self, shown: &str, read: Result<Price, PriceError>) -> Result<Price, Problem> {
        read.and_then(|price| self.digits.exact(price))
            .map_err(|error| error.problem(shown))
    }

    fn unreadable(self, text: &str) -> Problem {
        match self.text {
            Some(format) => Problem(format!(
                "the price is not written like `{format}`: `{}`",
                shortened(text)
            )),
            None => PriceError::NotANumber.problem(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: ValueRef<'_>, scale: Option<u8>) -> String {
        written(value, scale, None)
    }

    fn written(value: ValueRef<'_>, scale: Option<u8>, example: Option<&str>) -> String {
        let format = PriceFormat {
            digits: Digits::new(None, scale),
            text: example.map(|example| example.parse().unwrap()),
        };
        match format.price(value) {
            Ok(price) => price.to_string(),
            Err(problem) => problem.to_string(),
        }
    }

    fn text(text: &str, scale: Option<u8>) -> String {
        shown(ValueRef::Text(text.as_bytes()), scale)
    }

    #[test]
    fn the_scale_is_read_from_the_type() {
        for (declared, scale) in [
            ("NUMERIC(18,2)", Some(2)),
            ("decimal ( 10 , 4 )", Some(4)),
            ("DOUBLE PRECISION(8,0)", Some(0)),
            ("DECIMAL(38,38)", Some(38)),
            ("DECIMAL(10)", None),
            ("DECIMAL(10,39)", None),
            ("DECIMAL(10,-2)", None),
            ("DECIMAL(10,)", None),
            ("REAL", None),
            ("", None),
            (")", None),
        ] {
            assert_eq!(declared_scale(declared), scale, "{declared}");
        }
    }

    #[test]
    fn integers_are_padded() {
        assert_eq!(shown(ValueRef::Integer(12), None), "12");
        assert_eq!(shown(ValueRef::Integer(12), Some(2)), "12.00");
        assert_eq!(shown(ValueRef::Integer(0), Some(2)), "0.00");
        assert_eq!(shown(ValueRef::Integer(-3), Some(1)), "-3.0");
        let most = i64::MIN;
        assert_eq!(
            shown(ValueRef::Integer(most), Some(4)),
            format!("{most}.0000")
        );
        assert_eq!(
            shown(ValueRef::Integer(most), Some(38)),
            format!("the price has more than 38 digits: `{most}`")
        );
    }

    #[test]
    fn floats_are_decimals_without_a_tail() {
        for (number, scale, expected) in [
            (12.5, None, "12.5"),
            (12.5, Some(2), "12.50"),
            (19.99, Some(2), "19.99"),
            (0.1 + 0.2, Some(2), "0.30"),
            (1.1 * 3.0, Some(2), "3.30"),
            (0.1 + 0.2, None, "0.3"),
            (12.0, None, "12"),
            (12.0, Some(4), "12.0000"),
            (-0.0, Some(2), "0.00"),
            (-0.001, Some(2), "0.00"),
            (-0.005, Some(2), "-0.01"),
            (1.005, Some(2), "1.01"),
            (2.675, Some(2), "2.68"),
            (12.345, Some(2), "12.35"),
            (999.999, Some(2), "1000.00"),
            (0.5, Some(0), "1"),
            (0.4, Some(0), "0"),
            (-1.5, Some(0), "-2"),
            (1e20, Some(2), "100000000000000000000.00"),
            (1e-7, None, "0.0000001"),
            (1e-320, Some(2), "0.00"),
        ] {
            assert_eq!(shown(ValueRef::Real(number), scale), expected, "{number:?}");
        }
    }

    #[test]
    fn every_price_in_cents_survives_a_float() {
        for cents in (0..1_000_000_i64).step_by(7) {
            let expected = format!("{}.{:02}", cents / 100, cents % 100);
            let number: f64 = expected.parse().unwrap();
            assert_eq!(shown(ValueRef::Real(number), Some(2)), expected);
            assert_eq!(
                shown(ValueRef::Real(cents as f64 * 0.01), Some(2)),
                expected
            );
        }
    }

    #[test]
    fn floats_that_are_no_price_are_named() {
        for (number, expected) in [
            (1e300, "the price has more than 38 digits: `1e300`"),
            (1e-320, "the price has more than 38 digits: `1e-320`"),
            (f64::INFINITY, "the price is not a number: `inf`"),
            (f64::NAN, "the price is not a number: `NaN`"),
        ] {
            assert_eq!(shown(ValueRef::Real(number), None), expected);
        }
        assert_eq!(
            shown(ValueRef::Real(1e37), Some(2)),
            "the price has more than 38 digits: `1e37`"
        );
    }

    #[test]
    fn texts_are_exact() {
        for (value, scale, expected) in [
            ("12.5", Some(2), "12.50"),
            ("12.5", None, "12.5"),
            ("1500", Some(2), "1500.00"),
            ("  7 ", Some(2), "7.00"),
            ("+7.", Some(2), "7.00"),
            (".5", Some(2), "0.50"),
            ("-.5", None, "-0.5"),
            ("-0", Some(2), "0.00"),
            ("12.3456", Some(2), "12.3456"),
            ("0012.10", None, "12.10"),
            ("0.10", None, "0.10"),
            (
                "12345678901234567890123456789012345.678",
                Some(2),
                "12345678901234567890123456789012345.678",
            ),
        ] {
            assert_eq!(text(value, scale), expected, "{value}");
        }
        let zeros = format!("{}1.5", "0".repeat(100));
        assert_eq!(text(&zeros, Some(2)), "1.50");
    }

    #[test]
    fn texts_that_are_no_price_are_named() {
        for value in [
            "", " ", "abc", "1e3", "1,50", "1 000", "1.2.3", "--1", "+-1", "$5", ".", "-", "٣",
            "0x10", "1\n",
        ] {
            assert_eq!(
                text(value, Some(2)),
                format!("the price is not a number: `{value}`")
            );
        }
        let long = "9".repeat(39);
        assert_eq!(
            text(&long, None),
            format!("the price has more than 38 digits: `{long}`")
        );
        let longer = "7".repeat(300);
        assert_eq!(
            text(&longer, None),
            format!("the price has more than 38 digits: `{}…`", "7".repeat(60))
        );
        assert_eq!(
            text(&format!("0.{}", "0".repeat(300)), None),
            format!("the price has more than 38 digits: `0.{}…`", "0".repeat(58))
        );
    }

    #[test]
    fn texts_are_read_as_the_shop_writes_them() {
        for (example, text, expected) in [
            ("1.234,50", "1.234,5", "1234.50"),
            ("1.234,50", " 2,50 ", "2.50"),
            (
                "1.234,50",
                "2.50",
                "the price is not written like `1.234,50`: `2.50`",
            ),
            (
                "1,234.50",
                "2,50",
                "the price is not written like `1,234.50`: `2,50`",
            ),
            (
                "1234,50",
                "free",
                "the price is not written like `1234,50`: `free`",
            ),
            ("1234,50", "", "the price is not written like `1234,50`: ``"),
        ] {
            let value = ValueRef::Text(text.as_bytes());
            assert_eq!(written(value, Some(2), Some(example)), expected);
        }
        // Only texts are: a number has one decimal point.
        for (value, expected) in [
            (ValueRef::Real(2.5), "2.50"),
            (ValueRef::Integer(1234), "1234.00"),
            (ValueRef::Null, "the price is NULL"),
            (
                ValueRef::Text(b"1\xFF"),
                "the price is not written like `1.234,50`: `1\u{FFFD}`",
            ),
        ] {
            assert_eq!(written(value, Some(2), Some("1.234,50")), expected);
        }
        let long = format!("{},00", "9".repeat(39));
        assert_eq!(
            written(ValueRef::Text(long.as_bytes()), None, Some("1234,50")),
            format!("the price has more than 38 digits: `{long}`")
        );
    }

    #[test]
    fn what_is_no_number_at_all_is_named() {
        assert_eq!(shown(ValueRef::Null, Some(2)), "the price is NULL");
        assert_eq!(
            shown(ValueRef::Blob(b"12"), Some(2)),
            "the price is not a number: `X'3132'`"
        );
        assert_eq!(
            shown(ValueRef::Text(b"1\xFF"), Some(2)),
            "the price is not a number: `1\u{FFFD}`"
        );
    }
}
