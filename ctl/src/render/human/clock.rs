//! The contract's times as text for people, in local time.

use std::time::Duration;

use jiff::{Timestamp, Zoned};
use shopmaster_view::{age, day_and_clock};

use crate::time;

/// The current time and the local time zone.
#[derive(Debug, Clone)]
pub struct Clock {
    now: Zoned,
}

impl Clock {
    /// The clock of this computer.
    pub fn local() -> Self {
        Self { now: Zoned::now() }
    }

    /// `today 14:30`, `Wed 09:00`, `2026-11-03 14:30`; none when there is no time.
    pub fn at(&self, time: Option<prost_types::Timestamp>) -> Option<String> {
        let time = time::from_proto(time)?;
        let zone = self.now.time_zone();
        Some(day_and_clock(time, self.now.timestamp(), zone))
    }

    /// How long ago it was: `40 s`, `5 min`, `3 h`, `2 days`.
    pub fn age(&self, time: Option<prost_types::Timestamp>) -> Option<String> {
        Some(between(time::from_proto(time)?, self.now.timestamp()))
    }

    /// How long it is until then, in the same units.
    pub fn wait(&self, time: Option<prost_types::Timestamp>) -> Option<String> {
        Some(between(self.now.timestamp(), time::from_proto(time)?))
    }

    /// `14:30:05`: the time of day now.
    pub fn time_of_day(&self) -> String {
        self.now.strftime("%H:%M:%S").to_string()
    }
}

/// The time between two points. At least zero, because two clocks may differ.
fn between(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.as_second() - from.as_second();
    age(Duration::from_secs(seconds.try_into().unwrap_or(0)))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// 14:30 on a Saturday in Zurich.
    pub fn clock() -> Clock {
        Clock {
            now: "2026-11-21T14:30:00+01:00[Europe/Zurich]".parse().unwrap(),
        }
    }

    /// A time by its local spelling on that clock.
    pub fn local(text: &str) -> Option<prost_types::Timestamp> {
        let zoned: Zoned = format!("{text}+01:00[Europe/Zurich]").parse().unwrap();
        Some(time::to_proto(zoned.timestamp()))
    }

    #[test]
    fn times_are_local_and_name_their_day() {
        let at = |text: &str| clock().at(local(text)).unwrap();
        assert_eq!(at("2026-11-21T00:00:00"), "today 00:00");
        assert_eq!(at("2026-11-20T23:59:00"), "yesterday 23:59");
        assert_eq!(at("2026-11-22T03:00:00"), "tomorrow 03:00");
        assert_eq!(at("2026-11-03T14:30:00"), "2026-11-03 14:30");
        assert_eq!(clock().at(None), None);
    }

    #[test]
    fn ages_and_waits_count_from_now() {
        assert_eq!(clock().age(local("2026-11-21T14:20:00")).unwrap(), "10 min");
        assert_eq!(clock().wait(local("2026-11-21T14:31:00")).unwrap(), "1 min");
        let ahead = local("2026-11-21T14:30:05");
        assert_eq!(clock().age(ahead).unwrap(), "0 s", "clocks differ");
    }
}
