//! One step: what of a page needs sending, sending it, recording the answers, and only then deleting
//! the changes.

use std::collections::HashSet;

use tokio::sync::mpsc;

use super::{
    backoff::Jitter,
    core::Core,
    courier::{Courier, Fortune, Parcel, Route},
    deletions::Deletions,
    evidence::Evidence,
    halt::{Halt, StepError},
    live::Live,
    page::{Candidate, Cursor, Gone, Page, Source},
    recorder::Recorder,
    scan::Met,
    witness::{self, Testimony},
};
use crate::{
    catalog::ChangeIdentity,
    digible::{Digest, Fate, Item},
    journal::{DigestBytes, Doubt, Known, Parking, Settlement, UploadProgress},
    product::ProductId,
    run::shortened,
};

/// The most characters of a reason that are kept with a parked product.
const LONGEST_REASON: usize = 1_000;

/// How a run treats products.
#[derive(Debug)]
pub(super) enum Mode {
    /// What Digible already has is not sent.
    Changed,
    /// The same for each row of the table, and notes which ones there are.
    Compared(Met),
    /// All are sent: an upload.
    Everything {
        /// The upload's number.
        number: i64,
        /// What an unfinished step of it already sent.
        already: HashSet<ProductId>,
    },
}

impl Mode {
    fn sends_all(&self) -> bool {
        matches!(self, Self::Everything { .. })
    }
}

/// What came of a step.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    /// Why sending stopped before everything was sent.
    pub(super) halt: Option<Halt>,
    /// Products that wait for another try.
    pub(super) deferred: u64,
    /// The reason of one of them.
    pub(super) reason: Option<String>,
    /// Products of an upload that are dealt with, for when the rest of the page is tried again.
    pub(super) through: Vec<ProductId>,
    /// The step has settled something.
    pub(super) progressed: bool,
}

/// A page with which nothing has happened yet.
pub(super) struct Prepared {
    /// Where the next page begins; none at the end.
    pub(super) next: Option<Cursor>,
    /// All products that it has to do with.
    pub(super) aboard: HashSet<ProductId>,
    /// Where an upload goes on behind it.
    last: Option<ProductId>,
    content: Content,
}

enum Content {
    /// With keys to ask for again.
    Unsure(Page),
    Sorted(Box<Sorted>),
}

/// A page, sorted by what is to be done.
#[derive(Default)]
struct Sorted {
    parcels: Vec<Parcel>,
    /// Of each parcel: how it was before.
    before: Vec<Before>,
    /// Of each parcel: what it stands for.
    changes: Vec<Vec<ChangeIdentity>>,
    settlement: Settlement,
    /// Changes that are dealt with as soon as the settlement is recorded.
    settled: Vec<ChangeIdentity>,
    unchanged: u64,
    waiting: u64,
    refusals: Vec<(ProductId, String)>,
    through: Vec<ProductId>,
}

/// How a product was before the step.
struct Before {
    doubt: Doubt,
    removed: bool,
}

struct Sorter<'a> {
    core: &'a Core,
    mode: &'a Mode,
}

struct Step<'a> {
    core: &'a Core,
    live: &'a Live,
    evidence: &'a Evidence,
    mode: &'a Mode,
}

/// Reads a page and sorts it by what is known of its products: inside a turn of the lane, or while
/// the step before is sent, and then it counts only when the two have no product in common.
pub(super) async fn prepare(
    core: &Core,
    mode: &Mode,
    source: Source,
    from: &Cursor,
    limit: usize,
) -> Result<Prepared, StepError> {
    let mut page = Page::read(core, source, from, limit).await?;
    Ok(Prepared {
        next: page.next.take(),
        aboard: page.ids(),
        last: page.last.take(),
        content: if page.is_unsure() {
            Content::Unsure(page)
        } else {
            Content::Sorted(Box::new(Sorter { core, mode }.sort(page).await?))
        },
    })
}

/// Does one step, inside a turn of the lane.
pub(super) async fn deliver(
    core: &Core,
    live: &Live,
    evidence: &Evidence,
    mode: &Mode,
    prepared: &mut Prepared,
    deletions: &mut Deletions,
) -> Result<Delivered, StepError> {
    let step = Step {
        core,
        live,
        evidence,
        mode,
    };
    let content = std::mem::replace(&mut prepared.content, Content::Sorted(Box::default()));
    let sorted = match content {
        Content::Sorted(sorted) => *sorted,
        Content::Unsure(mut page) => {
            deletions.finish().await?;
            page.look_again(core).await?;
            prepared.aboard.extend(page.ids());
            Sorter { core, mode }.sort(page).await?
        }
    };
    step.send(sorted, &prepared.aboard, prepared.last.take(), deletions)
        .await
}

