//! A run in progress, as other tasks watch, join and cancel it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use shopmaster_health::run::{Run, State};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::status_store::StatusStore;

/// The shortest time between two updates of the status store; people cannot read faster.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// A run in progress. Other tasks watch it through this handle and ask it to stop.
#[derive(Debug)]
pub struct RunHandle {
    progress: watch::Sender<Run>,
    /// By a clock that cannot be set.
    began: Instant,
    status_store: Arc<StatusStore>,
    shown: Mutex<Instant>,
    /// An update of the status store is scheduled for progress that was not shown at once.
    is_update_scheduled: Arc<AtomicBool>,
    /// Cancelled to end the run after its pending requests.
    pub cancel: CancellationToken,
    join_gate: Mutex<JoinGate>,
    left_over: AtomicBool,
    /// The user said yes to what the run would ask about.
    confirmed: AtomicBool,
}

/// Whether another caller may still join a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JoinGate {
    Open,
    /// A caller has joined since the run last read the ChangeLog from its beginning.
    Joined,
    /// The run has read all that it will read.
    Closed,
}

impl RunHandle {
    pub(super) fn new(
        run: Run,
        status_store: Arc<StatusStore>,
        cancel: CancellationToken,
        confirmed: bool,
    ) -> Self {
        status_store.update(|facts| facts.runs.push(run.clone()));
        Self {
            progress: watch::Sender::new(run),
            began: Instant::now(),
            status_store,
            shown: Mutex::new(Instant::now()),
            is_update_scheduled: Arc::default(),
            cancel,
            join_gate: Mutex::new(JoinGate::Open),
            left_over: AtomicBool::new(false),
            confirmed: AtomicBool::new(confirmed),
        }
    }

    /// The run as it is now.
    pub fn now(&self) -> Run {
        self.progress.borrow().clone()
    }

    /// The run as it is now, with the time that it took until now.
    pub(super) fn so_far(&self) -> Run {
        let took = self.began.elapsed().as_millis();
        let mut run = self.now();
        run.took_ms = Some(u64::try_from(took).unwrap_or(u64::MAX));
        run
    }

    /// The progress of the run, to its end.
    pub fn watch(&self) -> watch::Receiver<Run> {
        self.progress.subscribe()
    }

    /// Joins the run: a sync then reads the ChangeLog once more before it ends. False when it is too late. `confirmed`:
    /// the user has said yes to what the run would ask about.
    pub(super) fn join(&self, confirmed: bool) -> bool {
        let mut join_gate = self.join_gate();
        if *join_gate == JoinGate::Closed || self.cancel.is_cancelled() {
            return false;
        }
        *join_gate = JoinGate::Joined;
        self.confirmed.fetch_or(confirmed, Ordering::SeqCst);
        true
    }

    /// Whether a caller has joined since the last call, so that the run has to begin another round. If not, it can no
    /// longer be joined.
    pub(super) fn repeat_or_close(&self) -> bool {
        let mut join_gate = self.join_gate();
        let joined = *join_gate == JoinGate::Joined;
        *join_gate = if joined {
            JoinGate::Open
        } else {
            JoinGate::Closed
        };
        joined
    }

    /// Lets no caller join any more.
    pub(super) fn close(&self) {
        *self.join_gate() = JoinGate::Closed;
    }

    /// Notes that the user said yes to what the run would ask about.
    pub(super) fn confirm(&self) {
        self.confirmed.store(true, Ordering::SeqCst);
    }

    /// Whether the user said yes to what the run would ask about.
    pub(super) fn is_confirmed(&self) -> bool {
        self.confirmed.load(Ordering::SeqCst)
    }

    /// Notes that the run ends with products that wait for their own next try, while others are sent.
    pub(super) fn note_left_over(&self) {
        self.left_over.store(true, Ordering::SeqCst);
    }

    pub(super) fn has_left_over(&self) -> bool {
        self.left_over.load(Ordering::SeqCst)
    }

    /// Waits for the end of the run, and gives it as it ended.
    pub(super) async fn ended(&self) -> Run {
        let mut progress = self.watch();
        match progress.wait_for(|run| run.state == State::Finished).await {
            Ok(run) => run.clone(),
            // Cannot happen while this handle is borrowed: it owns the sender.
            Err(_) => self.now(),
        }
    }

    fn join_gate(&self) -> MutexGuard<'_, JoinGate> {
        self.join_gate
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the run, and shows it at once or within [`PROGRESS_INTERVAL`].
    pub(super) fn update(&self, change: impl FnOnce(&mut Run)) {
        let was_sending = self.progress.borrow().is_sending();
        self.progress.send_modify(|run| {
            change(run);
            run.balance();
        });
        let begins_to_send = !was_sending && self.progress.borrow().is_sending();
        // The first product to send is shown at once, because the shop is no longer up to date.
        if self.is_time_to_show() || begins_to_send {
            self.show();
        } else if !self.is_update_scheduled.swap(true, Ordering::SeqCst) {
            self.show_later();
        }
    }

    /// Shows that the run waits, and for what, or that it continues.
    pub(super) fn set_state(&self, state: State, message: &str) {
        self.progress.send_if_modified(|run| {
            let changed = run.state != state || run.message != message;
            run.state = state;
            message.clone_into(&mut run.message);
            changed
        });
        self.show();
    }

    /// Ends the run; watchers see this last.
    pub(super) fn end(&self, run: Run) {
        self.progress.send_replace(run);
    }

    fn show(&self) {
        let run = self.now();
        self.status_store.update(|facts| facts.show_run(&run));
    }

    /// Shows progress at the end of the interval; without this, it would stay unseen until the next update.
    fn show_later(&self) {
        let (progress, status_store) = (self.watch(), Arc::clone(&self.status_store));
        let is_update_scheduled = Arc::clone(&self.is_update_scheduled);
        tokio::spawn(async move {
            tokio::time::sleep(PROGRESS_INTERVAL).await;
            is_update_scheduled.store(false, Ordering::SeqCst);
            let run = progress.borrow().clone();
            // If the run has ended meanwhile, `show_run` does nothing.
            status_store.update(|facts| facts.show_run(&run));
        });
    }

    fn is_time_to_show(&self) -> bool {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = shown.elapsed() >= PROGRESS_INTERVAL;
        if is_time {
            *shown = Instant::now();
        }
        is_time
    }
}
