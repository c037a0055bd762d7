//! The transactions of one step. Before sending: what the step found, and its products as in flight. After
//! sending: what happened to each of them. [`InFlight`] ties the two together: only settling consumes it, and a
//! product that is not mentioned was given up.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::Transaction;
use shopmaster_product::ProductId;

use super::{
    DigestBytes, Journal, Result,
    clock::steady_ms,
    entry::{Event, Times},
    meta,
    stored::Entries,
    uploads,
};

/// Products that are being sent, until the journal records what happened to them.
///
/// If this is dropped without being settled (an error, a canceled task, a panic), its products stay in flight
/// in the journal, and count as given up from the next step on.
#[must_use = "only settling records what happened to the products"]
#[derive(Debug)]
pub struct InFlight {
    step: i64,
    /// A time before any of the step's requests, in steady milliseconds.
    started: i64,
    upload: Option<i64>,
    /// The products whose result has not been recorded yet.
    left: HashSet<ProductId>,
    steps: Arc<Steps>,
}

/// The steps of this process that have products in flight.
#[derive(Debug)]
pub(super) struct Steps {
    late_window: i64,
    next: AtomicI64,
    live: Mutex<BTreeSet<i64>>,
    /// How many steps ended without recording what happened to their products and have not been dealt with yet.
    abandoned: AtomicU64,
    /// Until when a request of another agent may still be applied.
    pub(super) others_until: AtomicI64,
}

/// What a step found out about a product without asking Digible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The product cannot be sent as it is.
    Refused {
        /// Digest of what is refused.
        digest: DigestBytes,
        /// Why, for people.
        reason: String,
    },
    /// The product is no longer what was refused.
    Unparked,
    /// The shop no longer has the product, but Digible may.
    Gone,
}

/// One acknowledged product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// The product's key.
    pub id: ProductId,
    /// Digest of the body as acknowledged.
    pub digest: DigestBytes,
    /// Whether an earlier request of the same step with this product was given up.
    pub may_still_land: bool,
}

/// What happened to a product that was sent and not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The product's key.
    pub id: ProductId,
    /// What may have happened to its requests.
    pub landing: Landing,
    /// The digest of the refused body and the reason, if Digible refuses the product.
    pub refused: Option<(DigestBytes, String)>,
}

/// What may have happened to a product's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landing {
    /// Nothing changed at Digible: the product was not sent, or was clearly rejected.
    Nothing,
    /// Answered, but the answer does not say whether it was applied.
    Answered,
    /// Given up: it may be applied later.
    MayStillLand,
}

/// How far an upload has got after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadProgress {
    /// The last key that has been processed.
    pub cursor: ProductId,
    /// How many products have been processed.
    pub done: u64,
}

impl Journal {
    /// Records what a step found, and which products it is about to send, before any is sent.
    ///
    /// Whatever an earlier step left in flight counts as given up from here on.
    ///
    /// # Errors
    ///
    /// When SQLite fails: then nothing is recorded, and nothing may be sent.
    pub async fn hand_over(
        &self,
        found: Vec<(ProductId, Finding)>,
        ids: Vec<ProductId>,
        upload: Option<i64>,
    ) -> Result<InFlight> {
        let in_flight = InFlight::new(&self.steps, &ids, upload);
        let abandoned = self.steps.abandoned.load(Ordering::SeqCst);
        if found.is_empty() && ids.is_empty() && abandoned == 0 {
            return Ok(in_flight);
        }
        let (times, step) = (in_flight.times(), in_flight.step);
        let live = self.steps.live().clone();
        self.write("record which products are being sent", move |transaction| {
            let mut entries = Entries::new(transaction, times)?;
            if abandoned > 0 {
                give_up_left_over(transaction, &mut entries, &live)?;
            }
            for (id, finding) in &found {
                entries.apply(id, &finding.clone().into())?;
            }
            let mut insert = transaction
                .prepare_cached("INSERT OR IGNORE INTO in_flight (id, step) VALUES (?1, ?2)")?;
            for id in &ids {
                entries.apply(id, &Event::HandedOver)?;
                insert.execute((id, step))?;
            }
            Ok(())
        })
        .await?;
        self.steps.abandoned.fetch_sub(abandoned, Ordering::SeqCst);
        Ok(in_flight)
    }

    /// Records what was found out about products without sending any.
    ///
    /// # Errors
    ///
    /// When SQLite fails: then nothing is recorded.
    pub async fn record(&self, found: Vec<(ProductId, Finding)>) -> Result<()> {
        self.hand_over(found, Vec::new(), None)
            .await
            .map(InFlight::end)
    }

    /// Records products as gone from the shop.
    ///
    /// # Errors
    ///
    /// When SQLite fails: then nothing is recorded.
    pub async fn remove(&self, ids: Vec<ProductId>) -> Result<()> {
        let found = ids.into_iter().map(|id| (id, Finding::Gone));
        self.record(found.collect()).await
    }

    /// Records acknowledgements as they arrive.
    ///
    /// # Errors
    ///
    /// When SQLite fails: then no change may be deleted, and the products stay in flight.
    pub async fn acknowledge(
        &self,
        in_flight: &mut InFlight,
        acknowledged: Vec<Acknowledged>,
    ) -> Result<()> {
        if acknowledged.is_empty() {
            return Ok(());
        }
        let (times, step, upload) = (in_flight.times(), in_flight.step, in_flight.upload);
        let ids: Vec<_> = acknowledged.iter().map(|it| it.id.clone()).collect();
        self.write("record acknowledgements", move |transaction| {
            let mut entries = Entries::new(transaction, times)?;
            for product in acknowledged {
                let event = Event::Acknowledged {
                    digest: product.digest,
                    upload,
                    may_still_land: product.may_still_land,
                };
                entries.apply(&product.id, &event)?;
                answered(transaction, &product.id, step)?;
            }
            Ok(())
        })
        .await?;
        for id in &ids {
            in_flight.left.remove(id);
        }
        Ok(())
    }

