//! A walk goes through a source step by step, and reads the next page while the current one is sent.

use std::{sync::Arc, time::Duration};

use shopmaster_base::causes::with_causes;
use shopmaster_health::run::{Cause, State};
use tokio::time::Instant;

use super::{
    ack_queue::AckQueue,
    backoff,
    core::Core,
    endpoint_health::EndpointHealth,
    mode::Mode,
    page::{Cursor, Source},
    run_handle::RunHandle,
    step::{self, Prepared},
    step_lock::Epoch,
    stop_reason::{StepError, StopReason},
    wait,
};

/// The longest time that the shop's database is left alone between two pages that are only read.
const LONGEST_YIELD: Duration = Duration::from_millis(250);

/// The result of a walk.
#[derive(Debug, Default)]
pub(super) struct WalkSummary {
    /// Why it stopped before the end.
    pub(super) stop_reason: Option<StopReason>,
    /// Products that wait for another try.
    pub(super) deferred: u64,
    /// Those of them whose rows the shop's own programs keep locked.
    pub(super) locked: u64,
    /// Why one of them waits.
    pub(super) reason: Option<String>,
    /// At least one step acknowledged, refused or found out something.
    pub(super) progressed: bool,
    /// Where it stopped, and where the next walk can resume.
    pub(super) at: Cursor,
}

impl WalkSummary {
    /// Combines this walk with the one after it.
    pub(super) fn and(self, next: Self) -> Self {
        Self {
            stop_reason: next.stop_reason,
            // A product may wait in both.
            deferred: self.deferred.max(next.deferred),
            locked: self.locked.max(next.locked),
            reason: next.reason.or(self.reason),
            progressed: self.progressed || next.progressed,
            at: next.at,
        }
    }
}

/// What a run does when the shop's database is unavailable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnOutage {
    /// It fails: the next sync finds the same changes.
    Fail,
    /// It waits: an upload at night survives a server's restart.
    Wait,
}

/// Walks through `source` from `from` to its end, or until something stops it. A busy database is a stop reason, and so
/// is an unavailable one with [`OnOutage::Wait`]; other failures are errors.
pub(super) async fn walk(
    core: &Core,
    handle: &RunHandle,
    endpoint_health: &EndpointHealth,
    source: Source,
    from: Cursor,
    mode: &mut Mode,
    on_outage: OnOutage,
) -> Result<WalkSummary, StepError> {
    let mut summary = WalkSummary {
        at: from,
        ..WalkSummary::default()
    };
    let mut ack_queue = AckQueue::new(Arc::clone(&core.catalog));
    let halted = steps(
        core,
        handle,
        endpoint_health,
        source,
        mode,
        &mut summary,
        &mut ack_queue,
    )
    .await;
    let deleted = ack_queue.finish().await;
    match halted.and_then(|stop_reason| deleted.map(|()| stop_reason).map_err(Into::into)) {
        Ok(stop_reason) => summary.stop_reason = stop_reason,
        Err(StepError::Catalog(error)) if error.is_passing() => {
            core.note_catalog_failure(&error);
            summary.stop_reason = Some(StopReason::Busy(with_causes(&error)));
        }
        Err(StepError::Catalog(error)) if on_outage == OnOutage::Wait && error.may_pass() => {
            core.note_catalog_failure(&error);
            summary.stop_reason = Some(StopReason::Away(with_causes(&error)));
        }
        Err(error) => return Err(error),
    }
    Ok(summary)
}

