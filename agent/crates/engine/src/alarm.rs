//! When something that happens once a night is due, by the local clock of the shop.
//!
//! Nothing waits here. Somebody asks [`Alarm::due`] every few seconds with the wall clock as it is now, so
//! that a machine that slept, a clock that jumped and a zone that changed need no code of their own.
//!
//! The alarm of a local day is an instant. A night is done when the alarm was answered at that instant or
//! later; how late does not matter, and several nights that were slept through are one.

use std::time::Duration;

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime, Time},
    tz::{AmbiguousOffset, Offset, TimeZone},
};
use sha2::{Digest as _, Sha256};

#[cfg(test)]
mod tests;

/// Installations are spread over so many minutes, so that they do not all ask at once.
const SPREAD_MINUTES: u64 = 60;
/// How many local days around today are looked at: enough for a zone that leaves one out, and for a shift
/// past midnight.
const DAYS_AROUND: std::ops::RangeInclusive<i64> = -3..=4;

/// Rings once each local day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alarm {
    time: Time,
    shift: Duration,
}

/// The alarms next to an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Around {
    /// The last one that has rung.
    latest: Timestamp,
    /// The first one that has not.
    upcoming: Timestamp,
    /// The one behind that.
    second: Timestamp,
}

impl Alarm {
    /// Rings at this local time and some minutes, less than an hour, that follow from what tells this
    /// installation from others. They stay the same for as long as that does.
    #[must_use]
    pub fn new(time: Time, installation: &str) -> Self {
        Self {
            time,
            shift: shift(installation),
        }
    }

    /// How much later than its time it rings: whole minutes, less than an hour.
    #[must_use]
    pub fn shift(&self) -> Duration {
        self.shift
    }

    /// Whether it rings: its latest alarm was not answered yet. One that was never answered rings at once.
    ///
    /// `last` is when it was last answered, by the same clock as `now`. The clock may have been set back
    /// since, and a night that was done does not ring again: at most one alarm is left out for that. A
    /// `last` further ahead says nothing, and counts as never.
    #[must_use]
    pub fn due(&self, last: Option<Timestamp>, now: Timestamp, zone: &TimeZone) -> bool {
        self.around(now, zone)
            .is_some_and(|around| around.is_due(last, now))
    }

    /// When it rings next, should nothing become of the clock: `now` when it rings already.
    #[must_use]
    pub fn next(&self, last: Option<Timestamp>, now: Timestamp, zone: &TimeZone) -> Timestamp {
        let Some(around) = self.around(now, zone) else {
            return Timestamp::MAX;
        };
        if around.is_due(last, now) {
            return now;
        }
        match last {
            Some(last) if last >= around.upcoming => around.second,
            _ => around.upcoming,
        }
    }

    /// None at the ends of time alone.
    fn around(&self, now: Timestamp, zone: &TimeZone) -> Option<Around> {
        let today = zone.to_datetime(now).date();
        let mut alarms: Vec<_> = DAYS_AROUND
            .filter_map(|days| today.checked_add(jiff::Span::new().days(days)).ok())
            .filter_map(|day| self.of_day(day, zone))
            .collect();
        alarms.sort_unstable();
        alarms.dedup();
        let rung = alarms.partition_point(|alarm| *alarm <= now);
        Some(Around {
            latest: *alarms.get(rung.checked_sub(1)?)?,
            upcoming: *alarms.get(rung)?,
            second: *alarms.get(rung.checked_add(1)?)?,
        })
    }

    /// The alarm of a local day; none when the zone leaves that day out.
    ///
    /// The shift is time that passes, not added to the time of day: on the night on which the clocks
    /// change, installations stay spread, too.
    fn of_day(&self, day: Date, zone: &TimeZone) -> Option<Timestamp> {
        let begins = first_instant(day.to_datetime(Time::midnight()), zone)?;
        let tomorrow = day.tomorrow().ok()?.to_datetime(Time::midnight());
        if first_instant(tomorrow, zone)? <= begins {
            return None;
        }
        let alarm = first_instant(day.to_datetime(self.time), zone)?;
        alarm
            .checked_add(SignedDuration::try_from(self.shift).ok()?)
            .ok()
    }
}

impl Around {
    fn is_due(&self, last: Option<Timestamp>, now: Timestamp) -> bool {
        match last {
            None => true,
            Some(last) if last <= now => last < self.latest,
            Some(ahead) => ahead >= self.second,
        }
    }
}

/// The first instant at which a local clock shows this time, or the first one after it when it is left out.
fn first_instant(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok(),
        AmbiguousOffset::Gap { before, after } => end_of_gap(local, before, after, zone),
    }
}

/// The instant at which the clock is set forward over `local`.
fn end_of_gap(
    local: DateTime,
    before: Offset,
    after: Offset,
    zone: &TimeZone,
) -> Option<Timestamp> {
    let (early, late) = (
        after.to_timestamp(local).ok()?,
        before.to_timestamp(local).ok()?,
    );
    let jump = zone
        .following(early)
        .find(|transition| transition.offset() == after)
        .map(|transition| transition.timestamp());
    // A zone that does not list what it does: the clock shows a later time then, but never an earlier one.
    Some(jump.map_or(late, |jump| jump.min(late)))
}

fn shift(installation: &str) -> Duration {
    let digest: [u8; 32] = Sha256::digest(format!("alarm\0{installation}")).into();
    let number = digest
        .iter()
        .take(size_of::<u64>())
        .fold(0, |number, byte| number << 8 | u64::from(*byte));
    Duration::from_secs(number % SPREAD_MINUTES * 60)
}
