//! A sync: sends the products that changed.

use std::time::Duration;

use shopmaster_catalog::{CaptureStatus, CatalogError};
use shopmaster_health::run::{Cause, Outcome, Run};
use tokio::time::Instant;

use super::{
    backoff,
    core::Core,
    evidence::Evidence,
    halt::{Halt, StepError},
    live::Live,
    owner,
    page::{Cursor, Source},
    pass::{self, OnOutage, Passed},
    scan,
    step::Mode,
};

/// How often a sync that somebody asked for tries again what failed. The scheduler's own ones leave
/// it to the scheduler, which tries again for as long as it takes.
const TRIES_WHEN_REQUESTED: u32 = 4;
/// How long a sync of the scheduler waits for products that failed. Meanwhile it reads no changes.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a sync that somebody asked for waits for the next try when Digible is away. It has tried once by
/// then, and who asked would wait for minutes.
const PATIENCE_WHEN_REQUESTED: Duration = Duration::from_secs(10);

/// Where a sync finds what changed.
enum Finding {
    /// In the ChangeLog.
    Captured(CaptureStatus),
    /// By walking the table.
    Scanned,
    /// Not at all: walking a table that nobody has compared yet would send all of it, also when it is a mistake.
    Unconfirmed,
}

/// How a run ended, and one sentence about it.
pub(super) type Ending = (Outcome, String);

/// Sends the products that changed, and those in doubt or to be tried again.
pub(super) async fn run(core: &Core, live: &Live) -> Result<Ending, StepError> {
    let mut tries = match live.now().cause {
        Cause::Requested => TRIES_WHEN_REQUESTED,
        Cause::Scheduled | Cause::Resumed => 1,
    };
    let Some(finding) =
        pass::patiently(core, live, Some(tries), OnOutage::Fail, || prepare(core)).await?
    else {
        return Ok((Outcome::Cancelled, "Cancelled".to_owned()));
    };
    if let Finding::Unconfirmed = finding {
        let text = "The product table, or how its prices are sent, was changed: run `shopmasterctl verify`, which asks before it sends much";
        return Ok((Outcome::Failed, text.to_owned()));
    }
    let evidence = Evidence::default();
    let mut failures = 0;
    let mut fewest = u64::MAX;
    loop {
        let passed = round(core, live, &evidence, &finding).await?;
        live.update(Run::look_again);
        // New changes pass all day long: only fewer that wait are progress for those who wait.
        let fewer = passed.deferred < fewest;
        let progressed = match passed.halt {
            Some(_) => passed.progressed,
            None => fewer,
        };
        if fewer && passed.halt.is_none() {
            fewest = passed.deferred;
        }
        failures = if progressed { 0 } else { failures + 1 };
        let (why, until) = match &passed.halt {
            None if passed.deferred == 0 => {
                if live.goes_once_more() {
                    fewest = u64::MAX;
                    continue;
                }
                core.note_nothing_left();
                return Ok(completed(live, &finding));
            }
            Some(Halt::Cancelled) => return Ok((Outcome::Cancelled, "Cancelled".to_owned())),
            Some(Halt::Hold { wait, .. }) => {
                // Digible said when: that costs no try.
                failures = 0;
                (pass::hold_text(*wait), Instant::now() + *wait)
            }
            Some(halt) if !halt.is_passing() => return Ok(failed(live, &passed)),
            halt => {
                let until = match halt {
                    Some(halt) => after(core, halt, failures),
                    None => next_try(core),
                };
                let is_away = matches!(halt, Some(Halt::Unreachable(_)))
                    && until > Instant::now() + PATIENCE_WHEN_REQUESTED;
                let gives_up = failures >= tries
                    || is_away
                    || (tries == 1 && until > Instant::now() + PATIENCE);
                if gives_up && !live.goes_once_more() {
                    return Ok(failed(live, &passed));
                }
                if gives_up {
                    // Who joined asked for it.
                    tries = TRIES_WHEN_REQUESTED;
                    failures = 0;
                    core.may_try_now();
                }
                (why(&passed), until)
            }
        };
        if !pass::wait_after(core, live, passed.halt.as_ref(), until, &why).await {
            return Ok((Outcome::Cancelled, "Cancelled".to_owned()));
        }
    }
}

