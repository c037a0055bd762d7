//! Asks the shop's database and the journal how things are, and shows it.

use jiff::Timestamp;
use shopmaster_catalog::CaptureStatus;
use shopmaster_health::{Area, ChangeLogFacts};

use super::{core::Core, owner, stop_reason::StepError, table_check};

/// Asks the database and the journal how things are, and tells people. What failed before
/// counts as mended.
pub(super) async fn refresh(core: &Core) -> Result<(), StepError> {
    read(core).await?;
    core.status_store.update(|facts| {
        facts.works(Area::Catalog);
        facts.works(Area::Journal);
    });
    Ok(())
}

/// The same after a failure, which stays: that they can be read does not say that they work.
pub(super) async fn read(core: &Core) -> Result<(), StepError> {
    // Of no product: whether the table and its columns are there at all.
    core.catalog.read(&[]).await?;
    check_capture(core).await?;
    count(core).await?;
    core.status_store
        .update(|facts| facts.catalog.reachable = Some(true));
    Ok(())
}

/// Counts what is pending, in doubt, refused and removed, and tells people.
pub(super) async fn count(core: &Core) -> Result<(), StepError> {
    let _in_order = core.status_order.lock().await;
    let scans = core.scans();
    let change_log = match (core.state.has_change_log(), scans) {
        (false, _) => None,
        (true, false) => Some(core.catalog.backlog().await?),
        // Nobody reads it, and it may be broken: that is no trouble.
        (true, true) => core.catalog.backlog().await.ok(),
    };
    let backlog = change_log.clone().filter(|_| !scans).unwrap_or_default();
    core.journal.check_in_place().await?;
    let counts = core.journal.counts().await?;
    let uploaded_at = core.journal.uploaded_at().await?;
    let compared_at = core.journal.compared_at().await?;
    let catalog_changed = core.journal.has_another_catalog().await?;
    let session = core.cloud.session();
    let now = Timestamp::now();
    // What a walk has found stays until the next one.
    core.status_store.update(|facts| {
        if !scans {
            facts.pending = backlog.products;
        }
        facts.changes = backlog.changes;
        facts.change_log = change_log.map(|log| ChangeLogFacts {
            changes: log.changes,
            bytes: log.bytes,
            oldest_at: log.oldest_at,
        });
        facts.oldest_pending_at = backlog.oldest_at;
        facts.oldest_age = backlog.oldest_age.map(|age| (age, now));
        facts.counts = counts;
        facts.uploaded_at = uploaded_at;
        facts.last_compared_at = compared_at;
        facts.catalog_changed = catalog_changed;
        facts.session = Some(session);
    });
    Ok(())
}

/// Whether capture is as it was installed. An upload is due from then on when it was not.
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
