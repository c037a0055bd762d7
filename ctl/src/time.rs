//! Times and durations: between the protocol and jiff, and from what people type.

use jiff::{
    SignedDuration, Timestamp, Zoned,
    civil::Time,
    fmt::friendly::{Spacing, SpanPrinter},
};

/// Writes durations as in the configuration file: `1h30m`.
static PRINTER: SpanPrinter = SpanPrinter::new().spacing(Spacing::None);

/// A time of the contract; none when it is absent or out of range.
pub fn from_proto(time: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    let time = time?;
    Timestamp::new(time.seconds, time.nanos).ok()
}

/// A time for the contract.
pub fn to_proto(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.as_second(),
        nanos: time.subsec_nanosecond(),
    }
}

/// A time of the contract as RFC 3339 in UTC.
pub fn rfc3339(time: Option<prost_types::Timestamp>) -> Option<String> {
    from_proto(time).map(|time| time.to_string())
}

/// A duration for the contract.
pub fn duration_to_proto(duration: SignedDuration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: duration.as_secs(),
        nanos: duration.subsec_nanos(),
    }
}

/// A duration of the contract as users type it; empty when it is absent.
pub fn duration_text(duration: Option<&prost_types::Duration>) -> String {
    duration
        .map(|duration| SignedDuration::new(duration.seconds, duration.nanos))
        .map(|duration| PRINTER.duration_to_string(&duration))
        .unwrap_or_default()
}

/// Reads `30m`, `2h`, `1h30m` or `90s`; it must be more than zero.
pub fn parse_duration(text: &str) -> Result<SignedDuration, String> {
    let Ok(duration) = text.parse::<SignedDuration>() else {
        return Err("not a duration: use `90s`, `30m`, `2h` or `1h30m`".to_owned());
    };
    if !duration.is_positive() {
        return Err("too short: use more than zero".to_owned());
    }
    Ok(duration)
}

/// Reads what [`parse_duration`] reads, and whole days: `30d`.
pub fn parse_lifetime(text: &str) -> Result<SignedDuration, String> {
    let days = text
        .strip_suffix('d')
        .and_then(|days| days.parse::<u16>().ok());
    match days {
        Some(days @ 1..) => Ok(SignedDuration::from_hours(24 * i64::from(days))),
        Some(0) => Err("too short: use more than zero".to_owned()),
        None => parse_duration(text)
            .map_err(|_| "not a duration: use `30d`, `12h`, `30m` or `90s`".to_owned()),
    }
}

/// Reads `14:30` (local time, tomorrow if that has passed today) or an RFC 3339 time in the future.
pub fn parse_until(text: &str) -> Result<Timestamp, String> {
    until(text, &Zoned::now())
}

fn until(text: &str, now: &Zoned) -> Result<Timestamp, String> {
    if let Ok(time) = Time::strptime("%H:%M", text) {
        return next_at(time, now).map_err(|error| error.to_string());
    }
    let Ok(time) = text.parse::<Timestamp>() else {
        return Err("not a time: use `14:30` or `2026-11-21T14:30:00Z`".to_owned());
    };
    if time <= now.timestamp() {
        return Err("this time has passed".to_owned());
    }
    Ok(time)
}

/// The next time at which the local clock shows `time`.
fn next_at(time: Time, now: &Zoned) -> Result<Timestamp, jiff::Error> {
    let on = |date: jiff::civil::Date| date.to_datetime(time).to_zoned(now.time_zone().clone());
    let today = on(now.date())?;
    if today > *now {
        return Ok(today.timestamp());
    }
    Ok(on(now.date().tomorrow()?)?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Result<String, String> {
        let now: Zoned = "2026-11-21T14:00:00+01:00[Europe/Zurich]".parse().unwrap();
        until(text, &now).map(|time| time.to_string())
    }

    #[test]
    fn a_time_of_day_is_the_next_one_on_the_local_clock() {
        assert_eq!(at("14:30").unwrap(), "2026-11-21T13:30:00Z");
        assert_eq!(at("9:05").unwrap(), "2026-11-22T08:05:00Z");
        assert_eq!(at("14:00").unwrap(), "2026-11-22T13:00:00Z");
    }

    #[test]
    fn a_full_time_must_be_in_the_future() {
        assert_eq!(
            at("2026-11-21T15:00:00+01:00").unwrap(),
            "2026-11-21T14:00:00Z"
        );
        assert_eq!(
            at("2026-11-21T13:00:00Z").unwrap_err(),
            "this time has passed"
        );
    }

    #[test]
    fn what_is_no_time_is_said_so() {
        for bad in ["", "noon", "25:00", "14", "14:30:xx", "2026-11-21"] {
            assert!(at(bad).unwrap_err().starts_with("not a time"), "{bad}");
        }
    }

    #[test]
    fn nothing_is_too_short() {
        for text in ["0s", "-5m"] {
            let error = parse_duration(text).unwrap_err();
            assert_eq!(error, "too short: use more than zero", "{text}");
        }
    }

    #[test]
    fn durations_are_read_and_written_alike() {
        for text in ["30m", "2h", "1h30m", "2s", "500ms"] {
            let proto = duration_to_proto(parse_duration(text).unwrap());
            assert_eq!(duration_text(Some(&proto)), text);
        }
        assert_eq!(
            parse_duration("90s").unwrap(),
            SignedDuration::from_secs(90)
        );
        for bad in ["", "30", "0s", "-5m", "soon", "5m ago"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_lifetime_may_be_days() {
        assert_eq!(
            parse_lifetime("30d").unwrap(),
            SignedDuration::from_hours(720)
        );
        assert_eq!(
            parse_lifetime("12h").unwrap(),
            SignedDuration::from_hours(12)
        );
        for bad in ["0d", "-1d", "1.5d", "d", "30", "99999d", "0s"] {
            assert!(parse_lifetime(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_survive_the_protocol() {
        let time: Timestamp = "2026-11-21T13:30:00.25Z".parse().unwrap();
        assert_eq!(from_proto(Some(to_proto(time))), Some(time));
        assert_eq!(
            rfc3339(Some(to_proto(time))).unwrap(),
            "2026-11-21T13:30:00.25Z"
        );
        assert_eq!(rfc3339(None), None);
    }
}