/// When what stopped a walk may be over.
pub(super) fn after(core: &Core, halt: &Halt, failures: u32) -> Instant {
    match halt {
        // All runs share one try.
        Halt::Unreachable(_) => core.flow.next_try().unwrap_or_else(Instant::now),
        _ => Instant::now() + backoff::delay(failures),
    }
}

/// When the first of the products that wait may be tried again.
pub(super) fn next_try(core: &Core) -> Instant {
    let earliest = core.waits.earliest().unwrap_or_else(Instant::now);
    earliest.max(Instant::now() + backoff::delay(1))
}

/// Everything that was captured is sent. Who asked for the sync must not take it for everything
/// that changed.
fn completed(live: &Live, finding: &Finding) -> Ending {
    match finding {
        Finding::Captured(CaptureStatus::Drifted(lines))
            if live.now().cause == Cause::Requested =>
        {
            (
                Outcome::Failed,
                format!(
                    "Changes may be lost: {}; run `shopmasterctl capture install`, then `shopmasterctl verify`",
                    lines.join("; ")
                ),
            )
        }
        _ => (Outcome::Completed, String::new()),
    }
}

async fn prepare(core: &Core) -> Result<Finding, StepError> {
    let status = core.capture().await?;
    if core.scans() {
        core.catalog.claim().await?;
        check_key(core).await?;
        return Ok(match core.journal.has_another_catalog().await? {
            true => Finding::Unconfirmed,
            false => Finding::Scanned,
        });
    }
    if status == CaptureStatus::NotInstalled {
        return Err(CatalogError::NotInstalled.into());
    }
    core.catalog.claim().await?;
    owner::check(core, &status).await?;
    Ok(Finding::Captured(status))
}

/// Refuses a key that is not unique: a page would jump over rows with the last one's key. That the
/// key of a view is unique, only the shop can know.
pub(super) async fn check_key(core: &Core) -> Result<(), StepError> {
    match core.catalog.plan().await {
        Ok(_) | Err(CatalogError::ScanOnly { .. }) => Ok(()),
        // Why it could not be installed says nothing about walking the table.
        Err(
            CatalogError::Unsafe { .. }
            | CatalogError::NameTaken(_)
            | CatalogError::NoRights { .. },
        ) if core.scans() => Ok(()),
        // Nor does what this login may not see of what is installed.
        Err(CatalogError::Denied { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The ChangeLog once, then what the journal holds due.
async fn round(
    core: &Core,
    live: &Live,
    evidence: &Evidence,
    finding: &Finding,
) -> Result<Passed, StepError> {
    if let Finding::Scanned = finding {
        return scan::round(core, live, evidence).await;
    }
    let mode = &mut Mode::Changed;
    let changes = pass::walk(
        core,
        live,
        evidence,
        Source::Changes,
        Cursor::Start,
        mode,
        OnOutage::Fail,
    )
    .await?;
    if changes.halt.is_some() {
        return Ok(changes);
    }
    let due = pass::walk(
        core,
        live,
        evidence,
        Source::Due,
        Cursor::Start,
        mode,
        OnOutage::Fail,
    )
    .await?;
    Ok(changes.and(due))
}

pub(super) fn failed(live: &Live, passed: &Passed) -> Ending {
    live.update(|run| run.failed = passed.deferred);
    if passed.halt.is_none() {
        live.note_left_over();
    }
    let trouble = passed.halt.as_ref().and_then(Halt::trouble);
    let text = match trouble {
        Some(trouble) => format!(
            "{}; {}",
            trouble.text,
            shopmaster_view::lower_first(&trouble.remedy)
        ),
        None => why(passed),
    };
    (Outcome::Failed, text)
}

pub(super) fn why(passed: &Passed) -> String {
    if let Some(Halt::Busy(reason) | Halt::Away(reason)) = &passed.halt {
        return reason.clone();
    }
    if let Some(trouble) = passed.halt.as_ref().and_then(Halt::trouble) {
        return trouble.text;
    }
    let waiting = format!(
        "{} to be tried again",
        shopmaster_view::products(passed.deferred)
    );
    match &passed.reason {
        Some(reason) => format!("{waiting}: {reason}"),
        None => waiting,
    }
}
