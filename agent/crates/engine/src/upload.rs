//! An upload sends every product, resumes where an unfinished one stopped, and finds what is gone from the shop.

use std::{collections::HashSet, ops::ControlFlow};

use shopmaster_health::run::{Outcome, Run};
use shopmaster_product::ProductId;
use tokio::time::Instant;

use super::{
    absence,
    canary::{self, CanaryResult},
    core::Core,
    endpoint_health::EndpointHealth,
    lookup::without_row,
    mode::Mode,
    owner,
    page::{Cursor, Source},
    run_handle::RunHandle,
    scan,
    stop_reason::{StepError, StopReason},
    sync::{self, Ending},
    verify,
    walk::{self, OnOutage, WalkSummary},
};

/// How often an upload is tried to which Digible has acknowledged nothing yet. After that first acknowledgement it
/// continues until the user is needed. After as many failures, products that wait are left to the syncs if others are
/// accepted.
const UPLOAD_TRIES: u32 = 8;
/// How many keys are looked up at once when finding what is gone from the shop.
const GONE_PAGE: u32 = 1_000;

/// What is known about the shop before an upload.
struct UploadPlan {
    /// Products in the table.
    total: u64,
    followup: Followup,
}

/// How the agent notices a product that changes after an upload has read it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Followup {
    /// The change is captured.
    Captured,
    /// The next walk over the table finds it.
    Scanned,
    /// Not at all.
    Lost,
}

/// Sends every product. If the process ends first, the next one resumes the upload automatically; an upload that was
/// cancelled or failed waits for the user.
pub(super) async fn run(
    core: &Core,
    handle: &RunHandle,
    from_start: bool,
) -> Result<Ending, StepError> {
    core.journal.let_upload_resume(true).await?;
    core.confirm_if_agreed(handle).await?;
    let ending = to_its_end(core, handle, from_start).await;
    if !core.stop.is_cancelled() {
        core.journal.let_upload_resume(false).await?;
    }
    ending
}

/// Sends the whole table first, then what was deferred on the way, then what changed meanwhile. Last, it finds what is
/// gone from the shop.
async fn to_its_end(
    core: &Core,
    handle: &RunHandle,
    from_start: bool,
) -> Result<Ending, StepError> {
    let Some(UploadPlan { total, followup }) =
        walk::retry_while_busy(core, handle, Some(UPLOAD_TRIES), OnOutage::Wait, || {
            prepare(core)
        })
        .await?
    else {
        return Ok(cancelled());
    };
    let (number, cursor) = begin_or_resume(core, handle, from_start).await?;
    handle.update(|run| run.expect(total.saturating_sub(run.done)));
    let endpoint_health = EndpointHealth::default();
    let locked = match send_all(core, handle, &endpoint_health, number, cursor).await? {
        ControlFlow::Continue(locked) => locked,
        ControlFlow::Break(ending) => return Ok(ending),
    };
    if !send_changes(core, handle, &endpoint_health, followup).await? {
        return Ok(cancelled());
    }
    let find = || find_gone(core, handle, number);
    let Some(()) = walk::retry_while_busy(core, handle, None, OnOutage::Wait, find).await? else {
        return Ok(cancelled());
    };
    if followup == Followup::Scanned {
        absence::settle_missing(core);
    }
    if followup != Followup::Lost {
        core.journal.finish_upload(number).await?;
        verify::settle_question(core).await?;
    } else {
        // What changed after the upload read it was not noticed.
        core.journal.need_upload().await?;
    }
    Ok(ending(handle.now().failed, locked))
}

/// The number of the upload and where it begins: a new one, or the unfinished one unless it is to begin
/// `from_start`.
async fn begin_or_resume(
    core: &Core,
    handle: &RunHandle,
    from_start: bool,
) -> Result<(i64, Cursor), StepError> {
    let unfinished = core
        .journal
        .newest_upload()
        .await?
        .filter(|upload| upload.finished_at.is_none() && !from_start);
    let Some(upload) = unfinished else {
        return Ok((core.journal.begin_upload().await?, Cursor::Start));
    };
    handle.update(|run| {
        run.earlier = upload.done;
        run.balance();
    });
    let cursor = upload.cursor.map_or(Cursor::Start, Cursor::Key);
    Ok((upload.number, cursor))
}

