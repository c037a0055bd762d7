//! One step: decides which products of a page need sending, sends them, and records the answers.
//!
//! The guarantees depend on its order. One commit records what was found out without Digible, and which products are
//! about to be sent; only then is anything sent. Acknowledgements are recorded as they arrive, and everything else at
//! the end. A change is deleted only after the commit that records the outcome for its product, and nothing that a
//! commit depends on is recorded later than the commit.

use std::collections::HashSet;

use shopmaster_base::SPAN_TARGET;
use shopmaster_catalog::ChangeIdentity;
use shopmaster_digible::Fate;
use shopmaster_health::run::{Count, shortened};
use shopmaster_journal::{InFlight, Landing, Settled, UploadProgress};
use shopmaster_product::ProductId;
use tokio::sync::mpsc;
use tracing::{Instrument as _, info_span};

use super::{
    ack_queue::AckQueue,
    backoff::Jitter,
    canary::{self, CanaryResult},
    core::Core,
    dispatch::{Delivery, Dispatched, Dispatcher, Outgoing, landing},
    doubt::put_in_doubt,
    endpoint_health::EndpointHealth,
    mode::Mode,
    page::{Cursor, Page, Source},
    plan::{MAX_REASON_CHARS, Plan},
    recorder::Recorder,
    run_handle::RunHandle,
    stop_reason::{StepError, StopReason},
};

/// The reason that is shown for a product whose row could not be read.
const LOCKED_REASON: &str = "another program keeps the row locked";

/// The result of a step.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    /// Why sending stopped before everything was sent.
    pub(super) stop_reason: Option<StopReason>,
    /// Products that wait for another try.
    pub(super) deferred: u64,
    /// Those of them whose rows the shop's own programs keep locked.
    pub(super) locked: u64,
    /// Why one of them waits.
    pub(super) reason: Option<String>,
    /// Products that are dealt with; an upload leaves them out when it tries the rest of the page again.
    pub(super) processed: Vec<ProductId>,
    /// The step acknowledged, refused or found out something.
    pub(super) progressed: bool,
    /// Products that differ from what Digible acknowledged, and are not sent in this mode.
    pub(super) differing: Vec<ProductId>,
}

/// A page that was read and that no step has worked on yet.
pub(super) struct Prepared {
    /// Where the next page begins; none at the end.
    pub(super) next: Option<Cursor>,
    /// All products that the page is about.
    pub(super) ids: HashSet<ProductId>,
    /// The last key of the page, after which an upload resumes.
    last: Option<ProductId>,
    state: PageState,
}

enum PageState {
    /// Has keys that had no row and must be looked up again.
    Unconfirmed(Page),
    /// Ready to be sent.
    Planned(Box<Plan>),
}

struct Step<'a> {
    core: &'a Core,
    handle: &'a RunHandle,
    endpoint_health: &'a EndpointHealth,
    mode: &'a Mode,
}

/// What is recorded once all requests are answered: everything except acknowledgements.
#[derive(Default)]
struct Remainder {
    settled: Vec<Settled>,
    /// Changes of refused products: dealt with once the refusals are recorded.
    changes: Vec<ChangeIdentity>,
    refusals: Vec<(ProductId, String)>,
    has_acknowledged: bool,
}

/// Reads a page and plans what to do with it. This happens under the step lock, or while the previous page is sent;
/// in that case the page may only be used if the two have no product in common.
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
        ids: page.ids(),
        last: page.last.take(),
        state: if page.has_missing() {
            PageState::Unconfirmed(page)
        } else {
            PageState::Planned(Box::new(Plan::of(core, mode, page).await?))
        },
    })
}

/// Does one step. The step lock must be held.
pub(super) async fn deliver(
    core: &Core,
    handle: &RunHandle,
    endpoint_health: &EndpointHealth,
    mode: &Mode,
    prepared: &mut Prepared,
    ack_queue: &mut AckQueue,
) -> Result<Delivered, StepError> {
    let step = Step {
        core,
        handle,
        endpoint_health,
        mode,
    };
    let state = std::mem::replace(&mut prepared.state, PageState::Planned(Box::default()));
    let plan = match state {
        PageState::Planned(plan) => *plan,
        PageState::Unconfirmed(mut page) => {
            ack_queue.finish().await?;
            page.look_up_missing(core).await?;
            prepared.ids.extend(page.ids());
            Plan::of(core, mode, page).await?
        }
    };
    let span = info_span!(target: SPAN_TARGET, "step", products = plan.outgoing.len());
    let stepping = step.run(plan, prepared.last.take(), ack_queue);
    stepping.instrument(span).await
}

