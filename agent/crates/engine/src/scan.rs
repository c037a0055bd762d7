//! A walk over the whole table: every product is compared with what Digible acknowledged.

use jiff::Timestamp;
use shopmaster_health::run::Run;

use super::{
    absence,
    core::Core,
    endpoint_health::EndpointHealth,
    mode::Mode,
    page::{Cursor, Source},
    run_handle::RunHandle,
    seen_set::SeenSet,
    stop_reason::StepError,
    walk::{self, OnOutage, WalkSummary},
};

/// Compares every product once, sends what the journal holds due, and then finds what is gone from the shop.
pub(super) async fn round(
    core: &Core,
    handle: &RunHandle,
    endpoint_health: &EndpointHealth,
) -> Result<WalkSummary, StepError> {
    let began = Timestamp::now();
    handle.update(|run| run.walked = true);
    let (rows, seen) = compare(core, handle, endpoint_health, OnOutage::Fail).await?;
    if rows.stop_reason.is_some() {
        note(core, None, rows.deferred);
        return Ok(rows);
    }
    if rows.locked == 0 {
        core.journal.note_compared(began).await?;
    }
    // Every unchanged product has been counted by now.
    handle.update(Run::look_again);
    let due = &mut Mode::Changed;
    let due = walk::walk(
        core,
        handle,
        endpoint_health,
        Source::Due,
        Cursor::Start,
        due,
        OnOutage::Fail,
    )
    .await?;
    let mut summary = rows.and(due);
    if summary.stop_reason.is_none() {
        summary.stop_reason = absence::find(core, handle, &seen, core.options.gone_after).await?;
    }
    let whole = summary.stop_reason.is_none() && summary.deferred == 0;
    note(core, whole.then_some(began), summary.deferred);
    Ok(summary)
}

/// The last walk of an upload, which sends what changed after the upload read it.
pub(super) async fn after_upload(
    core: &Core,
    handle: &RunHandle,
    endpoint_health: &EndpointHealth,
) -> Result<WalkSummary, StepError> {
    let began = Timestamp::now();
    handle.update(Run::look_again);
    let (summary, _) = compare(core, handle, endpoint_health, OnOutage::Wait).await?;
    let whole = summary.stop_reason.is_none() && summary.deferred == 0;
    note(core, whole.then_some(began), summary.deferred);
    Ok(summary)
}

/// Walks the whole table, sends what differs, and gives which products it has.
async fn compare(
    core: &Core,
    handle: &RunHandle,
    endpoint_health: &EndpointHealth,
    on_outage: OnOutage,
) -> Result<(WalkSummary, SeenSet), StepError> {
    let mut mode = Mode::Compared(SeenSet::default());
    let (rows, start) = (Source::Rows, Cursor::Start);
    let summary = walk::walk(
        core,
        handle,
        endpoint_health,
        rows,
        start,
        &mut mode,
        on_outage,
    )
    .await?;
    let mut seen = match mode {
        Mode::Compared(seen) => seen,
        Mode::Changed | Mode::Inspected(_) | Mode::Everything { .. } => SeenSet::default(),
    };
    seen.seal();
    Ok((summary, seen))
}

/// Shows as of when all products are known to be up to date, and how many wait. Missing products count as waiting, too,
/// until a second check.
pub(super) fn note(core: &Core, compared_at: Option<Timestamp>, deferred: u64) {
    let pending = deferred + core.missing.count();
    core.status_store.update(|facts| {
        facts.pending = pending;
        if let Some(scan) = &mut facts.scan {
            scan.compared_at = compared_at;
        }
    });
}
