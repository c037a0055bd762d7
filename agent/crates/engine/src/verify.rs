//! A verify: compares every product with what Digible last acknowledged, and sends what differs.
//!
//! The changes that wait go first: what differs then, no change told of. The table is walked by its key, with rests
//! between the pages, and nothing is sent meanwhile; other runs go on between them. Only at the end is it known
//! whether so much differs that a mistake is likelier. If not, what differs is put in doubt, so that it is sent by the
//! same rules as everything else, by whatever process and run comes to it. Last, what the table does not have any
//! more is looked for.

use shopmaster_catalog::CatalogError;
use shopmaster_health::run::{Outcome, Run};
use shopmaster_journal::{Asks, Landing, Settled, Shrank, Verified};
use shopmaster_product::ProductId;
use shopmaster_view::{grouped, products};

mod due;
mod inspection;

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use tokio::time::Instant;

use super::{
    absence, backoff,
    core::Core,
    endpoint_health::EndpointHealth,
    owner,
    page::{Cursor, Source},
    rebuilt::{self, Sign},
    run_handle::RunHandle,
    scan,
    step::Mode,
    stop_reason::{StepError, StopReason},
    sync::{self, Ending},
    walk::{self, OnOutage},
};

pub(super) use due::is_due;
pub(super) use inspection::Inspection;

/// So often what differs is tried to be sent; the syncs go on with what is left.
const TRIES: u32 = 4;
/// Products that are put in doubt at once.
const LOT: usize = 1_000;

/// The shop before a verify.
struct Before {
    began: Timestamp,
    /// Products, about.
    products: u64,
    is_captured: bool,
    /// Every change since the last upload or verify should have been captured.
    is_complete: bool,
    identity: Option<String>,
    /// Why changes may have been missed.
    cause: &'static str,
}

impl Before {
    /// Whether what differs should have been told by a change.
    fn tells_changes(&self) -> bool {
        self.is_captured && self.is_complete
    }
}

/// Compares every product, and sends what differs. Begins again by itself in the next process when this one ends
/// before.
pub(super) async fn run(core: &Core, handle: &RunHandle) -> Result<Ending, StepError> {
    core.journal.let_verify_resume(true).await?;
    let ending = to_its_end(core, handle).await;
    if !core.stop.is_cancelled() {
        core.journal.let_verify_resume(false).await?;
    }
    ending
}

async fn to_its_end(core: &Core, handle: &RunHandle) -> Result<Ending, StepError> {
    handle.update(|run| run.walked = true);
    core.rebuilt.note_tried();
    let Some(before) =
        walk::retry_while_busy(core, handle, None, OnOutage::Wait, || prepare(core)).await?
    else {
        return Ok(cancelled());
    };
    handle.update(|run| run.expect(before.products));
    let endpoint_health = EndpointHealth::default();
    if before.is_captured && !send_known(core, handle, &endpoint_health).await? {
        return Ok(cancelled());
    }
    let (mut inspection, is_whole) = inspect(core, handle, &endpoint_health, &before).await?;
    inspection.seen.seal();
    handle.update(Run::look_again);
    // What was found before somebody cancelled it is known all the same.
    if let Some(ending) = ask(core, handle, &before, &inspection).await? {
        return Ok(if is_whole { ending } else { cancelled() });
    }
    remember(core, &before, inspection.count).await?;
    queue(core, std::mem::take(&mut inspection.differing)).await?;
    if !is_whole {
        return Ok(cancelled());
    }
    let (removed, refused) = (handle.now().removed, handle.now().parked);
    // Where a ChangeLog tells of what comes back, or somebody has said so, one look is enough.
    let gone_after = match before.is_captured || handle.is_confirmed() {
        true => Duration::ZERO,
        false => core.options.gone_after,
    };
    let stop_reason = absence::look(core, handle, &inspection.seen, gone_after).await?;
    if stop_reason.is_some() {
        return Ok(cancelled());
    }
    let gone = handle.now().removed - removed;
    let left = repair(core, handle, &endpoint_health).await?;
    let is_open = matches!(left, Left::Cancelled);
    note(core, &before, inspection.count + gone, is_open).await?;
    if let Some(shrank) = core.missing.shrank() {
        return Ok((Outcome::Failed, shrunk(shrank)));
    }
    match left {
        Left::Cancelled => Ok(cancelled()),
        Left::Nothing => {
            finish(core, &before).await?;
            let repaired = inspection
                .count
                .saturating_sub(handle.now().parked - refused);
            let text = sentence(core, &before, &inspection, repaired, gone).await?;
            Ok((Outcome::Completed, text))
        }
        Left::Products(left, why) => {
            handle.update(|run| run.failed = left);
            handle.note_left_over();
            let found = found(inspection.count, gone);
            Ok((Outcome::Failed, format!("{found}; {why}")))
        }
    }
}

