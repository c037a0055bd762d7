//! A cloud in memory: it answers as its rules say, and remembers everything.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use shopmaster_digible::{Answer, Cloud, Fate, Item, Session, SessionState};
use shopmaster_product::ProductId;
use tokio::sync::{Semaphore, watch};

use super::{id, shop::priced};

/// A product and its body.
pub(super) type Sent = (ProductId, String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Batch,
    Update,
}

/// A request that it received.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) endpoint: Endpoint,
    pub(super) products: Vec<Sent>,
}

/// What it does with a request, and how it answers.
pub(super) struct Reaction {
    pub(super) applied: Applied,
    pub(super) answer: Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Applied {
    Now,
    /// When [`FakeCloud::land`] is called.
    Later,
    Never,
}

type Rule = Box<dyn FnMut(&Request) -> Reaction + Send>;

pub(super) struct FakeCloud {
    memory: Mutex<Memory>,
    arrived: watch::Sender<usize>,
}

struct Memory {
    rule: Rule,
    gate: Option<Arc<Semaphore>>,
    requests: Vec<Request>,
    acknowledged: Vec<Sent>,
    holds: BTreeMap<ProductId, String>,
    late: Vec<Sent>,
    logins: Arc<AtomicUsize>,
    is_away: bool,
    /// How long an answer takes.
    takes: Duration,
    /// Requests under way.
    under_way: Arc<AtomicUsize>,
    most_at_once: usize,
}

impl Default for FakeCloud {
    fn default() -> Self {
        Self {
            memory: Mutex::new(Memory {
                rule: Box::new(|_| good()),
                gate: None,
                requests: Vec::new(),
                acknowledged: Vec::new(),
                holds: BTreeMap::new(),
                late: Vec::new(),
                logins: Arc::default(),
                is_away: false,
                takes: Duration::ZERO,
                under_way: Arc::default(),
                most_at_once: 0,
            }),
            arrived: watch::Sender::new(0),
        }
    }
}

impl FakeCloud {
    /// How it reacts from now on.
    pub(super) fn rule(&self, rule: impl FnMut(&Request) -> Reaction + Send + 'static) {
        self.memory().rule = Box::new(rule);
    }

    pub(super) fn is_well(&self) {
        self.memory().is_away = false;
        self.rule(|_| good());
    }

    /// Nothing reaches it, not even a login.
    pub(super) fn is_away(&self) {
        self.memory().is_away = true;
        self.rule(|_| turned_away());
    }

    /// How many logins were tried.
    pub(super) fn logins(&self) -> usize {
        self.login_count().load(Ordering::SeqCst)
    }

    /// The counter of logins, for rules.
    pub(super) fn login_count(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.memory().logins)
    }

    /// Refuses products of these prices, and every batch that they are in.
    pub(super) fn refuses(&self, prices: &'static [i128]) {
        self.rule(|request| match request.holds_any(prices) {
            true => refused(),
            false => good(),
        });
    }

    /// Answers after so long from now on.
    pub(super) fn takes(&self, time: Duration) {
        self.memory().takes = time;
    }

