//! How long to wait before the next try.

use std::time::Duration;

/// The longest delay after the first failure; it doubles with each further one.
const FIRST_CEILING: Duration = Duration::from_millis(500);
/// The longest delay after any number of failures.
const LONGEST_DELAY: Duration = Duration::from_secs(60);
/// Full jitter may draw zero, and a try at once would fail in the same way.
const SHORTEST_DELAY: Duration = Duration::from_millis(50);

/// A draw for [`Jitter::delay`]. Products that failed together share one, so that they are retried together.
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

/// The delay after so many failures, with a draw of its own.
pub fn delay(failures: u32) -> Duration {
    Jitter::draw().delay(failures)
}

/// The delay before Digible is tried again, after so many failures. Only half of it is random, so that its end can be
/// shown, and tries stay rare.
pub fn next_try_delay(failures: u32) -> Duration {
    let half = ceiling(failures) / 2;
    half + half.mul_f64(fastrand::f64())
}

/// The longest delay after so many failures.
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
    fn a_next_try_never_comes_early() {
        for failures in 1..20 {
            let delay = next_try_delay(failures);
            assert!(delay >= ceiling(failures) / 2 && delay <= ceiling(failures));
        }
    }
}
