//! A verify compares every product with what Digible last acknowledged, and sends what differs.
//!
//! It sends waiting changes first: for what differs after that, no change was recorded. Then it walks the table by its
//! key, leaves the database alone between pages so that other runs continue, and sends nothing. Only at the end it is
//! known whether so much differs that a mistake is more likely. If not, what differs is put in doubt. The next run that
//! reads what is due, in this process or a later one, then sends it by the same rules as everything else. Last, the
//! verify finds what is gone from the shop.

mod due;

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use shopmaster_catalog::CatalogError;
use shopmaster_health::run::{Outcome, Run};
use shopmaster_journal::{Asks, LastVerify, Shrank, Verified};
use shopmaster_product::ProductId;
use shopmaster_view::{grouped, products};
use tokio::time::Instant;

use super::{
    absence, backoff,
    core::Core,
    doubt::put_in_doubt,
    endpoint_health::EndpointHealth,
    inspection::Inspection,
    mode::Mode,
    owner,
    page::{Cursor, Source},
    rebuilt::Sign,
    run_handle::RunHandle,
    scan,
    stop_reason::{StepError, StopReason},
    sync::{self, Ending},
    table_check,
    walk::{self, OnOutage},
};

pub(super) use due::is_due;

/// How often a verify tries to send what differs; syncs send what is left.
const REPAIR_TRIES: u32 = 4;
/// Products that are put in doubt at once, under one step lock.
const DOUBT_BATCH: usize = 1_000;

/// What is known about the shop before a verify.
struct Before {
    began: Timestamp,
    /// Products in the table, roughly.
    products: u64,
    is_captured: bool,
    /// Every change since the last upload or verify should have been captured.
    is_complete: bool,
    /// Which table it is, as the catalog knows it.
    identity: Option<String>,
    /// Why changes may have been missed, in words for the user.
    cause: &'static str,
    /// Whether the table is walked beside capture, for what fires no trigger.
    scans_too: bool,
    /// How many changes of watched tables only this comparison can find.
    unlocated: Option<i64>,
}

impl Before {
    /// Whether a change should have been recorded for what differs.
    fn expects_changes(&self) -> bool {
        self.is_captured && self.is_complete && self.unlocated.is_none() && !self.scans_too
    }

    /// The comparison as it is recorded, once it has seen all products.
    fn compared(&self, differing: u64) -> LastVerify {
        LastVerify {
            began: self.began,
            differing,
        }
    }
}

/// Compares every product, and sends what differs. If the process ends first, the next one starts the verify again
/// automatically.
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
    core.confirm_if_agreed(handle).await?;
    let prepared = walk::retry_while_busy(core, handle, None, OnOutage::Wait, || prepare(core));
    let prepared = prepared.await;
    if let Err(StepError::Catalog(CatalogError::NotInstalled)) = &prepared {
        core.rebuilt.note_not_begun();
    }
    let Some(mut before) = prepared? else {
        return Ok(cancelled());
    };
    handle.update(|run| run.expect(before.products));
    let endpoint_health = EndpointHealth::default();
    if before.is_captured && !send_known(core, handle, &endpoint_health).await? {
        return Ok(cancelled());
    }
    // Those that were read just now happened before the comparison, too.
    before.unlocated = core.journal.unlocated().await?;
    let (mut inspection, is_whole) = inspect(core, handle, &endpoint_health, &before).await?;
    inspection.seen.seal();
    handle.update(Run::look_again);
    // What was found before the run was cancelled counts all the same.
    if let Some(ending) = ask(core, handle, &before, &inspection).await? {
        return Ok(if is_whole { ending } else { cancelled() });
    }
    remember(core, &before, inspection.count).await?;
    queue(core, std::mem::take(&mut inspection.differing)).await?;
    if !is_whole {
        return Ok(cancelled());
    }
    let (removed, refused) = (handle.now().removed, handle.now().parked);
    // One check is enough if a product that comes back is captured, or if the user has confirmed it.
    let is_noticed = before.is_captured && !before.scans_too;
    let gone_after = match is_noticed || handle.is_confirmed() {
        true => Duration::ZERO,
        false => core.options.gone_after,
    };
    let stop_reason = absence::find(core, handle, &inspection.seen, gone_after).await?;
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

