//! Prices that the shop's program stores as text.

use std::{fmt, str::FromStr};

use shopmaster_product::Price;

use super::decimal::{PriceError, plain};

/// How a price is written as text, as an example shows: `1234.50`, `1.234,50`, `1'234.50`, `1 234,50`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PriceText {
    /// Between groups of three digits; none when they are not separated.
    group: Option<char>,
    /// Before the decimal places.
    point: char,
}

/// The example does not show how prices are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an example such as `1234.50`, `1234,50`, `1,234.50`, `1.234,50`, `1'234.50` or `1 234,50`"
)]
pub struct NoPriceText;

/// What may separate groups of digits. The last ones are the spaces that cannot be broken.
const GROUPS: [char; 7] = [',', '.', '\'', '’', ' ', '\u{a0}', '\u{202f}'];

impl PriceText {
    /// The price that `text` is, with as many digits after the decimal point as it has. Spaces around it do not count.
    ///
    /// # Errors
    ///
    /// When it is written in another way: a comma that separates thousands must never be taken for a decimal point.
    pub fn read(self, text: &str) -> Result<Price, PriceError> {
        let text = text.trim();
        let (sign, unsigned) = match text.strip_prefix(['-', '+']) {
            Some(rest) => (if text.starts_with('-') { "-" } else { "" }, rest),
            None => ("", text),
        };
        let (whole, fraction) = match unsigned.split_once(self.point) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (unsigned, None),
        };
        let whole = self.without_groups(whole).ok_or(PriceError::NotANumber)?;
        if fraction.is_some_and(|it| !it.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(PriceError::NotANumber);
        }
        match fraction {
            Some(fraction) => plain(&format!("{sign}{whole}.{fraction}")),
            None => plain(&format!("{sign}{whole}")),
        }
    }

    /// The digits, if the groups are as they should be: the first has up to three digits, the others have three.
    fn without_groups(self, whole: &str) -> Option<String> {
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let Some(group) = self.group else {
            return is_digits(whole).then(|| whole.to_owned());
        };
        let mut parts = whole.split(|c| c == group || (is_space(c) && is_space(group)));
        let first = parts.next().unwrap_or_default();
        let rest: Vec<_> = parts.collect();
        let is_grouped = rest.iter().all(|part| part.len() == 3 && is_digits(part))
            && (rest.is_empty() || (1..=3).contains(&first.len()));
        (is_digits(first) && is_grouped).then(|| format!("{first}{}", rest.concat()))
    }
}

impl FromStr for PriceText {
    type Err = NoPriceText;

    /// Reads an example: at least one digit before the last separator, and decimal places after it.
    fn from_str(example: &str) -> Result<Self, NoPriceText> {
        let is_digit = |c: char| c.is_ascii_digit();
        let (whole, _) = example
            .rsplit_once(['.', ','])
            .filter(|(_, places)| !places.is_empty() && places.chars().all(is_digit))
            .ok_or(NoPriceText)?;
        let point = example[whole.len()..].chars().next().ok_or(NoPriceText)?;
        let group = whole.chars().find(|c| !is_digit(*c));
        let format = Self { group, point };
        let is_known = group.is_none_or(|group| group != point && GROUPS.contains(&group));
        match !whole.is_empty() && is_known && format.read(example).is_ok() {
            true => Ok(format),
            false => Err(NoPriceText),
        }
    }
}

impl fmt::Display for PriceText {
    /// An example that reads back as the same way of writing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group {
            Some(group) => write!(f, "1{group}234{}50", self.point),
            None => write!(f, "1234{}50", self.point),
        }
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{202f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(example: &str, text: &str) -> Option<String> {
        let format: PriceText = example.parse().unwrap();
        format.read(text).ok().map(|price| price.to_string())
    }

    #[test]
    fn an_example_reads_back_as_itself() {
        for example in [
            "1234.50", "1234,50", "1,234.50", "1.234,50", "1'234.50", "1 234,50",
        ] {
            let format: PriceText = example.parse().unwrap();
            assert_eq!(format.to_string(), example);
            assert_eq!(shown(example, example).as_deref(), Some("1234.50"));
        }
        // Any number will do.
        assert_eq!("9,95".parse::<PriceText>().unwrap().to_string(), "1234,50");
    }

    #[test]
    fn what_does_not_show_the_point_is_no_example() {
        for text in [
            "",
            "1234",
            "1.234",
            "abc",
            ".5",
            "1.2.3,4.5",
            "1,,234.50",
            "12,34.50",
            "1_234.50",
            "€1.50",
        ] {
            let read = text.parse::<PriceText>();
            // `1.234` shows a decimal point with three places.
            assert_eq!(read.is_ok(), text == "1.234", "{text}");
        }
    }

    #[test]
    fn a_price_is_read_as_written_or_not_at_all() {
        for (example, text, expected) in [
            ("1.234,50", "2,50", Some("2.50")),
            ("1.234,50", "1.234,5", Some("1234.5")),
            ("1.234,50", "1.234.567,00", Some("1234567.00")),
            ("1.234,50", "1234,50", Some("1234.50")),
            ("1.234,50", " -1.234 ", Some("-1234")),
            ("1.234,50", "2.50", None),
            ("1.234,50", "1.23,50", None),
            ("1.234,50", "1.234.50", None),
            ("1.234,50", "1,234.50", None),
            ("1.234,50", ",50", Some("0.50")),
            ("1234.50", "1,50", None),
            ("1234.50", "1.50", Some("1.50")),
            ("1234.50", "+3", Some("3")),
            ("1234.50", "1e3", None),
            ("1234.50", "", None),
            ("1234.50", "free", None),
            ("1 234,50", "1\u{a0}234,50", Some("1234.50")),
            ("1 234,50", "1\u{202f}234,50", Some("1234.50")),
        ] {
            assert_eq!(
                shown(example, text).as_deref(),
                expected,
                "{example}: {text}"
            );
        }
    }
}
