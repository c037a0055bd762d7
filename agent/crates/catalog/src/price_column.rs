//! What the preflight says about a price column, whatever the database.

use shopmaster_product::Price;
use shopmaster_view as words;

use super::{
    decimal::Digits,
    finding::{Finding, good, warning},
};

/// How many prices are examined, at most.
pub const SAMPLE: u16 = 1_000;

const SET: &str = "Set `catalog.price_digits`: if prices have 2 decimal places, run `shopmasterctl configure --price-digits 2`";
const RAISE: &str = "If such prices are intended, set `catalog.price_digits` to more digits with `shopmasterctl configure --price-digits`, or to an empty string for as many as the column has";

/// What a price column holds, judging by its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Decimals, whole numbers or text.
    Exact,
    /// Floating-point numbers.
    Floats,
    /// Numbers of any kind: the type does not fix the digits after the decimal point.
    Numbers,
    /// Anything: the column has no type.
    Anything,
}

/// What rounding does to the first prices in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sample {
    looked_at: u64,
    changed: u64,
    /// One of the changed prices, before and after rounding.
    example: Option<(Price, Price)>,
}

impl Sample {
    /// Counts a price, given as the column has it.
    pub fn add(&mut self, price: Price, is_float: bool, digits: Digits) {
        self.looked_at += 1;
        let Ok(rounded) = digits.exact(price) else {
            return;
        };
        if is_changed(price, rounded, is_float) {
            self.changed += 1;
            self.example.get_or_insert((price, rounded));
        }
    }

    /// `which changes 37 of the first 1,000, such as 1.239 to 1.24`.
    fn text(&self) -> Option<String> {
        let (before, after) = self.example?;
        Some(format!(
            "which changes {} of the first {}, such as {before} to {after}",
            words::grouped(self.changed),
            words::grouped(self.looked_at)
        ))
    }
}

/// The verdict on a column that holds such prices. `column` names its type in words, such as
/// ``the price's type is `REAL` ``.
pub fn judge(column: &str, held: Held, digits: Digits, sample: &Sample) -> Finding {
    let Some(asked) = digits.asked() else {
        return unasked(column, held, digits);
    };
    let behind = match asked {
        0 => "no digits".to_owned(),
        asked => words::noun(asked.into(), "digit"),
    };
    let text = format!("{column}; prices are sent with {behind} after the decimal point");
    match sample.text() {
        Some(changes) => warning(format!("{text}, {changes}"), RAISE),
        None => good(text),
    }
}

fn unasked(column: &str, held: Held, digits: Digits) -> Finding {
    let why = match held {
        Held::Exact => return good(column.to_owned()),
        _ if !digits.are_open() => return good(column.to_owned()),
        Held::Floats => "a floating-point number has no fixed number of digits",
        Held::Numbers => "it does not say how many digits prices have after the decimal point",
        Held::Anything => "nothing says how many digits prices have after the decimal point",
    };
    warning(format!("{column}: {why}, so 12.50 is sent as 12.5"), SET)
}

/// Whether rounding removes more than zeros or the noise of a float. The float may come from a single, which is
/// reliable to six digits in any case.
fn is_changed(price: Price, rounded: Price, is_float: bool) -> bool {
    let dropped = price.scale().saturating_sub(rounded.scale());
    if dropped == 0 {
        return false;
    }
    let again = 10_i128
        .checked_pow(dropped.into())
        .and_then(|power| rounded.units().checked_mul(power));
    let Some(again) = again else {
        return true;
    };
    let difference = (again - price.units()).unsigned_abs();
    match is_float {
        true => difference.saturating_mul(1_000_000) > price.units().unsigned_abs(),
        false => difference > 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Verdict,
        decimal::{Float, plain},
    };
    use super::*;

    const CENTS: Digits = Digits::asking(2);

    fn exact(prices: &[&str], digits: Digits) -> Sample {
        let mut sample = Sample::default();
        for price in prices {
            sample.add(plain(price).unwrap(), false, digits);
        }
        sample
    }

    fn floats(prices: &[f64], digits: Digits) -> Sample {
        let mut sample = Sample::default();
        for price in prices {
            let float = Float::double(*price).unwrap();
            sample.add(Digits::default().float(float).unwrap(), true, digits);
        }
        sample
    }

    #[test]
    fn a_column_without_digits_is_warned_of_until_they_are_set() {
        let none = Sample::default();
        let judged = |held, digits| judge("the price's type is `X`", held, digits, &none);
        for held in [Held::Floats, Held::Numbers, Held::Anything] {
            let open = judged(held, Digits::default());
            assert_eq!(open.verdict, Verdict::Warning);
            assert!(
                open.text.ends_with("12.50 is sent as 12.5"),
                "{}",
                open.text
            );
            assert!(open.remedy.contains("`catalog.price_digits`"));
            assert_eq!(judged(held, CENTS).verdict, Verdict::Ok);
            let declared = Digits::new(None, Some(2));
            assert_eq!(judged(held, declared).verdict, Verdict::Ok);
        }
        let exact = judged(Held::Exact, Digits::default());
        assert_eq!((exact.verdict, exact.remedy.as_str()), (Verdict::Ok, ""));
    }

    #[test]
    fn the_digits_are_told() {
        for (digits, words) in [(0, "no digits"), (1, "1 digit"), (2, "2 digits")] {
            let sample = Sample::default();
            let judged = judge("a column", Held::Exact, Digits::asking(digits), &sample);
            let expected =
                format!("a column; prices are sent with {words} after the decimal point");
            assert_eq!(judged.text, expected);
        }
    }

    #[test]
    fn prices_that_rounding_changes_are_told() {
        let sample = exact(&["1.9900", "1.239", "5", "2.345"], CENTS);
        let judged = judge("a column", Held::Exact, CENTS, &sample);
        assert_eq!(judged.verdict, Verdict::Warning);
        assert_eq!(
            judged.text,
            "a column; prices are sent with 2 digits after the decimal point, which changes 2 of the first 4, such as 1.239 to 1.24"
        );
        assert!(judged.remedy.contains("`catalog.price_digits`"));
        let small = exact(&["0.00000000000000000000000000000000000001"], CENTS);
        assert_eq!(small.changed, 1);
        let zeros = exact(&["1.9900", "1.500000", "-0.10", "0.000"], CENTS);
        assert_eq!((zeros.looked_at, zeros.changed), (4, 0));
    }

    #[test]
    fn the_noise_of_a_float_is_no_change() {
        let single = f64::from(19.99_f32);
        let noise = floats(&[0.1 + 0.2, 1.1 * 3.0, single, -single, 0.0], CENTS);
        assert_eq!((noise.looked_at, noise.changed), (5, 0));
        let meant = floats(&[1.239, 12.3456, 0.001], CENTS);
        assert_eq!(meant.changed, 3);
    }
}