/// What is left to send after the repairs.
enum Left {
    Nothing,
    /// How many products wait, and why.
    Products(u64, String),
    Cancelled,
}

/// Makes sure that this agent may serve the shop, and gives how the shop is before anything is compared.
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
        table_check::run(core).await?;
    }
    let cause = match core.rebuilt.sign() {
        Some(Sign::TableReplaced) => "the table, or capture on it, was recreated",
        Some(Sign::RowCountOff) => {
            "the number of rows does not match the recorded changes, as after TRUNCATE, a partition switch or a bulk load"
        }
        Some(Sign::Unlocated) | None => {
            "rows were loaded without firing the triggers, or the triggers were disabled for a while"
        }
    };
    Ok(Before {
        began,
        products: core.catalog.count().await?,
        is_captured,
        is_complete: core.journal.uploaded_at().await?.is_some(),
        identity: core.catalog.table_identity().await?,
        cause,
        scans_too: core.options.scans_too,
        unlocated: core.journal.unlocated().await?,
    })
}

/// Sends waiting changes, and what the journal holds due. False when the run was cancelled. Syncs report what cannot be
/// sent now.
async fn send_known(
    core: &Core,
    handle: &RunHandle,
    endpoint_health: &EndpointHealth,
) -> Result<bool, StepError> {
    let mode = &mut Mode::Changed;
    for source in [Source::Changes, Source::Due] {
        let (start, wait) = (Cursor::Start, OnOutage::Wait);
        let summary = walk::walk(core, handle, endpoint_health, source, start, mode, wait).await?;
        match summary.stop_reason {
            Some(StopReason::Cancelled) => return Ok(false),
            Some(_) => return Ok(true),
            None => {}
        }
    }
    Ok(true)
}

/// Walks the table to its end, however long its database is unavailable. False when the run was cancelled before the
/// end.
async fn inspect(
    core: &Core,
    handle: &RunHandle,
    endpoint_health: &EndpointHealth,
    before: &Before,
) -> Result<(Inspection, bool), StepError> {
    let has_question = core.journal.verified().await?.asks.is_some();
    // A walk beside capture expects differences, like every scan. Those of another catalog may be a mistake.
    let asks = !before.scans_too || core.journal.has_another_catalog().await?;
    let limit = if asks { core.options.verify_limit } else { 100 };
    let mut mode = Mode::Inspected(Inspection::new(
        before.products,
        before.is_captured,
        limit,
        handle.is_confirmed(),
        has_question,
    ));
    let (mut at, mut failures) = (Cursor::Start, 0);
    let is_whole = loop {
        let from = at.clone();
        let wait = OnOutage::Wait;
        let summary = walk::walk(
            core,
            handle,
            endpoint_health,
            Source::Rows,
            from,
            &mut mode,
            wait,
        )
        .await?;
        match &summary.stop_reason {
            None => break true,
            Some(StopReason::Cancelled) => break false,
            Some(_) => {}
        }
        failures = if summary.at == at { failures + 1 } else { 1 };
        let until = Instant::now() + backoff::delay(failures);
        let why = sync::why(&summary);
        if !walk::wait_after(core, handle, summary.stop_reason.as_ref(), until, &why).await {
            break false;
        }
        at = summary.at;
    };
    Ok((mode.into_inspection(), is_whole))
}

/// Ends the run with the question whether so much should be sent, unless the user has already said yes.
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
        let text = "Nothing has been sent from this shop yet: run `shopmasterctl upload`";
        return Ok(Some((Outcome::Failed, text.to_owned())));
    }
    if core.journal.uploaded_at().await?.is_none() && core.journal.has_unfinished_upload().await? {
        let text = "An unfinished upload will compare and send everything: see `shopmasterctl runs`, or run `shopmasterctl upload`";
        return Ok(Some((Outcome::Failed, text.to_owned())));
    }
    let asks = Asks {
        differing: inspection.count,
        products: inspection.seen.count(),
    };
    let verified = Verified {
        asks: Some(asks),
        last: Some(before.compared(inspection.count)),
        ..core.journal.verified().await?
    };
    record(core, verified).await?;
    Ok(Some((
        Outcome::Failed,
        format!(
            "Nothing sent: {}; if everything is right, run `shopmasterctl verify --yes`",
            shopmaster_health::differing(asks, before.expects_changes())
        ),
    )))
}

