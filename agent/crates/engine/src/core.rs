//! What all runs and tasks of the engine share.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use shopmaster_base::causes::with_causes;
use shopmaster_catalog::{CaptureStatus, Catalog, CatalogError};
use shopmaster_digible::{Answer, Cloud};
use shopmaster_health::{Area, Trouble};
use shopmaster_journal::{AgentState, Journal, JournalError, Shrank};
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    database_clock::DatabaseClock,
    failed_canaries::FailedCanaries,
    flow::Flow,
    missing_since::MissingSince,
    observer::Observer,
    outage::Outage,
    rebuilt::Rebuilt,
    retry_queue::RetryQueue,
    run_handle::RunHandle,
    state::{Reach, State},
    status_store::StatusStore,
    step_lock::{StepGuard, StepLock},
    stop_reason::{StepError, StopReason},
};

/// How the engine works: the settings of `sync`, `digible` and `verify` that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Products in one batch, 1 to 200.
    pub batch_size: usize,
    /// The most requests at once.
    pub max_in_flight: usize,
    /// When more updates than this wait, they are sent through the batch endpoint.
    pub bulk_threshold: usize,
    /// Whether the scheduler starts syncs automatically.
    pub automatic: bool,
    /// From one full sync to the next.
    pub interval: Duration,
    /// From one check for changes to the next.
    pub probe: Duration,
    /// Scan mode: changes are found by walking the table, even where they could be captured.
    pub scan: bool,
    /// Where changes are captured, the table is walked at each interval as well, for what fires no trigger.
    pub scans_too: bool,
    /// A product that a walk does not find counts as gone from the shop when another walk, at least this much
    /// later, does not find it either: [`GONE_AFTER`], except in tests.
    pub gone_after: Duration,
    /// The local time of the nightly verify; none disables it.
    pub verify: Option<jiff::civil::Time>,
    /// A verify asks before it sends more of the shop than this, in percent; at 100 it never asks.
    pub verify_limit: u64,
}

/// Where the engine reports what it does.
#[derive(Clone)]
pub struct Reporting {
    /// Has the facts that are shown.
    pub status_store: Arc<StatusStore>,
    /// Counts what is done.
    pub observer: Arc<dyn Observer>,
}

/// What an earlier process recorded in the journal.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastKnown {
    /// When Digible last acknowledged something.
    pub(super) sent_at: Option<Timestamp>,
    /// How far the table shrank, when that was too much to be believed.
    pub(super) shrank: Option<Shrank>,
}

/// What all runs and tasks of the engine share.
pub(super) struct Core {
    pub(super) catalog: Arc<dyn Catalog>,
    pub(super) cloud: Arc<dyn Cloud>,
    pub(super) journal: Journal,
    pub(super) status_store: Arc<StatusStore>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) options: Options,
    pub(super) state: State,
    pub(super) retry_queue: RetryQueue,
    pub(super) step_lock: StepLock,
    pub(super) missing: MissingSince,
    pub(super) database_clock: DatabaseClock,
    pub(super) rebuilt: Rebuilt,
    pub(super) outage: Outage,
    pub(super) failed_canaries: FailedCanaries,
    /// The pause that the user has set, if any; it outlives this engine.
    pub(super) pause: Arc<AgentState>,
    /// Ends all runs and tasks.
    pub(super) stop: CancellationToken,
    pub(super) flow: Flow,
    /// Digible asked for no requests until then.
    hold: Mutex<Option<Instant>>,
    /// Nothing waits whose sending would show whether Digible is available again, so `watch` has to ask.
    pub(super) ask_digible: Notify,
    /// All products have to be compared soon.
    pub(super) verify_due: Notify,
    /// Held from reading the counts until they are shown, so that older counts never replace newer ones.
    pub(super) status_order: tokio::sync::Mutex<()>,
    /// When this process last wrote the owner. Held while the owner is checked: two checks at once would each
    /// mistake the other's generation for another journal's.
    pub(super) owner_renewed: tokio::sync::Mutex<Option<Instant>>,
}

/// From the check that first misses a product to the earliest one after which it counts as gone from the shop.
pub const GONE_AFTER: Duration = Duration::from_secs(600);
/// The fewest products in the first step of a walk, so that small batches do not make small steps. Tests want many
/// steps.
const MIN_FIRST_PAGE: usize = if cfg!(test) { 1 } else { 200 };