/// Does one step after the other from `summary.at` on, and adds to `summary`. Gives what stopped it before the end.
///
/// Each round waits until a step may begin, takes the step lock, and then sends a page while the next one is read. A
/// page that was read ahead is used only if nothing can have changed what it says: no other step ran in between, the
/// run did not have to wait, and the page has no product in common with the previous one or with a canary that was sent
/// meanwhile. Otherwise it is read again under the step lock.
async fn steps(
    core: &Core,
    handle: &RunHandle,
    endpoint_health: &EndpointHealth,
    source: Source,
    mode: &mut Mode,
    summary: &mut WalkSummary,
    ack_queue: &mut AckQueue,
) -> Result<Option<StopReason>, StepError> {
    let mut limit = core.options.first_page();
    let mut ahead: Option<(Prepared, Epoch)> = None;
    // If deleting failed, the caller gets the error from `finish`.
    while !ack_queue.has_failed() {
        let began = Instant::now();
        if must_wait(core, handle, mode) {
            ahead = None;
        }
        if let Some(stop_reason) = ready(core, handle, mode).await {
            return Ok(Some(stop_reason));
        }
        let guard = core.lock_step().await?;
        if must_wait(core, handle, mode) {
            // Another run's step or the user stopped sending while this one waited for the lock.
            ahead = None;
            continue;
        }
        core.catalog.claim().await?;
        core.journal.check_in_place().await?;
        let mut page = match ahead.take() {
            Some((page, epoch)) if guard.follows(epoch) => page,
            _ => step::prepare(core, mode, source, &summary.at, limit).await?,
        };
        let next = page.next.take();
        limit = core.options.next_page(limit);
        let (delivered, read) = tokio::join!(
            step::deliver(core, handle, endpoint_health, mode, &mut page, ack_queue),
            read_ahead(core, mode, source, next.as_ref(), limit),
        );
        let delivered = delivered?;
        let epoch = guard.epoch();
        if let Some(stop_reason) = &delivered.stop_reason {
            core.note_stop(stop_reason);
        }
        drop(guard);
        summary.deferred += delivered.deferred;
        summary.locked += delivered.locked;
        summary.progressed |= delivered.progressed;
        summary.reason = delivered.reason.or(summary.reason.take());
        match mode {
            Mode::Everything { processed, .. } => match delivered.stop_reason {
                Some(_) => processed.extend(delivered.processed),
                None => processed.retain(|id| !page.ids.contains(id)),
            },
            Mode::Compared(seen) => seen.add(&page.ids),
            Mode::Inspected(inspection) => inspection.add(&page.ids, delivered.differing),
            Mode::Changed => {}
        }
        if let Some(stop_reason) = delivered.stop_reason {
            return Ok(Some(stop_reason));
        }
        let Some(next) = next else {
            return Ok(None);
        };
        summary.at = next;
        if !mode.sends() {
            yield_to_shop(handle, began.elapsed()).await;
        }
        // A step changes what is known about its products. A canary is read just before it is sent, so an older row of
        // the same product must not follow it.
        page.ids.extend(endpoint_health.take_canaries());
        ahead = read?
            .filter(|ahead| ahead.ids.is_disjoint(&page.ids))
            .map(|ahead| (ahead, epoch));
    }
    Ok(None)
}

/// Tries `work` until the shop's database is no longer busy (nor unavailable, with [`OnOutage::Wait`]), at most `tries`
/// times. None when the run was cancelled meanwhile.
pub(super) async fn retry_while_busy<T, F: Future<Output = Result<T, StepError>>>(
    core: &Core,
    handle: &RunHandle,
    tries: Option<u32>,
    on_outage: OnOutage,
    work: impl Fn() -> F,
) -> Result<Option<T>, StepError> {
    let mut failures = 0;
    loop {
        let error = match work().await {
            Ok(value) => return Ok(Some(value)),
            Err(StepError::Catalog(error))
                if error.is_passing() || (on_outage == OnOutage::Wait && error.may_pass()) =>
            {
                error
            }
            Err(error) => return Err(error),
        };
        failures += 1;
        if tries.is_some_and(|tries| failures >= tries) {
            return Err(error.into());
        }
        core.note_catalog_failure(&error);
        let until = Instant::now() + backoff::delay(failures);
        if !wait::for_database(core, handle, until, &with_causes(&error)).await {
            return Ok(None);
        }
    }
}

async fn read_ahead(
    core: &Core,
    mode: &Mode,
    source: Source,
    next: Option<&Cursor>,
    limit: usize,
) -> Result<Option<Prepared>, StepError> {
    let Some(cursor) = next else {
        return Ok(None);
    };
    let prepared = step::prepare(core, mode, source, cursor, limit).await?;
    Ok(Some(prepared))
}

