//! A walk over the whole table: every product is compared with what Digible acknowledged.

use std::hash::{BuildHasher as _, RandomState};

use jiff::Timestamp;
use shopmaster_health::run::Run;
use shopmaster_product::ProductId;

use super::{
    core::Core,
    evidence::Evidence,
    gone,
    halt::StepError,
    live::Live,
    page::{Cursor, Source},
    pass::{self, OnOutage, Passed},
    step::Mode,
};

/// The products that a walk met: eight bytes for each, whatever its key.
///
/// Two keys of one hash would hide that one of them is gone, for this walk: each walk hashes in a way of
/// its own.
#[derive(Debug, Default)]
pub(super) struct Met {
    hasher: RandomState,
    hashes: Vec<u64>,
}

impl Met {
    /// Notes products.
    pub(super) fn add<'a>(&mut self, ids: impl IntoIterator<Item = &'a ProductId>) {
        let Self { hasher, hashes } = self;
        hashes.extend(ids.into_iter().map(|id| hasher.hash_one(id)));
    }

    /// No more are added.
    pub(super) fn seal(&mut self) {
        self.hashes.sort_unstable();
    }

    /// How many rows it gave.
    pub(super) fn count(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// Whether it gave no row at all.
    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Whether it met this product. Only after [`seal`](Self::seal).
    pub(super) fn has(&self, id: &ProductId) -> bool {
        self.hashes.binary_search(&self.hasher.hash_one(id)).is_ok()
    }
}

/// Compares every product once, then sends what the journal holds due, then looks for what is gone.
pub(super) async fn round(
    core: &Core,
    live: &Live,
    evidence: &Evidence,
) -> Result<Passed, StepError> {
    let began = Timestamp::now();
    live.update(|run| run.walked = true);
    let (rows, met) = compare(core, live, evidence, OnOutage::Fail).await?;
    if rows.halt.is_some() {
        note(core, None, rows.deferred);
        return Ok(rows);
    }
    if rows.locked == 0 {
        core.journal.note_compared(began).await?;
    }
    // Another round of the same run: each product that is unchanged was counted.
    live.update(Run::look_again);
    let due = &mut Mode::Changed;
    let due = pass::walk(
        core,
        live,
        evidence,
        Source::Due,
        Cursor::Start,
        due,
        OnOutage::Fail,
    )
    .await?;
    let mut passed = rows.and(due);
    if passed.halt.is_none() {
        passed.halt = gone::look(core, live, &met, core.options.gone_after).await?;
    }
    let whole = passed.halt.is_none() && passed.deferred == 0;
    note(core, whole.then_some(began), passed.deferred);
    Ok(passed)
}

/// The last walk of an upload: what changed behind it is sent.
pub(super) async fn after_upload(
    core: &Core,
    live: &Live,
    evidence: &Evidence,
) -> Result<Passed, StepError> {
    let began = Timestamp::now();
    live.update(Run::look_again);
    let (passed, _) = compare(core, live, evidence, OnOutage::Wait).await?;
    let whole = passed.halt.is_none() && passed.deferred == 0;
    note(core, whole.then_some(began), passed.deferred);
    Ok(passed)
}

async fn compare(
    core: &Core,
    live: &Live,
    evidence: &Evidence,
    on_outage: OnOutage,
) -> Result<(Passed, Met), StepError> {
    let mut mode = Mode::Compared(Met::default());
    let (rows, start) = (Source::Rows, Cursor::Start);
    let passed = pass::walk(core, live, evidence, rows, start, &mut mode, on_outage).await?;
    let mut met = match mode {
        Mode::Compared(met) => met,
        Mode::Changed | Mode::Inspected(_) | Mode::Everything { .. } => Met::default(),
    };
    met.seal();
    Ok((passed, met))
}

/// Tells people how far the shop is known to be equal. Missing products wait, too: for the second look.
pub(super) fn note(core: &Core, compared_at: Option<Timestamp>, deferred: u64) {
    let pending = deferred + core.missing.count();
    core.board.update(|facts| {
        facts.pending = pending;
        if let Some(scan) = &mut facts.scan {
            scan.compared_at = compared_at;
        }
    });
}
