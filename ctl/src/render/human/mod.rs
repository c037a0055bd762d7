//! Text for people. Understandable without colour.

pub mod capture;
pub mod check;
pub mod clock;
pub mod config;
pub mod product;
pub mod run;
pub mod status;
mod table;

pub use clock::Clock;

/// `12,431`.
pub fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 product`, `2 products`.
pub fn products(count: u64) -> String {
    let noun = if count == 1 { "product" } else { "products" };
    format!("{} {noun}", number(count))
}

/// Text from a shop's database or from Digible, without what a terminal would obey.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_separators() {
        let shown = [0, 999, 1_000, 12_431, 1_000_000].map(number);
        assert_eq!(shown, ["0", "999", "1,000", "12,431", "1,000,000"]);
    }

    #[test]
    fn a_terminal_obeys_no_product_name() {
        assert_eq!(plain("Soap\x1b[2J\n"), "Soap\u{fffd}[2J\u{fffd}");
        assert_eq!(plain("Käse 奶酪"), "Käse 奶酪");
    }
}