/// What of the repairs is left.
enum Left {
    Nothing,
    /// So many wait, and why.
    Products(u64, String),
    Cancelled,
}

/// Makes sure that the shop is ours to serve, and notes how it is before anything is compared.
async fn prepare(core: &Core) -> Result<Before, StepError> {
    let began = Timestamp::now();
    core.catalog.claim().await?;
    sync::check_key(core).await?;
    let status = core.capture().await?;
    let is_captured = !core.scans();
    if is_captured {
        if !status.works() {
            return Err(CatalogError::NotInstalled.into());
        }
        owner::check(core, &status).await?;
        rebuilt::look(core).await?;
    }
    let cause = match core.rebuilt.sign() {
        Some(Sign::AnotherTable) => "the table, or capture on it, was made anew",
        Some(Sign::AnotherNumber) => {
            "the table has another number of rows than the changes tell, as after TRUNCATE, a partition switch or a bulk load"
        }
        None => "rows were loaded past the triggers, or the triggers were switched off for a while",
    };
    Ok(Before {
        began,
        products: core.catalog.count().await?,
        is_captured,
        is_complete: core.journal.uploaded_at().await?.is_some(),
        identity: core.catalog.table_identity().await?,
        cause,
    })
}

/// Sends the changes that wait, and what the journal holds due. False when the run was cancelled. What cannot be
/// sent now is told by the syncs.
async fn send_known(
    core: &Core,
    handle: &RunHandle,
    endpoint_health: &EndpointHealth,
) -> Result<bool, StepError> {
    let mode = &mut Mode::Changed;
    for source in [Source::Changes, Source::Due] {
        let (start, wait) = (Cursor::Start, OnOutage::Wait);
        let passed = walk::walk(core, handle, endpoint_health, source, start, mode, wait).await?;
        match passed.stop_reason {
            Some(StopReason::Cancelled) => return Ok(false),
            Some(_) => return Ok(true),
            None => {}
        }
    }
    Ok(true)
}

/// Walks the table to its end, however long its database is away. False when the run was cancelled before.
async fn inspect(
    core: &Core,
    handle: &RunHandle,
    endpoint_health: &EndpointHealth,
    before: &Before,
) -> Result<(Inspection, bool), StepError> {
    let has_question = core.journal.verified().await?.asks.is_some();
    let mut mode = Mode::Inspected(Inspection::new(
        before.products,
        before.is_captured,
        core.options.verify_limit,
        handle.is_confirmed(),
        has_question,
    ));
    let (mut at, mut failures) = (Cursor::Start, 0);
    let is_whole = loop {
        let from = at.clone();
        let wait = OnOutage::Wait;
        let passed = walk::walk(
            core,
            handle,
            endpoint_health,
            Source::Rows,
            from,
            &mut mode,
            wait,
        )
        .await?;
        match &passed.stop_reason {
            None => break true,
            Some(StopReason::Cancelled) => break false,
            Some(_) => {}
        }
        failures = if passed.at == at { failures + 1 } else { 1 };
        let until = Instant::now() + backoff::delay(failures);
        let why = sync::why(&passed);
        if !walk::wait_after(core, handle, passed.stop_reason.as_ref(), until, &why).await {
            break false;
        }
        at = passed.at;
    };
    Ok((mode.into_inspection(), is_whole))
}