impl Sorter<'_> {
    async fn sort(&self, page: Page) -> Result<Sorted, StepError> {
        let mut sorted = Sorted {
            waiting: page.locked,
            ..Sorted::default()
        };
        self.sort_candidates(page.candidates, &mut sorted).await?;
        self.sort_gone(page.gone, &mut sorted).await?;
        self.sort_respelled(page.respelled, &mut sorted).await?;
        let updates = sorted
            .parcels
            .iter()
            .filter(|p| p.route == Route::Update)
            .count();
        if updates > self.core.options.bulk_threshold {
            for parcel in &mut sorted.parcels {
                if parcel.route == Route::Update {
                    parcel.route = Route::Batch;
                }
            }
        }
        Ok(sorted)
    }

    async fn sort_candidates(
        &self,
        candidates: Vec<Candidate>,
        sorted: &mut Sorted,
    ) -> Result<(), StepError> {
        let ids = candidates.iter().map(|c| c.row.id.clone()).collect();
        let known = self.core.journal.known(ids).await?;
        for (candidate, known) in candidates.into_iter().zip(known) {
            self.sort_one(candidate, known, sorted);
        }
        Ok(())
    }

    fn sort_one(&self, candidate: Candidate, known: Known, sorted: &mut Sorted) {
        let Candidate { row, changes } = candidate;
        if let Mode::Everything { already, .. } = self.mode
            && already.contains(&row.id)
        {
            return;
        }
        let item = match Item::new(&row) {
            Ok(item) => item,
            Err(problem) => {
                // Our own refusal: no request is needed to know that it cannot be sent.
                let digest = Digest::of(problem.0.as_bytes()).0;
                self.core.waits.clear(&row.id);
                sorted.settled.extend(changes);
                sorted.through.push(row.id.clone());
                if known.parked == Some(digest) && !known.retry {
                    sorted.unchanged += 1;
                } else {
                    sorted.refusals.push((row.id.clone(), problem.0.clone()));
                    let parking = parking(row.id, digest, &problem.0);
                    sorted.settlement.parked.push(parking);
                }
                return;
            }
        };
        let digest = item.digest.0;
        let still_parked = known.parked == Some(digest) && !known.retry;
        if still_parked || self.is_equal(&item, &known) {
            self.core.waits.clear(&item.id);
            sorted.through.push(item.id.clone());
            if known.parked.is_some() && !still_parked {
                sorted.settlement.unparked.push(item.id);
            }
            sorted.settled.extend(changes);
            sorted.unchanged += 1;
            return;
        }
        // An upload passes by each product once, and must not pass by one that waits.
        if !self.mode.sends_all() && !self.core.waits.is_ready(&item.id) {
            sorted.waiting += 1;
            return;
        }
        let strikes = self.core.waits.strikes(&item.id, item.digest);
        let route = if strikes.alone > 0 {
            Route::Alone
        } else if self.is_update(&known) {
            Route::Update
        } else {
            Route::Batch
        };
        if known.removed {
            sorted.settlement.returned.push(item.id.clone());
        }
        sorted.parcels.push(Parcel {
            item,
            route,
            strikes,
        });
        sorted.before.push(Before {
            doubt: known.doubt,
            removed: known.removed,
        });
        sorted.changes.push(changes);
    }

    fn is_equal(&self, item: &Item, known: &Known) -> bool {
        !self.mode.sends_all()
            && known.doubt == Doubt::None
            && known.published == Some(item.digest.0)
            && !known.retry
    }

    fn is_update(&self, known: &Known) -> bool {
        !self.mode.sends_all() && known.published.is_some() && known.doubt == Doubt::None
    }

    async fn sort_gone(&self, gone: Vec<Gone>, sorted: &mut Sorted) -> Result<(), StepError> {
        let ids = gone.iter().map(|gone| gone.key.clone()).collect();
        let known = self.core.journal.known(ids).await?;
        for (gone, known) in gone.into_iter().zip(known) {
            sorted.settled.extend(gone.changes);
            self.core.waits.clear(&gone.key);
            if known.may_be_at_digible() || (!gone.born && !known.removed) {
                sorted.settlement.removed.push(gone.key);
                continue;
            }
            sorted.unchanged += 1;
            if known.parked.is_some() {
                sorted.settlement.unparked.push(gone.key);
            }
        }
        Ok(())
    }

    /// An old spelling of a key is a product of its own at Digible.
    async fn sort_respelled(
        &self,
        keys: Vec<ProductId>,
        sorted: &mut Sorted,
    ) -> Result<(), StepError> {
        let known = self.core.journal.known(keys.clone()).await?;
        for (key, known) in keys.into_iter().zip(known) {
            self.core.waits.clear(&key);
            if known.may_be_at_digible() {
                sorted.settlement.removed.push(key);
            } else if known.parked.is_some() {
                sorted.settlement.unparked.push(key);
            }
        }
        Ok(())
    }
}

