//! What every run works with.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    board::Board,
    gone::Missing,
    halt::{Halt, StepError},
    lane::{Lane, Turn},
    owner,
    waits::Waits,
};
use crate::{
    catalog::{Backlog, CaptureStatus, Catalog, CatalogError},
    digible::Cloud,
    health::{Area, Trouble},
    journal::{Journal, JournalError, Pause},
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
}

/// What every run works with.
pub(super) struct Core {
    pub(super) catalog: Arc<dyn Catalog>,
    pub(super) cloud: Arc<dyn Cloud>,
    pub(super) journal: Journal,
    pub(super) board: Arc<Board>,
    pub(super) options: Options,
    pub(super) waits: Waits,
    pub(super) lane: Lane,
    pub(super) missing: Missing,
    pub(super) pause: watch::Sender<Option<Pause>>,
    /// Ends everything.
    pub(super) stop: CancellationToken,
    on_trial: AtomicBool,
    hold: Mutex<Option<Instant>>,
    /// When this process last wrote the owner. Held while the owner is checked: two checks at once
    /// would each take the other's generation for a stranger's.
    pub(super) owner_renewed: tokio::sync::Mutex<Option<Timestamp>>,
}

/// From the look that misses a product to the one after which it counts as gone.
pub const GONE_AFTER: Duration = Duration::from_secs(600);
/// The fewest products of a step, so that small batches do not make small steps. Tests want many steps.
const SMALLEST_PAGE: usize = if cfg!(test) { 1 } else { 200 };

impl Options {
    /// Products in the first step of a walk: one round of full batches, so that sending begins soon.
    pub(super) fn first_page(&self) -> usize {
        (self.batch_size * self.max_in_flight).clamp(SMALLEST_PAGE, 2_000)
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
        board: Arc<Board>,
        options: Options,
        pause: Option<Pause>,
    ) -> Self {
        Self {
            catalog,
            cloud,
            journal,
            board,
            options,
            waits: Waits::default(),
            lane: Lane::default(),
            missing: Missing::default(),
            pause: watch::Sender::new(pause),
            stop: CancellationToken::new(),
            on_trial: AtomicBool::new(false),
            hold: Mutex::new(None),
            owner_renewed: tokio::sync::Mutex::new(None),
        }
    }

    /// Whether capture is as it was installed, for people, too. Says from then on whether the table is
    /// walked instead: somebody chose it, or it cannot be captured.
    pub(super) async fn capture(&self) -> Result<CaptureStatus, CatalogError> {
        let status = self.catalog.capture().await?;
        let scans = self.options.scan || matches!(status, CaptureStatus::ScanOnly(_));
        self.board.update(|facts| {
            facts.capture = Some(status.clone());
            facts.scan = scans.then(|| facts.scan.unwrap_or_default());
        });
        Ok(status)
    }

    /// Whether the table is walked, so that nothing of ours is in the shop's database.
    pub(super) fn scans(&self) -> bool {
        self.board.read(|facts| facts.scan.is_some())
    }

    /// Whether nothing keeps the table from giving one key several times: a view.
    pub(super) fn may_repeat_keys(&self) -> bool {
        self.board
            .read(|facts| matches!(facts.capture, Some(CaptureStatus::ScanOnly(_))))
    }

