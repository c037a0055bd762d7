//! Times that changes of the wall clock do not affect.

use std::{sync::OnceLock, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

/// Both clocks as this process first read them.
static START: OnceLock<(Instant, i64)> = OnceLock::new();

/// Milliseconds since 1970 as this process counts them: the wall clock at its first call, and the
/// monotonic clock from there on. Only times of one process can be compared.
#[must_use]
pub fn steady_ms() -> i64 {
    let (instant, wall) =
        *START.get_or_init(|| (Instant::now(), Timestamp::now().as_millisecond()));
    let passed = Instant::now().saturating_duration_since(instant);
    wall.saturating_add(i64::try_from(passed.as_millis()).unwrap_or(i64::MAX))
}

/// A steady time, converted to the current wall clock.
pub(super) fn shown(steady: i64) -> Timestamp {
    let left = steady.saturating_sub(steady_ms());
    let at = Timestamp::now().as_millisecond().saturating_add(left);
    Timestamp::from_millisecond(at).unwrap_or_default()
}

/// A steady time as an instant; none when it is before this process first read the clocks.
pub(super) fn instant(steady: i64) -> Option<Instant> {
    let now = steady_ms();
    let away = Duration::from_millis(steady.abs_diff(now));
    match steady >= now {
        true => Instant::now().checked_add(away),
        false => Instant::now().checked_sub(away),
    }
}

/// Identifies this process, so that a journal knows which process its steady times belong to.
pub(super) fn process() -> i64 {
    static PROCESS: OnceLock<i64> = OnceLock::new();
    *PROCESS.get_or_init(|| fastrand::i64(1..))
}
