//! Plans a step: what can be found out about a page without Digible, and what has to be sent.

use std::collections::HashSet;

use jiff::Timestamp;
use shopmaster_catalog::ChangeIdentity;
use shopmaster_digible::{Digest, Item};
use shopmaster_health::run::shortened;
use shopmaster_journal::{Finding, Known};
use shopmaster_product::ProductId;

use super::{
    core::Core,
    decide::{self, Decision, View},
    dispatch::{Outgoing, Route},
    mode::Mode,
    page::{Candidate, Gone, Page},
    retry_queue::Strikes,
    stop_reason::StepError,
};

/// The most characters of a reason that are stored with a parked product.
pub(super) const MAX_REASON_CHARS: usize = 1_000;

/// What a step does with the products of a page.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Products that have to be sent.
    pub(super) outgoing: Vec<Outgoing>,
    /// For each product of `outgoing`, the changes that led to it.
    pub(super) changes: Vec<Vec<ChangeIdentity>>,
    /// For each product of `outgoing`, when the oldest of those changes was made, by the database's clock.
    pub(super) changed_at: Vec<Option<Timestamp>>,
    /// What was found out without asking Digible.
    pub(super) found: Vec<(ProductId, Finding)>,
    /// Changes that are dealt with as soon as `found` is recorded.
    pub(super) settled: Vec<ChangeIdentity>,
    /// Products that Digible has as they are, or that neither the shop nor Digible has.
    pub(super) unchanged: u64,
    /// Products that are gone from the shop, and that were not listed as gone before.
    pub(super) removed: u64,
    /// Products that have not changed since they were refused.
    pub(super) still_parked: u64,
    /// Products that wait for another try, or whose rows the shop's own programs keep locked.
    pub(super) waiting: u64,
    /// The locked ones among them.
    pub(super) locked: Vec<ProductId>,
    /// Products that differ from what Digible acknowledged, and are not sent in this mode.
    pub(super) differing: Vec<ProductId>,
    /// Products that cannot be sent, and why.
    pub(super) refusals: Vec<(ProductId, String)>,
    /// Products that are dealt with without being sent.
    pub(super) processed: Vec<ProductId>,
}

impl Plan {
    /// Plans what to do with the products of a page.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub(super) async fn of(core: &Core, mode: &Mode, page: Page) -> Result<Self, StepError> {
        let planner = Planner { core, mode };
        let mut plan = Self {
            waiting: page.locked.len() as u64,
            locked: page.locked,
            ..Self::default()
        };
        planner.unlocated(page.unlocated, &mut plan).await?;
        planner.candidates(page.candidates, &mut plan).await?;
        if let Mode::Inspected(inspection) = mode {
            let differing = std::mem::take(&mut plan.differing);
            let (differing, waiting) = inspection.without_changes(core, differing).await?;
            plan.differing = differing;
            plan.waiting += waiting;
        }
        planner.gone(page.gone, &mut plan).await?;
        planner.respelled(page.respelled, &mut plan).await?;
        plan.bulk(core.options.bulk_threshold);
        Ok(plan)
    }

    /// The products that are sent.
    pub(super) fn ids(&self) -> Vec<ProductId> {
        self.outgoing
            .iter()
            .map(|product| product.item.id.clone())
            .collect()
    }

    /// Sends updates through the batch endpoint when they are many.
    fn bulk(&mut self, threshold: usize) {
        let is_update = |product: &Outgoing| product.route == Route::Update;
        if self.outgoing.iter().filter(|it| is_update(it)).count() <= threshold {
            return;
        }
        for product in self.outgoing.iter_mut().filter(|it| is_update(it)) {
            product.route = Route::Batch;
        }
    }
}

struct Planner<'a> {
    core: &'a Core,
    mode: &'a Mode,
}

