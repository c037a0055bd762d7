//! Hands a step's products to Digible, concurrently, and says what became of each.

use shopmaster_digible::{Answer, Fate, Item, Rejection};
use shopmaster_health::run::Count;
use shopmaster_product::ProductId;

mod delivery;
mod suspect;

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::sync::mpsc::UnboundedSender;

use super::{
    core::Core,
    endpoint_health::EndpointHealth,
    retry_queue::Strikes,
    run_handle::RunHandle,
    stop_reason::{StepError, StopReason},
};

pub(super) use delivery::{Delivery, landing};

/// So often the same body may be answered with a fault that may be its own.
pub(super) const MAX_STRIKES: u8 = 3;

/// After so many answers in a row that cannot be read, it is not about products.
const MAX_UNREADABLE: usize = 2;

/// One product on its way.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) item: Item,
    pub(super) route: Route,
    pub(super) strikes: Strikes,
}

/// Which endpoint, and with whom.
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
    canary_lock: tokio::sync::Mutex<()>,
    /// One that the batch endpoint acknowledged in this step.
    passed: Mutex<Option<usize>>,
}

/// A product that Digible acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepted {
    /// Which one.
    pub(super) index: usize,
    /// What may have become of earlier requests of this step.
    pub(super) earlier: Fate,
}

/// What became of all products, in their order.
pub(super) struct Dispatched {
    pub(super) deliveries: Vec<Delivery>,
    pub(super) stop_reason: Option<StopReason>,
}

type Reports = Vec<(usize, Delivery)>;

