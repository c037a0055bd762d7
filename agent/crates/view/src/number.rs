//! Numbers, grouped and with their nouns.

/// `12,431 products`, `1 product`.
pub fn products(count: u64) -> String {
    noun(count, "product")
}

/// `12,431 changes`, `1 change`.
pub fn noun(count: u64, word: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {word}{ending}", grouped(count))
}

/// `12,431`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(products(1), "1 product");
        assert_eq!(products(0), "0 products");
        assert_eq!(products(12_431), "12,431 products");
        let shown = [0, 999, 1_000, 12_431, 1_000_000].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "12,431", "1,000,000"]);
    }
}