/// Puts products in doubt, so that they are sent.
async fn queue(core: &Core, ids: Vec<ProductId>) -> Result<(), StepError> {
    for batch in ids.chunks(DOUBT_BATCH) {
        let _step = core.lock_step().await?;
        put_in_doubt(core, batch.to_vec()).await?;
    }
    Ok(())
}

/// Withdraws the question of an earlier verify, because an upload has sent everything.
pub(super) async fn settle_question(core: &Core) -> Result<(), StepError> {
    let verified = core.journal.verified().await?;
    if verified.asks.is_none() {
        return Ok(());
    }
    let asks = None;
    record(core, Verified { asks, ..verified }).await
}

/// Sends what differs, which the journal holds due by now.
async fn repair(
    core: &Core,
    handle: &RunHandle,
    endpoint_health: &EndpointHealth,
) -> Result<Left, StepError> {
    let mut failures = 0;
    loop {
        let mode = &mut Mode::Changed;
        let (due, start) = (Source::Due, Cursor::Start);
        let summary = walk::walk(
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
        match &summary.stop_reason {
            Some(StopReason::Cancelled) => return Ok(Left::Cancelled),
            None if summary.deferred == 0 => return Ok(Left::Nothing),
            Some(stop_reason) if failures >= REPAIR_TRIES || !stop_reason.is_passing() => {
                let left = core.journal.counts().await?.in_doubt;
                return Ok(Left::Products(left, sync::why(&summary)));
            }
            None if failures >= REPAIR_TRIES => {
                return Ok(Left::Products(summary.deferred, sync::why(&summary)));
            }
            _ => {}
        }
        let until = match &summary.stop_reason {
            Some(stop_reason) => sync::after(core, stop_reason, failures),
            None => sync::next_try(core),
        };
        let why = sync::why(&summary);
        if !walk::wait_after(core, handle, summary.stop_reason.as_ref(), until, &why).await {
            return Ok(Left::Cancelled);
        }
    }
}

/// Stores how many changes were missed, before the products are put in doubt: once they are in doubt, no later verify
/// can find that their changes were missed.
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
        last: core.journal.verified().await?.last,
    };
    Ok(core.journal.note_verified(&verified).await?)
}

/// How many changes were missed, if this verify `found` so many products that differ. What an unfinished earlier verify
/// found counts, too.
async fn missed(core: &Core, before: &Before, found: u64) -> Result<u64, StepError> {
    // A change that came while the comparison went on may be what it found.
    if !before.expects_changes() || core.journal.unlocated().await?.is_some() {
        return Ok(0);
    }
    let earlier = core.journal.verified().await?;
    Ok(match earlier.is_open {
        true => earlier.missed.max(found),
        false => found,
    })
}

/// Records that all products were compared, and how many changes were missed. `is_open`: not everything that differed
/// was sent.
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
        last: Some(before.compared(found)),
    };
    record(core, verified).await?;
    core.journal.note_compared(before.began).await?;
    core.rebuilt.note_ended();
    if before.is_captured {
        table_check::note_compared(core, before.identity.clone()).await?;
    }
    if let Some(came) = before.unlocated {
        // A step that reads such a change says so while it has the lock, and must not be overruled.
        let _step = core.lock_step().await?;
        core.journal.note_located(came).await?;
        core.rebuilt
            .note_unlocated(core.journal.unlocated().await?.is_some());
    }
    Ok(())
}

async fn record(core: &Core, verified: Verified) -> Result<(), StepError> {
    core.journal.note_verified(&verified).await?;
    core.status_store.update(|facts| facts.verified = verified);
    Ok(())
}

/// Everything that differed is sent, so an upload that was due is no longer needed.
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
        "{} of {} are missing from the shop's table at once; none of them is listed as gone from the shop. If they are gone, run `shopmasterctl verify --yes`",
        grouped(shrank.missing),
        products(shrank.known)
    )
}

fn found(differing: u64, gone: u64) -> String {
    format!("{} differed, {} gone", products(differing), grouped(gone))
}

fn cancelled() -> Ending {
    let text = "Canceled; `shopmasterctl verify` starts from the beginning";
    (Outcome::Cancelled, text.to_owned())
}
