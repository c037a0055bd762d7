//! When a nightly task is due, by the local clock of the shop.
//!
//! Nothing waits here. The caller asks [`Alarm::due`] every few seconds with the current wall clock, so a machine that
//! slept, a clock that jumped and a zone that changed need no code of their own.
//!
//! The alarm of a local day is an instant. A night is done when the alarm was answered at that instant or later. How
//! late does not matter, and several nights during which the machine slept count as one.

use std::time::Duration;

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime, Time},
    tz::{AmbiguousOffset, Offset, TimeZone},
};
use sha2::{Digest as _, Sha256};

#[cfg(test)]
mod tests;

/// Installations are spread over this many minutes, so that they do not all begin at once.
const SPREAD_MINUTES: u64 = 60;
/// Which local days around today count: enough for a zone that skips one, and for a shift past midnight.
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
    /// The one after that.
    second: Timestamp,
}

impl Alarm {
    /// Rings at this local time plus some minutes, less than an hour. They follow from `installation`, which identifies
    /// this installation, and are always the same for it.
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

    /// Whether it rings, because its latest alarm has not been answered. One that was never answered rings at once.
    ///
    /// `last` is when it was last answered, by the same clock as `now`. If the clock was set back since, a night that
    /// is done does not ring again, and at most one alarm is skipped for that. A `last` further in the future says
    /// nothing, and counts as never.
    #[must_use]
    pub fn due(&self, last: Option<Timestamp>, now: Timestamp, zone: &TimeZone) -> bool {
        self.around(now, zone)
            .is_some_and(|around| around.is_due(last, now))
    }

    /// When it rings next, if the clock runs on undisturbed; `now` when it rings already.
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

    /// The alarms next to `now`; none only at the ends of representable time.
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

    /// The alarm of a local day; none when the zone skips that day.
    ///
    /// The shift is elapsed time, not added to the time of day, so installations stay spread on the night on which the
    /// clocks change.
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

/// The first instant at which a local clock shows this time, or a later time if the clock skips it.
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
    // For a zone that does not list its transitions, the clock shows a later time at that instant, but never an earlier
    // one.
    Some(jump.map_or(late, |jump| jump.min(late)))
}

/// The minutes by which this installation's alarm is later.
fn shift(installation: &str) -> Duration {
    let digest: [u8; 32] = Sha256::digest(format!("alarm\0{installation}")).into();
    let number = digest
        .iter()
        .take(size_of::<u64>())
        .fold(0, |number, byte| number << 8 | u64::from(*byte));
    Duration::from_secs(number % SPREAD_MINUTES * 60)
}
