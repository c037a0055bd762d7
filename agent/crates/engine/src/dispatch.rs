//! Sends a step's products to Digible, several requests at once, and gives the result for each product.

mod delivery;
mod group;
mod suspect;

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use shopmaster_digible::{Answer, Fate, Item, Rejection};
use shopmaster_health::run::Count;
use shopmaster_product::ProductId;
use tokio::sync::mpsc::UnboundedSender;

use super::{
    core::Core,
    endpoint_health::EndpointHealth,
    retry_queue::Strikes,
    run_handle::RunHandle,
    stop_reason::{StepError, StopReason},
};
use group::{Group, jobs};

pub(super) use delivery::{Delivery, landing};

/// A body that failed this often, in a way that may be its own fault, counts as refused if Digible accepts others.
pub(super) const MAX_STRIKES: u8 = 3;

/// After this many unreadable answers in a row, Digible is at fault and not the products.
const MAX_UNREADABLE: usize = 2;

/// One product to be sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) item: Item,
    pub(super) route: Route,
    pub(super) strikes: Strikes,
}

/// Through which endpoint a product is sent, and whether with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// Alone, through the update endpoint.
    Update,
    /// With others, through the batch endpoint.
    Batch,
    /// Alone, through the batch endpoint.
    Alone,
}

/// Sends the products of one step.
pub(super) struct Dispatcher<'a> {
    core: &'a Core,
    handle: &'a RunHandle,
    endpoint_health: &'a EndpointHealth,
    step_ids: HashSet<&'a ProductId>,
    stop_reason: Mutex<Option<StopReason>>,
    failure: Mutex<Option<StepError>>,
    /// Held while a canary is sent, so that requests that fail together send only one.
    canary_lock: tokio::sync::Mutex<()>,
    /// The index of a product that the batch endpoint acknowledged in this step.
    accepted: Mutex<Option<usize>>,
}

/// A product that Digible acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepted {
    /// Its place among the products of the step.
    pub(super) index: usize,
    /// What may have become of earlier requests of this step.
    pub(super) earlier: Fate,
}

/// The results of a step's requests.
pub(super) struct Dispatched {
    /// One for each product, in the same order.
    pub(super) deliveries: Vec<Delivery>,
    pub(super) stop_reason: Option<StopReason>,
}

/// Results of one request or more, each with the product's place among the products of the step.
type Reports = Vec<(usize, Delivery)>;

impl<'a> Dispatcher<'a> {
    pub(super) fn new(
        core: &'a Core,
        handle: &'a RunHandle,
        endpoint_health: &'a EndpointHealth,
        step_ids: HashSet<&'a ProductId>,
    ) -> Self {
        Self {
            core,
            handle,
            endpoint_health,
            step_ids,
            stop_reason: Mutex::new(None),
            failure: Mutex::new(None),
            canary_lock: tokio::sync::Mutex::new(()),
            accepted: Mutex::new(None),
        }
    }

