//! Text for people, without color.

pub mod capture;
pub mod check;
pub mod clock;
pub mod config;
pub mod fleet;
pub mod product;
pub mod remote;
pub mod run;
pub mod status;
mod table;

pub use clock::Clock;

/// Text from a shop's database or from Digible, with control characters replaced: a terminal would obey them.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_no_product_name() {
        assert_eq!(plain("Soap\x1b[2J\n"), "Soap\u{fffd}[2J\u{fffd}");
        assert_eq!(plain("Käse 奶酪"), "Käse 奶酪");
    }
}
