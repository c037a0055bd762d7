//! One walk through a source, step by step, reading ahead while a page is sent.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    core::Core,
    evidence::Evidence,
    halt::{Halt, StepError},
    lane::Moment,
    page::{Cursor, Page, Source},
    run::{Live, State},
    step::{self, Mode},
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
    let mut passed = Passed::default();
    let mut cursor = from;
    let mut ahead: Option<(Page, Moment)> = None;
    loop {
        if must_wait(core, live) {
            ahead = None;
        }
        if let Some(halt) = ready(core, live).await {
            passed.halt = Some(halt);
            passed.at = Some(cursor);
            return Ok(passed);
        }
        let turn = core.lane.turn().await;
        if must_wait(core, live) {
            // Somebody else's step, or a person, said so meanwhile.
            ahead = None;
            continue;
        }
        core.catalog.claim().await?;
        let mut page = match ahead.take() {
            Some((page, moment)) if turn.follows(moment) => page,
            _ => Page::read(core, source, &cursor).await?,
        };
        let next = page.next.clone();
        let (delivered, read) = tokio::join!(
            step::deliver(core, live, evidence, mode, &mut page),
            read_ahead(core, source, next.as_ref()),
        );
        let delivered = delivered?;
        let moment = turn.moment();
        if let Some(Halt::Hold { wait, .. }) = delivered.halt {
            core.hold(wait);
        }
        drop(turn);
        passed.deferred += delivered.deferred;
        passed.progressed |= delivered.progressed;
        passed.reason = delivered.reason.or(passed.reason);
        if let Mode::Everything { already, .. } = mode {
            match delivered.halt {
                Some(_) => already.extend(delivered.through),
                None => already.clear(),
            }
        }
        if let Some(halt) = delivered.halt {
            passed.halt = Some(halt);
            passed.at = Some(cursor);
            return Ok(passed);
        }
        let Some(next) = next else {
            return Ok(passed);
        };
        cursor = next;
        ahead = read?.map(|page| (page, moment));
    }
}

async fn read_ahead(
    core: &Core,
    source: Source,
    next: Option<&Cursor>,
) -> Result<Option<Page>, StepError> {
    match next {
        Some(cursor) => Page::read(core, source, cursor).await.map(Some),
        None => Ok(None),
    }
}

/// Whether no step may begin now. Rows that were read before such a time are read again after it.
fn must_wait(core: &Core, live: &Live) -> bool {
    live.cancel.is_cancelled() || core.pause.borrow().is_some() || core.held().is_some()
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
