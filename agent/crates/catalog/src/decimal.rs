//! Exact prices from strings and floats, and how many digits they are sent with.

use shopmaster_product::{Price, Problem};

/// Why a string or a float is not a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceError {
    /// It is not a number: text, an infinity or NaN.
    NotANumber,
    /// It has more digits than a price can have.
    TooLong,
}

/// How many digits after the decimal point a price is sent with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digits {
    /// What the shop asked for: every price is sent with exactly this many.
    asked: Option<u8>,
    /// What the column's type declares: a float is sent with exactly this many, any other price with at least
    /// this many.
    declared: Option<u8>,
}

/// A float as a decimal, without its tail: `units` times ten to the power of `exponent`.
///
/// A float is only close to the decimal that it stands for, and arithmetic leaves extra digits that no person
/// typed, as in 0.30000000000000004.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Float {
    units: i128,
    exponent: i32,
}

impl Digits {
    /// `asked` is what the shop asked for, `declared` what the type of the column declares.
    #[must_use]
    pub fn new(asked: Option<u8>, declared: Option<u8>) -> Self {
        Self { asked, declared }
    }

    /// This many digits, whatever the column declares.
    #[must_use]
    pub const fn asking(digits: u8) -> Self {
        Self {
            asked: Some(digits),
            declared: None,
        }
    }

    /// The digits that the shop asked for; none when it did not ask.
    pub fn asked(self) -> Option<u8> {
        self.asked
    }

    /// Whether neither the shop nor the column decides how many digits a float is sent with.
    pub fn are_open(self) -> bool {
        self.asked.or(self.declared).is_none()
    }

    /// A price that was read exactly. It is rounded only when the shop asked for that.
    pub fn exact(self, price: Price) -> Result<Price, PriceError> {
        let longer = |declared: &u8| *declared > price.scale();
        match self.asked.or(self.declared.filter(longer)) {
            Some(digits) => with_digits(price.units(), -i32::from(price.scale()), digits),
            None => Ok(price),
        }
    }

    /// A price that was read as a float.
    pub fn float(self, float: Float) -> Result<Price, PriceError> {
        let digits = match self.asked.or(self.declared) {
            Some(digits) => digits,
            None => u8::try_from(-float.exponent.min(0)).map_err(|_| PriceError::TooLong)?,
        };
        with_digits(float.units, float.exponent, digits)
    }
}

impl Float {
    /// How many digits of a decimal survive conversion to a double.
    const SURE_OF_DOUBLE: usize = 15;
    /// How many survive conversion to a single, in all ranges where prices occur.
    const SURE_OF_SINGLE: usize = 7;

    /// Reads a double, which keeps 15 digits.
    ///
    /// # Errors
    ///
    /// [`PriceError`] when it is an infinity, NaN or too long.
    pub fn double(number: f64) -> Result<Self, PriceError> {
        Self::read(&format!("{number:e}"), Self::SURE_OF_DOUBLE)
    }

    /// Reads a single, which keeps 7 digits.
    ///
    /// # Errors
    ///
    /// As [`double`](Self::double).
    pub fn single(number: f32) -> Result<Self, PriceError> {
        Self::read(&format!("{number:e}"), Self::SURE_OF_SINGLE)
    }

    /// Parses the shortest decimal that reads back as the same float, such as `1.2345e-2`, and rounds it to as
    /// many digits as are reliable. Those before the decimal point all stay.
    fn read(shortest: &str, sure: usize) -> Result<Self, PriceError> {
        // Neither an infinity nor NaN has an exponent.
        let (mantissa, exponent) = shortest.split_once('e').ok_or(PriceError::NotANumber)?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let units = format!("{whole}{fraction}").parse::<i128>();
        let units = units.map_err(|_| PriceError::NotANumber)?;
        let exponent = exponent
            .parse::<i32>()
            .map_err(|_| PriceError::NotANumber)?;
        let before_point = usize::try_from(exponent + 1).unwrap_or(0);
        let dropped = (1 + fraction.len()).saturating_sub(sure.max(before_point));
        let (dropped, digits) = (i32_of(dropped), i32_of(fraction.len()));
        let units = shifted(units, -dropped).ok_or(PriceError::TooLong)?;
        Ok(Self {
            units,
            exponent: exponent - digits + dropped,
        }
        .without_zeros())
    }

    fn without_zeros(mut self) -> Self {
        while self.units != 0 && self.units % 10 == 0 {
            self.units /= 10;
            self.exponent += 1;
        }
        if self.units == 0 {
            self.exponent = 0;
        }
        self
    }
}

