//! Finds what is gone from the shop, after a walk over the table.
//!
//! A product counts as gone only after two checks, `gone_after` apart, each of which also looks it up by its key. If
//! more than a tenth of the products are missing at once, that is not believed.

use std::{collections::HashSet, time::Duration};

use shopmaster_catalog::Lookup;
use shopmaster_health::run::Count;
use shopmaster_journal::{Finding, Shrank};
use shopmaster_product::ProductId;

use super::{
    core::Core,
    decide,
    lookup::{Absent, without_row},
    run_handle::RunHandle,
    seen_set::SeenSet,
    stop_reason::{StepError, StopReason},
    walk::{self, OnOutage},
};

/// Up to this many products may be missing at once, whatever their share of a small shop, as long as it has others.
const ALWAYS_BELIEVED: u64 = 5;
/// Keys read from the journal at once.
const JOURNAL_PAGE: u32 = 10_000;
/// Keys looked up in the shop's database at once.
const LOOKUP_PAGE: usize = 1_000;
/// How often the search is tried while the database is busy.
const LOOKUP_TRIES: u32 = 4;

/// What the journal says about the shop, compared with a walk over its table.
struct WalkCounts {
    /// Products that the shop has, as far as the journal knows.
    known: u64,
    /// Those of them that the walk did not find.
    unseen: u64,
}

/// Finds products that have no row, and records those that have been missing for `gone_after` as gone; zero records
/// all of them. `seen`: the products that the walk found. Gives why the search could not be done, if so.
pub(super) async fn find(
    core: &Core,
    handle: &RunHandle,
    seen: &SeenSet,
    gone_after: Duration,
) -> Result<Option<StopReason>, StepError> {
    let looked = walk::retry_while_busy(core, handle, Some(LOOKUP_TRIES), OnOutage::Fail, || {
        find_gone(core, handle, seen, gone_after)
    });
    Ok(looked.await?.map_or(Some(StopReason::Cancelled), |()| None))
}

/// How many products may be missing at once before that is not believed: any number if the user has confirmed it.
/// `known`: products of the shop; `is_empty`: the table has no row at all.
pub(super) fn believable(handle: &RunHandle, known: u64, is_empty: bool) -> u64 {
    match (handle.is_confirmed(), is_empty) {
        (true, _) => u64::MAX,
        // A table without any row is a mistake more often than the end of a shop.
        (false, true) => 0,
        (false, false) => (known / 10).max(ALWAYS_BELIEVED),
    }
}

/// Shows that far too many products are missing, so that none counts as gone.
pub(super) async fn report_shrank(core: &Core, missing: u64, known: u64) -> Result<(), StepError> {
    tracing::warn!(
        missing,
        known,
        "the shop's table has far fewer products than before; none is listed as gone from the shop"
    );
    core.missing.clear();
    note_shrank(core, Some(Shrank { missing, known })).await
}

/// Forgets the missing products, because an upload has found by its own rule what is gone from the shop.
pub(super) fn settle_missing(core: &Core) {
    let missing = core.missing.clear();
    core.status_store
        .update(|facts| facts.pending = facts.pending.saturating_sub(missing));
}

/// Shows whether the table shrank, and records it for the next process.
pub(super) async fn note_shrank(core: &Core, shrank: Option<Shrank>) -> Result<(), StepError> {
    if core.missing.note_shrank(shrank) != shrank {
        core.journal.note_shrank(shrank).await?;
    }
    core.status_store.update(|facts| facts.shrank = shrank);
    Ok(())
}

async fn find_gone(
    core: &Core,
    handle: &RunHandle,
    seen: &SeenSet,
    gone_after: Duration,
) -> Result<(), StepError> {
    let counts = counts(core, seen).await?;
    let believable = believable(handle, counts.known, seen.is_empty());
    let mut missing = Vec::new();
    let mut found = 0;
    let mut unseen = Unseen::new(core, seen);
    while counts.unseen > 0
        && let Some(keys) = unseen.next().await?
    {
        let looked_up = keys.len();
        let gone = look_up(core, handle, keys).await?;
        found += (looked_up - gone.len()) as u64;
        missing.extend(gone);
        if missing.len() as u64 > believable {
            // Products that were not looked up yet count, too.
            let missing = counts
                .unseen
                .saturating_sub(found)
                .max(missing.len() as u64);
            return report_shrank(core, missing, counts.known).await;
        }
    }
    note_shrank(core, None).await?;
    let long_missing = core.missing.note(gone_after, missing);
    for keys in long_missing.chunks(LOOKUP_PAGE) {
        remove(core, handle, keys).await?;
    }
    Ok(())
}

