//! One walk through a source, step by step, reading ahead while a page is sent.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    core::Core,
    deletions::Deletions,
    evidence::Evidence,
    halt::{Halt, StepError},
    lane::Moment,
    page::{Cursor, Source},
    run::{Live, State},
    step::{self, Mode, Prepared},
};
use crate::{health, journal::Pause};

/// What came of a walk.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// Why it stopped before the end.
    pub(super) halt: Option<Halt>,
    /// Products that wait for another try.
    pub(super) deferred: u64,
    /// The reason of one of them.
    pub(super) reason: Option<String>,
    /// Something was settled.
    pub(super) progressed: bool,
    /// Where it stopped, for going on there.
    pub(super) at: Option<Cursor>,
}

/// Walks through `source` from `from` to its end, or until something stops it.
pub(super) async fn walk(
    core: &Core,
    live: &Live,
    evidence: &Evidence,
    source: Source,
    from: Cursor,
    mode: &mut Mode,
) -> Result<Passed, StepError> {
    let deletions = Deletions::start(Arc::clone(&core.catalog));
    let passed = steps(core, live, evidence, source, from, mode, &deletions).await;
    let deleted = deletions.finish().await;
    let passed = passed?;
    deleted?;
    Ok(passed)
}

async fn steps(
    core: &Core,
    live: &Live,
    evidence: &Evidence,
    source: Source,
    from: Cursor,
    mode: &mut Mode,
    deletions: &Deletions,
) -> Result<Passed, StepError> {
    let mut passed = Passed::default();
    let mut cursor = from;
    let mut limit = core.options.first_page();
    let mut ahead: Option<(Prepared, Moment)> = None;
    while !deletions.has_failed() {
        if let Some(halt) = ready(core, live).await {
            passed.halt = Some(halt);
            passed.at = Some(cursor);
            return Ok(passed);
        }
        let turn = core.lane.turn().await;
        core.catalog.claim().await?;
        let mut prepared = match ahead.take() {
            Some((prepared, moment)) if turn.follows(moment) => prepared,
            _ => step::prepare(core, mode, source, &cursor, limit).await?,
        };
        let next = prepared.next.take();
        let aboard = std::mem::take(&mut prepared.aboard);
        limit = core.options.next_page(limit);
        let (delivered, read) = tokio::join!(
            step::deliver(core, live, evidence, mode, prepared, &aboard, deletions),
            read_ahead(core, mode, source, next.as_ref(), limit),
        );
        let delivered = delivered?;
        let moment = turn.moment();
        drop(turn);
        passed.deferred += delivered.deferred;
        passed.progressed |= delivered.progressed;
        passed.reason = delivered.reason.or(passed.reason);
        if let Mode::Everything { already, .. } = mode {
            match delivered.halt {
                Some(_) => already.extend(delivered.through),
                None => already.retain(|id| !aboard.contains(id)),
            }
        }
        if let Some(halt) = delivered.halt {
            if let Halt::Hold { wait, .. } = halt {
                core.hold(wait);
            }
            passed.halt = Some(halt);
            passed.at = Some(cursor);
            return Ok(passed);
        }
        let Some(next) = next else {
            return Ok(passed);
        };
        cursor = next;
        // What is known of a product changes with the step that it is in.
        ahead = read?
            .filter(|ahead| ahead.aboard.is_disjoint(&aboard))
            .map(|ahead| (ahead, moment));
    }
    Ok(passed)
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

/// Waits for the end of a pause. Gives why the run must not go on.
async fn ready(core: &Core, live: &Live) -> Option<Halt> {
    let mut pause = core.pause.subscribe();
    loop {
        if live.cancel.is_cancelled() {
            return Some(Halt::Cancelled);
        }
        let Some(paused) = *pause.borrow_and_update() else {
            break;
        };
        live.set_state(State::Waiting, &paused_text(paused));
        tokio::select! {
            () = live.cancel.cancelled() => {}
            changed = pause.changed() => if changed.is_err() { break },
        }
    }
    if let Some(wait) = core.held() {
        return Some(Halt::Hold {
            wait,
            reason: "Digible asks us to wait".to_owned(),
        });
    }
    live.set_state(State::Running, "");
    None
}

/// Waits, saying why. False when the run was cancelled meanwhile.
pub(super) async fn wait(live: &Live, until: Instant, why: &str) -> bool {
    live.set_state(State::Waiting, why);
    tokio::select! {
        () = live.cancel.cancelled() => false,
        () = tokio::time::sleep_until(until) => true,
    }
}

/// `Digible asks us to wait until 12:40`.
pub(super) fn hold_text(wait: Duration) -> String {
    let now = jiff::Timestamp::now();
    let wait = jiff::SignedDuration::try_from(wait).unwrap_or_default();
    let until = now.saturating_add(wait).unwrap_or(now);
    let zone = jiff::tz::TimeZone::system();
    format!(
        "Digible asks us to wait until {}",
        health::clock(until, now, &zone)
    )
}

fn paused_text(pause: Pause) -> String {
    match pause {
        Pause::UntilResumed => "Paused".to_owned(),
        Pause::Until(until) => {
            let zone = jiff::tz::TimeZone::system();
            let now = jiff::Timestamp::now();
            format!("Paused until {}", health::clock(until, now, &zone))
        }
    }
}