/// Whether no step may begin now. Rows that were read before the wait are read again after it.
fn must_wait(core: &Core, handle: &RunHandle, mode: &Mode) -> bool {
    let may_not_send = || core.held().is_some() || waits_for_try(core, handle).is_some();
    handle.cancel.is_cancelled()
        || core.pause.borrow().is_some()
        || (mode.sends() && may_not_send())
}

/// Leaves the shop's database alone for as long as the last page took, but at most for [`LONGEST_YIELD`], so that a
/// verify takes at most half of its time.
async fn yield_to_shop(handle: &RunHandle, page: Duration) {
    tokio::select! {
        () = handle.cancel.cancelled() => {}
        () = tokio::time::sleep(page.min(LONGEST_YIELD)) => {}
    }
}

/// Why this run has to wait for the next try, which any run may make. A run that the user asked for begins with a try
/// of its own.
fn waits_for_try(core: &Core, handle: &RunHandle) -> Option<StopReason> {
    let stop_reason = core.flow.stop_reason()?;
    let run = handle.now();
    let is_first = run.cause == Cause::Requested && run.requests == 0;
    (!is_first).then_some(stop_reason)
}

/// Waits for the end of a pause. Gives why the run must not continue, if so.
async fn ready(core: &Core, handle: &RunHandle, mode: &Mode) -> Option<StopReason> {
    let mut pause = core.pause.subscribe();
    loop {
        if handle.cancel.is_cancelled() {
            return Some(StopReason::Cancelled);
        }
        let Some(paused) = *pause.borrow_and_update() else {
            break;
        };
        let zone = jiff::tz::TimeZone::system();
        let text = shopmaster_health::paused(Some(paused), jiff::Timestamp::now(), &zone);
        handle.update(|run| run.is_paused = true);
        handle.set_state(State::Waiting, &text);
        tokio::select! {
            () = handle.cancel.cancelled() => {}
            changed = pause.changed() => if changed.is_err() { break },
        }
        handle.update(|run| run.is_paused = false);
    }
    if mode.sends()
        && let Some(wait) = core.held()
    {
        return Some(StopReason::Hold {
            wait,
            reason: "Digible asks shopMaster to wait".to_owned(),
        });
    }
    if mode.sends()
        && let Some(stop_reason) = waits_for_try(core, handle)
    {
        return Some(stop_reason);
    }
    handle.set_state(State::Running, "");
    None
}

/// Waits after something stopped a walk, showing `why`. If Digible is unreachable, it waits for the next try, which any
/// run may make; otherwise until `until`, or until the shop's database is available again. False when the run was
/// cancelled meanwhile.
pub(super) async fn wait_after(
    core: &Core,
    handle: &RunHandle,
    stop_reason: Option<&StopReason>,
    until: Instant,
    why: &str,
) -> bool {
    match stop_reason {
        Some(StopReason::Busy(_) | StopReason::Away(_)) => {
            wait::for_database(core, handle, until, why).await
        }
        Some(StopReason::Unreachable(_)) => {
            handle.set_state(State::Waiting, &with_next_try(why, core));
            tokio::select! {
                () = handle.cancel.cancelled() => false,
                () = core.flow.ready() => true,
            }
        }
        _ => wait(handle, until, why).await,
    }
}

/// `Digible not reachable: ...; next try 11:07`.
fn with_next_try(why: &str, core: &Core) -> String {
    let Some(next) = core.flow.next_try() else {
        return why.to_owned();
    };
    let left = next.saturating_duration_since(Instant::now());
    format!("{why}; next try {}", clock_in(left))
}

/// Waits until `until`, showing `why`. False when the run was cancelled meanwhile.
async fn wait(handle: &RunHandle, until: Instant, why: &str) -> bool {
    handle.set_state(State::Waiting, why);
    tokio::select! {
        () = handle.cancel.cancelled() => false,
        () = tokio::time::sleep_until(until) => true,
    }
}

/// `Digible asks shopMaster to wait until 12:40`.
pub(super) fn hold_text(wait: Duration) -> String {
    format!("Digible asks shopMaster to wait until {}", clock_in(wait))
}

fn clock_in(wait: Duration) -> String {
    let now = jiff::Timestamp::now();
    let until = now.saturating_add(wait).unwrap_or(now);
    shopmaster_view::clock(until, now, &jiff::tz::TimeZone::system())
}