impl Step<'_> {
    async fn send(
        &self,
        sorted: Sorted,
        aboard: &HashSet<ProductId>,
        cursor: Option<ProductId>,
        deletions: &mut Deletions,
    ) -> Result<Delivered, StepError> {
        let Sorted {
            parcels,
            before,
            mut changes,
            mut settlement,
            mut settled,
            unchanged,
            waiting,
            mut refusals,
            mut through,
        } = sorted;
        let removed = settlement.removed.len() as u64;
        let counted = parcels.len() as u64 + waiting + unchanged + removed + refusals.len() as u64;
        self.live.update(|run| {
            run.total = run.total.max(run.done + counted);
            run.unchanged += unchanged;
            run.removed += removed;
            run.done += unchanged + removed + refusals.len() as u64;
        });
        let blank = self.blank();
        (settlement.sent_at, settlement.landing_time) = (blank.sent_at, blank.landing_time);
        settlement.upload = blank.upload;
        let ids: Vec<_> = parcels
            .iter()
            .map(|parcel| parcel.item.id.clone())
            .collect();
        let sent: HashSet<_> = ids.iter().cloned().collect();
        if !ids.is_empty() {
            self.core.journal.hand_over(ids).await?;
        }
        // Of a walk, the page may be the whole shop: who is equal may be asked as a witness.
        let aboard = match self.mode {
            Mode::Compared(_) => &sent,
            Mode::Changed | Mode::Everything { .. } => aboard,
        };
        let courier = Courier::new(self.core, self.live, self.evidence, aboard.iter().collect());
        let recorder = Recorder {
            core: self.core,
            parcels: &parcels,
            changes: &mut changes,
            blank,
            deletions,
        };
        let (tell, acknowledged) = mpsc::unbounded_channel();
        let (back, recorded) =
            tokio::join!(courier.deliver(&parcels, tell), recorder.run(acknowledged));
        recorded?;
        let back = back?;
        let mut delivered = Delivered {
            halt: back.halt,
            deferred: waiting,
            ..Delivered::default()
        };
        let may_park = self
            .may_park(&back.fortunes, aboard, &mut delivered)
            .await?;
        let mut left_over = Vec::new();
        let jitter = Jitter::draw();
        let mut passed = false;
        let senders = parcels.into_iter().zip(before).zip(changes);
        for (((parcel, before), changes), fortune) in senders.zip(back.fortunes) {
            let doubt = before.doubt;
            // Digible may have it from before it was removed, and nothing else says so any more.
            let fortune = if before.removed {
                fortune.doubtful()
            } else {
                fortune
            };
            let fortune = if may_park { fortune } else { fortune.put_off() };
            match fortune {
                // Recorded already.
                Fortune::Acknowledged => {
                    passed = true;
                    self.core.waits.clear(&parcel.item.id);
                    through.push(parcel.item.id);
                }
                Fortune::Refused { reason, fate, .. } => {
                    self.core.waits.clear(&parcel.item.id);
                    settled.extend(changes);
                    let Settlement {
                        untouched, lost, ..
                    } = &mut settlement;
                    note_fate(untouched, lost, parcel.item.id.clone(), fate, doubt);
                    through.push(parcel.item.id.clone());
                    self.live.update(|run| run.done += 1);
                    let digest = parcel.item.digest.0;
                    let parking = parking(parcel.item.id.clone(), digest, &reason);
                    settlement.parked.push(parking);
                    refusals.push((parcel.item.id, reason));
                }
                Fortune::Deferred {
                    reason,
                    fate,
                    wait,
                    strikes,
                } => {
                    let digest = Some(parcel.item.digest);
                    self.core
                        .waits
                        .defer(&parcel.item.id, digest, strikes, wait, jitter);
                    note_fate(
                        &mut left_over,
                        &mut settlement.lost,
                        parcel.item.id,
                        fate,
                        doubt,
                    );
                    delivered.deferred += 1;
                    delivered.reason = Some(reason);
                }
                Fortune::Kept { fate } => {
                    note_fate(
                        &mut left_over,
                        &mut settlement.lost,
                        parcel.item.id,
                        fate,
                        doubt,
                    );
                    delivered.deferred += 1;
                }
            }
        }
        settlement.progress = self.progress(&delivered, cursor);
        if settlement.progress.is_none() {
            settlement.untouched.extend(left_over);
        }
        delivered.progressed = passed || !settled.is_empty() || !settlement.parked.is_empty();
        delivered.through = through;
        self.live.update(|run| {
            for (id, reason) in &refusals {
                run.refuse(id, reason);
            }
        });
        self.core.journal.settle(settlement).await?;
        deletions.begin(settled).await;
        self.core
            .note_digible(passed, delivered.halt.as_ref(), delivered.reason.as_deref());
        Ok(delivered)
    }

    /// Whether products that Digible refuses may be parked: only with the proof that others pass.
    async fn may_park(
        &self,
        fortunes: &[Fortune],
        aboard: &HashSet<ProductId>,
        delivered: &mut Delivered,
    ) -> Result<bool, StepError> {
        let refused = fortunes.iter().find_map(|fortune| match fortune {
            Fortune::Refused { reason, .. } => Some(reason.clone()),
            _ => None,
        });
        let Some(reason) = refused else {
            return Ok(false);
        };
        if matches!(delivered.halt, Some(Halt::Refuses(_))) {
            return Ok(false);
        }
        if self.evidence.has_proof() {
            return Ok(true);
        }
        if self.live.cancel.is_cancelled() {
            return Ok(false);
        }
        match witness::ask(
            self.core,
            self.live,
            self.evidence,
            &aboard.iter().collect(),
        )
        .await?
        {
            Testimony::Passes => {
                self.evidence.batch_passed();
                Ok(true)
            }
            Testimony::Absent | Testimony::Refused(_) => {
                delivered.halt = Some(Halt::Refuses(reason));
                Ok(false)
            }
            Testimony::Unclear(halt) => {
                delivered.halt = delivered.halt.take().or(Some(halt));
                Ok(false)
            }
        }
    }

    /// An upload goes on behind this page only when nothing stopped it. Products of the page that are
    /// left over then stay in doubt, so that they are found again even after a crash.
    fn progress(&self, delivered: &Delivered, cursor: Option<ProductId>) -> Option<UploadProgress> {
        if !self.mode.sends_all() {
            return None;
        }
        let (None, Some(cursor)) = (&delivered.halt, cursor) else {
            return None;
        };
        Some(UploadProgress {
            cursor,
            done: self.live.now().done,
        })
    }

    /// An empty settlement of this step, which begins to send now.
    fn blank(&self) -> Settlement {
        Settlement {
            upload: match self.mode {
                Mode::Everything { number, .. } => Some(*number),
                Mode::Changed | Mode::Compared(_) => None,
            },
            ..self.core.settlement()
        }
    }
}

fn parking(id: ProductId, digest: DigestBytes, reason: &str) -> Parking {
    Parking {
        id,
        digest,
        reason: shortened(reason, LONGEST_REASON),
    }
}

/// Notes what became of a product that was not acknowledged; `untouched` gets those that Digible did
/// not see, with their doubt as it was before.
fn note_fate(
    untouched: &mut Vec<(ProductId, Doubt)>,
    lost: &mut Vec<ProductId>,
    id: ProductId,
    fate: Fate,
    before: Doubt,
) {
    match fate {
        Fate::NotApplied => untouched.push((id, before)),
        Fate::MayStillLand => lost.push(id),
        // It stays in doubt: its next acknowledgement settles it.
        Fate::Unknown => {}
    }
}