/// Products that go into one request.
struct Group {
    indices: Vec<usize>,
    /// What may have become of them in a request before.
    fate: Fate,
    /// It failed often enough to be refused, and others pass.
    is_last_try: bool,
}

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
            passed: Mutex::new(None),
        }
    }

    /// Sends all products, as many requests at once as Digible bears. Tells which are acknowledged as soon as
    /// they are; stops sending when nobody records that.
    pub(super) async fn deliver(
        self,
        outgoing: &[Outgoing],
        acknowledged: UnboundedSender<Vec<Accepted>>,
    ) -> Result<Dispatched, StepError> {
        let mut deliveries = vec![Delivery::NOT_SENT; outgoing.len()];
        let mut note = |told: Reports| self.note(told, &mut deliveries, &acknowledged);
        let mut jobs = jobs(outgoing, self.core.options.batch_size).into_iter();
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < self.core.flow.limit()
                && let Some(job) = jobs.next()
            {
                under_way.push(self.send(outgoing, job));
            }
            let Some(told) = under_way.next().await else {
                break;
            };
            note(told);
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

    /// Notes what one request came to.
    fn note(
        &self,
        told: Reports,
        deliveries: &mut [Delivery],
        acknowledged: &UnboundedSender<Vec<Accepted>>,
    ) {
        let passed = passed(&told);
        self.handle
            .update(|run| run.count(Count::Sent, passed.len() as u64));
        if acknowledged.send(passed).is_err() {
            self.stop(StopReason::Cancelled);
        }
        for (index, delivery) in told {
            if let Some(place) = deliveries.get_mut(index) {
                *place = delivery;
            }
        }
    }

    /// One request, and those that follow from its answer.
    async fn send(&self, outgoing: &[Outgoing], job: Vec<usize>) -> Reports {
        match job.as_slice() {
            [index] if outgoing.get(*index).is_some_and(Outgoing::is_update) => {
                self.update(outgoing, *index).await
            }
            _ => self.batch(outgoing, job, Fate::NotApplied).await,
        }
    }

    /// One product through the update endpoint; refused there, it is tried once as a create.
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
        let delivery = match self.core.ask(request).await {
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
                // One that may still land must not be overtaken in this step.
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

    /// Products through the batch endpoint; a group that is refused is split until the guilty ones
    /// are alone. `fate` is what may have become of them before.
    async fn batch(&self, outgoing: &[Outgoing], indices: Vec<usize>, fate: Fate) -> Reports {
        let mut told = Vec::with_capacity(indices.len());
        let mut groups = vec![Group {
            indices,
            fate,
            is_last_try: false,
        }];
        while let Some(Group {
            indices,
            fate,
            is_last_try,
        }) = groups.pop()
        {
            if self.is_stopped() {
                told.extend(indices.into_iter().map(|i| (i, Delivery::NotSent { fate })));
                continue;
            }
            let members: Vec<&Outgoing> = indices.iter().filter_map(|i| outgoing.get(*i)).collect();
            let items: Vec<&Item> = members.iter().map(|product| &product.item).collect();
            self.count_request();
            let answer = self.core.ask(self.core.cloud.send_batch(&items)).await;
            match self.judge(answer, &members, is_last_try) {
                GroupOutcome::All(delivery) => {
                    if delivery == Delivery::ACKNOWLEDGED {
                        *lock(&self.passed) = indices.first().copied();
                    }
                    let delivery = delivery.after(fate);
                    told.extend(indices.into_iter().map(|index| (index, delivery.clone())));
                }
                GroupOutcome::Named(refused) => {
                    self.endpoint_health.batch_accepted();
                    for (place, (index, product)) in indices.into_iter().zip(members).enumerate() {
                        let rejection = refused.iter().find(|it| it.index == place);
                        let delivery = match rejection {
                            Some(rejection) => Delivery::Refused {
                                reason: rejection.reason.clone(),
                                fate: Fate::NotApplied,
                                strikes: product.strikes,
                            },
                            None => Delivery::ACKNOWLEDGED,
                        };
                        if rejection.is_none() {
                            *lock(&self.passed) = Some(index);
                        }
                        told.push((index, delivery.after(fate)));
                    }
                }
                GroupOutcome::Each(strike) => {
                    let each = indices
                        .into_iter()
                        .zip(members)
                        .map(|(index, product)| (index, strike(product.strikes).after(fate)));
                    told.extend(each);
                }
                GroupOutcome::Split {
                    fate: of_whole,
                    suspect,
                } => {
                    if let Some(reason) = suspect
                        && !self.endpoint_health.has_proof()
                    {
                        // Before hundreds of requests: is it about products at all?
                        self.suspect(outgoing, &reason).await;
                    }
                    let (first, second) = indices.split_at(indices.len() / 2);
                    // Some of a group that was refused as a whole may have been applied.
                    let fate = fate.max(of_whole).max(Fate::Unknown);
                    groups.extend([second, first].map(|half| Group {
                        indices: half.to_vec(),
                        fate,
                        is_last_try: false,
                    }));
                }
                GroupOutcome::Again {
                    fate: of_try,
                    reason,
                    strikes,
                } => {
                    // Whoever fails beside others that pass is tried once more: until then Digible alone may have
                    // been ill.
                    self.suspect(outgoing, &reason).await;
                    let fate = fate.max(of_try);
                    if self.is_stopped() {
                        // Nobody could tell. It waits its own time, so that others come before it.
                        let deferred = Delivery::Deferred {
                            reason,
                            fate,
                            wait: None,
                            strikes,
                        };
                        told.extend(indices.into_iter().map(|i| (i, deferred.clone())));
                        continue;
                    }
                    groups.push(Group {
                        indices,
                        fate,
                        is_last_try: true,
                    });
                }
            }
            if let Some(reason) = self.endpoint_health.suspicion() {
                self.suspect(outgoing, &reason).await;
            }
        }
        told
    }

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

    /// A fault that may be one product's: three times for the same body, and it is looked for.
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

    /// No answer of Digible's own, which is nobody's fault, as long as others get one: a group that is lost
    /// three times while others pass is looked through for the product that it is about. Alone, such a
    /// product is never refused.
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
                // From then on it travels alone.
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

    /// What is nobody's fault, or everybody's.
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

    /// After as many failures in a row as there were requests at once, it is not about products.
    fn fault(&self, reason: &str) {
        self.fail(reason, self.core.flow.proven());
    }

    /// An answer that cannot be read says nothing of products, so that more of them would not tell more.
    fn broken(&self, reason: &str, fate: Fate) {
        match fate {
            Fate::MayStillLand => self.fail(reason, MAX_UNREADABLE),
            // One product alone is answered so several times before it counts as refused.
            Fate::NotApplied | Fate::Unknown => {
                self.fail(reason, self.core.options.max_in_flight);
            }
        }
    }

    fn fail(&self, reason: &str, most: usize) {
        let most = u32::try_from(most.max(2)).unwrap_or(u32::MAX);
        if self.endpoint_health.failed() >= most || self.core.flow.is_open() {
            self.stop(StopReason::Unreachable(reason.to_owned()));
        }
    }

    fn is_stopped(&self) -> bool {
        self.handle.cancel.is_cancelled() || lock(&self.stop_reason).is_some()
    }

    fn stop(&self, stop_reason: StopReason) {
        let mut stopped = lock(&self.stop_reason);
        match (stopped.as_mut(), &stop_reason) {
            (None, _) => *stopped = Some(stop_reason),
            // The longest wait that Digible asked for counts.
            (Some(StopReason::Hold { wait, .. }), StopReason::Hold { wait: longer, .. }) => {
                *wait = (*wait).max(*longer);
            }
            // Digible says when: better than a guess.
            (Some(StopReason::Unreachable(_)), StopReason::Hold { .. }) => {
                *stopped = Some(stop_reason);
            }
            // What needs a person says more than what passes.
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

enum GroupOutcome {
    All(Delivery),
    Each(Box<dyn Fn(Strikes) -> Delivery + Send>),
    /// These places are refused, all others acknowledged.
    Named(Vec<Rejection>),
    /// It is sent once more, if Digible takes others.
    Again {
        /// What may have become of it.
        fate: Fate,
        /// Why it may not be about the product at all.
        reason: String,
        /// Against it by now.
        strikes: Strikes,
    },
    /// Each half is sent by itself.
    Split {
        /// What may have become of the whole.
        fate: Fate,
        /// Why it may not be about products at all.
        suspect: Option<String>,
    },
}

impl Outgoing {
    /// Whether one more failure in a group is one too many.
    fn strikes_out(&self) -> bool {
        self.strikes.grouped.saturating_add(1) >= MAX_STRIKES
    }

    fn is_update(&self) -> bool {
        self.route == Route::Update
    }
}

/// Which products make one request. A creation is not left waiting behind hundreds of updates.
fn jobs(outgoing: &[Outgoing], batch_size: usize) -> Vec<Vec<usize>> {
    let of = |route| {
        outgoing
            .iter()
            .enumerate()
            .filter(move |(_, product)| product.route == route)
            .map(|(index, _)| index)
    };
    let strikes = |index: usize| outgoing.get(index).map(|product| product.strikes.grouped);
    let mut together: Vec<usize> = of(Route::Batch).collect();
    together.sort_by_key(|index| strikes(*index));
    // Those with the same strikes travel together: who joins the suspects must not keep them from
    // being split, nor share their fate.
    together
        .chunk_by(|one, other| strikes(*one) == strikes(*other))
        .flat_map(|equals| equals.chunks(batch_size))
        .map(<[usize]>::to_vec)
        .chain(of(Route::Alone).map(|index| vec![index]))
        .chain(of(Route::Update).map(|index| vec![index]))
        .collect()
}

fn lock<T>(place: &Mutex<T>) -> MutexGuard<'_, T> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The acknowledged ones.
fn passed(told: &Reports) -> Vec<Accepted> {
    told.iter()
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
