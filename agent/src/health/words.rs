//! Ages, times and sentences as people write them.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

pub(crate) use crate::words::products;
pub(super) use crate::words::{grouped, noun};

/// `40 s`, `3 min`, `2 h`, `4 days`.
#[must_use]
pub fn age(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// `14:30` today, `Sat 14:30` within a week, else `2026-11-21 14:30`, in local time.
#[must_use]
pub fn clock(time: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let local = time.to_zoned(zone.clone());
    let today = now.to_zoned(zone.clone()).date();
    let days = (local.date() - today).get_days().abs();
    let format = match days {
        0 => "%H:%M",
        1..7 => "%a %H:%M",
        _ => "%Y-%m-%d %H:%M",
    };
    local.strftime(format).to_string()
}

/// A sentence as it stands behind a semicolon.
pub(crate) fn lower_first(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(letters).collect()
    })
}

/// An error's text as it stands alone.
pub(super) fn upper_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
