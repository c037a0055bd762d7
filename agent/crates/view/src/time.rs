//! Ages and times of day.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

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
}