    /// Sends all products, with as many requests at once as `flow` allows. Each acknowledgement goes to `acknowledged`
    /// immediately; sending stops when the recorder no longer receives them.
    pub(super) async fn deliver(
        self,
        outgoing: &[Outgoing],
        acknowledged: UnboundedSender<Vec<Accepted>>,
    ) -> Result<Dispatched, StepError> {
        let mut deliveries = vec![Delivery::NOT_SENT; outgoing.len()];
        let mut note = |reports: Reports| self.note(reports, &mut deliveries, &acknowledged);
        let mut jobs = jobs(outgoing, self.core.options.batch_size).into_iter();
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < self.core.flow.limit()
                && let Some(job) = jobs.next()
            {
                under_way.push(self.send(outgoing, job));
            }
            let Some(reports) = under_way.next().await else {
                break;
            };
            note(reports);
        }
        drop(under_way);
        if let Some(failure) = take(&self.failure) {
            return Err(failure);
        }
        let cut_short = self.handle.cancel.is_cancelled()
            && deliveries
                .iter()
                .any(|delivery| matches!(delivery, Delivery::NotSent { .. }));
        Ok(Dispatched {
            stop_reason: take(&self.stop_reason).or(cut_short.then_some(StopReason::Cancelled)),
            deliveries,
        })
    }

    /// Notes the results of one job.
    fn note(
        &self,
        reports: Reports,
        deliveries: &mut [Delivery],
        acknowledged: &UnboundedSender<Vec<Accepted>>,
    ) {
        let accepted = accepted(&reports);
        self.handle
            .update(|run| run.count(Count::Sent, accepted.len() as u64));
        if acknowledged.send(accepted).is_err() {
            self.stop(StopReason::Cancelled);
        }
        for (index, delivery) in reports {
            if let Some(place) = deliveries.get_mut(index) {
                *place = delivery;
            }
        }
    }

    /// Sends one job: a request, and the requests that follow from its answer.
    async fn send(&self, outgoing: &[Outgoing], job: Vec<usize>) -> Reports {
        match job.as_slice() {
            [index] if outgoing.get(*index).is_some_and(Outgoing::is_update) => {
                self.update(outgoing, *index).await
            }
            _ => self.batch(outgoing, job, Fate::NotApplied).await,
        }
    }

    /// Sends one product through the update endpoint. If that refuses it, the product is tried once as a create.
    async fn update(&self, outgoing: &[Outgoing], index: usize) -> Reports {
        let Some(product) = outgoing.get(index) else {
            return Vec::new();
        };
        if self.is_stopped() {
            return vec![(index, Delivery::NOT_SENT)];
        }
        self.count_request();
        let mut strikes = product.strikes;
        let request = self.core.cloud.send_update(&product.item);
        let delivery = match self.core.request(request).await {
            Answer::Acknowledged => {
                self.endpoint_health.update_accepted();
                Delivery::ACKNOWLEDGED
            }
            Answer::Refused { .. } | Answer::Partly { .. } | Answer::Missing { .. } => {
                return self.batch(outgoing, vec![index], Fate::NotApplied).await;
            }
            Answer::TooLarge { reason } => Delivery::Refused {
                reason,
                fate: Fate::NotApplied,
                strikes,
            },
            Answer::Broken { reason, fate } => {
                strikes.update = strikes.update.saturating_add(1);
                // A request that may still land must not be overtaken by another one in this step.
                if strikes.update >= MAX_STRIKES && fate != Fate::MayStillLand {
                    return self.batch(outgoing, vec![index], fate).await;
                }
                self.fault(&reason);
                Delivery::Deferred {
                    reason,
                    fate,
                    wait: None,
                    strikes,
                }
            }
            other => self.later(other, strikes),
        };
        vec![(index, delivery)]
    }

    /// Sends products through the batch endpoint until each has a delivery. `fate` is what may have become of them
    /// before.
    ///
    /// Works off a stack of groups, one request at a time. `judge` says what an answer means for a group: a delivery
    /// for its products, or that it has to be sent again, in halves or once more. Halves are sent again until the
    /// products that Digible refuses are alone. An answer that may be about Digible rather than about products is
    /// followed by a canary, which stops the step if Digible accepts nothing.
    async fn batch(&self, outgoing: &[Outgoing], indices: Vec<usize>, fate: Fate) -> Reports {
        let mut reports = Vec::with_capacity(indices.len());
        let mut groups = vec![Group {
            indices,
            fate,
            is_last_try: false,
        }];
        while let Some(group) = groups.pop() {
            if self.is_stopped() {
                reports.extend(group.all(&Delivery::NOT_SENT));
                continue;
            }
            match self.send_group(outgoing, &group).await {
                GroupOutcome::All(delivery) => {
                    if delivery == Delivery::ACKNOWLEDGED {
                        *lock(&self.accepted) = group.indices.first().copied();
                    }
                    reports.extend(group.all(&delivery));
                }
                GroupOutcome::Named(refused) => {
                    reports.extend(self.named(outgoing, &group, &refused));
                }
                GroupOutcome::Each(delivery) => {
                    reports.extend(group.each(outgoing, |_, product| delivery(product.strikes)));
                }
                GroupOutcome::Split { fate, suspect } => {
                    if let Some(reason) = suspect
                        && !self.endpoint_health.has_proof()
                    {
                        // Splitting may take hundreds of requests, so first: is this about products at all?
                        self.suspect(outgoing, &reason).await;
                    }
                    groups.extend(group.halves(fate));
                }
                GroupOutcome::Again {
                    fate,
                    reason,
                    strikes,
                } => {
                    // Until another product is accepted, Digible alone may have been at fault.
                    self.suspect(outgoing, &reason).await;
                    if self.is_stopped() {
                        // The canary has not cleared Digible. The product waits for its own next try, so that
                        // others are sent before it.
                        reports.extend(group.all(&Delivery::Deferred {
                            reason,
                            fate,
                            wait: None,
                            strikes,
                        }));
                        continue;
                    }
                    groups.push(group.once_more(fate));
                }
            }
            if let Some(reason) = self.endpoint_health.suspicion() {
                self.suspect(outgoing, &reason).await;
            }
        }
        reports
    }

    /// Sends a group in one request, and judges the answer.
    async fn send_group(&self, outgoing: &[Outgoing], group: &Group) -> GroupOutcome {
        let members: Vec<&Outgoing> = group
            .indices
            .iter()
            .filter_map(|index| outgoing.get(*index))
            .collect();
        let items: Vec<&Item> = members.iter().map(|product| &product.item).collect();
        self.count_request();
        let answer = self.core.request(self.core.cloud.send_batch(&items)).await;
        self.judge(answer, &members, group.is_last_try)
    }

    /// Digible named the products that it refuses, and accepted the others.
    fn named(&self, outgoing: &[Outgoing], group: &Group, refused: &[Rejection]) -> Reports {
        self.endpoint_health.batch_accepted();
        let reports = group.each(outgoing, |place, product| {
            match refused.iter().find(|rejection| rejection.index == place) {
                Some(rejection) => Delivery::Refused {
                    reason: rejection.reason.clone(),
                    fate: Fate::NotApplied,
                    strikes: product.strikes,
                },
                None => Delivery::ACKNOWLEDGED,
            }
        });
        if let Some(last) = accepted(&reports).last() {
            *lock(&self.accepted) = Some(last.index);
        }
        reports
    }

    /// What the answer to a group means for it.
    fn judge(&self, answer: Answer, members: &[&Outgoing], is_last_try: bool) -> GroupOutcome {
        let alone = members.len() == 1;
        let strikes = members
            .first()
            .map(|product| product.strikes)
            .unwrap_or_default();
        match answer {
            Answer::Acknowledged => {
                self.endpoint_health.batch_accepted();
                GroupOutcome::All(Delivery::ACKNOWLEDGED)
            }
            Answer::TooLarge { .. } if !alone => GroupOutcome::Split {
                fate: Fate::Unknown,
                suspect: None,
            },
            Answer::Refused { reason } if !alone => {
                self.endpoint_health.refused(&reason);
                GroupOutcome::Split {
                    fate: Fate::Unknown,
                    suspect: None,
                }
            }
            Answer::Partly { refused, .. } if !alone => GroupOutcome::Named(refused),
            Answer::TooLarge { reason }
            | Answer::Refused { reason }
            | Answer::Partly { reason, .. } => {
                self.endpoint_health.refused(&reason);
                GroupOutcome::All(Delivery::Refused {
                    reason,
                    fate: Fate::NotApplied,
                    strikes,
                })
            }
            Answer::Missing { reason } => {
                self.stop(StopReason::Refuses(reason));
                GroupOutcome::All(Delivery::NOT_SENT)
            }
            Answer::Broken { reason, fate } => {
                self.judge_broken(reason, fate, members, is_last_try)
            }
            Answer::Retry {
                reason,
                wait: None,
                fate: fate @ (Fate::Unknown | Fate::MayStillLand),
            } => self.judge_lost(&reason, fate, members),
            other => {
                let delivery = self.later(other, strikes);
                GroupOutcome::Each(Box::new(move |strikes| delivery.with(strikes)))
            }
        }
    }

    /// An answer that may be one product's fault. After [`MAX_STRIKES`] for the same body, a group is split to find
    /// that product, and a product on its own is refused if Digible accepts others.
    fn judge_broken(
        &self,
        reason: String,
        fate: Fate,
        members: &[&Outgoing],
        is_last_try: bool,
    ) -> GroupOutcome {
        if let [only] = members {
            let mut strikes = only.strikes;
            strikes.alone = strikes.alone.saturating_add(1);
            if strikes.alone >= MAX_STRIKES && !is_last_try {
                self.endpoint_health.refused(&reason);
                return GroupOutcome::Again {
                    fate,
                    reason,
                    strikes,
                };
            }
            if strikes.alone >= MAX_STRIKES {
                return GroupOutcome::All(Delivery::Refused {
                    reason,
                    fate,
                    strikes,
                });
            }
            self.broken(&reason, fate);
            return GroupOutcome::All(Delivery::Deferred {
                reason,
                fate,
                wait: None,
                strikes,
            });
        }
        if members.iter().all(|product| product.strikes_out()) {
            self.endpoint_health.refused(&reason);
            return GroupOutcome::Split {
                fate,
                suspect: Some(reason),
            };
        }
        self.broken(&reason, fate);
        GroupOutcome::Each(Box::new(move |mut strikes| {
            strikes.grouped = strikes.grouped.saturating_add(1);
            Delivery::Deferred {
                reason: reason.clone(),
                fate,
                wait: None,
                strikes,
            }
        }))
    }

    /// A request without an answer from Digible itself, which says nothing about products as long as other requests get
    /// one. A group that got none [`MAX_STRIKES`] times while Digible accepts others is split to find the product that
    /// causes it. Such a product is sent alone from then on, and is never refused.
    fn judge_lost(&self, reason: &str, fate: Fate, members: &[&Outgoing]) -> GroupOutcome {
        let is_group = members.len() > 1;
        if is_group
            && members.iter().all(|product| product.strikes_out())
            && self.endpoint_health.has_proof()
        {
            return GroupOutcome::Split {
                fate,
                suspect: None,
            };
        }
        self.fault(reason);
        let reason = reason.to_owned();
        GroupOutcome::Each(Box::new(move |mut strikes| {
            match is_group {
                true => strikes.grouped = strikes.grouped.saturating_add(1),
                // From now on it is sent alone.
                false => strikes.alone = strikes.alone.max(1),
            }
            Delivery::Deferred {
                reason: reason.clone(),
                fate,
                wait: None,
                strikes,
            }
        }))
    }

    /// An answer that is not about these products: they are sent later.
    fn later(&self, answer: Answer, strikes: Strikes) -> Delivery {
        match answer {
            Answer::Retry { reason, wait, fate } => {
                match wait {
                    Some(wait) => self.stop(StopReason::Hold {
                        wait,
                        reason: reason.clone(),
                    }),
                    None => self.fault(&reason),
                }
                Delivery::Deferred {
                    reason,
                    fate,
                    wait,
                    strikes,
                }
            }
            Answer::Misconfigured { reason } => {
                self.stop(StopReason::Misconfigured(reason));
                Delivery::NOT_SENT
            }
            Answer::LoggedOut { reason } => {
                self.stop(StopReason::LoggedOut(reason));
                Delivery::NOT_SENT
            }
            Answer::Acknowledged
            | Answer::Partly { .. }
            | Answer::Refused { .. }
            | Answer::TooLarge { .. }
            | Answer::Missing { .. }
            | Answer::Broken { .. } => Delivery::NOT_SENT,
        }
    }

    /// A failed request. After as many in a row as there were requests at once, Digible counts as unreachable.
    fn fault(&self, reason: &str) {
        self.fail(reason, self.core.flow.proven());
    }

    /// An answer that cannot be used. If the request may still land, the answer could not be read and says nothing
    /// about products, so [`MAX_UNREADABLE`] of them are enough.
    fn broken(&self, reason: &str, fate: Fate) {
        match fate {
            Fate::MayStillLand => self.fail(reason, MAX_UNREADABLE),
            // A product on its own gets this answer several times before it counts as refused.
            Fate::NotApplied | Fate::Unknown => {
                self.fail(reason, self.core.options.max_in_flight);
            }
        }
    }

    /// Stops sending after `most` failures in a row, or after the first while the circuit breaker is open.
    fn fail(&self, reason: &str, most: usize) {
        let most = u32::try_from(most.max(2)).unwrap_or(u32::MAX);
        if self.endpoint_health.failed() >= most || self.core.flow.is_open() {
            self.stop(StopReason::Unreachable(reason.to_owned()));
        }
    }

    fn is_stopped(&self) -> bool {
        self.handle.cancel.is_cancelled() || lock(&self.stop_reason).is_some()
    }

    /// Stops sending. Of several reasons, the most telling one stays.
    fn stop(&self, stop_reason: StopReason) {
        let mut stopped = lock(&self.stop_reason);
        match (stopped.as_mut(), &stop_reason) {
            (None, _) => *stopped = Some(stop_reason),
            // Of several waits that Digible asked for, the longest counts.
            (Some(StopReason::Hold { wait, .. }), StopReason::Hold { wait: longer, .. }) => {
                *wait = (*wait).max(*longer);
            }
            // A time that Digible gives is better than a guess.
            (Some(StopReason::Unreachable(_)), StopReason::Hold { .. }) => {
                *stopped = Some(stop_reason);
            }
            // A reason that needs the user says more than one that may end without help.
            (Some(before), _) if before.is_passing() && !stop_reason.is_passing() => {
                *stopped = Some(stop_reason);
            }
            _ => {}
        }
    }

    fn count_request(&self) {
        self.handle.update(|run| run.requests += 1);
    }
}