    /// How many requests are under way, for rules.
    pub(super) fn under_way(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.memory().under_way)
    }

    /// How many requests were under way at once since the last [`forget`](Self::forget).
    pub(super) fn most_at_once(&self) -> usize {
        self.memory().most_at_once
    }

    /// Answers nothing until permits are added.
    pub(super) fn close_gate(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        self.memory().gate = Some(Arc::clone(&gate));
        gate
    }

    /// Waits until so many requests have come since the last [`forget`](Self::forget).
    pub(super) async fn arrived(&self, count: usize) {
        let mut arrived = self.arrived.subscribe();
        arrived.wait_for(|arrived| *arrived >= count).await.unwrap();
    }

    /// The user deletes these products.
    pub(super) fn delete(&self, ids: &[ProductId]) {
        self.memory().holds.retain(|id, _| !ids.contains(id));
    }

    /// Lets requests land that were not answered: of these products, or of all.
    pub(super) fn land(&self, which: impl Fn(&ProductId) -> bool) {
        let mut memory = self.memory();
        let (landing, late) = std::mem::take(&mut memory.late)
            .into_iter()
            .partition(|(id, _)| which(id));
        memory.late = late;
        let landing: Vec<Sent> = landing;
        memory.holds.extend(landing);
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.memory().requests.clone()
    }

    /// Forgets requests and acknowledgements, not products.
    pub(super) fn forget(&self) {
        let mut memory = self.memory();
        memory.most_at_once = 0;
        memory.requests.clear();
        memory.acknowledged.clear();
        self.arrived.send_replace(0);
    }

    pub(super) fn acknowledged(&self) -> Vec<Sent> {
        self.memory().acknowledged.clone()
    }

    pub(super) fn holds(&self) -> BTreeMap<ProductId, String> {
        self.memory().holds.clone()
    }

    /// Whether it has this product at this price.
    pub(super) fn has(&self, key: &str, price: i128) -> bool {
        let memory = self.memory();
        let body = memory.holds.get(&id(key));
        body.is_some_and(|body| body.contains(&priced(price)))
    }

    async fn take(&self, endpoint: Endpoint, items: &[&Item]) -> Answer {
        let products = items
            .iter()
            .map(|item| {
                let body = String::from_utf8(item.body.to_vec()).unwrap();
                (item.id.clone(), body)
            })
            .collect();
        let request = Request { endpoint, products };
        let (gate, takes, under_way) = {
            let mut memory = self.memory();
            memory.requests.push(request.clone());
            let at_once = memory.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            memory.most_at_once = memory.most_at_once.max(at_once);
            let under_way = UnderWay(Arc::clone(&memory.under_way));
            (memory.gate.clone(), memory.takes, under_way)
        };
        self.arrived.send_modify(|arrived| *arrived += 1);
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        let mut memory = self.memory();
        let Reaction { applied, answer } = (memory.rule)(&request);
        let products = request.products;
        if answer == Answer::Acknowledged {
            memory.acknowledged.extend(products.clone());
        }
        match applied {
            Applied::Now => memory.holds.extend(products),
            Applied::Later => memory.late.extend(products),
            Applied::Never => {}
        }
        drop(under_way);
        answer
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }
}

#[async_trait]
impl Cloud for FakeCloud {
    async fn send_batch(&self, items: &[&Item]) -> Answer {
        self.take(Endpoint::Batch, items).await
    }

    async fn send_update(&self, item: &Item) -> Answer {
        self.take(Endpoint::Update, &[item]).await
    }

    async fn log_in(&self) -> Answer {
        let memory = self.memory();
        memory.logins.fetch_add(1, Ordering::SeqCst);
        match memory.is_away {
            true => turned_away().answer,
            false => Answer::Acknowledged,
        }
    }

    fn session(&self) -> Session {
        Session {
            state: SessionState::Active,
            expires_at: None,
        }
    }

    fn logins(&self) -> u64 {
        FakeCloud::logins(self) as u64
    }
}

/// A request in progress. It also ends when the caller no longer waits for it.
struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Request {
    pub(super) fn holds_any(&self, prices: &[i128]) -> bool {
        prices.iter().any(|price| {
            let priced = priced(*price);
            self.products.iter().any(|(_, body)| body.contains(&priced))
        })
    }

    pub(super) fn is_about(&self, key: &str) -> bool {
        self.products.iter().any(|(product, _)| *product == id(key))
    }
}

pub(super) fn good() -> Reaction {
    Reaction {
        applied: Applied::Now,
        answer: Answer::Acknowledged,
    }
}

pub(super) fn refused() -> Reaction {
    let reason = "400: no".to_owned();
    answer(Applied::Never, Answer::Refused { reason })
}

pub(super) fn missing() -> Reaction {
    let reason = "404: no such page".to_owned();
    answer(Applied::Never, Answer::Missing { reason })
}

pub(super) fn broken(applied: Applied) -> Reaction {
    let reason = "500: oops".to_owned();
    let fate = Fate::Unknown;
    answer(applied, Answer::Broken { reason, fate })
}

/// The answer was lost on its way.
pub(super) fn lost(applied: Applied) -> Reaction {
    retry(applied, None, Fate::MayStillLand)
}

/// 429 without a time, or no connection.
pub(super) fn turned_away() -> Reaction {
    retry(Applied::Never, None, Fate::NotApplied)
}

/// 429 with `Retry-After`.
pub(super) fn asked_to_wait(seconds: u64) -> Reaction {
    let wait = Duration::from_secs(seconds);
    retry(Applied::Never, Some(wait), Fate::NotApplied)
}

pub(super) fn retry(applied: Applied, wait: Option<Duration>, fate: Fate) -> Reaction {
    let reason = "try again".to_owned();
    answer(applied, Answer::Retry { reason, wait, fate })
}

fn answer(applied: Applied, answer: Answer) -> Reaction {
    Reaction { applied, answer }
}
