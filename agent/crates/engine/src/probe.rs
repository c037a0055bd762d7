//! How often to check the shop's database for changes.

use std::time::Duration;

/// A check that takes longer is too expensive to repeat every two seconds: it has to skip the rows of a mass update
/// that is not committed yet, one by one.
const CHEAP_CHECK: Duration = Duration::from_millis(100);
/// The longest time from one check to the next, unless a longer one is configured.
const LONGEST_PACE: Duration = Duration::from_secs(30);

/// The time from one check for changes to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Probe {
    usual: Duration,
    now: Duration,
}

impl Probe {
    /// `usual`: the configured time, which counts as long as checks are cheap.
    pub(super) fn new(usual: Duration) -> Self {
        Self { usual, now: usual }
    }

    /// The time until the next check.
    pub(super) fn pace(&self) -> Duration {
        self.now
    }

    /// Notes how long a check took.
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
    fn expensive_checks_become_rare_and_cheap_ones_return_to_the_usual_pace() {
        let mut probe = Probe::new(Duration::from_secs(2));
        let mut paces = Vec::new();
        for milliseconds in [100, 101, 5_000, 200, 200, 200, 3] {
            probe.took(Duration::from_millis(milliseconds));
            paces.push(probe.pace().as_secs());
        }
        assert_eq!(paces, [2, 4, 8, 16, 30, 30, 2]);
    }

    #[test]
    fn no_check_comes_earlier_than_configured() {
        let minute = Duration::from_secs(60);
        let mut probe = Probe::new(minute);
        probe.took(Duration::from_secs(1));
        assert_eq!(probe.pace(), minute);
    }
}
