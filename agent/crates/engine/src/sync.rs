//! A sync sends the products that changed.

use std::time::Duration;

use shopmaster_catalog::{CaptureStatus, CatalogError};
use shopmaster_health::run::{Cause, Outcome, Run};
use tokio::time::Instant;

use super::{
    backoff,
    core::Core,
    endpoint_health::EndpointHealth,
    mode::Mode,
    owner,
    page::{Cursor, Source},
    run_handle::RunHandle,
    scan,
    stop_reason::{StepError, StopReason},
    walk::{self, OnOutage, WalkSummary},
};

/// How often a sync that the user asked for tries what failed. The scheduler's syncs try once, because the scheduler
/// starts the next one for as long as it takes.
const TRIES_WHEN_REQUESTED: u32 = 4;
/// The longest time that a sync of the scheduler waits for products that failed. It reads no changes meanwhile.
const RETRY_LIMIT: Duration = Duration::from_secs(1);
/// The longest time that a sync that the user asked for waits for the next try when Digible is unavailable. It has
/// tried once by then, and longer waits would keep the user waiting for minutes.
const RETRY_LIMIT_WHEN_REQUESTED: Duration = Duration::from_secs(10);

/// Where a sync finds what changed.
enum ChangeSource {
    /// In the ChangeLog.
    Captured(CaptureStatus),
    /// In the table, by walking it.
    Scanned,
    /// Nowhere: the configured table, or which of its rows are sent and how, has changed, and nothing was compared since. Walking
    /// the table would send all of it, even if it was configured by mistake.
    Unconfirmed,
}

/// How a run ended, and one sentence about it.
pub(super) type Ending = (Outcome, String);

/// Sends the products that changed, and those that are due because they are in doubt or have to be tried again.
///
/// Each round reads everything once. After it, the run ends, or waits for what stopped or deferred it and begins
/// another round. It gives up after `tries` rounds without progress, or when the wait would be too long. When it is
/// done or gives up, it begins another round instead if another caller has joined meanwhile.
pub(super) async fn run(core: &Core, handle: &RunHandle) -> Result<Ending, StepError> {
    let mut tries = match handle.now().cause {
        Cause::Requested => TRIES_WHEN_REQUESTED,
        Cause::Scheduled | Cause::Resumed => 1,
    };
    let Some(change_source) =
        walk::retry_while_busy(core, handle, Some(tries), OnOutage::Fail, || prepare(core)).await?
    else {
        return Ok((Outcome::Cancelled, "Canceled".to_owned()));
    };
    if let ChangeSource::Unconfirmed = change_source {
        let text = "The product table, or which of its rows are sent and how, has changed: run `shopmasterctl verify`, which asks before it sends much";
        return Ok((Outcome::Failed, text.to_owned()));
    }
    let endpoint_health = EndpointHealth::default();
    let mut failures = 0;
    let mut fewest = u64::MAX;
    loop {
        let summary = round(core, handle, &endpoint_health, &change_source).await?;
        handle.update(Run::look_again);
        // New changes are sent all day long, so for products that wait only a lower number of them is progress.
        let fewer = summary.deferred < fewest;
        let progressed = match summary.stop_reason {
            Some(_) => summary.progressed,
            None => fewer,
        };
        if fewer && summary.stop_reason.is_none() {
            fewest = summary.deferred;
        }
        failures = if progressed { 0 } else { failures + 1 };
        let (why, until) = match &summary.stop_reason {
            None if summary.deferred == 0 => {
                if handle.repeat_or_close() {
                    fewest = u64::MAX;
                    continue;
                }
                core.note_nothing_left();
                return Ok(completed(handle, &change_source));
            }
            Some(StopReason::Cancelled) => return Ok((Outcome::Cancelled, "Canceled".to_owned())),
            Some(StopReason::Hold { wait, .. }) => {
                // Digible said when, so this does not count as a try.
                failures = 0;
                (walk::hold_text(*wait), Instant::now() + *wait)
            }
            Some(stop_reason) if !stop_reason.is_passing() => return Ok(failed(handle, &summary)),
            stop_reason => {
                let until = match stop_reason {
                    Some(stop_reason) => after(core, stop_reason, failures),
                    None => next_try(core),
                };
                let is_away = matches!(stop_reason, Some(StopReason::Unreachable(_)))
                    && until > Instant::now() + RETRY_LIMIT_WHEN_REQUESTED;
                let gives_up = failures >= tries
                    || is_away
                    || (tries == 1 && until > Instant::now() + RETRY_LIMIT);
                if gives_up && !handle.repeat_or_close() {
                    return Ok(failed(handle, &summary));
                }
                if gives_up {
                    // The caller that joined asked for a sync, so it gets as many tries as its own would.
                    tries = TRIES_WHEN_REQUESTED;
                    failures = 0;
                    core.may_try_now();
                }
                (why(&summary), until)
            }
        };
        if !walk::wait_after(core, handle, summary.stop_reason.as_ref(), until, &why).await {
            return Ok((Outcome::Cancelled, "Canceled".to_owned()));
        }
    }
}

