//! Exact prices out of texts and floats.

use crate::product::{Price, Problem};

/// Why a text or a float is no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    NoNumber,
    TooLong,
}

impl Fault {
    pub(super) fn of(self, value: &str) -> Problem {
        let value = shortened(value);
        Problem(match self {
            Self::NoNumber => format!("the price is not a number: `{value}`"),
            Self::TooLong => format!("the price has more than 38 digits: `{value}`"),
        })
    }
}

/// The shortest decimal that reads back to the same float, rounded half away from zero to `scale` digits
/// behind the point when there is one.
pub(super) fn float(number: f64, scale: Option<u8>) -> Result<Price, Fault> {
    if !number.is_finite() {
        return Err(Fault::NoNumber);
    }
    // Never with an exponent, and the shortest that reads back.
    rounded(&number.to_string(), scale)
}

/// A plain decimal, rounded half away from zero to `scale` digits behind the point when there is one.
pub(super) fn rounded(shortest: &str, scale: Option<u8>) -> Result<Price, Fault> {
    let Some(scale) = scale else {
        return exact(shortest, None);
    };
    let (whole, fraction) = shortest.split_once('.').unwrap_or((shortest, ""));
    let Some((kept, dropped)) = fraction.split_at_checked(usize::from(scale)) else {
        return exact(shortest, Some(scale));
    };
    let down = exact(&format!("{whole}.{kept}"), Some(scale))?;
    if !dropped.starts_with(['5', '6', '7', '8', '9']) {
        return Ok(down);
    }
    let away = if shortest.starts_with('-') { -1 } else { 1 };
    Price::new(down.units() + away, scale).ok_or(Fault::TooLong)
}

/// A plain decimal: a sign perhaps, digits, a point perhaps.
pub(super) fn exact(text: &str, scale: Option<u8>) -> Result<Price, Fault> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    if digits().next().is_none() || !digits().all(|digit| digit.is_ascii_digit()) {
        return Err(Fault::NoNumber);
    }
    let scale = usize::from(scale.unwrap_or(0)).max(fraction.len());
    let padding = scale - fraction.len();
    let units = digits()
        .chain(std::iter::repeat_n(b'0', padding))
        .try_fold(0_i128, |units, digit| {
            units.checked_mul(10)?.checked_add(i128::from(digit - b'0'))
        })
        .ok_or(Fault::TooLong)?;
    let units = if text.starts_with('-') { -units } else { units };
    let scale = u8::try_from(scale).map_err(|_| Fault::TooLong)?;
    Price::new(units, scale).ok_or(Fault::TooLong)
}

/// The first 60 characters of a value, for messages.
pub(super) fn shortened(value: &str) -> String {
    match value.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}