/// What an answer means for the group that was sent.
enum GroupOutcome {
    /// The same delivery for all products.
    All(Delivery),
    /// A delivery for each product, by its strikes.
    Each(Box<dyn Fn(Strikes) -> Delivery + Send>),
    /// The named products are refused, all others acknowledged.
    Named(Vec<Rejection>),
    /// The product is sent once more, if Digible accepts others.
    Again {
        /// What may have become of this request.
        fate: Fate,
        /// Why it failed, which may not be about the product at all.
        reason: String,
        /// The product's strikes, this one included.
        strikes: Strikes,
    },
    /// Each half is sent in a request of its own.
    Split {
        /// What may have become of the whole.
        fate: Fate,
        /// Why it failed, if that may not be about products at all.
        suspect: Option<String>,
    },
}

impl Outgoing {
    /// Whether one more failure in a group makes [`MAX_STRIKES`].
    fn strikes_out(&self) -> bool {
        self.strikes.grouped.saturating_add(1) >= MAX_STRIKES
    }

    fn is_update(&self) -> bool {
        self.route == Route::Update
    }
}

fn lock<T>(place: &Mutex<T>) -> MutexGuard<'_, T> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The acknowledged products among them.
fn accepted(reports: &Reports) -> Vec<Accepted> {
    reports
        .iter()
        .filter_map(|(index, delivery)| match delivery {
            Delivery::Acknowledged { earlier } => Some(Accepted {
                index: *index,
                earlier: *earlier,
            }),
            _ => None,
        })
        .collect()
}

fn take<T>(place: &Mutex<Option<T>>) -> Option<T> {
    lock(place).take()
}