/// Counts the products that the shop had, and those of them that the walk did not find.
async fn counts(core: &Core, seen: &SeenSet) -> Result<WalkCounts, StepError> {
    let mut counts = WalkCounts {
        known: 0,
        unseen: 0,
    };
    let mut after = None;
    loop {
        let ids = core.journal.in_shop(after, JOURNAL_PAGE).await?;
        counts.known += ids.len() as u64;
        counts.unseen += ids.iter().filter(|id| !seen.has(id)).count() as u64;
        after = ids.last().cloned();
        if after.is_none() {
            return Ok(counts);
        }
    }
}

/// The products that a walk did not find, page by page.
struct Unseen<'a> {
    core: &'a Core,
    seen: &'a SeenSet,
    after: Option<ProductId>,
    waiting: Vec<ProductId>,
    ended: bool,
}

impl<'a> Unseen<'a> {
    fn new(core: &'a Core, seen: &'a SeenSet) -> Self {
        Self {
            core,
            seen,
            after: None,
            waiting: Vec::new(),
            ended: false,
        }
    }

    /// The next page; none at the end.
    async fn next(&mut self) -> Result<Option<Vec<ProductId>>, StepError> {
        while self.waiting.len() < LOOKUP_PAGE && !self.ended {
            let after = self.after.take();
            let ids = self.core.journal.in_shop(after, JOURNAL_PAGE).await?;
            self.after = ids.last().cloned();
            self.ended = self.after.is_none();
            let unseen = ids.into_iter().filter(|id| !self.seen.has(id));
            self.waiting.extend(unseen);
        }
        let later = self.waiting.split_off(self.waiting.len().min(LOOKUP_PAGE));
        let page = std::mem::replace(&mut self.waiting, later);
        Ok(Some(page).filter(|page| !page.is_empty()))
    }
}

/// Looks products up by their keys. Gives those without a row; where changes are captured, only those without a waiting
/// change. A product whose row spells the key differently now is recorded as gone at once.
async fn look_up(
    core: &Core,
    handle: &RunHandle,
    keys: Vec<ProductId>,
) -> Result<Vec<ProductId>, StepError> {
    let _step = core.lock_step().await?;
    let lookups = core.catalog.read(&keys).await?;
    let (mut gone, mut respelled) = (Vec::new(), Vec::new());
    for (key, lookup) in keys.into_iter().zip(lookups) {
        match lookup {
            Lookup::Gone | Lookup::LeftOut(_) => gone.push(key),
            Lookup::Found(row) if row.id != key => respelled.push(key),
            Lookup::Found(_) | Lookup::Locked => {}
        }
    }
    let respelled = respelled.into_iter().map(|key| Absent {
        key,
        is_left_out: false,
    });
    record(core, handle, respelled.collect()).await?;
    match core.scans() {
        true => Ok(gone),
        false => without_changes(core, gone).await,
    }
}

/// The products for which no change waits; a sync deals with the others.
async fn without_changes(core: &Core, keys: Vec<ProductId>) -> Result<Vec<ProductId>, StepError> {
    if keys.is_empty() {
        return Ok(keys);
    }
    let waiting = core.catalog.changes_of(&keys).await?;
    let waiting: HashSet<_> = waiting
        .into_iter()
        .map(|change| change.identity.key)
        .collect();
    let mut keys = keys;
    keys.retain(|key| !waiting.contains(key));
    Ok(keys)
}

/// Records those that still have no row as gone.
async fn remove(core: &Core, handle: &RunHandle, keys: &[ProductId]) -> Result<(), StepError> {
    let _step = core.lock_step().await?;
    core.catalog.claim().await?;
    let gone = without_row(core, keys.to_vec()).await?;
    core.missing.remove(keys);
    record(core, handle, gone).await
}

/// Records products as gone, and those that Digible never had as no longer refused. The step lock must be held. Products
/// that a sync has recorded meanwhile are left out.
pub(super) async fn record(
    core: &Core,
    handle: &RunHandle,
    absent: Vec<Absent>,
) -> Result<(), StepError> {
    let keys = absent.iter().map(|absent| absent.key.clone()).collect();
    let known = core.journal.known(keys).await?;
    let with_known = absent.into_iter().zip(known);
    let found: Vec<_> = with_known
        .filter(|(_, known)| !known.removed())
        .map(
            |(Absent { key, is_left_out }, known)| match decide::is_gone(&known, is_left_out) {
                true => (key, Finding::Gone),
                false => (key, Finding::Unparked),
            },
        )
        .collect();
    for (id, _) in &found {
        core.retry_queue.clear(id);
    }
    let is_gone = |(_, finding): &&(_, Finding)| matches!(finding, Finding::Gone);
    let count = found.iter().filter(is_gone).count() as u64;
    core.journal.record(found).await?;
    handle.update(|run| run.count(Count::Removed, count));
    Ok(())
}