impl Step<'_> {
    /// The order of the module's documentation: hand over, send and record acknowledgements, decide what may be
    /// parked, record the rest.
    async fn run(
        &self,
        mut plan: Plan,
        cursor: Option<ProductId>,
        ack_queue: &mut AckQueue,
    ) -> Result<Delivered, StepError> {
        self.count(&plan);
        // The page may be the whole shop: a product of it that is not sent in this step may serve as a canary.
        let sent: HashSet<_> = plan.ids().into_iter().collect();
        let has_found = !plan.found.is_empty() || !plan.settled.is_empty();
        let mut in_flight = self.hand_over(&mut plan, ack_queue).await?;
        let logins = self.core.cloud.logins();
        let dispatched = self
            .send(&mut plan, &sent, &mut in_flight, ack_queue)
            .await?;
        let locked = std::mem::take(&mut plan.locked);
        let mut delivered = Delivered {
            stop_reason: dispatched.stop_reason,
            deferred: plan.waiting,
            locked: locked.len() as u64,
            processed: std::mem::take(&mut plan.processed),
            differing: std::mem::take(&mut plan.differing),
            ..Delivered::default()
        };
        let has_proof = self
            .find_proof(
                &plan.outgoing,
                &dispatched.deliveries,
                &sent,
                &mut delivered,
            )
            .await?;
        let is_same_session = self.core.cloud.logins() == logins;
        // What was refused before a login may have been refused because of the session.
        let may_park = has_proof && is_same_session;
        let mut remainder = self.remainder(plan, dispatched.deliveries, may_park, &mut delivered);
        if self.mode.sends_all() {
            remainder.leave_unread(locked);
        }
        let progress = self.progress(&delivered, cursor);
        if progress.is_some() {
            // The cursor moves past them. In doubt, they are found again, even after a crash.
            remainder.leave_in_doubt();
        }
        delivered.progressed =
            remainder.has_acknowledged || has_found || !remainder.refusals.is_empty();
        self.core
            .journal
            .settle(in_flight, remainder.settled, progress)
            .await?;
        self.queue_differing(&delivered).await?;
        if !is_same_session && (has_proof || remainder.has_acknowledged) {
            // The session had ended, perhaps long ago: what failed under it need not wait any longer.
            self.core.retry_queue.clear_all();
        }
        self.show(&remainder.refusals);
        ack_queue.begin(remainder.changes).await;
        self.core.note_digible(
            remainder.has_acknowledged,
            delivered.stop_reason.as_ref(),
            delivered.reason.as_deref(),
        );
        // Only now, because a locked row says nothing about Digible.
        if delivered.locked > 0 {
            delivered
                .reason
                .get_or_insert_with(|| LOCKED_REASON.to_owned());
        }
        Ok(delivered)
    }

    /// One commit records what was found out without Digible and which products are about to be sent. Then the
    /// changes that are dealt with by that are deleted.
    async fn hand_over(
        &self,
        plan: &mut Plan,
        ack_queue: &mut AckQueue,
    ) -> Result<InFlight, StepError> {
        let mut ids = plan.ids();
        if self.mode.sends_all() {
            // The cursor moves past locked rows that were never read. In doubt, they are found again.
            ids.extend(plan.locked.iter().cloned());
        }
        let found = std::mem::take(&mut plan.found);
        let in_flight = self
            .core
            .journal
            .hand_over(found, ids, self.mode.upload())
            .await?;
        self.show(&plan.refusals);
        ack_queue.begin(std::mem::take(&mut plan.settled)).await;
        Ok(in_flight)
    }

    /// Sends the products, and records acknowledgements while other requests are under way.
    async fn send(
        &self,
        plan: &mut Plan,
        sent: &HashSet<ProductId>,
        in_flight: &mut InFlight,
        ack_queue: &mut AckQueue,
    ) -> Result<Dispatched, StepError> {
        let dispatcher = Dispatcher::new(
            self.core,
            self.handle,
            self.endpoint_health,
            sent.iter().collect(),
        );
        let recorder = Recorder {
            core: self.core,
            outgoing: &plan.outgoing,
            changes: &mut plan.changes,
            changed_at: &plan.changed_at,
            in_flight,
            ack_queue,
        };
        let (report, acknowledged) = mpsc::unbounded_channel();
        let (dispatched, recorded) = tokio::join!(
            dispatcher.deliver(&plan.outgoing, report),
            recorder.run(acknowledged)
        );
        recorded?;
        dispatched
    }

    /// A verify that asks nothing puts what differs in doubt page by page.
    async fn queue_differing(&self, delivered: &Delivered) -> Result<(), StepError> {
        if let Mode::Inspected(inspection) = self.mode
            && inspection.queues_at_once()
            && !delivered.differing.is_empty()
        {
            put_in_doubt(self.core, delivered.differing.clone()).await?;
        }
        Ok(())
    }

    /// Counts what needs no sending, each product once.
    fn count(&self, plan: &Plan) {
        let unsent = plan.unchanged + plan.still_parked + plan.removed + plan.refusals.len() as u64;
        let counted = unsent + plan.waiting + plan.outgoing.len() as u64;
        self.handle.update(|run| {
            run.expect(counted);
            run.count(Count::Unchanged, plan.unchanged);
            run.count(Count::StillRefused, plan.still_parked);
            run.count(Count::Removed, plan.removed);
        });
    }

    fn show(&self, refusals: &[(ProductId, String)]) {
        if refusals.is_empty() {
            return;
        }
        self.handle.update(|run| {
            for (id, reason) in refusals {
                run.refuse(id, reason);
            }
        });
    }

    /// The outcomes that the recorder has not recorded. Without `may_park`, refused products are retried later.
    fn remainder(
        &self,
        plan: Plan,
        deliveries: Vec<Delivery>,
        may_park: bool,
        delivered: &mut Delivered,
    ) -> Remainder {
        let mut remainder = Remainder::default();
        let jitter = Jitter::draw();
        let outgoing = plan.outgoing.into_iter().zip(plan.changes);
        for ((product, changes), delivery) in outgoing.zip(deliveries) {
            let (id, digest) = (product.item.id, product.item.digest);
            let delivery = if may_park {
                delivery
            } else {
                delivery.put_off()
            };
            let (landing, refused) = match delivery {
                // The recorder has recorded it.
                Delivery::Acknowledged { .. } => {
                    remainder.has_acknowledged = true;
                    self.core.retry_queue.clear(&id);
                    delivered.processed.push(id);
                    continue;
                }
                Delivery::Refused { reason, fate, .. } => {
                    self.core.retry_queue.clear(&id);
                    remainder.changes.extend(changes);
                    delivered.processed.push(id.clone());
                    let kept = shortened(&reason, MAX_REASON_CHARS);
                    remainder.refusals.push((id.clone(), reason));
                    (landing(fate), Some((digest.0, kept)))
                }
                Delivery::Deferred {
                    reason,
                    fate,
                    wait,
                    strikes,
                } => {
                    let retry_queue = &self.core.retry_queue;
                    retry_queue.defer(&id, Some(digest), strikes, wait, jitter);
                    delivered.deferred += 1;
                    delivered.reason = Some(reason);
                    (landing(fate), None)
                }
                Delivery::NotSent { fate } => {
                    delivered.deferred += 1;
                    (landing(fate), None)
                }
            };
            remainder.settled.push(Settled {
                id,
                landing,
                refused,
            });
        }
        remainder
    }

    /// Whether there is proof that Digible accepts other products, without which a refused one is not parked. If need
    /// be, a canary is sent; when it fails, that becomes the stop reason.
    async fn find_proof(
        &self,
        outgoing: &[Outgoing],
        deliveries: &[Delivery],
        sent: &HashSet<ProductId>,
        delivered: &mut Delivered,
    ) -> Result<bool, StepError> {
        let refused = deliveries.iter().find_map(|delivery| match delivery {
            Delivery::Refused { reason, fate, .. } => Some((reason.clone(), *fate)),
            _ => None,
        });
        let Some((reason, fate)) = refused else {
            return Ok(false);
        };
        if matches!(delivered.stop_reason, Some(StopReason::Refuses(_))) {
            return Ok(false);
        }
        if self.endpoint_health.has_proof() {
            return Ok(true);
        }
        if self.handle.cancel.is_cancelled() {
            return Ok(false);
        }
        let sent = sent.iter().collect();
        let mut result =
            canary::send_any(self.core, self.handle, self.endpoint_health, &sent).await?;
        if let CanaryResult::Absent = result {
            // A product that Digible acknowledged in this very step is as good.
            let mut deliveries = outgoing.iter().zip(deliveries);
            let accepted = deliveries.find(|(_, it)| matches!(it, Delivery::Acknowledged { .. }));
            if let Some((product, _)) = accepted {
                result = canary::send(self.core, self.handle, self.endpoint_health, &product.item)
                    .await?;
            }
        }
        match result {
            CanaryResult::Passes => Ok(true),
            CanaryResult::Absent | CanaryResult::Refused(_) => {
                // A web page in place of an answer is not a refusal.
                delivered.stop_reason = Some(match fate {
                    Fate::MayStillLand => StopReason::Unreachable(reason),
                    Fate::NotApplied | Fate::Unknown => StopReason::Refuses(reason),
                });
                Ok(false)
            }
            CanaryResult::Unclear(stop_reason) | CanaryResult::Broken(stop_reason) => {
                delivered.stop_reason = delivered.stop_reason.take().or(Some(stop_reason));
                Ok(false)
            }
        }
    }

    /// An upload moves past this page only if nothing stopped the step.
    fn progress(&self, delivered: &Delivered, cursor: Option<ProductId>) -> Option<UploadProgress> {
        if !self.mode.sends_all() {
            return None;
        }
        let (None, Some(cursor)) = (&delivered.stop_reason, cursor) else {
            return None;
        };
        Some(UploadProgress {
            cursor,
            done: self.handle.now().done,
        })
    }
}

impl Remainder {
    /// Leaves products in doubt that could not be read, so that it is unknown whether Digible has them as they are.
    fn leave_unread(&mut self, ids: Vec<ProductId>) {
        self.settled.extend(ids.into_iter().map(|id| Settled {
            id,
            landing: Landing::Answered,
            refused: None,
        }));
    }

    /// Leaves in doubt what was neither acknowledged nor refused.
    fn leave_in_doubt(&mut self) {
        for product in &mut self.settled {
            if product.landing == Landing::Nothing && product.refused.is_none() {
                product.landing = Landing::Answered;
            }
        }
    }
}