    /// Records what happened to the step's other products: those in flight that are not mentioned were given
    /// up.
    ///
    /// # Errors
    ///
    /// When SQLite fails: then the products count as given up from the next step on.
    pub async fn settle(
        &self,
        mut in_flight: InFlight,
        settled: Vec<Settled>,
        progress: Option<UploadProgress>,
    ) -> Result<()> {
        for product in &settled {
            in_flight.left.remove(&product.id);
        }
        let silent: Vec<_> = in_flight.left.iter().cloned().collect();
        if settled.is_empty() && silent.is_empty() && progress.is_none() {
            in_flight.end();
            return Ok(());
        }
        let (times, step, upload) = (in_flight.times(), in_flight.step, in_flight.upload);
        // The step is not settled until this is written.
        in_flight
            .left
            .extend(settled.iter().map(|it| it.id.clone()));
        self.write("record the answers", move |transaction| {
            let mut entries = Entries::new(transaction, times)?;
            for product in settled {
                for event in product.events() {
                    entries.apply(&product.id, &event)?;
                }
                answered(transaction, &product.id, step)?;
            }
            for id in &silent {
                entries.apply(id, &Event::GivenUp)?;
                answered(transaction, id, step)?;
            }
            if let (Some(number), Some(progress)) = (upload, &progress) {
                uploads::advance(transaction, number, progress)?;
            }
            Ok(())
        })
        .await?;
        in_flight.end();
        Ok(())
    }

    /// Whether a step ended without recording what happened to its products. They count as given up once
    /// [`give_up_abandoned`](Self::give_up_abandoned) was called, or with the next step.
    #[must_use]
    pub fn has_abandoned(&self) -> bool {
        self.steps.abandoned.load(Ordering::SeqCst) > 0
    }

    /// Gives up the products that an ended step left in flight.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn give_up_abandoned(&self) -> Result<()> {
        self.record(Vec::new()).await
    }

    /// Records that another agent may have sent until now: whatever is acknowledged meanwhile is sent once more
    /// when no request of that agent can be applied any more.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn expect_others(&self) -> Result<()> {
        let until = steady_ms().saturating_add(self.steps.late_window);
        self.write(
            "record that another agent may have sent",
            move |transaction| meta::set(transaction, "others_until", &until),
        )
        .await?;
        self.steps.others_until.store(until, Ordering::SeqCst);
        Ok(())
    }
}

impl InFlight {
    fn new(steps: &Arc<Steps>, ids: &[ProductId], upload: Option<i64>) -> Self {
        let step = steps.next.fetch_add(1, Ordering::SeqCst);
        steps.live().insert(step);
        Self {
            step,
            started: steady_ms(),
            upload,
            left: ids.iter().cloned().collect(),
            steps: Arc::clone(steps),
        }
    }

    fn times(&self) -> Times {
        Times {
            started: self.started,
            ..self.steps.times()
        }
    }

    /// Everything has been recorded.
    fn end(mut self) {
        self.left.clear();
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.steps.live().remove(&self.step);
        if !self.left.is_empty() {
            self.steps.abandoned.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Steps {
    pub(super) fn new(late_window: Duration, others_until: i64) -> Arc<Self> {
        Arc::new(Self {
            late_window: milliseconds(late_window),
            next: AtomicI64::new(1),
            live: Mutex::default(),
            abandoned: AtomicU64::new(0),
            others_until: AtomicI64::new(others_until),
        })
    }

    fn times(&self) -> Times {
        let now = steady_ms();
        Times {
            now,
            wall: Timestamp::now().as_millisecond(),
            started: now,
            late_window: self.late_window,
            others_until: self.others_until.load(Ordering::SeqCst),
        }
    }

    fn live(&self) -> MutexGuard<'_, BTreeSet<i64>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Settled {
    fn events(&self) -> impl Iterator<Item = Event> {
        let landed = match self.landing {
            Landing::Nothing => None,
            Landing::Answered => Some(Event::Answered),
            Landing::MayStillLand => Some(Event::GivenUp),
        };
        let refused = self
            .refused
            .clone()
            .map(|(digest, reason)| Event::Refused { digest, reason });
        landed.into_iter().chain(refused)
    }
}

impl From<Finding> for Event {
    fn from(finding: Finding) -> Self {
        match finding {
            Finding::Refused { digest, reason } => Self::Refused { digest, reason },
            Finding::Unparked => Self::Unparked,
            Finding::Gone => Self::Gone,
        }
    }
}

pub(super) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Gives up what ended steps left in flight.
fn give_up_left_over(
    transaction: &Transaction<'_>,
    entries: &mut Entries<'_>,
    live: &BTreeSet<i64>,
) -> rusqlite::Result<()> {
    let left_over: Vec<(ProductId, i64)> = transaction
        .prepare_cached("SELECT id, step FROM in_flight")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (id, step) in left_over.iter().filter(|(_, step)| !live.contains(step)) {
        entries.apply(id, &Event::GivenUp)?;
        answered(transaction, id, *step)?;
    }
    Ok(())
}

/// Records that a product is no longer in flight.
fn answered(transaction: &Transaction<'_>, id: &ProductId, step: i64) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("DELETE FROM in_flight WHERE id = ?1 AND step = ?2")?
        .execute((id, step))?;
    Ok(())
}