impl Options {
    /// Products in the first step of a walk: one round of full batches, so that sending begins soon.
    pub(super) fn first_page(&self) -> usize {
        (self.batch_size * self.max_in_flight).clamp(MIN_FIRST_PAGE, 2_000)
    }

    /// Products in a later step: at most four rounds, read while the previous step is sent.
    pub(super) fn next_page(&self, page: usize) -> usize {
        (page * 2).min(self.first_page() * 4)
    }
}

impl Core {
    pub(super) fn new(
        catalog: Arc<dyn Catalog>,
        cloud: Arc<dyn Cloud>,
        journal: Journal,
        reporting: Reporting,
        options: Options,
        pause: Arc<AgentState>,
        last_known: LastKnown,
    ) -> Self {
        Self {
            catalog,
            cloud,
            journal,
            status_store: reporting.status_store,
            observer: reporting.observer,
            state: State::new(options.scan, last_known.sent_at),
            flow: Flow::new(options.max_in_flight),
            options,
            retry_queue: RetryQueue::default(),
            step_lock: StepLock::default(),
            missing: MissingSince::new(last_known.shrank),
            database_clock: DatabaseClock::default(),
            rebuilt: Rebuilt::default(),
            outage: Outage::default(),
            failed_canaries: FailedCanaries::default(),
            pause,
            stop: CancellationToken::new(),
            hold: Mutex::new(None),
            ask_digible: Notify::new(),
            verify_due: Notify::new(),
            status_order: tokio::sync::Mutex::new(()),
            owner_renewed: tokio::sync::Mutex::new(None),
        }
    }

    /// Asks the database whether capture is as it was installed, and shows the answer. The answer also decides
    /// whether the table is walked instead.
    pub(super) async fn capture(&self) -> Result<CaptureStatus, CatalogError> {
        let status = self.catalog.capture().await?;
        let scans = self.state.note_capture(&status);
        self.status_store.update(|facts| {
            facts.capture = Some(status.clone());
            facts.scan = scans.then(|| facts.scan.unwrap_or_default());
        });
        Ok(status)
    }

    /// Whether changes are found by walking the table, so that shopMaster needs nothing in the shop's database.
    pub(super) fn scans(&self) -> bool {
        self.state.scans()
    }

    /// Whether several rows may have the same key, as in a view, because no constraint forbids it.
    pub(super) fn may_repeat_keys(&self) -> bool {
        self.catalog.may_repeat_keys() || self.state.may_repeat_keys()
    }

    /// Confirms a run beforehand, if the user has agreed to what another catalog means.
    pub(super) async fn confirm_if_agreed(&self, handle: &RunHandle) -> Result<(), JournalError> {
        if self.journal.is_catalog_confirmed().await? {
            handle.confirm();
        }
        Ok(())
    }

