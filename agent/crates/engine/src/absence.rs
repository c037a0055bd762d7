//! What the table does not give any more, found after a walk over it.
//!
//! A product counts as gone only after two looks, `gone_after` apart, each of which asks for it by its
//! key as well. More than a tenth of them gone at once is not believed.

use std::{collections::HashSet, time::Duration};

use shopmaster_catalog::Lookup;
use shopmaster_health::run::Count;
use shopmaster_journal::Shrank;
use shopmaster_product::ProductId;

use super::{
    core::Core,
    lookup::without_row,
    run_handle::RunHandle,
    seen_set::SeenSet,
    stop_reason::{StepError, StopReason},
    walk::{self, OnOutage},
};

/// So many may be missing from a small shop at once, whatever their share, as long as it has others.
const ALWAYS_BELIEVED: u64 = 5;
/// Keys that the journal is asked for at once.
const JOURNAL_PAGE: u32 = 10_000;
/// Keys that the shop's database is asked for at once.
const LOOKUP_PAGE: usize = 1_000;
/// So often a database that is busy is asked what is gone.
const LOOKUP_TRIES: u32 = 4;

/// What the journal says of the shop beside a walk.
struct WalkCounts {
    /// Products that the shop had.
    known: u64,
    /// Those of them that the walk did not meet.
    unseen: u64,
}

/// Finds what is gone, and marks it when it is for `gone_after`: at once where a ChangeLog tells of what comes back.
/// Gives why it could not look.
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

/// So many products may be gone at once before nobody believes it. Somebody may have said that it is so.
pub(super) fn believable(handle: &RunHandle, known: u64, is_empty: bool) -> u64 {
    match (handle.is_confirmed(), is_empty) {
        (true, _) => u64::MAX,
        // A table without any row is a mistake more often than the end of a shop.
        (false, true) => 0,
        (false, false) => (known / 10).max(ALWAYS_BELIEVED),
    }
}

/// Tells people that far too many are gone, so that none counts as removed.
pub(super) async fn report_shrank(core: &Core, missing: u64, known: u64) -> Result<(), StepError> {
    tracing::warn!(
        missing,
        known,
        "the shop's table has far fewer products than before; none is listed as gone from the shop"
    );
    core.missing.clear();
    note_shrank(core, Some(Shrank { missing, known })).await
}

/// An upload has found by its own rule what is gone: nothing is missing that has to be looked for again.
pub(super) fn settle_missing(core: &Core) {
    let missing = core.missing.clear();
    core.status_store
        .update(|facts| facts.pending = facts.pending.saturating_sub(missing));
}

/// Notes whether the table shrank, for people and for the next process.
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
    let mut back = 0;
    let mut unseen = Unseen::new(core, seen);
    while counts.unseen > 0
        && let Some(keys) = unseen.next().await?
    {
        let asked = keys.len();
        let gone = ask(core, handle, keys).await?;
        back += (asked - gone.len()) as u64;
        missing.extend(gone);
        if missing.len() as u64 > believable {
            // Those that were not asked for yet count, too.
            let missing = counts.unseen.saturating_sub(back).max(missing.len() as u64);
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

/// How many products the shop had, and how many of them the walk did not meet.
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

/// The products that a walk did not meet, in lots.
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

    async fn next(&mut self) -> Result<Option<Vec<ProductId>>, StepError> {
        while self.waiting.len() < LOOKUP_PAGE && !self.ended {
            let after = self.after.take();
            let ids = self.core.journal.in_shop(after, JOURNAL_PAGE).await?;
            self.after = ids.last().cloned();
            self.ended = self.after.is_none();
            let unseen = ids.into_iter().filter(|id| !self.seen.has(id));
            self.waiting.extend(unseen);
        }
        let followup = self.waiting.split_off(self.waiting.len().min(LOOKUP_PAGE));
        let lot = std::mem::replace(&mut self.waiting, followup);
        Ok(Some(lot).filter(|lot| !lot.is_empty()))
    }
}

/// Asks for products by their keys. Gives those without a row; one whose row spells it otherwise now
/// is removed at once.
async fn ask(
    core: &Core,
    handle: &RunHandle,
    keys: Vec<ProductId>,
) -> Result<Vec<ProductId>, StepError> {
    let _step = core.lock_step().await?;
    let lookups = core.catalog.read(&keys).await?;
    let (mut gone, mut respelled) = (Vec::new(), Vec::new());
    for (key, lookup) in keys.into_iter().zip(lookups) {
        match lookup {
            Lookup::Gone => gone.push(key),
            Lookup::Found(row) if row.id != key => respelled.push(key),
            Lookup::Found(_) | Lookup::Locked => {}
        }
    }
    record(core, handle, respelled).await?;
    match core.scans() {
        true => Ok(gone),
        false => without_changes(core, gone).await,
    }
}

/// Those of which no change waits: a sync deals with the others.
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

/// Marks those that still are without a row.
async fn remove(core: &Core, handle: &RunHandle, keys: &[ProductId]) -> Result<(), StepError> {
    let _step = core.lock_step().await?;
    core.catalog.claim().await?;
    let gone = without_row(core, keys.to_vec()).await?;
    core.missing.remove(keys);
    record(core, handle, gone).await
}

/// Records products as removed, inside a turn. A sync may have recorded some of them meanwhile.
async fn record(core: &Core, handle: &RunHandle, removed: Vec<ProductId>) -> Result<(), StepError> {
    let known = core.journal.known(removed.clone()).await?;
    let news = removed.into_iter().zip(known);
    let removed: Vec<_> = news
        .filter(|(_, known)| !known.removed())
        .map(|(id, _)| id)
        .collect();
    let count = removed.len() as u64;
    for id in &removed {
        core.retry_queue.clear(id);
    }
    core.journal.remove(removed).await?;
    handle.update(|run| run.count(Count::Removed, count));
    Ok(())
}
