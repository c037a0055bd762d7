//! What the table does not give any more, found after a walk over it.
//!
//! A product counts as gone only after two looks, `gone_after` apart, each of which asks for it by its
//! key as well. More than a tenth of them gone at once is not believed.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    core::Core,
    halt::{Halt, StepError},
    live::Live,
    pass::{self, OnOutage},
    scan::Met,
    upload,
};
use crate::{
    catalog::Lookup,
    health::{ScanFacts, Shrank},
    product::ProductId,
    run::Count,
};

/// So many may be missing from a small shop at once, whatever their share, as long as it has others.
const FEW: u64 = 5;
/// Keys that the journal is asked for at once.
const JOURNAL_PAGE: u32 = 10_000;
/// Keys that the shop's database is asked for at once.
const KEYS: usize = 1_000;
/// So often a database that is busy is asked what is gone.
const TRIES: u32 = 4;

/// When each missing product was first missed. Kept in memory: after a restart the looks begin anew.
#[derive(Debug, Default)]
pub(super) struct Missing {
    since: Mutex<HashMap<ProductId, Instant>>,
}

/// What the journal says of the shop beside a walk.
struct Census {
    /// Products that the shop had.
    known: u64,
    /// Those of them that the walk did not meet.
    unmet: u64,
}

impl Missing {
    /// Notes that these are missing now, and nothing else is. Gives those that are missing for long.
    fn note(&self, gone_after: Duration, ids: Vec<ProductId>) -> Vec<ProductId> {
        let now = Instant::now();
        let mut since = self.lock();
        let before = std::mem::take(&mut *since);
        for id in ids {
            let first = before.get(&id).copied().unwrap_or(now);
            since.insert(id, first);
        }
        let long = |first: Instant| now.duration_since(first) >= gone_after;
        let gone = since.iter().filter(|(_, first)| long(**first));
        gone.map(|(id, _)| id.clone()).collect()
    }

    fn remove(&self, ids: &[ProductId]) {
        let mut since = self.lock();
        for id in ids {
            since.remove(id);
        }
    }

    /// How many are missing and not yet gone.
    pub(super) fn count(&self) -> u64 {
        self.lock().len() as u64
    }

