//! One walk through a source, step by step, reading ahead while a page is sent.

use std::{sync::Arc, time::Duration};

use shopmaster_base::causes::with_causes;
use shopmaster_health::run::{Cause, State};
use tokio::time::Instant;

use super::{
    ack_queue::AckQueue,
    backoff,
    core::Core,
    endpoint_health::EndpointHealth,
    outage,
    page::{Cursor, Source},
    run_handle::RunHandle,
    step::{self, Mode, Prepared},
    step_lock::Epoch,
    stop_reason::{StepError, StopReason},
};

/// The longest rest between two pages that are only read.
const LONGEST_REST: Duration = Duration::from_millis(250);

/// What came of a walk.
#[derive(Debug, Default)]
pub(super) struct WalkSummary {
    /// Why it stopped before the end.
    pub(super) stop_reason: Option<StopReason>,
    /// Products that wait for another try.
    pub(super) deferred: u64,
    /// Those of them that the shop's own programs hold.
    pub(super) locked: u64,
    /// The reason of one of them.
    pub(super) reason: Option<String>,
    /// Something was settled.
    pub(super) progressed: bool,
    /// Where it stopped, for going on there.
    pub(super) at: Cursor,
}

impl WalkSummary {
    /// This walk and the one after it, as one.
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

/// What becomes of a run when the shop's database is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnOutage {
    /// It fails: the next sync finds the same changes.
    Fail,
    /// It waits: an upload at night survives a server's restart.
    Wait,
}

/// Walks through `source` from `from` to its end, or until something stops it: that the database is busy,
/// too, and with [`OnOutage::Wait`] that it is away.
pub(super) async fn walk(
    core: &Core,
    handle: &RunHandle,
    endpoint_health: &EndpointHealth,
    source: Source,
    from: Cursor,
    mode: &mut Mode,
    on_outage: OnOutage,
) -> Result<WalkSummary, StepError> {
    let mut passed = WalkSummary {
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
        &mut passed,
        &mut ack_queue,
    )
    .await;
    let deleted = ack_queue.finish().await;
    match halted.and_then(|stop_reason| deleted.map(|()| stop_reason).map_err(Into::into)) {
        Ok(stop_reason) => passed.stop_reason = stop_reason,
        Err(StepError::Catalog(error)) if error.is_passing() => {
            core.note_catalog_failure(&error);
            passed.stop_reason = Some(StopReason::Busy(with_causes(&error)));
        }
        Err(StepError::Catalog(error)) if on_outage == OnOutage::Wait && error.may_pass() => {
            core.note_catalog_failure(&error);
            passed.stop_reason = Some(StopReason::Away(with_causes(&error)));
        }
        Err(error) => return Err(error),
    }
    Ok(passed)
}

/// Step after step, from where `passed` is. Gives what stopped it before the end.
async fn steps(
    core: &Core,
    handle: &RunHandle,
    endpoint_health: &EndpointHealth,
    source: Source,
    mode: &mut Mode,
    passed: &mut WalkSummary,
    ack_queue: &mut AckQueue,
) -> Result<Option<StopReason>, StepError> {
    let mut limit = core.options.first_page();
    let mut ahead: Option<(Prepared, Epoch)> = None;
    // Why deleting failed, the caller is told when it waits for the end of it.
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
            // Somebody else's step, or a person, said so meanwhile.
            ahead = None;
            continue;
        }
        core.catalog.claim().await?;
        core.journal.check_in_place().await?;
        let mut page = match ahead.take() {
            Some((page, epoch)) if guard.follows(epoch) => page,
            _ => step::prepare(core, mode, source, &passed.at, limit).await?,
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
            core.note_halt(stop_reason);
        }
        drop(guard);
        passed.deferred += delivered.deferred;
        passed.locked += delivered.locked;
        passed.progressed |= delivered.progressed;
        passed.reason = delivered.reason.or(passed.reason.take());
        match mode {
            Mode::Everything { already, .. } => match delivered.stop_reason {
                Some(_) => already.extend(delivered.through),
                None => already.retain(|id| !page.aboard.contains(id)),
            },
            Mode::Compared(seen) => seen.add(&page.aboard),
            Mode::Inspected(inspection) => inspection.add(&page.aboard, delivered.differing),
            Mode::Changed => {}
        }
        if let Some(stop_reason) = delivered.stop_reason {
            return Ok(Some(stop_reason));
        }
        let Some(next) = next else {
            return Ok(None);
        };
        passed.at = next;
        if !mode.sends() {
            rest(handle, began.elapsed()).await;
        }
        // What is known of a product changes with the step that it is in, and a canary is sent as
        // it is by then: an older row of it must not follow.
        page.aboard.extend(endpoint_health.take_canaries());
        ahead = read?
            .filter(|ahead| ahead.aboard.is_disjoint(&page.aboard))
            .map(|ahead| (ahead, epoch));
    }
    Ok(None)
}

/// Tries `work` until the shop's database is no longer busy (and no longer away, with [`OnOutage::Wait`]),
/// `tries` times at most. None when the run was cancelled meanwhile.
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
        if !outage::wait(core, handle, until, &with_causes(&error)).await {
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

/// Whether no step may begin now. Rows that were read before such a time are read again after it.
fn must_wait(core: &Core, handle: &RunHandle, mode: &Mode) -> bool {
    let may_not_send = || core.held().is_some() || waits_for_try(core, handle).is_some();
    handle.cancel.is_cancelled()
        || core.pause.borrow().is_some()
        || (mode.sends() && may_not_send())
}

/// Leaves the shop's database alone for as long as the last page took, so that reading all of it costs it half
/// of the time at most.
async fn rest(handle: &RunHandle, page: Duration) {
    tokio::select! {
        () = handle.cancel.cancelled() => {}
        () = tokio::time::sleep(page.min(LONGEST_REST)) => {}
    }
}

/// Why this run has to wait for the next try, whoever makes it. A run that a person asked for begins with a try
/// of its own.
fn waits_for_try(core: &Core, handle: &RunHandle) -> Option<StopReason> {
    let stop_reason = core.flow.stop_reason()?;
    let run = handle.now();
    let is_first = run.cause == Cause::Requested && run.requests == 0;
    (!is_first).then_some(stop_reason)
}

/// Waits for the end of a pause. Gives why the run must not go on.
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

/// Waits for what stopped a walk, saying why: for Digible until its next try, whoever makes it, and else
/// until `until`. False when the run was cancelled meanwhile.
pub(super) async fn wait_after(
    core: &Core,
    handle: &RunHandle,
    stop_reason: Option<&StopReason>,
    until: Instant,
    why: &str,
) -> bool {
    match stop_reason {
        Some(StopReason::Busy(_) | StopReason::Away(_)) => {
            outage::wait(core, handle, until, why).await
        }
        Some(StopReason::Unreachable(_)) => {
            handle.set_state(State::Waiting, &next_try(why, core));
            tokio::select! {
                () = handle.cancel.cancelled() => false,
                () = core.flow.ready() => true,
            }
        }
        _ => wait(handle, until, why).await,
    }
}

/// `Digible not reachable: ...; next try 11:07`.
fn next_try(why: &str, core: &Core) -> String {
    let Some(next) = core.flow.next_try() else {
        return why.to_owned();
    };
    let left = next.saturating_duration_since(Instant::now());
    format!("{why}; next try {}", clock_in(left))
}

/// Waits, saying why. False when the run was cancelled meanwhile.
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
