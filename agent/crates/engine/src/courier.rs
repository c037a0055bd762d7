//! Hands a step's products to Digible, concurrently, and says what became of each.

use shopmaster_digible::{Answer, Fate, Item, Rejection};
use shopmaster_health::run::Count;
use shopmaster_product::ProductId;

mod fortune;
mod question;

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::sync::mpsc::UnboundedSender;

use super::{
    core::Core,
    evidence::Evidence,
    halt::{Halt, StepError},
    live::Live,
    waits::Strikes,
};

pub(super) use fortune::Fortune;

/// So often the same body may be answered with a fault that may be its own.
pub(super) const MOST_STRIKES: u8 = 3;

/// After so many answers in a row that cannot be read, it is not about products.
const MOST_UNREADABLE: usize = 2;

/// One product on its way.
#[derive(Debug)]
pub(super) struct Parcel {
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
pub(super) struct Courier<'a> {
    core: &'a Core,
    live: &'a Live,
    evidence: &'a Evidence,
    aboard: HashSet<&'a ProductId>,
    halt: Mutex<Option<Halt>>,
    failure: Mutex<Option<StepError>>,
    asking: tokio::sync::Mutex<()>,
    /// One that the batch endpoint acknowledged in this step.
    passed: Mutex<Option<usize>>,
}

/// A parcel that Digible acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passed {
    /// Which one.
    pub(super) index: usize,
    /// What may have become of earlier requests of this step.
    pub(super) earlier: Fate,
}

/// What became of all products, in their order.
pub(super) struct Return {
    pub(super) fortunes: Vec<Fortune>,
    pub(super) halt: Option<Halt>,
}

type Told = Vec<(usize, Fortune)>;

/// Products that go into one request.
struct Group {
    indices: Vec<usize>,
    /// What may have become of them in a request before.
    fate: Fate,
    /// It failed often enough to be refused, and others pass.
    is_last_try: bool,
}

impl<'a> Courier<'a> {
    pub(super) fn new(
        core: &'a Core,
        live: &'a Live,
        evidence: &'a Evidence,
        aboard: HashSet<&'a ProductId>,
    ) -> Self {
        Self {
            core,
            live,
            evidence,
            aboard,
            halt: Mutex::new(None),
            failure: Mutex::new(None),
            asking: tokio::sync::Mutex::new(()),
            passed: Mutex::new(None),
        }
    }

