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

/// Compares every product once, then sends what the journal holds due, then looks for what is gone.
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
    // Another round of the same run: each product that is unchanged was counted.
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

/// The last walk of an upload: what changed behind it is sent.
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

/// Tells people how far the shop is known to be equal. Missing products wait, too: for the second look.
pub(super) fn note(core: &Core, compared_at: Option<Timestamp>, deferred: u64) {
    let pending = deferred + core.missing.count();
    core.status_store.update(|facts| {
        facts.pending = pending;
        if let Some(scan) = &mut facts.scan {
            scan.compared_at = compared_at;
        }
    });
}