    /// Waits for the right to do one step. Requests for which an earlier step recorded no result count as given up.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub(super) async fn lock_step(&self) -> Result<StepGuard<'_>, JournalError> {
        let guard = self.step_lock.lock().await;
        if self.journal.has_abandoned() {
            self.journal.give_up_abandoned().await?;
        }
        Ok(guard)
    }

    /// Sends one request, and learns from its answer how many may be sent at once.
    pub(super) async fn request(&self, request: impl Future<Output = Answer>) -> Answer {
        let sent = self.flow.sent();
        let before = self.flow.shown();
        let answer = request.await;
        self.flow.answered(sent, &answer);
        if self.flow.shown() != before {
            self.show_flow();
        }
        answer
    }

    /// Notes why a step stopped. If it was because of Digible, one request at a time asks whether Digible works
    /// again, until Digible acknowledges something.
    pub(super) fn note_stop(&self, stop_reason: &StopReason) {
        if stop_reason.is_digible() {
            self.flow.open(stop_reason);
            self.show_flow();
        }
        if let StopReason::Hold { wait, .. } = stop_reason {
            self.hold(*wait);
        }
    }

    /// The user asked for it, or there are signs that Digible is available again: the next try need not wait.
    pub(super) fn may_try_now(&self) {
        self.flow.may_try_now();
        self.show_flow();
    }

    fn show_flow(&self) {
        let left = self.flow.next_try();
        let left = left.map(|next| next.saturating_duration_since(Instant::now()));
        let next_try_at = left.and_then(|left| Timestamp::now().saturating_add(left).ok());
        let slowed = self.flow.slowed();
        self.status_store.update(|facts| {
            facts.next_try_at = next_try_at;
            facts.slowed = slowed;
        });
    }

    /// Sends nothing for a while, because Digible asked for it.
    pub(super) fn hold(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        if hold.is_some_and(|before| before >= until) {
            return;
        }
        *hold = Some(until);
        let shown = Timestamp::now().saturating_add(wait);
        self.status_store
            .update(|facts| facts.blocked_until = shown.ok());
    }

    /// How long Digible still asks shopMaster to wait; none when it does not.
    pub(super) fn held(&self) -> Option<Duration> {
        let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        let left = hold.and_then(|until| until.checked_duration_since(Instant::now()));
        let left = left.filter(|left| !left.is_zero());
        if left.is_none() && hold.take().is_some() {
            self.status_store.update(|facts| facts.blocked_until = None);
        }
        left
    }

    /// Shows how Digible is after a step. `has_acknowledged`: Digible acknowledged something in it; `stop_reason`: why
    /// it stopped early; `fault`: why some of its products have to be retried.
    pub(super) fn note_digible(
        &self,
        has_acknowledged: bool,
        stop_reason: Option<&StopReason>,
        fault: Option<&str>,
    ) {
        let trouble = match (stop_reason, fault) {
            (Some(stop_reason), _) => stop_reason.trouble(),
            (None, Some(reason)) if !has_acknowledged => {
                StopReason::Unreachable(reason.to_owned()).trouble()
            }
            (None, _) => None,
        };
        if has_acknowledged {
            self.state.note_sent();
        }
        self.note_reach(has_acknowledged, trouble);
    }

    /// Shows the result of a login: after a successful one, Digible is available. Gives why it failed, if it did.
    pub(super) fn note_login(&self, answer: &Answer) -> Option<StopReason> {
        let stop_reason = StopReason::of_login(answer);
        if stop_reason.is_none() {
            self.may_try_now();
        }
        self.note_reach(
            stop_reason.is_none(),
            stop_reason.as_ref().and_then(StopReason::trouble),
        );
        stop_reason
    }

    fn note_reach(&self, works: bool, trouble: Option<Trouble>) {
        match &trouble {
            Some(trouble) if trouble.lasting => self.state.note_digible(Reach::Broken),
            Some(_) => self.state.note_digible(Reach::Lost),
            None if works => self.state.note_digible(Reach::Works),
            None => {}
        }
        let session = self.cloud.session();
        let sent_at = self.state.sent_at();
        self.status_store.update(|facts| {
            facts.session = Some(session);
            facts.last_sent_at = sent_at;
            match trouble {
                Some(trouble) => facts.fails(Area::Digible, trouble),
                None if works => facts.works(Area::Digible),
                None => {}
            }
        });
    }

    /// Nothing is left whose sending would show whether Digible is available again. If Digible was lost, it has to be
    /// asked, and it counts as lost until it answers.
    pub(super) fn note_nothing_left(&self) {
        if self.state.digible() == Reach::Lost {
            self.ask_digible.notify_one();
        }
    }

    /// Shows that the shop's database or the journal failed.
    pub(super) fn note_failure(&self, error: &StepError) {
        match error {
            StepError::Catalog(error) => self.note_catalog_failure(error),
            StepError::Journal(error) => self.note_journal_failure(error),
        }
    }

    pub(super) fn note_catalog_failure(&self, error: &CatalogError) {
        let trouble = Trouble::new(error.code(), with_causes(error), &error.remedy());
        let trouble = if error.may_be_hiccup() {
            trouble
        } else if error.is_reserved() {
            trouble.waiting()
        } else {
            trouble.lasting()
        };
        self.outage.note(error);
        let unreachable = error.is_unreachable();
        self.status_store.update(|facts| {
            facts.fails(Area::Catalog, trouble);
            if unreachable {
                facts.catalog.reachable = Some(false);
            }
        });
    }

    pub(super) fn note_journal_failure(&self, error: &JournalError) {
        let trouble = Trouble::new(error.code(), with_causes(error), error.remedy()).lasting();
        self.status_store
            .update(|facts| facts.fails(Area::Journal, trouble));
    }
}
