//! One walk through a source, step by step, reading ahead while a page is sent.

use std::{sync::Arc, time::Duration};

use shopmaster_base::causes::with_causes;
use shopmaster_health::run::{Cause, State};
use tokio::time::Instant;

use super::{
    backoff,
    core::Core,
    deletions::Deletions,
    evidence::Evidence,
    halt::{Halt, StepError},
    lane::Moment,
    live::Live,
    outage,
    page::{Cursor, Source},
    step::{self, Mode, Prepared},
};

/// The longest rest between two pages that are only read.
const LONGEST_REST: Duration = Duration::from_millis(250);

/// What came of a walk.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// Why it stopped before the end.
    pub(super) halt: Option<Halt>,
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

impl Passed {
    /// This walk and the one after it, as one.
    pub(super) fn and(self, next: Self) -> Self {
        Self {
            halt: next.halt,
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
    live: &Live,
    evidence: &Evidence,
    source: Source,
    from: Cursor,
    mode: &mut Mode,
    on_outage: OnOutage,
) -> Result<Passed, StepError> {
    let mut passed = Passed {
        at: from,
        ..Passed::default()
    };
    let mut deletions = Deletions::new(Arc::clone(&core.catalog));
    let halted = steps(
        core,
        live,
        evidence,
        source,
        mode,
        &mut passed,
        &mut deletions,
    )
    .await;
    let deleted = deletions.finish().await;
    match halted.and_then(|halt| deleted.map(|()| halt).map_err(Into::into)) {
        Ok(halt) => passed.halt = halt,
        Err(StepError::Catalog(error)) if error.is_passing() => {
            core.note_catalog_failure(&error);
            passed.halt = Some(Halt::Busy(with_causes(&error)));
        }
        Err(StepError::Catalog(error)) if on_outage == OnOutage::Wait && error.may_pass() => {
            core.note_catalog_failure(&error);
            passed.halt = Some(Halt::Away(with_causes(&error)));
        }
        Err(error) => return Err(error),
    }
    Ok(passed)
}

/// Step after step, from where `passed` is. Gives what stopped it before the end.
async fn steps(
    core: &Core,
    live: &Live,
    evidence: &Evidence,
    source: Source,
    mode: &mut Mode,
    passed: &mut Passed,
    deletions: &mut Deletions,
) -> Result<Option<Halt>, StepError> {
    let mut limit = core.options.first_page();
    let mut ahead: Option<(Prepared, Moment)> = None;
    // Why deleting failed, the caller is told when it waits for the end of it.
    while !deletions.has_failed() {
        let began = Instant::now();
        if must_wait(core, live, mode) {
            ahead = None;
        }
        if let Some(halt) = ready(core, live, mode).await {
            return Ok(Some(halt));
        }
        let turn = core.turn().await?;
        if must_wait(core, live, mode) {
            // Somebody else's step, or a person, said so meanwhile.
            ahead = None;
            continue;
        }
        core.catalog.claim().await?;
        core.journal.check_in_place().await?;
        let mut page = match ahead.take() {
            Some((page, moment)) if turn.follows(moment) => page,
            _ => step::prepare(core, mode, source, &passed.at, limit).await?,
        };
        let next = page.next.take();
        limit = core.options.next_page(limit);
        let (delivered, read) = tokio::join!(
            step::deliver(core, live, evidence, mode, &mut page, deletions),
            read_ahead(core, mode, source, next.as_ref(), limit),
        );
        let delivered = delivered?;
        let moment = turn.moment();
        if let Some(halt) = &delivered.halt {
            core.note_halt(halt);
        }
        drop(turn);
        passed.deferred += delivered.deferred;
        passed.locked += delivered.locked;
        passed.progressed |= delivered.progressed;
        passed.reason = delivered.reason.or(passed.reason.take());
        match mode {
            Mode::Everything { already, .. } => match delivered.halt {
                Some(_) => already.extend(delivered.through),
                None => already.retain(|id| !page.aboard.contains(id)),
            },
            Mode::Compared(met) => met.add(&page.aboard),
            Mode::Inspected(inspection) => inspection.add(&page.aboard, delivered.differing),
            Mode::Changed => {}
        }
        if let Some(halt) = delivered.halt {
            return Ok(Some(halt));
        }
        let Some(next) = next else {
            return Ok(None);
        };
        passed.at = next;
        if !mode.sends() {
            rest(live, began.elapsed()).await;
        }
        // What is known of a product changes with the step that it is in, and a witness is sent as
        // it is by then: an older row of it must not follow.
        page.aboard.extend(evidence.take_witnesses());
        ahead = read?
            .filter(|ahead| ahead.aboard.is_disjoint(&page.aboard))
            .map(|ahead| (ahead, moment));
    }
    Ok(None)
}

/// Tries `work` until the shop's database is no longer busy (and no longer away, with [`OnOutage::Wait`]),
/// `tries` times at most. None when the run was cancelled meanwhile.
pub(super) async fn patiently<T, F: Future<Output = Result<T, StepError>>>(
    core: &Core,
    live: &Live,
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
        if !outage::wait(core, live, until, &with_causes(&error)).await {
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
fn must_wait(core: &Core, live: &Live, mode: &Mode) -> bool {
    let may_not_send = || core.held().is_some() || waits_for_try(core, live).is_some();
    live.cancel.is_cancelled() || core.pause.borrow().is_some() || (mode.sends() && may_not_send())
}

/// Leaves the shop's database alone for as long as the last page took, so that reading all of it costs it half
/// of the time at most.
async fn rest(live: &Live, page: Duration) {
    tokio::select! {
        () = live.cancel.cancelled() => {}
        () = tokio::time::sleep(page.min(LONGEST_REST)) => {}
    }
}

/// Why this run has to wait for the next try, whoever makes it. A run that a person asked for begins with a try
/// of its own.
fn waits_for_try(core: &Core, live: &Live) -> Option<Halt> {
    let halt = core.flow.halt()?;
    let run = live.now();
    let is_first = run.cause == Cause::Requested && run.requests == 0;
    (!is_first).then_some(halt)
}

/// Waits for the end of a pause. Gives why the run must not go on.
async fn ready(core: &Core, live: &Live, mode: &Mode) -> Option<Halt> {
    let mut pause = core.pause.subscribe();
    loop {
        if live.cancel.is_cancelled() {
            return Some(Halt::Cancelled);
        }
        let Some(paused) = *pause.borrow_and_update() else {
            break;
        };
        let zone = jiff::tz::TimeZone::system();
        let text = shopmaster_health::paused(Some(paused), jiff::Timestamp::now(), &zone);
        live.update(|run| run.is_paused = true);
        live.set_state(State::Waiting, &text);
        tokio::select! {
            () = live.cancel.cancelled() => {}
            changed = pause.changed() => if changed.is_err() { break },
        }
        live.update(|run| run.is_paused = false);
    }
    if mode.sends()
        && let Some(wait) = core.held()
    {
        return Some(Halt::Hold {
            wait,
            reason: "Digible asks us to wait".to_owned(),
        });
    }
    if mode.sends()
        && let Some(halt) = waits_for_try(core, live)
    {
        return Some(halt);
    }
    live.set_state(State::Running, "");
    None
}

/// Waits for what stopped a walk, saying why: for Digible until its next try, whoever makes it, and else
/// until `until`. False when the run was cancelled meanwhile.
pub(super) async fn wait_after(
    core: &Core,
    live: &Live,
    halt: Option<&Halt>,
    until: Instant,
    why: &str,
) -> bool {
    match halt {
        Some(Halt::Busy(_) | Halt::Away(_)) => outage::wait(core, live, until, why).await,
        Some(Halt::Unreachable(_)) => {
            live.set_state(State::Waiting, &next_try(why, core));
            tokio::select! {
                () = live.cancel.cancelled() => false,
                () = core.flow.ready() => true,
            }
        }
        _ => wait(live, until, why).await,
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
async fn wait(live: &Live, until: Instant, why: &str) -> bool {
    live.set_state(State::Waiting, why);
    tokio::select! {
        () = live.cancel.cancelled() => false,
        () = tokio::time::sleep_until(until) => true,
    }
}

/// `Digible asks us to wait until 12:40`.
pub(super) fn hold_text(wait: Duration) -> String {
    format!("Digible asks us to wait until {}", clock_in(wait))
}

fn clock_in(wait: Duration) -> String {
    let now = jiff::Timestamp::now();
    let until = now.saturating_add(wait).unwrap_or(now);
    shopmaster_view::clock(until, now, &jiff::tz::TimeZone::system())
}