/// Asks whether so much is to be sent, and ends the run with that, unless somebody has said yes.
async fn ask(
    core: &Core,
    handle: &RunHandle,
    before: &Before,
    inspection: &Inspection,
) -> Result<Option<Ending>, StepError> {
    if !inspection.is_doubtful() || handle.is_confirmed() {
        return Ok(None);
    }
    let counts = core.journal.counts().await?;
    if counts.in_shop() + counts.removed == 0 {
        core.journal.need_upload().await?;
        let text = "Nothing was ever sent from this shop: run `shopmasterctl upload`";
        return Ok(Some((Outcome::Failed, text.to_owned())));
    }
    if core.journal.uploaded_at().await?.is_none() && core.journal.has_unfinished_upload().await? {
        let text = "An upload has not finished, and it compares and sends everything: see `shopmasterctl runs`, or run `shopmasterctl upload`";
        return Ok(Some((Outcome::Failed, text.to_owned())));
    }
    let asks = Asks {
        differing: inspection.count,
        products: inspection.seen.count(),
    };
    let verified = Verified {
        asks: Some(asks),
        ..core.journal.verified().await?
    };
    record(core, verified).await?;
    Ok(Some((
        Outcome::Failed,
        format!(
            "Nothing sent: {}; if everything is right, run `shopmasterctl verify --yes`",
            shopmaster_health::differing(asks, before.tells_changes())
        ),
    )))
}

/// Puts products in doubt, so that they are sent: a lot in each turn.
async fn queue(core: &Core, ids: Vec<ProductId>) -> Result<(), StepError> {
    for lot in ids.chunks(LOT) {
        let _turn = core.lock_step().await?;
        put_in_doubt(core, lot.to_vec()).await?;
    }
    Ok(())
}

/// Puts products in doubt, inside a turn.
pub(super) async fn put_in_doubt(core: &Core, ids: Vec<ProductId>) -> Result<(), StepError> {
    let in_flight = core
        .journal
        .hand_over(Vec::new(), ids.clone(), None)
        .await?;
    let settled = ids.iter().cloned().map(|id| Settled {
        id,
        landing: Landing::Answered,
        refused: None,
    });
    core.journal
        .settle(in_flight, settled.collect(), None)
        .await?;
    // One that was refused as it was before is another one now.
    core.journal.retry_parked(Some(ids)).await?;
    Ok(())
}

/// Everything was sent by an upload: there is nothing to ask about any more.
pub(super) async fn settle_question(core: &Core) -> Result<(), StepError> {
    let verified = core.journal.verified().await?;
    if verified.asks.is_none() {
        return Ok(());
    }
    let asks = None;
    record(core, Verified { asks, ..verified }).await
}

/// Sends what differs.
async fn repair(
    core: &Core,
    handle: &RunHandle,
    endpoint_health: &EndpointHealth,
) -> Result<Left, StepError> {
    let mut failures = 0;
    loop {
        let mode = &mut Mode::Changed;
        let (due, start) = (Source::Due, Cursor::Start);
        let passed = walk::walk(
            core,
            handle,
            endpoint_health,
            due,
            start,
            mode,
            OnOutage::Wait,
        )
        .await?;
        failures += 1;
        match &passed.stop_reason {
            Some(StopReason::Cancelled) => return Ok(Left::Cancelled),
            None if passed.deferred == 0 => return Ok(Left::Nothing),
            Some(stop_reason) if failures >= TRIES || !stop_reason.is_passing() => {
                let left = core.journal.counts().await?.in_doubt;
                return Ok(Left::Products(left, sync::why(&passed)));
            }
            None if failures >= TRIES => {
                return Ok(Left::Products(passed.deferred, sync::why(&passed)));
            }
            _ => {}
        }
        let until = match &passed.stop_reason {
            Some(stop_reason) => sync::after(core, stop_reason, failures),
            None => sync::next_try(core),
        };
        let why = sync::why(&passed);
        if !walk::wait_after(core, handle, passed.stop_reason.as_ref(), until, &why).await {
            return Ok(Left::Cancelled);
        }
    }
}

