//! Times and text in the form that the menu needs.

use jiff::{Timestamp, Zoned};

/// The next local midnight, when `today` in the menu becomes `yesterday`.
pub(super) fn next_midnight(now: &Zoned) -> Option<Zoned> {
    now.tomorrow().ok()?.start_of_day().ok()
}

/// A time of the contract; none when it is out of range.
pub(super) fn instant(time: prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(time.seconds, time.nanos).ok()
}

/// A sentence written for a terminal, on one line and without backticks.
pub(super) fn plain(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").replace('`', "")
}

/// At most `characters` of a text, with an ellipsis where it was cut.
pub(super) fn clipped(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    let kept: String = text.chars().take(characters.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midnight_is_where_the_day_begins() {
        // On this day clocks in Beirut went from 00:00 to 01:00.
        let now: Zoned = "2022-03-26T23:30:00+02:00[Asia/Beirut]".parse().unwrap();
        let midnight = next_midnight(&now).unwrap();
        assert_eq!(
            midnight.to_string(),
            "2022-03-27T01:00:00+03:00[Asia/Beirut]"
        );
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(clipped("Käse", 4), "Käse");
        assert_eq!(clipped("Käsekuchen", 5), "Käse…");
        assert_eq!(clipped("ab cd", 4), "ab…");
        assert_eq!(plain("Run\n `x  y`"), "Run x y");
    }
}