/// Sends the table from `cursor` on, then what was deferred on the way. Gives an ending if that is not possible, and
/// otherwise how many products the shop's own programs still keep locked.
async fn send_all(
    core: &Core,
    handle: &RunHandle,
    endpoint_health: &EndpointHealth,
    number: i64,
    cursor: Cursor,
) -> Result<ControlFlow<Ending, u64>, StepError> {
    let mut everything = Mode::Everything {
        number,
        processed: HashSet::new(),
    };
    let rows = Source::Rows;
    let sent = all(core, handle, endpoint_health, rows, cursor, &mut everything);
    if let ControlFlow::Break(ending) = sent.await? {
        return Ok(ControlFlow::Break(ending));
    }
    handle.update(Run::look_again);
    // What was deferred on the way is in doubt, so the journal lists it as due.
    let mut changed = Mode::Changed;
    let (due, start) = (Source::Due, Cursor::Start);
    all(core, handle, endpoint_health, due, start, &mut changed).await
}

/// Sends what changed after the upload read it. False when the run was cancelled.
async fn send_changes(
    core: &Core,
    handle: &RunHandle,
    endpoint_health: &EndpointHealth,
    followup: Followup,
) -> Result<bool, StepError> {
    let summary = match followup {
        Followup::Lost => return Ok(true),
        Followup::Scanned => scan::after_upload(core, handle, endpoint_health).await?,
        // Changes that the upload has covered are no longer pending after this; others stay so, and are shown.
        Followup::Captured => {
            walk::walk(
                core,
                handle,
                endpoint_health,
                Source::Changes,
                Cursor::Start,
                &mut Mode::Changed,
                OnOutage::Wait,
            )
            .await?
        }
    };
    Ok(summary.stop_reason != Some(StopReason::Cancelled))
}

/// `left`: products that were not sent; `locked`: those of them that another program keeps locked.
fn ending(left: u64, locked: u64) -> Ending {
    match left {
        0 => (Outcome::Completed, String::new()),
        left if left == locked => (
            Outcome::Failed,
            format!(
                "{} still waiting: another program keeps the rows locked; later syncs will send them",
                shopmaster_view::products(left)
            ),
        ),
        left => (
            Outcome::Failed,
            format!(
                "{} still waiting: Digible gives no answer for them, but accepts others; later syncs will send them",
                shopmaster_view::products(left)
            ),
        ),
    }
}

/// Makes sure that this agent may serve the shop.
async fn prepare(core: &Core) -> Result<UploadPlan, StepError> {
    core.catalog.claim().await?;
    sync::check_key(core).await?;
    let status = core.capture().await?;
    let followup = if core.scans() {
        Followup::Scanned
    } else {
        owner::check(core, &status).await?;
        match status.works() {
            true => Followup::Captured,
            false => Followup::Lost,
        }
    };
    Ok(UploadPlan {
        total: core.catalog.count().await?,
        followup,
    })
}

/// Walks to the end of a source, and waits through everything that ends without help. Gives an ending if that is not
/// possible, and otherwise how many products the shop's own programs still keep locked.
///
/// Each round is a walk, followed by one decision: the source is done, the upload ends, or the next walk begins at
/// `until`. Two kinds of products do not hold the upload up for ever, because the journal keeps them in doubt and the
/// next syncs send them: those whose rows stay locked, and those that keep failing while Digible accepts others.
async fn all(
    core: &Core,
    handle: &RunHandle,
    endpoint_health: &EndpointHealth,
    source: Source,
    mut cursor: Cursor,
    mode: &mut Mode,
) -> Result<ControlFlow<Ending, u64>, StepError> {
    let mut failures = 0;
    loop {
        let summary = walk::walk(
            core,
            handle,
            endpoint_health,
            source,
            cursor.clone(),
            mode,
            OnOutage::Wait,
        )
        .await?;
        failures = if summary.progressed && has_begun(handle) {
            1
        } else {
            failures + 1
        };
        let until = match &summary.stop_reason {
            // The journal lists what a walk over the table deferred, so the walk over what is due sends it.
            None if summary.deferred == 0 || source == Source::Rows => {
                return Ok(ControlFlow::Continue(summary.locked));
            }
            Some(StopReason::Cancelled) => return Ok(ControlFlow::Break(cancelled())),
            Some(StopReason::Hold { wait, .. }) => {
                failures = 0;
                Instant::now() + *wait
            }
            Some(stop_reason) if !stop_reason.is_passing() => {
                return Ok(ControlFlow::Break(failed(handle, &summary)));
            }
            Some(StopReason::Unreachable(_)) if failures >= UPLOAD_TRIES && !has_begun(handle) => {
                return Ok(ControlFlow::Break(failed(handle, &summary)));
            }
            // A program may keep rows locked for any time. The products are in doubt, so the next syncs send them.
            None if summary.locked == summary.deferred && failures >= UPLOAD_TRIES => {
                handle.update(|run| run.failed = summary.deferred);
                return Ok(ControlFlow::Continue(summary.locked));
            }
            None | Some(StopReason::Unreachable(_))
                if source == Source::Due
                    && failures > 0
                    && failures % UPLOAD_TRIES == 0
                    && accepts_others(core, handle, endpoint_health).await? =>
            {
                // Only these products fail. They are in doubt, so the next syncs send them.
                handle.update(|run| run.failed = summary.deferred);
                return Ok(ControlFlow::Continue(summary.locked));
            }
            Some(stop_reason) => sync::after(core, stop_reason, failures),
            None => sync::next_try(core),
        };
        let why = why(&summary);
        if !walk::wait_after(core, handle, summary.stop_reason.as_ref(), until, &why).await {
            return Ok(ControlFlow::Break(cancelled()));
        }
        cursor = match source {
            // Products of earlier pages may still be due.
            Source::Due | Source::Changes => Cursor::Start,
            Source::Rows => summary.at,
        };
    }
}