    /// Waits for the right to do one step. What an earlier one left unsaid counts as given up.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub(super) async fn turn(&self) -> Result<Turn<'_>, JournalError> {
        let turn = self.lane.turn().await;
        if self.journal.has_abandoned() {
            self.journal.give_up_abandoned().await?;
        }
        Ok(turn)
    }

    /// Digible failed or asked to wait: until it acknowledges something, one request at a time asks
    /// whether it works again.
    pub(super) fn begin_trial(&self) {
        self.on_trial.store(true, Ordering::SeqCst);
    }

    /// Digible acknowledged something.
    pub(super) fn end_trial(&self) {
        self.on_trial.store(false, Ordering::SeqCst);
    }

    /// Whether only one request at a time is sent.
    pub(super) fn is_on_trial(&self) -> bool {
        self.on_trial.load(Ordering::SeqCst)
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
        self.board.update(|facts| facts.blocked_until = shown.ok());
    }

    /// How long Digible still asks us to wait; none when it does not.
    pub(super) fn held(&self) -> Option<Duration> {
        let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        let left = hold.and_then(|until| until.checked_duration_since(Instant::now()));
        let left = left.filter(|left| !left.is_zero());
        if left.is_none() && hold.take().is_some() {
            self.board.update(|facts| facts.blocked_until = None);
        }
        left
    }

    /// Tells people how Digible is: after a step in which something passed, or one that halted.
    pub(super) fn note_digible(&self, passed: bool, halt: Option<&Halt>, fault: Option<&str>) {
        let trouble = match (halt, fault) {
            (Some(halt), _) => halt.trouble(),
            (None, Some(reason)) if !passed => Halt::Unreachable(reason.to_owned()).trouble(),
            (None, _) => None,
        };
        let session = self.cloud.session();
        self.board.update(|facts| {
            facts.session = Some(session);
            match trouble {
                Some(trouble) => facts.fails(Area::Digible, trouble),
                None if passed => facts.works(Area::Digible),
                None => {}
            }
        });
    }

    /// Nothing waits to be sent: that Digible was not reachable keeps nothing back any more.
    pub(super) fn note_nothing_left(&self) {
        self.board.update(|facts| {
            let trouble = facts.troubles.get(&Area::Digible);
            if trouble.is_some_and(|trouble| !trouble.lasting) {
                facts.works(Area::Digible);
            }
        });
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
        } else {
            trouble.lasting()
        };
        let unreachable = error.is_unreachable();
        self.board.update(|facts| {
            facts.fails(Area::Catalog, trouble);
            if unreachable {
                facts.catalog.reachable = Some(false);
            }
        });
    }

    pub(super) fn note_journal_failure(&self, error: &JournalError) {
        let trouble = Trouble::new("JOURNAL_FAILED", with_causes(error), error.remedy()).lasting();
        self.board
            .update(|facts| facts.fails(Area::Journal, trouble));
    }

    /// Asks the database and the journal how things are, and tells people. What failed before
    /// counts as mended.
    pub(super) async fn refresh(&self) -> Result<(), StepError> {
        self.look().await?;
        self.board.update(|facts| {
            facts.works(Area::Catalog);
            facts.works(Area::Journal);
        });
        Ok(())
    }

    /// The same after a failure, which stays: that they can be read does not say that they work.
    pub(super) async fn look(&self) -> Result<(), StepError> {
        // Of no product: whether the table and its columns are there at all.
        self.catalog.read(&[]).await?;
        let status = self.look_at_capture().await?;
        let scans = self.scans();
        let backlog = match status {
            _ if scans => Backlog::default(),
            CaptureStatus::NotInstalled => Backlog::default(),
            _ => self.catalog.backlog().await?,
        };
        let counts = self.journal.counts().await?;
        let checked_at = self.journal.uploaded_at().await?;
        let session = self.cloud.session();
        let now = Timestamp::now();
        self.board.update(|facts| {
            facts.catalog.reachable = Some(true);
            // What a walk has found stays until the next one.
            if !scans {
                facts.pending = backlog.products;
            }
            facts.changes = backlog.changes;
            facts.oldest_pending_at = backlog.oldest_at;
            facts.oldest_age = backlog.oldest_age.map(|age| (age, now));
            facts.counts = counts;
            facts.checked_at = checked_at;
            facts.session = Some(session);
        });
        Ok(())
    }

    /// Whether capture is as it was installed. An upload is due from then on when it was not.
    pub(super) async fn look_at_capture(&self) -> Result<CaptureStatus, StepError> {
        let status = self.capture().await?;
        if !self.scans() {
            owner::note_gap(self, &status).await?;
        }
        Ok(status)
    }
}

/// An error with its causes, on one line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
