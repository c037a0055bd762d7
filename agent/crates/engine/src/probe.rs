//! How often the shop's database is asked whether something changed.

use std::time::Duration;

/// A look that takes longer is too dear to be had every two seconds: a mass update that is not committed yet
/// has to be passed by, row for row.
const CHEAP_CHECK: Duration = Duration::from_millis(100);
/// The longest time from one look to the next, unless people want a longer one.
const LONGEST_PACE: Duration = Duration::from_secs(30);

/// The time from one look to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Probe {
    usual: Duration,
    now: Duration,
}

impl Probe {
    /// As people want it, as long as looking is cheap.
    pub(super) fn new(usual: Duration) -> Self {
        Self { usual, now: usual }
    }

    /// The time until the next look.
    pub(super) fn pace(&self) -> Duration {
        self.now
    }

    /// Notes how long a look took.
    pub(super) fn took(&mut self, time: Duration) {
        self.now = match time > CHEAP_CHECK {
            true => (self.now * 2).min(LONGEST_PACE.max(self.usual)),
            false => self.usual,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dear_looks_become_rare_and_cheap_ones_are_usual_again() {
        let mut probe = Probe::new(Duration::from_secs(2));
        let mut paces = Vec::new();
        for milliseconds in [100, 101, 5_000, 200, 200, 200, 3] {
            probe.took(Duration::from_millis(milliseconds));
            paces.push(probe.pace().as_secs());
        }
        assert_eq!(paces, [2, 4, 8, 16, 30, 30, 2]);
    }

    #[test]
    fn nobody_is_asked_more_often_than_people_want() {
        let minute = Duration::from_secs(60);
        let mut probe = Probe::new(minute);
        probe.took(Duration::from_secs(1));
        assert_eq!(probe.pace(), minute);
    }
}
