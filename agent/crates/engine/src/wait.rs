//! Waits for a shop's database that is unavailable.

use std::time::Duration;

use shopmaster_health::run::State;
use tokio::time::Instant;

use super::{core::Core, run_handle::RunHandle};

/// From one check whether an unavailable database answers to the next.
pub(super) const OUTAGE_CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// Checks whether a database that was unavailable is available again.
pub(super) async fn is_over(core: &Core) -> bool {
    core.outage.is_on() && {
        let answers = core.catalog.answers().await;
        core.outage.found(answers)
    }
}

/// Waits until `until`, or until a database that was unavailable is available again, showing `why`. False when the run
/// was cancelled meanwhile.
pub(super) async fn for_database(
    core: &Core,
    handle: &RunHandle,
    until: Instant,
    why: &str,
) -> bool {
    handle.set_state(State::Waiting, why);
    loop {
        let is_early = core.outage.is_reserved() || Instant::now() < until;
        if !is_early {
            return true;
        }
        let next_check = Instant::now() + OUTAGE_CHECK_INTERVAL;
        let next = match core.outage.is_reserved() {
            true => next_check,
            false => next_check.min(until),
        };
        tokio::select! {
            () = handle.cancel.cancelled() => return false,
            () = tokio::time::sleep_until(next) => {}
        }
        if is_over(core).await {
            return true;
        }
    }
}
