//! Times as people say them, on the local clock.

use jiff::{Timestamp, Zoned};

use crate::time;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Now and here.
#[derive(Debug, Clone)]
pub struct Clock {
    now: Zoned,
}

impl Clock {
    /// The clock of this computer.
    pub fn local() -> Self {
        Self { now: Zoned::now() }
    }

    /// `today 14:30`, `yesterday 09:00`, `2026-11-03 14:30`; none when there is no time.
    pub fn at(&self, time: Option<prost_types::Timestamp>) -> Option<String> {
        Some(self.moment(time::from_proto(time)?))
    }

    /// `40 s`, `5 min`, `3 h`, `2 days`: how long ago it was.
    pub fn age(&self, time: Option<prost_types::Timestamp>) -> Option<String> {
        let seconds = self.now.timestamp().as_second() - time::from_proto(time)?.as_second();
        Some(span(seconds))
    }

    /// How long it takes until then.
    pub fn wait(&self, time: Option<prost_types::Timestamp>) -> Option<String> {
        let seconds = time::from_proto(time)?.as_second() - self.now.timestamp().as_second();
        Some(span(seconds))
    }

    /// `14:30:05`: the time of day now.
    pub fn time_of_day(&self) -> String {
        self.now.strftime("%H:%M:%S").to_string()
    }

    fn moment(&self, time: Timestamp) -> String {
        let then = time.to_zoned(self.now.time_zone().clone());
        let (day, today) = (then.date(), self.now.date());
        let day = if day == today {
            "today".to_owned()
        } else if today.yesterday().is_ok_and(|yesterday| day == yesterday) {
            "yesterday".to_owned()
        } else if today.tomorrow().is_ok_and(|tomorrow| day == tomorrow) {
            "tomorrow".to_owned()
        } else {
            day.to_string()
        };
        format!("{day} {}", then.strftime("%H:%M"))
    }
}

/// The largest unit that still says enough. Two clocks may disagree: never less than nothing.
fn span(seconds: i64) -> String {
    match seconds.max(0) {
        s if s < 2 * MINUTE => format!("{s} s"),
        s if s < 2 * HOUR => format!("{} min", s / MINUTE),
        s if s < 2 * DAY => format!("{} h", s / HOUR),
        s => format!("{} days", s / DAY),
    }
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
    fn days_nearby_have_names() {
        let at = |text: &str| clock().at(local(text)).unwrap();
        assert_eq!(at("2026-11-21T00:00:00"), "today 00:00");
        assert_eq!(at("2026-11-20T23:59:00"), "yesterday 23:59");
        assert_eq!(at("2026-11-22T03:00:00"), "tomorrow 03:00");
        assert_eq!(at("2026-11-03T14:30:00"), "2026-11-03 14:30");
        assert_eq!(clock().at(None), None);
    }

    #[test]
    fn ages_are_in_one_unit() {
        let shown = [-5, 40, 119, 120, 7_199, 7_200, 172_799, 172_800].map(span);
        assert_eq!(
            shown,
            [
                "0 s", "40 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 days"
            ]
        );
        assert_eq!(clock().age(local("2026-11-21T14:20:00")).unwrap(), "10 min");
        assert_eq!(clock().wait(local("2026-11-21T14:31:00")).unwrap(), "60 s");
    }
}
