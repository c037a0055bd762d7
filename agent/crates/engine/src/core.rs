//! What every run works with.

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
    failed_canaries::FailedCanaries,
    flow::Flow,
    missing_since::MissingSince,
    outage::Outage,
    rebuilt::Rebuilt,
    retry_queue::RetryQueue,
    state::{Reach, State},
    status_store::StatusStore,
    step_lock::{StepGuard, StepLock},
    stop_reason::{StepError, StopReason},
};

/// How a run works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Products in one batch, 1 to 200.
    pub batch_size: usize,
    /// Requests under way at once.
    pub max_in_flight: usize,
    /// More waiting updates than this go through the batch endpoint.
    pub bulk_threshold: usize,
    /// Whether the scheduler starts syncs by itself.
    pub automatic: bool,
    /// From one full sync to the next.
    pub interval: Duration,
    /// From one look for changes to the next.
    pub probe: Duration,
    /// Changes are found by walking the table, also where they could be captured.
    pub scan: bool,
    /// A product that a walk does not meet counts as gone when another walk, so much later, does not
    /// meet it either: [`GONE_AFTER`] but in tests.
    pub gone_after: Duration,
    /// The local time of the nightly verify; none for never.
    pub verify: Option<jiff::civil::Time>,
    /// More of the shop than this, in percent, is not sent by a verify without a question; 100 never asks.
    pub verify_limit: u64,
}

/// What an earlier process noted.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastKnown {
    /// When Digible last acknowledged something.
    pub(super) sent_at: Option<Timestamp>,
    /// How far the table shrank, when nobody believed it.
    pub(super) shrank: Option<Shrank>,
}

/// What every run works with.
pub(super) struct Core {
    pub(super) catalog: Arc<dyn Catalog>,
    pub(super) cloud: Arc<dyn Cloud>,
    pub(super) journal: Journal,
    pub(super) status_store: Arc<StatusStore>,
    pub(super) options: Options,
    pub(super) state: State,
    pub(super) retry_queue: RetryQueue,
    pub(super) step_lock: StepLock,
    pub(super) missing: MissingSince,
    pub(super) rebuilt: Rebuilt,
    pub(super) outage: Outage,
    pub(super) failed_canaries: FailedCanaries,
    /// The pause that is on; it outlives this engine.
    pub(super) pause: Arc<AgentState>,
    /// Ends everything.
    pub(super) stop: CancellationToken,
    pub(super) flow: Flow,
    hold: Mutex<Option<Instant>>,
    /// Nothing waits to be sent that would tell whether Digible is back: it is to be asked.
    pub(super) ask_digible: Notify,
    /// All products are to be compared, and soon.
    pub(super) verify_due: Notify,
    /// Held from asking until people are told: what was asked later is told later.
    pub(super) status_order: tokio::sync::Mutex<()>,
    /// When this process last wrote the owner. Held while the owner is checked: two checks at once
    /// would each take the other's generation for a stranger's.
    pub(super) owner_renewed: tokio::sync::Mutex<Option<Instant>>,
}

/// From the look that misses a product to the one after which it counts as gone.
pub const GONE_AFTER: Duration = Duration::from_secs(600);
/// The fewest products of a step, so that small batches do not make small steps. Tests want many steps.
const MIN_FIRST_PAGE: usize = if cfg!(test) { 1 } else { 200 };

impl Options {
    /// Products in the first step of a walk: one round of full batches, so that sending begins soon.
    pub(super) fn first_page(&self) -> usize {
        (self.batch_size * self.max_in_flight).clamp(MIN_FIRST_PAGE, 2_000)
    }

    /// Products in a later step: four rounds at most, read while the one before is sent.
    pub(super) fn next_page(&self, page: usize) -> usize {
        (page * 2).min(self.first_page() * 4)
    }
}

impl Core {
    pub(super) fn new(
        catalog: Arc<dyn Catalog>,
        cloud: Arc<dyn Cloud>,
        journal: Journal,
        status_store: Arc<StatusStore>,
        options: Options,
        pause: Arc<AgentState>,
        kept: LastKnown,
    ) -> Self {
        Self {
            catalog,
            cloud,
            journal,
            status_store,
            state: State::new(options.scan, kept.sent_at),
            flow: Flow::new(options.max_in_flight),
            options,
            retry_queue: RetryQueue::default(),
            step_lock: StepLock::default(),
            missing: MissingSince::new(kept.shrank),
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

    /// Whether capture is as it was installed, for people, too. Decides from then on whether the table
    /// is walked instead.
    pub(super) async fn capture(&self) -> Result<CaptureStatus, CatalogError> {
        let status = self.catalog.capture().await?;
        let scans = self.state.note_capture(&status);
        self.status_store.update(|facts| {
            facts.capture = Some(status.clone());
            facts.scan = scans.then(|| facts.scan.unwrap_or_default());
        });
        Ok(status)
    }

    /// Whether the table is walked, so that nothing of ours is in the shop's database.
    pub(super) fn scans(&self) -> bool {
        self.state.scans()
    }

    /// Whether nothing keeps the table from giving one key several times: a view.
    pub(super) fn may_repeat_keys(&self) -> bool {
        self.state.may_repeat_keys()
    }

    /// Waits for the right to do one step. What an earlier one left unsaid counts as given up.
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

    /// Sends one request, and learns from its answer how much may be asked.
    pub(super) async fn ask(&self, request: impl Future<Output = Answer>) -> Answer {
        let sent = self.flow.sent();
        let before = self.flow.shown();
        let answer = request.await;
        self.flow.answered(sent, &answer);
        if self.flow.shown() != before {
            self.show_flow();
        }
        answer
    }

    /// A step was stopped. When it was by Digible, one request at a time asks whether it works again, until it
    /// acknowledges something.
    pub(super) fn note_stop(&self, stop_reason: &StopReason) {
        if stop_reason.is_digible() {
            self.flow.open(stop_reason);
            self.show_flow();
        }
        if let StopReason::Hold { wait, .. } = stop_reason {
            self.hold(*wait);
        }
    }

    /// A person asks for it, or there are signs that Digible is back: the next try need not wait.
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

    /// How long Digible still asks us to wait; none when it does not.
    pub(super) fn held(&self) -> Option<Duration> {
        let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        let left = hold.and_then(|until| until.checked_duration_since(Instant::now()));
        let left = left.filter(|left| !left.is_zero());
        if left.is_none() && hold.take().is_some() {
            self.status_store.update(|facts| facts.blocked_until = None);
        }
        left
    }

    /// Tells people how Digible is: after a step in which something was acknowledged (`passed`), or
    /// one that halted.
    pub(super) fn note_digible(
        &self,
        passed: bool,
        stop_reason: Option<&StopReason>,
        fault: Option<&str>,
    ) {
        let trouble = match (stop_reason, fault) {
            (Some(stop_reason), _) => stop_reason.trouble(),
            (None, Some(reason)) if !passed => StopReason::Unreachable(reason.to_owned()).trouble(),
            (None, _) => None,
        };
        if passed {
            self.state.note_sent();
        }
        self.note_reach(passed, trouble);
    }

    /// Tells people what came of a login: after one, Digible is there. Gives why it failed.
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

    /// Nothing waits to be sent, so that nothing will tell whether Digible is back: when it was lost, it
    /// has to be asked. Until it answers, it stays lost.
    pub(super) fn note_nothing_left(&self) {
        if self.state.digible() == Reach::Lost {
            self.ask_digible.notify_one();
        }
    }

    /// Tells people that the shop's database or the journal failed.
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