    /// Sends all parcels, as many requests at once as Digible bears. Tells which are acknowledged as soon as
    /// they are; stops sending when nobody records that.
    pub(super) async fn deliver(
        self,
        parcels: &[Parcel],
        acknowledged: UnboundedSender<Vec<Passed>>,
    ) -> Result<Return, StepError> {
        let mut fortunes = vec![Fortune::KEPT; parcels.len()];
        let mut note = |told: Told| self.note(told, &mut fortunes, &acknowledged);
        let mut jobs = jobs(parcels, self.core.options.batch_size).into_iter();
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < self.core.flow.limit()
                && let Some(job) = jobs.next()
            {
                under_way.push(self.send(parcels, job));
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
        let cut_short = self.live.cancel.is_cancelled()
            && fortunes
                .iter()
                .any(|fortune| matches!(fortune, Fortune::Kept { .. }));
        Ok(Return {
            halt: take(&self.halt).or(cut_short.then_some(Halt::Cancelled)),
            fortunes,
        })
    }

    /// Notes what one request came to.
    fn note(
        &self,
        told: Told,
        fortunes: &mut [Fortune],
        acknowledged: &UnboundedSender<Vec<Passed>>,
    ) {
        let passed = passed(&told);
        self.live
            .update(|run| run.count(Count::Sent, passed.len() as u64));
        if acknowledged.send(passed).is_err() {
            self.stop(Halt::Cancelled);
        }
        for (index, fortune) in told {
            if let Some(place) = fortunes.get_mut(index) {
                *place = fortune;
            }
        }
    }

    /// One request, and those that follow from its answer.
    async fn send(&self, parcels: &[Parcel], job: Vec<usize>) -> Told {
        match job.as_slice() {
            [index] if parcels.get(*index).is_some_and(Parcel::is_update) => {
                self.update(parcels, *index).await
            }
            _ => self.batch(parcels, job, Fate::NotApplied).await,
        }
    }

    /// One product through the update endpoint; refused there, it is tried once as a create.
    async fn update(&self, parcels: &[Parcel], index: usize) -> Told {
        let Some(parcel) = parcels.get(index) else {
            return Vec::new();
        };
        if self.is_stopped() {
            return vec![(index, Fortune::KEPT)];
        }
        self.count_request();
        let mut strikes = parcel.strikes;
        let request = self.core.cloud.send_update(&parcel.item);
        let fortune = match self.core.ask(request).await {
            Answer::Acknowledged => {
                self.evidence.update_passed();
                Fortune::ACKNOWLEDGED
            }
            Answer::Refused { .. } | Answer::Partly { .. } | Answer::Missing { .. } => {
                return self.batch(parcels, vec![index], Fate::NotApplied).await;
            }
            Answer::TooLarge { reason } => Fortune::Refused {
                reason,
                fate: Fate::NotApplied,
                strikes,
            },
            Answer::Broken { reason, fate } => {
                strikes.update = strikes.update.saturating_add(1);
                // One that may still land must not be overtaken in this step.
                if strikes.update >= MOST_STRIKES && fate != Fate::MayStillLand {
                    return self.batch(parcels, vec![index], fate).await;
                }
                self.fault(&reason);
                Fortune::Deferred {
                    reason,
                    fate,
                    wait: None,
                    strikes,
                }
            }
            other => self.later(other, strikes),
        };
        vec![(index, fortune)]
    }

    /// Products through the batch endpoint; a group that is refused is split until the guilty ones
    /// are alone. `fate` is what may have become of them before.
    async fn batch(&self, parcels: &[Parcel], indices: Vec<usize>, fate: Fate) -> Told {
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
                told.extend(indices.into_iter().map(|i| (i, Fortune::Kept { fate })));
                continue;
            }
            let members: Vec<&Parcel> = indices.iter().filter_map(|i| parcels.get(*i)).collect();
            let items: Vec<&Item> = members.iter().map(|parcel| &parcel.item).collect();
            self.count_request();
            let answer = self.core.ask(self.core.cloud.send_batch(&items)).await;
            match self.judge(answer, &members, is_last_try) {
                Verdict::All(fortune) => {
                    if fortune == Fortune::ACKNOWLEDGED {
                        *lock(&self.passed) = indices.first().copied();
                    }
                    let fortune = fortune.after(fate);
                    told.extend(indices.into_iter().map(|index| (index, fortune.clone())));
                }
                Verdict::Named(refused) => {
                    self.evidence.batch_passed();
                    for (place, (index, parcel)) in indices.into_iter().zip(members).enumerate() {
                        let rejection = refused.iter().find(|it| it.index == place);
                        let fortune = match rejection {
                            Some(rejection) => Fortune::Refused {
                                reason: rejection.reason.clone(),
                                fate: Fate::NotApplied,
                                strikes: parcel.strikes,
                            },
                            None => Fortune::ACKNOWLEDGED,
                        };
                        if rejection.is_none() {
                            *lock(&self.passed) = Some(index);
                        }
                        told.push((index, fortune.after(fate)));
                    }
                }
                Verdict::Each(strike) => {
                    let each = indices
                        .into_iter()
                        .zip(members)
                        .map(|(index, parcel)| (index, strike(parcel.strikes).after(fate)));
                    told.extend(each);
                }
                Verdict::Split {
                    fate: of_whole,
                    suspect,
                } => {
                    if let Some(reason) = suspect
                        && !self.evidence.has_proof()
                    {
                        // Before hundreds of requests: is it about products at all?
                        self.question(parcels, &reason).await;
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
                Verdict::Again {
                    fate: of_try,
                    reason,
                    strikes,
                } => {
                    // Whoever fails beside others that pass is tried once more: until then Digible alone may have
                    // been ill.
                    self.question(parcels, &reason).await;
                    let fate = fate.max(of_try);
                    if self.is_stopped() {
                        // Nobody could tell. It waits its own time, so that others come before it.
                        let deferred = Fortune::Deferred {
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
            if let Some(reason) = self.evidence.suspicion() {
                self.question(parcels, &reason).await;
            }
        }
        told
    }

    fn judge(&self, answer: Answer, members: &[&Parcel], is_last_try: bool) -> Verdict {
        let alone = members.len() == 1;
        let strikes = members
            .first()
            .map(|parcel| parcel.strikes)
            .unwrap_or_default();
        match answer {
            Answer::Acknowledged => {
                self.evidence.batch_passed();
                Verdict::All(Fortune::ACKNOWLEDGED)
            }
            Answer::TooLarge { .. } if !alone => Verdict::Split {
                fate: Fate::Unknown,
                suspect: None,
            },
            Answer::Refused { reason } if !alone => {
                self.evidence.refused(&reason);
                Verdict::Split {
                    fate: Fate::Unknown,
                    suspect: None,
                }
            }
            Answer::Partly { refused, .. } if !alone => Verdict::Named(refused),
            Answer::TooLarge { reason }
            | Answer::Refused { reason }
            | Answer::Partly { reason, .. } => {
                self.evidence.refused(&reason);
                Verdict::All(Fortune::Refused {
                    reason,
                    fate: Fate::NotApplied,
                    strikes,
                })
            }
            Answer::Missing { reason } => {
                self.stop(Halt::Refuses(reason));
                Verdict::All(Fortune::KEPT)
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
                let fortune = self.later(other, strikes);
                Verdict::Each(Box::new(move |strikes| fortune.with(strikes)))
            }
        }
    }

    /// A fault that may be one product's: three times for the same body, and it is looked for.
    fn judge_broken(
        &self,
        reason: String,
        fate: Fate,
        members: &[&Parcel],
        is_last_try: bool,
    ) -> Verdict {
        if let [only] = members {
            let mut strikes = only.strikes;
            strikes.alone = strikes.alone.saturating_add(1);
            if strikes.alone >= MOST_STRIKES && !is_last_try {
                self.evidence.refused(&reason);
                return Verdict::Again {
                    fate,
                    reason,
                    strikes,
                };
            }
            if strikes.alone >= MOST_STRIKES {
                return Verdict::All(Fortune::Refused {
                    reason,
                    fate,
                    strikes,
                });
            }
            self.broken(&reason, fate);
            return Verdict::All(Fortune::Deferred {
                reason,
                fate,
                wait: None,
                strikes,
            });
        }
        if members.iter().all(|parcel| parcel.strikes_out()) {
            self.evidence.refused(&reason);
            return Verdict::Split {
                fate,
                suspect: Some(reason),
            };
        }
        self.broken(&reason, fate);
        Verdict::Each(Box::new(move |mut strikes| {
            strikes.grouped = strikes.grouped.saturating_add(1);
            Fortune::Deferred {
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
    fn judge_lost(&self, reason: &str, fate: Fate, members: &[&Parcel]) -> Verdict {
        let is_group = members.len() > 1;
        if is_group
            && members.iter().all(|parcel| parcel.strikes_out())
            && self.evidence.has_proof()
        {
            return Verdict::Split {
                fate,
                suspect: None,
            };
        }
        self.fault(reason);
        let reason = reason.to_owned();
        Verdict::Each(Box::new(move |mut strikes| {
            match is_group {
                true => strikes.grouped = strikes.grouped.saturating_add(1),
                // From then on it travels alone.
                false => strikes.alone = strikes.alone.max(1),
            }
            Fortune::Deferred {
                reason: reason.clone(),
                fate,
                wait: None,
                strikes,
            }
        }))
    }

    /// What is nobody's fault, or everybody's.
    fn later(&self, answer: Answer, strikes: Strikes) -> Fortune {
        match answer {
            Answer::Retry { reason, wait, fate } => {
                match wait {
                    Some(wait) => self.stop(Halt::Hold {
                        wait,
                        reason: reason.clone(),
                    }),
                    None => self.fault(&reason),
                }
                Fortune::Deferred {
                    reason,
                    fate,
                    wait,
                    strikes,
                }
            }
            Answer::Misconfigured { reason } => {
                self.stop(Halt::Misconfigured(reason));
                Fortune::KEPT
            }
            Answer::LoggedOut { reason } => {
                self.stop(Halt::LoggedOut(reason));
                Fortune::KEPT
            }
            Answer::Acknowledged
            | Answer::Partly { .. }
            | Answer::Refused { .. }
            | Answer::TooLarge { .. }
            | Answer::Missing { .. }
            | Answer::Broken { .. } => Fortune::KEPT,
        }
    }

    /// After as many failures in a row as there were requests at once, it is not about products.
    fn fault(&self, reason: &str) {
        self.fail(reason, self.core.flow.proven());
    }

    /// An answer that cannot be read says nothing of products, so that more of them would not tell more.
    fn broken(&self, reason: &str, fate: Fate) {
        match fate {
            Fate::MayStillLand => self.fail(reason, MOST_UNREADABLE),
            // One product alone is answered so several times before it counts as refused.
            Fate::NotApplied | Fate::Unknown => {
                self.fail(reason, self.core.options.max_in_flight);
            }
        }
    }

    fn fail(&self, reason: &str, most: usize) {
        let most = u32::try_from(most.max(2)).unwrap_or(u32::MAX);
        if self.evidence.failed() >= most || self.core.flow.is_open() {
            self.stop(Halt::Unreachable(reason.to_owned()));
        }
    }

    fn is_stopped(&self) -> bool {
        self.live.cancel.is_cancelled() || lock(&self.halt).is_some()
    }

    fn stop(&self, halt: Halt) {
        let mut stopped = lock(&self.halt);
        match (stopped.as_mut(), &halt) {
            (None, _) => *stopped = Some(halt),
            // The longest wait that Digible asked for counts.
            (Some(Halt::Hold { wait, .. }), Halt::Hold { wait: longer, .. }) => {
                *wait = (*wait).max(*longer);
            }
            // Digible says when: better than a guess.
            (Some(Halt::Unreachable(_)), Halt::Hold { .. }) => *stopped = Some(halt),
            // What needs a person says more than what passes.
            (Some(before), _) if before.is_passing() && !halt.is_passing() => *stopped = Some(halt),
            _ => {}
        }
    }

    fn count_request(&self) {
        self.live.update(|run| run.requests += 1);
    }
}

enum Verdict {
    All(Fortune),
    Each(Box<dyn Fn(Strikes) -> Fortune + Send>),
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

impl Parcel {
    /// Whether one more failure in a group is one too many.
    fn strikes_out(&self) -> bool {
        self.strikes.grouped.saturating_add(1) >= MOST_STRIKES
    }

    fn is_update(&self) -> bool {
        self.route == Route::Update
    }
}

/// Which parcels make one request. A creation is not left waiting behind hundreds of updates.
fn jobs(parcels: &[Parcel], batch_size: usize) -> Vec<Vec<usize>> {
    let of = |route| {
        parcels
            .iter()
            .enumerate()
            .filter(move |(_, parcel)| parcel.route == route)
            .map(|(index, _)| index)
    };
    let strikes = |index: usize| parcels.get(index).map(|parcel| parcel.strikes.grouped);
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
fn passed(told: &Told) -> Vec<Passed> {
    told.iter()
        .filter_map(|(index, fortune)| match fortune {
            Fortune::Acknowledged { earlier } => Some(Passed {
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
