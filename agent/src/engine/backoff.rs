//! How long to wait before the next try.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(60);
/// Full jitter may draw zero; a try at once would find the same fault.
const SHORTEST: Duration = Duration::from_millis(50);

/// Exponential with full jitter: anything up to half a second after the first failure, up to a
/// minute after many. `failures` counts from one.
pub fn delay(failures: u32) -> Duration {
    ceiling(failures).mul_f64(fastrand::f64()).max(SHORTEST)
}

fn ceiling(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    FIRST.saturating_mul(1 << doublings).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_and_ends() {
        assert_eq!(ceiling(0), FIRST);
        assert_eq!(ceiling(1), FIRST);
        assert_eq!(ceiling(3), FIRST * 4);
        assert_eq!(ceiling(u32::MAX), LONGEST);
    }

    #[test]
    fn the_delay_stays_below_the_ceiling() {
        for failures in 1..20 {
            let delay = delay(failures);
            assert!(delay >= SHORTEST && delay <= ceiling(failures));
        }
    }
}
