//! Keeps the ChangeLog small while sending is blocked.
//!
//! A product is sent as its row is then, so the changes between its first and its newest one say nothing. The first one
//! always stays: it says whether the product was new, also among keys that only the database knows to be equal, and how
//! long the product has waited.

use std::{collections::HashMap, time::Duration};

use shopmaster_catalog::{Change, ChangeIdentity};
use shopmaster_product::ProductId;

use super::{
    core::Core,
    state::Reach,
    status,
    step_lock::{Epoch, StepGuard},
    stop_reason::StepError,
};

/// From one check of the ChangeLog to the next.
const TRIM_INTERVAL: Duration = Duration::from_secs(60);
/// A ChangeLog with fewer changes than this is not trimmed.
const MIN_CHANGES: u64 = 1_000;
/// Changes that are read, and partly deleted, under one step lock.
const TRIM_PAGE: usize = 1_000;
/// Keys that are remembered from page to page, which takes some megabytes. With more keys, some changes stay that could
/// be deleted.
const MAX_KEYS: usize = 50_000;

/// Finds the changes that may be deleted, while the ChangeLog is read in its order.
#[derive(Default)]
pub(super) struct Compactor {
    /// For each key whose first change was read, the newest change after it.
    newest: HashMap<ProductId, Option<ChangeIdentity>>,
}

impl Compactor {
    /// Reads the next changes. Gives those that lie between a key's first and its newest change.
    pub(super) fn read(&mut self, changes: Vec<Change>) -> Vec<ChangeIdentity> {
        let mut between = Vec::new();
        for Change { identity, .. } in changes {
            if self.newest.len() >= MAX_KEYS && !self.newest.contains_key(&identity.key) {
                self.newest.clear();
            }
            match self.newest.get_mut(&identity.key) {
                None => {
                    self.newest.insert(identity.key, None);
                }
                Some(newest) => {
                    let before = newest.replace(identity.clone());
                    between.extend(before.filter(|before| *before != identity));
                }
            }
        }
        between
    }
}

/// Trims the ChangeLog every [`TRIM_INTERVAL`] while sending is blocked, until the engine stops.
pub(super) async fn while_blocked(core: &Core) {
    loop {
        tokio::select! {
            () = core.stop.cancelled() => return,
            () = tokio::time::sleep(TRIM_INTERVAL) => {}
        }
        if core.scans() || !is_blocked(core) {
            continue;
        }
        match trim(core).await {
            Ok(0) => {}
            Ok(deleted) => {
                tracing::info!(deleted, "kept the ChangeLog small while sending is blocked");
            }
            // Tasks that need the database report what is wrong with it.
            Err(error) => tracing::debug!(%error, "the ChangeLog could not be kept small"),
        }
    }
}

/// Whether changes cannot be sent now.
fn is_blocked(core: &Core) -> bool {
    core.pause.borrow().is_some()
        || core.held().is_some()
        || core.state.digible() != Reach::Works
        || core.cloud.session().state.is_refused()
}

/// Deletes the changes between the first and the newest one of each key, in pages, each under a step lock of its own.
/// Gives how many were deleted.
pub(super) async fn trim(core: &Core) -> Result<u64, StepError> {
    let backlog = core.catalog.backlog().await?;
    // Up to two changes of each key stay.
    if backlog.changes < MIN_CHANGES || backlog.changes < backlog.products.saturating_mul(3) {
        return Ok(0);
    }
    let mut compactor = Compactor::default();
    let mut after: Option<ChangeIdentity> = None;
    let mut last: Option<Epoch> = None;
    let mut deleted = 0;
    while !core.stop.is_cancelled() {
        let guard = core.step_lock.lock().await;
        core.catalog.claim().await?;
        if !is_unbroken(&guard, last) {
            // A step has dealt with changes meanwhile, perhaps with the first one of a key.
            compactor = Compactor::default();
        }
        let changes = core.catalog.pending(after.as_ref(), TRIM_PAGE).await?;
        let ended = changes.len() < TRIM_PAGE;
        after = changes.last().map(|change| change.identity.clone());
        let between = compactor.read(changes);
        if !between.is_empty() {
            deleted += core.catalog.acknowledge(&between).await?;
        }
        last = Some(guard.epoch());
        drop(guard);
        if ended {
            break;
        }
        tokio::task::yield_now().await;
    }
    if deleted > 0 {
        status::read(core).await?;
    }
    Ok(deleted)
}

/// Whether no step has run since the previous page.
fn is_unbroken(guard: &StepGuard<'_>, last: Option<Epoch>) -> bool {
    last.is_some_and(|epoch| guard.follows(epoch))
}