    /// Forgets all of them. Gives how many they were.
    fn clear(&self) -> u64 {
        std::mem::take(&mut *self.lock()).len() as u64
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProductId, Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Finds what is gone, and marks it when it is for long. Gives why it could not look.
pub(super) async fn look(core: &Core, live: &Live, met: &Met) -> Result<Option<Halt>, StepError> {
    let gone_after = core.options.gone_after;
    let looked = pass::patiently(core, live, Some(TRIES), OnOutage::Fail, || {
        find_gone(core, live, met, gone_after)
    });
    Ok(looked.await?.map_or(Some(Halt::Cancelled), |_| None))
}

/// The same after one walk, where the ChangeLog tells of what comes back. When far too many are gone, none is
/// removed and an upload is due.
pub(super) async fn look_once(
    core: &Core,
    live: &Live,
    met: &Met,
) -> Result<Option<Halt>, StepError> {
    let looked = pass::patiently(core, live, Some(TRIES), OnOutage::Fail, || {
        find_gone(core, live, met, Duration::ZERO)
    });
    match looked.await? {
        None => return Ok(Some(Halt::Cancelled)),
        Some(Found::Believable) => {}
        Some(Found::Shrank) => core.journal.need_upload().await?,
    }
    Ok(None)
}

/// What a look for products that are gone came to.
enum Found {
    /// Those that are gone are removed.
    Believable,
    /// So many are gone that none is.
    Shrank,
}

/// An upload has found by its own rule what is gone: nothing is missing that has to be looked for again.
pub(super) fn settle_missing(core: &Core) {
    let missing = core.missing.clear();
    note_shrank(core, None);
    core.board
        .update(|facts| facts.pending = facts.pending.saturating_sub(missing));
}

fn note_shrank(core: &Core, shrank: Option<Shrank>) {
    core.board.update(|facts| {
        if let Some(scan) = &mut facts.scan {
            *scan = ScanFacts { shrank, ..*scan };
        }
    });
}

async fn find_gone(
    core: &Core,
    live: &Live,
    met: &Met,
    gone_after: Duration,
) -> Result<Found, StepError> {
    let census = census(core, met).await?;
    let believable = match met.is_empty() {
        // A table without any row is a mistake more often than the end of a shop.
        true => 0,
        false => (census.known / 10).max(FEW),
    };
    let mut missing = Vec::new();
    let mut back = 0;
    let mut unmet = Unmet::new(core, met);
    while census.unmet > 0
        && let Some(keys) = unmet.next().await?
    {
        let asked = keys.len();
        let gone = ask(core, live, keys).await?;
        back += (asked - gone.len()) as u64;
        missing.extend(gone);
        if missing.len() as u64 > believable {
            // Those that were not asked for yet count, too.
            let missing = census.unmet.saturating_sub(back).max(missing.len() as u64);
            let known = census.known;
            tracing::warn!(
                missing,
                known,
                "the shop's table gives far fewer products than before; none counts as removed"
            );
            core.missing.clear();
            note_shrank(core, Some(Shrank { missing, known }));
            return Ok(Found::Shrank);
        }
    }
    note_shrank(core, None);
    let long_missing = core.missing.note(gone_after, missing);
    for keys in long_missing.chunks(KEYS) {
        remove(core, live, keys).await?;
    }
    Ok(Found::Believable)
}

/// How many products the shop had, and how many of them the walk did not meet.
async fn census(core: &Core, met: &Met) -> Result<Census, StepError> {
    let mut census = Census { known: 0, unmet: 0 };
    let mut after = None;
    loop {
        let ids = core.journal.in_shop(after, JOURNAL_PAGE).await?;
        census.known += ids.len() as u64;
        census.unmet += ids.iter().filter(|id| !met.has(id)).count() as u64;
        after = ids.last().cloned();
        if after.is_none() {
            return Ok(census);
        }
    }
}

/// The products that a walk did not meet, in lots.
struct Unmet<'a> {
    core: &'a Core,
    met: &'a Met,
    after: Option<ProductId>,
    waiting: Vec<ProductId>,
    ended: bool,
}

impl<'a> Unmet<'a> {
    fn new(core: &'a Core, met: &'a Met) -> Self {
        Self {
            core,
            met,
            after: None,
            waiting: Vec::new(),
            ended: false,
        }
    }

    async fn next(&mut self) -> Result<Option<Vec<ProductId>>, StepError> {
        while self.waiting.len() < KEYS && !self.ended {
            let after = self.after.take();
            let ids = self.core.journal.in_shop(after, JOURNAL_PAGE).await?;
            self.after = ids.last().cloned();
            self.ended = self.after.is_none();
            let unmet = ids.into_iter().filter(|id| !self.met.has(id));
            self.waiting.extend(unmet);
        }
        let behind = self.waiting.split_off(self.waiting.len().min(KEYS));
        let lot = std::mem::replace(&mut self.waiting, behind);
        Ok(Some(lot).filter(|lot| !lot.is_empty()))
    }
}

/// Asks for products by their keys. Gives those without a row; one whose row spells it otherwise now
/// is removed at once.
async fn ask(core: &Core, live: &Live, keys: Vec<ProductId>) -> Result<Vec<ProductId>, StepError> {
    let _turn = core.turn().await?;
    let lookups = core.catalog.read(&keys).await?;
    let (mut gone, mut respelled) = (Vec::new(), Vec::new());
    for (key, lookup) in keys.into_iter().zip(lookups) {
        match lookup {
            Lookup::Gone => gone.push(key),
            Lookup::Found(row) if row.id != key => respelled.push(key),
            Lookup::Found(_) | Lookup::Locked => {}
        }
    }
    record(core, live, respelled).await?;
    Ok(gone)
}

/// Marks those that still are without a row.
async fn remove(core: &Core, live: &Live, keys: &[ProductId]) -> Result<(), StepError> {
    let _turn = core.turn().await?;
    core.catalog.claim().await?;
    let gone = upload::without_row(core, keys.to_vec()).await?;
    core.missing.remove(keys);
    record(core, live, gone).await
}

/// Records products as removed, inside a turn.
async fn record(core: &Core, live: &Live, removed: Vec<ProductId>) -> Result<(), StepError> {
    let count = removed.len() as u64;
    for id in &removed {
        core.waits.clear(id);
    }
    core.journal.remove(removed).await?;
    live.update(|run| run.count(Count::Removed, count));
    Ok(())
}
