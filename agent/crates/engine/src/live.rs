//! A run that goes.

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

use super::board::Board;

/// How often the board is told of progress: people cannot read faster.
const BOARD_INTERVAL: Duration = Duration::from_millis(100);

/// A run that goes: others watch it through here and ask it to stop.
#[derive(Debug)]
pub struct Live {
    progress: watch::Sender<Run>,
    /// By a clock that nobody sets.
    began: Instant,
    board: Arc<Board>,
    shown: Mutex<Instant>,
    /// The board is to be told in a moment what it was not told at once.
    owed: Arc<AtomicBool>,
    /// Ends it after what is under way.
    pub cancel: CancellationToken,
    door: Mutex<Door>,
    left_over: AtomicBool,
    confirmed: AtomicBool,
}

/// Whether somebody may still join a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Open,
    /// Somebody has joined since it last read the ChangeLog from its beginning.
    Joined,
    /// It has read all that it will read.
    Closed,
}

impl Live {
    pub(super) fn new(
        run: Run,
        board: Arc<Board>,
        cancel: CancellationToken,
        confirmed: bool,
    ) -> Self {
        board.update(|facts| facts.runs.push(run.clone()));
        Self {
            progress: watch::Sender::new(run),
            began: Instant::now(),
            board,
            shown: Mutex::new(Instant::now()),
            owed: Arc::default(),
            cancel,
            door: Mutex::new(Door::Open),
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
        let mut door = self.door();
        if *door == Door::Closed || self.cancel.is_cancelled() {
            return false;
        }
        *door = Door::Joined;
        self.confirmed.fetch_or(confirmed, Ordering::SeqCst);
        true
    }

    /// Whether somebody has joined since this was last asked; if not, nobody can any more.
    pub(super) fn goes_once_more(&self) -> bool {
        let mut door = self.door();
        let joined = *door == Door::Joined;
        *door = if joined { Door::Open } else { Door::Closed };
        joined
    }

    /// Nobody can join any more.
    pub(super) fn close(&self) {
        *self.door() = Door::Closed;
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

    fn door(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.board.update(|facts| facts.show_run(&run));
    }

    /// Otherwise the last of what came at once would not be seen while the next takes its time.
    fn show_later(&self) {
        let (progress, board) = (self.watch(), Arc::clone(&self.board));
        let owed = Arc::clone(&self.owed);
        tokio::spawn(async move {
            tokio::time::sleep(BOARD_INTERVAL).await;
            owed.store(false, Ordering::SeqCst);
            let run = progress.borrow().clone();
            // It may have ended meanwhile.
            board.update(|facts| facts.show_run(&run));
        });
    }

    fn is_time_to_show(&self) -> bool {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = shown.elapsed() >= BOARD_INTERVAL;
        if is_time {
            *shown = Instant::now();
        }
        is_time
    }
}