impl PriceError {
    /// What is wrong with this value, for people.
    #[must_use]
    pub fn problem(self, value: &str) -> Problem {
        let value = shortened(value);
        Problem(match self {
            Self::NotANumber => format!("the price is not a number: `{value}`"),
            Self::TooLong => format!("the price has more than 38 digits: `{value}`"),
        })
    }
}

/// A plain decimal: an optional sign, digits, an optional decimal point.
pub fn plain(text: &str) -> Result<Price, PriceError> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    if digits().next().is_none() || !digits().all(|digit| digit.is_ascii_digit()) {
        return Err(PriceError::NotANumber);
    }
    let units = digits()
        .try_fold(0_i128, |units, digit| {
            units.checked_mul(10)?.checked_add(i128::from(digit - b'0'))
        })
        .ok_or(PriceError::TooLong)?;
    let units = if text.starts_with('-') { -units } else { units };
    let scale = u8::try_from(fraction.len()).map_err(|_| PriceError::TooLong)?;
    Price::new(units, scale).ok_or(PriceError::TooLong)
}

/// The digits that the shop asked for, as part of a catalog's identity.
pub fn asked(digits: u8) -> String {
    format!("price_digits={digits}")
}

/// The first 60 characters of a value, for messages.
pub fn shortened(value: &str) -> String {
    match value.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

/// `units` times ten to the power of `exponent`, with exactly `digits` digits after the decimal point.
fn with_digits(units: i128, exponent: i32, digits: u8) -> Result<Price, PriceError> {
    shifted(units, exponent.saturating_add(digits.into()))
        .and_then(|units| Price::new(units, digits))
        .ok_or(PriceError::TooLong)
}

/// `units` times ten to the power of `by`, rounded half away from zero.
fn shifted(units: i128, by: i32) -> Option<i128> {
    let Some(power) = 10_i128.checked_pow(by.unsigned_abs()) else {
        // No price is long enough to have a 39th digit that could round up.
        return (by < 0 || units == 0).then_some(0);
    };
    if by >= 0 {
        return units.checked_mul(power);
    }
    let rest = (units % power).abs();
    let away = if rest >= power - rest {
        units.signum()
    } else {
        0
    };
    Some(units / power + away)
}

fn i32_of(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As many digits as there are.
    const OPEN: Digits = Digits {
        asked: None,
        declared: None,
    };

    fn shown(price: Result<Price, PriceError>) -> String {
        price.map_or_else(
            |fault| fault.problem("x").to_string(),
            |price| price.to_string(),
        )
    }

    fn double(number: f64, digits: Digits) -> String {
        shown(Float::double(number).and_then(|float| digits.float(float)))
    }

    fn single(number: f32, digits: Digits) -> String {
        shown(Float::single(number).and_then(|float| digits.float(float)))
    }

    /// `units` without zeros at the end, with the point before the last `scale` digits.
    fn without_zeros(units: i128, scale: u8) -> String {
        let text = Price::new(units, scale).unwrap().to_string();
        match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        }
    }

    #[test]
    fn a_floats_tail_never_goes_out() {
        for (number, expected) in [
            (0.1 + 0.2, "0.3"),
            (1.1 * 3.0, "3.3"),
            (-1.1 * 3.0, "-3.3"),
            (4.35 * 100.0, "435"),
            (0.1 * 3.0 - 0.2, "0.1"),
            (1.0 / 3.0, "0.333333333333333"),
            (2.0 / 3.0, "0.666666666666667"),
            (999.999_999_999_999_9, "1000"),
            (12.5, "12.5"),
            (12.0, "12"),
            (1200.0, "1200"),
            (-0.0, "0"),
            (1e20, "100000000000000000000"),
            (9_007_199_254_740_991.0, "9007199254740991"),
            (1_234_567_890_123_456.5, "1234567890123457"),
            (1e-7, "0.0000001"),
            (1e-320, "the price has more than 38 digits: `x`"),
            (1e300, "the price has more than 38 digits: `x`"),
            (f64::NAN, "the price is not a number: `x`"),
            (f64::NEG_INFINITY, "the price is not a number: `x`"),
        ] {
            assert_eq!(double(number, OPEN), expected, "{number:?}");
        }
        for (number, expected) in [
            (0.1_f32 + 0.2, "0.3"),
            (1.1_f32 * 3.0, "3.3"),
            (19.99, "19.99"),
            (99_999.99, "99999.99"),
            (1.0 / 3.0, "0.3333333"),
            (16_777_216.0, "16777216"),
            (f32::INFINITY, "the price is not a number: `x`"),
        ] {
            assert_eq!(single(number, OPEN), expected, "{number:?}");
        }
    }

    #[test]
    fn the_digits_that_the_shop_asks_for_win() {
        for (text, asked, declared, expected) in [
            ("1.9900", Some(2), None, "1.99"),
            ("1.500000", Some(2), Some(6), "1.50"),
            ("1500", Some(2), None, "1500.00"),
            ("1.239", Some(2), Some(3), "1.24"),
            ("1.235", Some(2), None, "1.24"),
            ("-1.235", Some(2), None, "-1.24"),
            ("1.2349999", Some(2), None, "1.23"),
            ("9.999", Some(2), None, "10.00"),
            ("0.5", Some(0), None, "1"),
            ("-0.4", Some(0), None, "0"),
            ("1.5", None, Some(4), "1.5000"),
            ("1.23456", None, Some(4), "1.23456"),
            ("1.50", None, None, "1.50"),
        ] {
            let price = Digits::new(asked, declared).exact(plain(text).unwrap());
            assert_eq!(shown(price), expected, "{text}");
        }
        let long = plain(&"9".repeat(38)).unwrap();
        assert_eq!(Digits::asking(1).exact(long), Err(PriceError::TooLong));
        let small = plain(&format!("0.{}", "9".repeat(38))).unwrap();
        assert_eq!(shown(Digits::asking(2).exact(small)), "1.00");
        assert_eq!(double(1e-320, Digits::asking(2)), "0.00");
        assert_eq!(
            double(1e300, Digits::asking(2)),
            shown(Err(PriceError::TooLong))
        );
    }

    #[test]
    fn what_a_single_leaves_in_a_double_is_rounded_away() {
        for number in [19.99_f32, 0.07, 1234.56] {
            let shown = double(number.into(), Digits::asking(2));
            assert_eq!(shown, format!("{number:.2}"));
        }
    }

    proptest! {
        #[test]
        fn a_price_that_was_typed_survives_a_double(
            units in -999_999_999_999_999_i64..=999_999_999_999_999,
            scale in 0_u8..=10,
        ) {
            let expected = without_zeros(units.into(), scale);
            let number: f64 = expected.parse().unwrap();
            prop_assert_eq!(double(number, OPEN), expected);
        }

        #[test]
        fn a_price_that_was_typed_survives_a_single(
            units in -9_999_999_i32..=9_999_999,
            scale in 0_u8..=6,
        ) {
            let expected = without_zeros(units.into(), scale);
            let number: f32 = expected.parse().unwrap();
            prop_assert_eq!(single(number, OPEN), expected);
        }

        #[test]
        fn sums_and_multiples_of_cents_leave_no_tail(
            first in 0_i64..100_000_000,
            second in 0_i64..100_000_000,
            pieces in 1_i64..100,
        ) {
            let number = |cents: i64| cents as f64 / 100.0;
            let sum = number(first) + number(second);
            prop_assert_eq!(double(sum, OPEN), without_zeros((first + second).into(), 2));
            let product = number(first) * pieces as f64;
            prop_assert_eq!(double(product, OPEN), without_zeros((first * pieces).into(), 2));
        }

        #[test]
        fn no_double_has_more_digits_than_are_sure(number in -1e12..1e12_f64) {
            let text = double(number, OPEN);
            let digits = text.trim_start_matches(['-', '0', '.']).bytes();
            prop_assert!(digits.filter(u8::is_ascii_digit).count() <= 15, "{}", text);
            prop_assert!((text.parse::<f64>().unwrap() - number).abs() <= number.abs() * 5e-15);
        }

        #[test]
        fn rounding_goes_to_the_nearest_and_from_the_middle_away_from_zero(
            units in -10_i128.pow(30)..10_i128.pow(30),
            scale in 0_u8..=38,
            digits in 0_u8..=10,
        ) {
            let price = Price::new(units, scale).unwrap();
            let Ok(rounded) = Digits::asking(digits).exact(price) else {
                prop_assert!(digits > scale);
                return Ok(());
            };
            prop_assert_eq!(rounded.scale(), digits);
            prop_assert_eq!(Digits::asking(digits).exact(rounded), Ok(rounded));
            if digits >= scale {
                let padding = 10_i128.pow((digits - scale).into());
                prop_assert_eq!(rounded.units(), units * padding);
                return Ok(());
            }
            let unit = 10_i128.pow((scale - digits).into());
            // By division, which knows nothing of signs.
            let (whole, rest) = (units.abs() / unit, units.abs() % unit);
            let up = i128::from(rest >= unit - rest);
            prop_assert_eq!(rounded.units().abs(), whole + up);
            prop_assert!(rounded.units() == 0 || rounded.units().signum() == units.signum());
        }
    }
}
