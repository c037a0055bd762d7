//! Ages and times of day.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

/// A length of time in the largest unit that still says enough: `40 s`, `3 min`, `2 h`, `4 days`.
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
    local(time, now, zone, |_| "")
}

/// `today 14:30`, `yesterday 23:59`, `tomorrow 00:00`, `Sat 14:30` within a week, else `2026-11-21 14:30`, in local
/// time.
#[must_use]
pub fn day_and_clock(time: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    local(time, now, zone, |days| match days {
        -1 => "yesterday ",
        0 => "today ",
        1 => "tomorrow ",
        _ => "",
    })
}

/// A time of day behind its day: the word that `name` has for it (by its distance from today), else its weekday or
/// its date.
fn local(
    time: Timestamp,
    now: Timestamp,
    zone: &TimeZone,
    name: impl FnOnce(i32) -> &'static str,
) -> String {
    let local = time.to_zoned(zone.clone());
    let today = now.to_zoned(zone.clone()).date();
    let days = (local.date() - today).get_days();
    let name = name(days);
    let format = match days.abs() {
        _ if !name.is_empty() => "%H:%M",
        0 => "%H:%M",
        1..7 => "%a %H:%M",
        _ => "%Y-%m-%d %H:%M",
    };
    format!("{name}{}", local.strftime(format))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_times_are_short() {
        let ages = [59, 3_599, 7_200, 400_000].map(|seconds| age(Duration::from_secs(seconds)));
        assert_eq!(ages, ["59 s", "59 min", "2 h", "4 days"]);
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let at = |time: &str| clock(time.parse().unwrap(), now, &TimeZone::UTC);
        assert_eq!(at("2026-11-21T06:00:00Z"), "06:00");
        assert_eq!(at("2026-11-22T06:00:00Z"), "Sun 06:00");
        assert_eq!(at("2026-12-24T06:00:00Z"), "2026-12-24 06:00");
    }

    #[test]
    fn times_are_local_and_name_their_day() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        for (time, shown) in [
            ("2026-11-21T13:30:00Z", "today 14:30"),
            ("2026-11-20T23:00:00Z", "today 00:00"),
            ("2026-11-20T22:59:00Z", "yesterday 23:59"),
            ("2026-11-21T23:00:00Z", "tomorrow 00:00"),
            ("2026-11-18T08:05:00Z", "Wed 09:05"),
            ("2026-11-14T22:00:00Z", "2026-11-14 23:00"),
            ("2026-12-24T06:00:00Z", "2026-12-24 07:00"),
        ] {
            assert_eq!(day_and_clock(time.parse().unwrap(), now, &zone), shown);
        }
    }
}