/// Remembers what changes were missed before they are put in doubt: whoever finds them then finds nothing missed.
async fn remember(core: &Core, before: &Before, differing: u64) -> Result<(), StepError> {
    let missed = missed(core, before, differing).await?;
    if missed == 0 {
        return Ok(());
    }
    let verified = Verified {
        missed,
        cause: before.cause.to_owned(),
        asks: None,
        is_open: true,
    };
    Ok(core.journal.note_verified(&verified).await?)
}

/// How many changes were missed, when so many products were found to be others. What a verify found that did not
/// come to its end counts, too.
async fn missed(core: &Core, before: &Before, found: u64) -> Result<u64, StepError> {
    if !before.tells_changes() {
        return Ok(0);
    }
    let earlier = core.journal.verified().await?;
    Ok(match earlier.is_open {
        true => earlier.missed.max(found),
        false => found,
    })
}

/// Notes that all was compared, and how many changes were missed. `is_open`: not all of what differed was sent.
async fn note(core: &Core, before: &Before, found: u64, is_open: bool) -> Result<(), StepError> {
    let missed = missed(core, before, found).await?;
    if missed > 0 {
        tracing::warn!(missed, before.cause, "changes were not captured");
    }
    let verified = Verified {
        missed,
        cause: before.cause.to_owned(),
        asks: None,
        is_open,
    };
    record(core, verified).await?;
    core.journal.note_compared(before.began).await?;
    if before.is_captured {
        rebuilt::note_compared(core, before.identity.clone()).await?;
    }
    Ok(())
}

async fn record(core: &Core, verified: Verified) -> Result<(), StepError> {
    core.journal.note_verified(&verified).await?;
    core.status_store.update(|facts| facts.verified = verified);
    Ok(())
}

/// Everything that differed is sent: what an upload was due for is done.
async fn finish(core: &Core, before: &Before) -> Result<(), StepError> {
    let is_due = !before.is_complete && core.journal.uploaded_at().await?.is_none();
    if is_due {
        core.journal.note_uploaded().await?;
    }
    if !before.is_captured {
        scan::note(core, Some(before.began), 0);
    }
    Ok(())
}

/// `12,431 of 12,431 products up to date, compared at 03:10`.
async fn sentence(
    core: &Core,
    before: &Before,
    inspection: &Inspection,
    repaired: u64,
    gone: u64,
) -> Result<String, StepError> {
    let counts = core.journal.counts().await?;
    let seen = inspection.seen.count();
    let open = counts.parked + counts.discarded;
    let now = Timestamp::now();
    let clock = shopmaster_view::clock(before.began, now, &TimeZone::system());
    let mut text = format!(
        "{} of {} up to date, compared at {clock}",
        grouped(seen.saturating_sub(open)),
        products(seen),
    );
    for (count, what) in [
        (repaired, "repaired"),
        (gone, "gone"),
        (counts.parked, "refused"),
        (counts.discarded, "dismissed"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {} {what}", grouped(count)));
        }
    }
    Ok(text)
}

fn shrunk(shrank: Shrank) -> String {
    format!(
        "{} of {} are missing from the shop's table at once; none of them counts as gone. If they are, run `shopmasterctl verify --yes`",
        grouped(shrank.missing),
        products(shrank.known)
    )
}

fn found(differing: u64, gone: u64) -> String {
    format!("{} differed, {} gone", products(differing), grouped(gone))
}

fn cancelled() -> Ending {
    let text = "Cancelled; `shopmasterctl verify` begins again";
    (Outcome::Cancelled, text.to_owned())
}