impl Planner<'_> {
    async fn candidates(
        &self,
        candidates: Vec<Candidate>,
        plan: &mut Plan,
    ) -> Result<(), StepError> {
        let none = HashSet::new();
        let processed = match self.mode {
            Mode::Everything { processed, .. } => processed,
            Mode::Changed | Mode::Compared(_) | Mode::Inspected(_) => &none,
        };
        let candidates: Vec<_> = candidates
            .into_iter()
            .filter(|candidate| !processed.contains(&candidate.row.id))
            .collect();
        let ids = candidates.iter().map(|c| c.row.id.clone()).collect();
        let known = self.core.journal.known(ids).await?;
        for (candidate, known) in candidates.into_iter().zip(known) {
            self.candidate(candidate, &known, plan);
        }
        Ok(())
    }

    fn candidate(&self, candidate: Candidate, known: &Known, plan: &mut Plan) {
        let Candidate {
            row,
            changes,
            changed_at,
        } = candidate;
        let retry_queue = &self.core.retry_queue;
        let made = Item::new(&row).map_err(|problem| problem.0);
        let view = View {
            known,
            digest: match &made {
                Ok(item) => item.digest.0,
                Err(problem) => Digest::of(problem.as_bytes()).0,
            },
            can_be_sent: made.is_ok(),
            sends_all: self.mode.sends_all(),
            strikes: made.as_ref().map_or(Strikes::default(), |item| {
                retry_queue.strikes(&item.id, item.digest)
            }),
            is_ready: retry_queue.is_ready(&row.id),
            now: shopmaster_journal::steady_ms(),
        };
        if !self.mode.sends() && known.removed() {
            // It is listed as gone from the shop, but has a row.
            plan.differing.push(row.id);
            return;
        }
        match (view.decide(), made) {
            (Decision::Wait, _) => {
                plan.waiting += 1;
                return;
            }
            (Decision::Send(_) | Decision::Refuse, _) if !self.mode.sends() => {
                // What is refused is sent only when it is to be tried again.
                let is_due = known.retry() || (known.is_in_doubt() && known.parked().is_none());
                match is_due {
                    // It is known to differ, and a sync will send it.
                    true => plan.waiting += 1,
                    false => plan.differing.push(row.id),
                }
                return;
            }
            (Decision::Send(route), Ok(item)) => {
                plan.outgoing.push(Outgoing {
                    item,
                    route,
                    strikes: view.strikes,
                });
                plan.changes.push(changes);
                plan.changed_at.push(changed_at);
                return;
            }
            (Decision::Refuse, Err(problem)) => {
                let refused = Finding::Refused {
                    digest: view.digest,
                    reason: shortened(&problem, MAX_REASON_CHARS),
                };
                plan.found.push((row.id.clone(), refused));
                plan.refusals.push((row.id.clone(), problem));
            }
            (Decision::Equal { unpark }, _) => {
                plan.unchanged += 1;
                if unpark {
                    plan.found.push((row.id.clone(), Finding::Unparked));
                }
            }
            (Decision::StillParked | Decision::Send(_) | Decision::Refuse, _) => {
                plan.still_parked += 1;
            }
        }
        retry_queue.clear(&row.id);
        plan.settled.extend(changes);
        plan.processed.push(row.id);
    }

    async fn unlocated(
        &self,
        changes: Vec<ChangeIdentity>,
        plan: &mut Plan,
    ) -> Result<(), StepError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.note_unlocated().await?;
        plan.settled.extend(changes);
        Ok(())
    }

    /// Records that all products have to be compared, before the changes that say so are deleted.
    async fn note_unlocated(&self) -> Result<(), StepError> {
        self.core.journal.note_unlocated().await?;
        self.core.rebuilt.note_unlocated(true);
        self.core.verify_due.notify_one();
        Ok(())
    }

    async fn gone(&self, gone: Vec<Gone>, plan: &mut Plan) -> Result<(), StepError> {
        let ids = gone.iter().map(|gone| gone.key.clone()).collect();
        let known = self.core.journal.known(ids).await?;
        if gone
            .iter()
            .zip(&known)
            .any(|(gone, known)| is_unexplained(gone, known))
        {
            self.note_unlocated().await?;
        }
        for (gone, known) in gone.into_iter().zip(known) {
            self.core.retry_queue.clear(&gone.key);
            plan.settled.extend(gone.changes);
            let is_gone = decide::is_gone(&known, gone.is_unsent);
            match is_gone && !known.removed() {
                true => plan.removed += 1,
                false => plan.unchanged += 1,
            }
            if is_gone {
                plan.found.push((gone.key, Finding::Gone));
            } else if known.parked().is_some() {
                plan.found.push((gone.key, Finding::Unparked));
            }
        }
        Ok(())
    }

    /// The old spelling of a key: at Digible, it is a product of its own.
    async fn respelled(&self, keys: Vec<ProductId>, plan: &mut Plan) -> Result<(), StepError> {
        let known = self.core.journal.known(keys.clone()).await?;
        for (key, known) in keys.into_iter().zip(known) {
            self.core.retry_queue.clear(&key);
            if known.may_be_at_digible() {
                plan.removed += 1;
                plan.found.push((key, Finding::Gone));
            } else if known.parked().is_some() {
                plan.found.push((key, Finding::Unparked));
            }
        }
        Ok(())
    }
}

/// Whether a watched table changed, and nobody knows which product that concerns: the view has no row with the value, and
/// no product is known by it. The view may compare the two in a way of its own, such as `1` with `01`.
fn is_unexplained(gone: &Gone, known: &Known) -> bool {
    let is_watched = gone.changes.iter().any(|change| change.via.is_some());
    is_watched && !gone.is_left_out && !known.is_known()
}