/// When what stopped a walk may be over.
pub(super) fn after(core: &Core, stop_reason: &StopReason, failures: u32) -> Instant {
    match stop_reason {
        // All runs share one next try.
        StopReason::Unreachable(_) => core.flow.next_try().unwrap_or_else(Instant::now),
        _ => Instant::now() + backoff::delay(failures),
    }
}

/// When the first of the products that wait may be tried again.
pub(super) fn next_try(core: &Core) -> Instant {
    let earliest = core.retry_queue.earliest().unwrap_or_else(Instant::now);
    earliest.max(Instant::now() + backoff::delay(1))
}

/// Everything that was captured is sent. If capture is not as it was installed, a user who asked for the sync must not
/// take that for everything that changed.
fn completed(handle: &RunHandle, change_source: &ChangeSource) -> Ending {
    match change_source {
        ChangeSource::Captured(CaptureStatus::Drifted(drift))
            if handle.now().cause == Cause::Requested =>
        {
            (
                Outcome::Failed,
                format!(
                    "Changes may be lost: {}; {}",
                    drift.text(),
                    shopmaster_view::lower_first(drift.remedy())
                ),
            )
        }
        _ => (Outcome::Completed, String::new()),
    }
}

/// Makes sure that this agent may serve the shop, and gives where changes are found.
async fn prepare(core: &Core) -> Result<ChangeSource, StepError> {
    let status = core.capture().await?;
    if core.scans() {
        core.catalog.claim().await?;
        check_key(core).await?;
        return Ok(match core.journal.has_another_catalog().await? {
            true => ChangeSource::Unconfirmed,
            false => ChangeSource::Scanned,
        });
    }
    if status == CaptureStatus::NotInstalled {
        return Err(CatalogError::NotInstalled.into());
    }
    core.catalog.claim().await?;
    owner::check(core, &status).await?;
    Ok(ChangeSource::Captured(status))
}

/// Refuses a key that is not unique: the next page would skip rows that have the same key as the last row of a page.
/// Whether the key of a view is unique, only the shop can know.
pub(super) async fn check_key(core: &Core) -> Result<(), StepError> {
    match core.catalog.plan().await {
        Ok(_) | Err(CatalogError::ScanOnly { .. }) => Ok(()),
        // These only prevent capture, not walking the table.
        Err(
            CatalogError::Unsafe { .. }
            | CatalogError::NameTaken(_)
            | CatalogError::NoRights { .. },
        ) if core.scans() => Ok(()),
        // Nor does it matter that this login may not see what is installed.
        Err(CatalogError::Denied { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// One round of a sync: the ChangeLog or the table, then what the journal holds due.
async fn round(
    core: &Core,
    handle: &RunHandle,
    endpoint_health: &EndpointHealth,
    change_source: &ChangeSource,
) -> Result<WalkSummary, StepError> {
    if let ChangeSource::Scanned = change_source {
        return scan::round(core, handle, endpoint_health).await;
    }
    let mode = &mut Mode::Changed;
    let changes = walk::walk(
        core,
        handle,
        endpoint_health,
        Source::Changes,
        Cursor::Start,
        mode,
        OnOutage::Fail,
    )
    .await?;
    if changes.stop_reason.is_some() {
        return Ok(changes);
    }
    let due = walk::walk(
        core,
        handle,
        endpoint_health,
        Source::Due,
        Cursor::Start,
        mode,
        OnOutage::Fail,
    )
    .await?;
    Ok(changes.and(due))
}

/// Ends a run that stopped for this reason, or with products that still wait.
pub(super) fn failed(handle: &RunHandle, summary: &WalkSummary) -> Ending {
    handle.update(|run| run.failed = summary.deferred);
    if summary.stop_reason.is_none() {
        handle.note_left_over();
    }
    let trouble = summary.stop_reason.as_ref().and_then(StopReason::trouble);
    let text = match trouble {
        Some(trouble) => format!(
            "{}; {}",
            trouble.text,
            shopmaster_view::lower_first(&trouble.remedy)
        ),
        None => why(summary),
    };
    (Outcome::Failed, text)
}

/// Why the walk has to wait, in words for the user.
pub(super) fn why(summary: &WalkSummary) -> String {
    if let Some(StopReason::Busy(reason) | StopReason::Away(reason)) = &summary.stop_reason {
        return reason.clone();
    }
    if let Some(trouble) = summary.stop_reason.as_ref().and_then(StopReason::trouble) {
        return trouble.text;
    }
    let waiting = format!(
        "{} to be retried",
        shopmaster_view::products(summary.deferred)
    );
    match &summary.reason {
        Some(reason) => format!("{waiting}: {reason}"),
        None => waiting,
    }
}
