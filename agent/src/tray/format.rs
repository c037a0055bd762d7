//! Times and sentences as the menu says them.

use jiff::{Timestamp, Zoned, tz::TimeZone};

/// `today 14:30`, `yesterday 23:59`, `tomorrow 00:00`, `Sat 14:30` within a week, else `2026-11-21 14:30`,
/// in local time.
pub(super) fn when(time: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let local = time.to_zoned(zone.clone());
    let today = now.to_zoned(zone.clone()).date();
    let days = local.date().duration_since(today).as_hours() / 24;
    let format = match days {
        0 => "today %H:%M",
        -1 => "yesterday %H:%M",
        1 => "tomorrow %H:%M",
        -6..7 => "%a %H:%M",
        _ => "%Y-%m-%d %H:%M",
    };
    local.strftime(format).to_string()
}

/// The next local midnight: where today becomes yesterday.
pub(super) fn next_midnight(now: &Zoned) -> Option<Zoned> {
    now.tomorrow().ok()?.start_of_day().ok()
}

/// A time of the protocol.
pub(super) fn instant(time: prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(time.seconds, time.nanos).ok()
}

/// A sentence that was written for a terminal, in one line and without its marks.
pub(super) fn plain(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").replace('`', "")
}

/// At most so many characters of a text.
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

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn times_are_local_and_name_their_day() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now = at("2026-11-21T12:00:00Z");
        for (time, said) in [
            ("2026-11-21T13:30:00Z", "today 14:30"),
            ("2026-11-20T23:00:00Z", "today 00:00"),
            ("2026-11-20T22:59:00Z", "yesterday 23:59"),
            ("2026-11-21T23:00:00Z", "tomorrow 00:00"),
            ("2026-11-18T08:05:00Z", "Wed 09:05"),
            ("2026-11-14T22:00:00Z", "2026-11-14 23:00"),
            ("2026-12-24T06:00:00Z", "2026-12-24 07:00"),
        ] {
            assert_eq!(when(at(time), now, &zone), said);
        }
    }

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
    fn long_texts_are_cut_between_characters() {
        assert_eq!(clipped("Käse", 4), "Käse");
        assert_eq!(clipped("Käsekuchen", 5), "Käse…");
        assert_eq!(clipped("ab cd", 4), "ab…");
        assert_eq!(plain("Run\n `x  y`"), "Run x y");
    }
}
