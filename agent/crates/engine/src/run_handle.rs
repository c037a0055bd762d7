//! A run in progress: what others see of it, and how they end it.

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

/// How often the status store is told of progress: people cannot read faster.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// A run in progress: others watch it through this handle and ask it to stop.
#[derive(Debug)]
pub struct RunHandle {
    progress: watch::Sender<Run>,
    /// By a clock that nobody sets.
    began: Instant,
    status_store: Arc<StatusStore>,
    shown: Mutex<Instant>,
    /// The status store is to be told in a moment what it was not told at once.
    owed: Arc<AtomicBool>,
    /// Ends it after what is under way.
    pub cancel: CancellationToken,
    join_gate: Mutex<JoinGate>,
    left_over: AtomicBool,
    confirmed: AtomicBool,
}

/// Whether somebody may still join a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JoinGate {
    Open,
    /// Somebody has joined since it last read the ChangeLog from its beginning.
    Joined,
    /// It has read all that it will read.
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
            owed: Arc::default(),
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

    /// Its progress, to the end.
    pub fn watch(&self) -> watch::Receiver<Run> {
        self.progress.subscribe()
    }

    /// Joins it: a sync then reads the ChangeLog once more before it ends. False when it is too late.
    /// `confirmed`: who joins has said yes to what it would ask about.
    pub(super) fn join(&self, confirmed: bool) -> bool {
        let mut join_gate = self.join_gate();
        if *join_gate == JoinGate::Closed || self.cancel.is_cancelled() {
            return false;
        }
        *join_gate = JoinGate::Joined;
        self.confirmed.fetch_or(confirmed, Ordering::SeqCst);
        true
    }

    /// Whether somebody has joined since this was last asked; if not, nobody can any more.
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

    /// Nobody can join any more.
    pub(super) fn close(&self) {
        *self.join_gate() = JoinGate::Closed;
    }

    /// Whether somebody said yes to what it would ask about.
    pub(super) fn is_confirmed(&self) -> bool {
        self.confirmed.load(Ordering::SeqCst)
    }

    /// It ends with products that wait their own time, while others pass.
    pub(super) fn note_left_over(&self) {
        self.left_over.store(true, Ordering::SeqCst);
    }

    pub(super) fn has_left_over(&self) -> bool {
        self.left_over.load(Ordering::SeqCst)
    }

    /// Waits for its end.
    pub(super) async fn ended(&self) -> Run {
        let mut progress = self.watch();
        match progress.wait_for(|run| run.state == State::Finished).await {
            Ok(run) => run.clone(),
            // Not while it is borrowed: the sender is its own.
            Err(_) => self.now(),
        }
    }

    fn join_gate(&self) -> MutexGuard<'_, JoinGate> {
        self.join_gate
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes progress.
    pub(super) fn update(&self, change: impl FnOnce(&mut Run)) {
        let was_sending = self.progress.borrow().is_sending();
        self.progress.send_modify(|run| {
            change(run);
            run.balance();
        });
        let begins_to_send = !was_sending && self.progress.borrow().is_sending();
        // That it sends is shown at once: nothing is up to date any more.
        if self.is_time_to_show() || begins_to_send {
            self.show();
        } else if !self.owed.swap(true, Ordering::SeqCst) {
            self.show_later();
        }
    }

    /// Says what it waits for, or that it goes on.
    pub(super) fn set_state(&self, state: State, message: &str) {
        self.progress.send_if_modified(|run| {
            let changed = run.state != state || run.message != message;
            run.state = state;
            message.clone_into(&mut run.message);
            changed
        });
        self.show();
    }

    /// The last that watchers see.
    pub(super) fn end(&self, run: Run) {
        self.progress.send_replace(run);
    }

    fn show(&self) {
        let run = self.now();
        self.status_store.update(|facts| facts.show_run(&run));
    }

    /// Otherwise the last of what came at once would not be seen while the next takes its time.
    fn show_later(&self) {
        let (progress, status_store) = (self.watch(), Arc::clone(&self.status_store));
        let owed = Arc::clone(&self.owed);
        tokio::spawn(async move {
            tokio::time::sleep(PROGRESS_INTERVAL).await;
            owed.store(false, Ordering::SeqCst);
            let run = progress.borrow().clone();
            // It may have ended meanwhile.
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
