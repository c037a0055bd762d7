//! A sync: sends the products that changed.

use tokio::time::Instant;

use super::{
    backoff,
    core::Core,
    evidence::Evidence,
    halt::{Halt, StepError},
    owner,
    page::{Cursor, Source},
    pass::{self, Passed},
    run::{Cause, Live, Outcome},
    step::Mode,
};
use crate::catalog::{CaptureStatus, CatalogError};

/// How often a sync that somebody asked for tries again what failed. The scheduler's own ones leave
/// it to the scheduler, which tries again for as long as it takes.
const TRIES_WHEN_REQUESTED: u32 = 4;

/// How a run ended, and one sentence about it.
pub(super) type Ending = (Outcome, String);

/// Sends the products that changed, and those in doubt or to be tried again.
pub(super) async fn run(core: &Core, live: &Live) -> Result<Ending, StepError> {
    let tries = match live.now().cause {
        Cause::Requested => TRIES_WHEN_REQUESTED,
        Cause::Scheduled | Cause::Resumed => 1,
    };
    let Some(()) = pass::patiently(core, live, tries, || prepare(core)).await? else {
        return Ok((Outcome::Cancelled, "Cancelled".to_owned()));
    };
    let evidence = Evidence::default();
    let mut failures = 0;
    loop {
        let passed = round(core, live, &evidence).await?;
        failures = if passed.progressed { 0 } else { failures + 1 };
        let (why, until) = match &passed.halt {
            None if passed.deferred == 0 => {
                if live.take_joined() {
                    continue;
                }
                core.note_nothing_left();
                return Ok((Outcome::Completed, String::new()));
            }
            Some(Halt::Cancelled) => return Ok((Outcome::Cancelled, "Cancelled".to_owned())),
            Some(Halt::Hold { wait, .. }) => {
                // Digible said when: that costs no try.
                failures = 0;
                (pass::hold_text(*wait), Instant::now() + *wait)
            }
            Some(halt) if !halt.is_passing() => return Ok(failed(live, &passed)),
            _ if failures >= tries => return Ok(failed(live, &passed)),
            Some(_) => (why(&passed), Instant::now() + backoff::delay(failures)),
            None => {
                let earliest = core.waits.earliest().unwrap_or_else(Instant::now);
                (
                    why(&passed),
                    earliest.max(Instant::now() + backoff::delay(1)),
                )
            }
        };
        if !pass::wait(live, until, &why).await {
            return Ok((Outcome::Cancelled, "Cancelled".to_owned()));
        }
    }
}

async fn prepare(core: &Core) -> Result<(), StepError> {
    if core.catalog.capture().await? == CaptureStatus::NotInstalled {
        return Err(CatalogError::NotInstalled.into());
    }
    core.catalog.claim().await?;
    owner::check(core).await
}

/// The ChangeLog once, then what the journal holds due.
async fn round(core: &Core, live: &Live, evidence: &Evidence) -> Result<Passed, StepError> {
    let mode = &mut Mode::Changed;
    let changes = pass::walk(core, live, evidence, Source::Changes, Cursor::Start, mode).await?;
    if changes.halt.is_some() {
        return Ok(changes);
    }
    let due = pass::walk(core, live, evidence, Source::Due, Cursor::Start, mode).await?;
    Ok(Passed {
        halt: due.halt,
        // A product may wait in both.
        deferred: changes.deferred.max(due.deferred),
        reason: due.reason.or(changes.reason),
        progressed: changes.progressed || due.progressed,
        at: due.at,
    })
}

pub(super) fn failed(live: &Live, passed: &Passed) -> Ending {
    live.update(|run| run.failed = passed.deferred);
    (Outcome::Failed, why(passed))
}

pub(super) fn why(passed: &Passed) -> String {
    if let Some(Halt::Busy(reason)) = &passed.halt {
        return reason.clone();
    }
    if let Some(trouble) = passed.halt.as_ref().and_then(Halt::trouble) {
        return trouble.text;
    }
    match &passed.reason {
        Some(reason) => format!("{} waiting to be tried again: {reason}", passed.deferred),
        None => format!("{} waiting to be tried again", passed.deferred),
    }
}
