//! Asks the shop's database and the journal how they are, and shows the answer.

use jiff::Timestamp;
use shopmaster_catalog::CaptureStatus;
use shopmaster_health::{Area, ChangeLogFacts, Comparison};

use super::{core::Core, owner, stop_reason::StepError, table_check};

/// Reads everything that is shown, and ends the issues of the database and the journal, because both work.
pub(super) async fn refresh(core: &Core) -> Result<(), StepError> {
    read(core).await?;
    core.status_store.update(|facts| {
        facts.works(Area::Catalog);
        facts.works(Area::Journal);
    });
    Ok(())
}

/// Reads everything that is shown. Issues stay: that the database and the journal can be read does not mean that they
/// work.
pub(super) async fn read(core: &Core) -> Result<(), StepError> {
    // Reading no product checks whether the table and its columns exist.
    core.catalog.read(&[]).await?;
    check_capture(core).await?;
    count(core).await?;
    core.status_store
        .update(|facts| facts.catalog.reachable = Some(true));
    Ok(())
}

/// Counts what is pending, in doubt, refused and gone from the shop, and shows it.
pub(super) async fn count(core: &Core) -> Result<(), StepError> {
    let _in_order = core.status_order.lock().await;
    let scans = core.scans();
    let change_log = match (core.state.has_change_log(), scans) {
        (false, _) => None,
        (true, false) => Some(core.catalog.backlog().await?),
        // Syncs do not read it, so it does not matter if it is broken.
        (true, true) => core.catalog.backlog().await.ok(),
    };
    let asked_at = Timestamp::now();
    let backlog = change_log.clone().filter(|_| !scans).unwrap_or_default();
    core.journal.check_in_place().await?;
    let counts = core.journal.counts().await?;
    let uploaded_at = core.journal.uploaded_at().await?;
    let compared_at = core.journal.compared_at().await?;
    let catalog_changed = core.journal.has_another_catalog().await?;
    let session = core.cloud.session();
    for age in core.database_clock.compare(&backlog, asked_at) {
        core.observer.change_sent(age);
    }
    let now = Timestamp::now();
    let comparison = match core.rebuilt.due_in() {
        // Each scan is one.
        None => Comparison::NotDue,
        Some(_) if scans => Comparison::NotDue,
        Some(_) if !core.options.automatic => Comparison::ByHand,
        Some(wait) => Comparison::At(now.saturating_add(wait).unwrap_or(now)),
    };
    // In scan mode, `pending` is what the last walk found, until the next one.
    core.status_store.update(|facts| {
        if !scans {
            facts.pending = backlog.products;
        }
        facts.comparison = comparison;
        facts.changes = backlog.changes;
        facts.change_log = change_log.map(|log| ChangeLogFacts {
            changes: log.changes,
            bytes: log.bytes,
            oldest_at: log.oldest_at,
        });
        facts.oldest_pending_at = backlog.oldest_at;
        facts.oldest_age = backlog.oldest_age.map(|age| (age, asked_at));
        facts.counts = counts;
        facts.uploaded_at = uploaded_at;
        facts.last_compared_at = compared_at;
        facts.catalog_changed = catalog_changed;
        facts.session = Some(session);
    });
    Ok(())
}

/// Checks whether capture is as it was installed. If not, an upload becomes due.
pub(super) async fn check_capture(core: &Core) -> Result<CaptureStatus, StepError> {
    let status = core.capture().await?;
    if !core.scans() {
        owner::note_gap(core, &status).await?;
        if core.state.has_change_log() {
            table_check::run(core).await?;
        }
    }
    Ok(status)
}
