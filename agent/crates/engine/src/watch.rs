//! Tasks that watch the shop and Digible, independent of runs: whether capture is still as it was installed, how much
//! waits while a run is in progress, whether a verify is due, and whether a Digible that was lost is available again.

use std::{sync::Arc, time::Duration};

use shopmaster_health::run::{Cause, Kind, Wish};
use tokio::time::Instant;

use super::{
    core::Core, engine::Engine, run_handle::RunHandle, status, stop_reason::StepError, verify,
};

/// From one check of capture to the next, so that a problem shows within a minute.
const CAPTURE_CHECK_INTERVAL: Duration = Duration::from_secs(45);
/// The shortest time from one count of what waits to the next, while a run is in progress.
const COUNT_INTERVAL: Duration = Duration::from_secs(1);
/// The next count begins after at least so many times as long as the last one took: counting a long ChangeLog must not
/// take more than a twentieth of the time from the till or the run.
const COUNT_REST_FACTOR: u32 = 20;
/// How often the progress of a run is stored.
const PROGRESS_STORE_INTERVAL: Duration = Duration::from_secs(2);
/// How often to check whether a verify is due.
const VERIFY_CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Checks capture until the engine stops. Syncs check it, too, but they may be an hour apart, and a run may wait for
/// long.
pub(super) async fn capture(core: &Core) {
    loop {
        tokio::select! {
            () = core.stop.cancelled() => return,
            () = tokio::time::sleep(CAPTURE_CHECK_INTERVAL) => {}
        }
        let checked = async {
            status::check_capture(core).await?;
            status::count(core).await?;
            Ok::<_, StepError>(core.catalog.tidy().await?)
        };
        if let Err(error) = checked.await {
            // The next run that uses the database reports this, and knows when it works again.
            tracing::debug!(%error, "capture could not be checked");
        }
    }
}

/// Counts what waits and stores progress while a run is in progress, until the engine stops.
pub(super) async fn runs(engine: &Engine) {
    let core = &engine.core;
    let mut running = engine.runs.running();
    let mut stored_at: Option<Instant> = None;
    loop {
        let newest = tokio::select! {
            () = core.stop.cancelled() => return,
            some = running.wait_for(|running| !running.is_empty()) => match some {
                Ok(running) => sequence(&running),
                Err(_) => return,
            },
        };
        let began = Instant::now();
        if let Err(error) = status::count(core).await {
            tracing::debug!(%error, "waiting changes could not be counted");
        }
        if stored_at.is_none_or(|at| at.elapsed() >= PROGRESS_STORE_INTERVAL) {
            engine.runs.store_progress().await;
            stored_at = Some(Instant::now());
        }
        let rest = COUNT_INTERVAL.max(began.elapsed() * COUNT_REST_FACTOR);
        tokio::select! {
            () = core.stop.cancelled() => return,
            () = tokio::time::sleep(rest) => {}
            // A new run usually begins because something has changed, so the count is repeated at once.
            _ = running.wait_for(|running| sequence(running) > newest) => {}
        }
    }
}

/// The number of the newest run.
fn sequence(running: &[Arc<RunHandle>]) -> u64 {
    running.last().map_or(0, |handle| handle.now().sequence)
}

/// Starts verifies automatically until the engine stops.
pub(super) async fn verifies(engine: &Engine) {
    let core = &engine.core;
    let mut resumes = core.journal.has_verify_to_resume().await.unwrap_or(false);
    loop {
        tokio::select! {
            () = core.stop.cancelled() => return,
            () = core.verify_due.notified() => {}
            () = tokio::time::sleep(until_check(core)) => {}
        }
        if core.pause.borrow().is_some() || core.outage.is_on() {
            continue;
        }
        let cause = match (resumes, verify::is_due(core).await) {
            (true, _) => Cause::Resumed,
            (false, Ok(true)) => Cause::Scheduled,
            (false, Ok(false)) => continue,
            (false, Err(error)) => {
                // The next run that uses the database or the journal reports this.
                tracing::debug!(%error, "it is not known whether a verify is due");
                continue;
            }
        };
        if let Ok((handle, _)) = engine.runs.begin(Kind::Verify, cause, Wish::default()) {
            resumes = false;
            handle.ended().await;
        }
    }
}

/// How long until it is checked again whether a verify is due: one that is announced begins at its time.
fn until_check(core: &Core) -> Duration {
    match core.rebuilt.due_in() {
        Some(wait) if !wait.is_zero() => wait.min(VERIFY_CHECK_INTERVAL),
        _ => VERIFY_CHECK_INTERVAL,
    }
}

/// Checks whether a Digible that was lost is available again, when nothing is left whose sending would show it, until
/// the engine stops. A login is the cheapest request that Digible documents.
pub(super) async fn digible(engine: &Engine) {
    let core = &engine.core;
    loop {
        tokio::select! {
            () = core.stop.cancelled() => return,
            () = core.ask_digible.notified() => {}
        }
        if core.pause.borrow().is_some() || core.held().is_some() {
            continue;
        }
        tokio::select! {
            () = core.stop.cancelled() => return,
            answer = core.cloud.log_in() => drop(core.note_login(&answer)),
        }
    }
}
