//! Looks at the shop and at Digible beside the runs: whether capture is still as it was installed, how
//! much waits while a run goes on, and whether a Digible that was lost is back.

use std::{sync::Arc, time::Duration};

use shopmaster_health::run::{Cause, Kind, Wish};
use tokio::time::Instant;

use super::{
    core::Core, engine::Engine, run_handle::RunHandle, status, stop_reason::StepError, verify,
};

/// From one look at capture to the next: people are told within a minute.
const CAPTURE_CHECK_INTERVAL: Duration = Duration::from_secs(45);
/// From one look at the numbers to the next while a run goes on.
const COUNT_INTERVAL: Duration = Duration::from_secs(1);
/// The next look comes after at least so many times as long as the last one took: a look at a long
/// ChangeLog must cost neither the till nor the run more than a twentieth of the time.
const COUNT_REST_FACTOR: u32 = 20;
/// How often it is stored how far a run is.
const PROGRESS_STORE_INTERVAL: Duration = Duration::from_secs(2);

/// How often it is asked whether a verify is due.
const VERIFY_CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Looks at capture until the engine stops. Syncs look too, but they may be an hour apart, and one
/// run may wait for long.
pub(super) async fn capture(core: &Core) {
    loop {
        tokio::select! {
            () = core.stop.cancelled() => return,
            () = tokio::time::sleep(CAPTURE_CHECK_INTERVAL) => {}
        }
        let looked = async {
            status::check_capture(core).await?;
            status::count(core).await?;
            Ok::<_, StepError>(core.catalog.tidy().await?)
        };
        if let Err(error) = looked.await {
            // Told by those who read and write next, and who know when it works again.
            tracing::debug!(%error, "capture could not be checked");
        }
    }
}

/// While a run goes on, counts what waits, and stores how far it is, until the engine stops.
pub(super) async fn runs(engine: &Engine) {
    let core = &engine.core;
    let mut going = engine.runs.going();
    let mut stored_at: Option<Instant> = None;
    loop {
        let newest = tokio::select! {
            () = core.stop.cancelled() => return,
            some = going.wait_for(|going| !going.is_empty()) => match some {
                Ok(going) => sequence(&going),
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
            // Most begin because something has changed.
            _ = going.wait_for(|going| sequence(going) > newest) => {}
        }
    }
}

/// The number of the run that began last.
fn sequence(going: &[Arc<RunHandle>]) -> u64 {
    going.last().map_or(0, |handle| handle.now().sequence)
}

/// Starts verifies by themselves until the engine stops.
pub(super) async fn verifies(engine: &Engine) {
    let core = &engine.core;
    let mut resumes = core.journal.has_verify_to_resume().await.unwrap_or(false);
    loop {
        tokio::select! {
            () = core.stop.cancelled() => return,
            () = core.verify_due.notified() => {}
            () = tokio::time::sleep(VERIFY_CHECK_INTERVAL) => {}
        }
        if core.pause.borrow().is_some() || core.outage.is_on() {
            continue;
        }
        let cause = match (resumes, verify::is_due(core).await) {
            (true, _) => Cause::Resumed,
            (false, Ok(true)) => Cause::Scheduled,
            (false, Ok(false)) => continue,
            (false, Err(error)) => {
                // Told by those who read and write next.
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

/// Asks a Digible that was lost whether it is back, when nothing is left whose sending would tell, until
/// the engine stops. A login is the cheapest question that Digible documents.
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