/// Whether Digible accepts a canary.
async fn accepts_others(
    core: &Core,
    handle: &RunHandle,
    endpoint_health: &EndpointHealth,
) -> Result<bool, StepError> {
    let _step = core.lock_step().await?;
    let none = HashSet::new();
    let result = canary::send_any(core, handle, endpoint_health, &none).await?;
    Ok(matches!(result, CanaryResult::Passes))
}

/// Whether Digible has acknowledged a product of this upload, in this run or an earlier one.
fn has_begun(handle: &RunHandle) -> bool {
    let run = handle.now();
    run.sent + run.earlier > 0
}

fn failed(handle: &RunHandle, summary: &WalkSummary) -> Ending {
    let (outcome, text) = sync::failed(handle, summary);
    let passing = summary
        .stop_reason
        .as_ref()
        .is_none_or(StopReason::is_passing);
    // The remedy for what ends without help is written for syncs, which continue automatically. An upload does not.
    let text = if passing { why(summary) } else { text };
    let text = format!("{text}; `shopmasterctl upload` resumes where it stopped");
    (outcome, text)
}

fn cancelled() -> Ending {
    let text = "Canceled; `shopmasterctl upload` resumes where it stopped";
    (Outcome::Cancelled, text.to_owned())
}

fn why(summary: &WalkSummary) -> String {
    match &summary.stop_reason {
        Some(StopReason::Hold { wait, .. }) => walk::hold_text(*wait),
        _ => sync::why(summary),
    }
}

/// Records as gone the products that Digible may have, that the upload did not find and that have no row in the shop.
/// If that is more than can be believed, none is recorded.
///
/// It goes through them twice: first to count them, then to record them.
async fn find_gone(core: &Core, handle: &RunHandle, number: i64) -> Result<(), StepError> {
    let known = core.journal.counts().await?.in_shop();
    let believable = absence::believable(handle, known, handle.now().done == 0);
    let mut missing = 0;
    let mut after: Option<ProductId> = None;
    while let Some(keys) = unseen(core, number, &mut after).await? {
        let _step = core.lock_step().await?;
        missing += without_row(core, keys).await?.len() as u64;
    }
    if missing > believable {
        return absence::report_shrank(core, missing, known).await;
    }
    absence::note_shrank(core, None).await?;
    while missing > 0
        && let Some(keys) = unseen(core, number, &mut after).await?
    {
        let _step = core.lock_step().await?;
        let once = without_row(core, keys).await?;
        let keys = once.into_iter().map(|absent| absent.key).collect();
        absence::record(core, handle, without_row(core, keys).await?).await?;
    }
    Ok(())
}

/// The next page of products that Digible may have and that the upload did not find, `after` the last one. None at the
/// end; the call after that begins at the first page again.
async fn unseen(
    core: &Core,
    number: i64,
    after: &mut Option<ProductId>,
) -> Result<Option<Vec<ProductId>>, StepError> {
    let keys = core
        .journal
        .not_in_upload(number, after.take(), GONE_PAGE)
        .await?;
    *after = keys.last().cloned();
    Ok((!keys.is_empty()).then_some(keys))
}
