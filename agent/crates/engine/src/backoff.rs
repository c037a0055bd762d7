//! How long to wait before the next try.

use std::time::Duration;

const FIRST_CEILING: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(60);
/// Full jitter may draw zero; a try at once would find the same fault.
const SHORTEST_DELAY: Duration = Duration::from_millis(50);

/// A draw for [`Jitter::delay`]: products that failed together share one, and so they stay together.
#[derive(Debug, Clone, Copy)]
pub struct Jitter(f64);

impl Jitter {
    /// A new draw.
    pub fn draw() -> Self {
        Self(fastrand::f64())
    }

    /// Exponential with full jitter: anything up to half a second after the first failure, up to a
    /// minute after many. `failures` counts from one.
    pub fn delay(self, failures: u32) -> Duration {
        ceiling(failures).mul_f64(self.0).max(SHORTEST_DELAY)
    }
}

/// The delay after so many failures, by a draw of its own.
pub fn delay(failures: u32) -> Duration {
    Jitter::draw().delay(failures)
}

/// The delay before the next try of what failed as a whole, after so many failures. Half of it is certain, so
/// that people can be told when it is and tries stay seldom.
pub fn next_try(failures: u32) -> Duration {
    let half = ceiling(failures) / 2;
    half + half.mul_f64(fastrand::f64())
}

fn ceiling(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    FIRST_CEILING
        .saturating_mul(1 << doublings)
        .min(LONGEST_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_and_ends() {
        assert_eq!(ceiling(0), FIRST_CEILING);
        assert_eq!(ceiling(1), FIRST_CEILING);
        assert_eq!(ceiling(3), FIRST_CEILING * 4);
        assert_eq!(ceiling(u32::MAX), LONGEST_DELAY);
    }

    #[test]
    fn the_delay_stays_below_the_ceiling() {
        for failures in 1..20 {
            let delay = delay(failures);
            assert!(delay >= SHORTEST_DELAY && delay <= ceiling(failures));
        }
    }

    #[test]
    fn a_next_try_is_never_early() {
        for failures in 1..20 {
            let delay = next_try(failures);
            assert!(delay >= ceiling(failures) / 2 && delay <= ceiling(failures));
        }
    }
}
