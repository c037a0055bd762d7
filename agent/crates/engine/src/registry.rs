//! The runs in progress: at most one of each kind. A caller that asks for a second one joins the first.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use shopmaster_health::run::{Cause, Kind, Outcome, Run, State, Wish};
use shopmaster_journal::{JournalError, StoredRun};
use shopmaster_view::grouped;
use tokio::sync::watch;

use super::{
    core::Core, run_handle::RunHandle, status, stop_reason::StepError, sync, tasks::Tasks, upload,
    verify,
};

/// How many ended runs are kept in memory while the journal cannot store them.
const MAX_UNSTORED: usize = 20;
/// The message of a run whose task panicked.
const PANIC_MESSAGE: &str = "Internal error: the agent stopped, see its log; what was in progress will be sent again after the next start";

/// Starts, joins, watches, cancels and lists runs.
pub struct Registry {
    shared: Arc<Shared>,
    tasks: Tasks,
}

/// What the registry and the tasks of its runs share.
struct Shared {
    core: Arc<Core>,
    running: watch::Sender<Vec<Arc<RunHandle>>>,
    /// Ended runs that the journal could not store, newest first, so that callers still learn how they ended.
    unstored: Mutex<VecDeque<Run>>,
    /// The ended sync that began last.
    last_sync: Mutex<Option<Run>>,
    /// The number of the newest run.
    newest: AtomicU64,
}

/// A run that was started or joined.
#[derive(Debug)]
pub struct Started {
    /// The run as it is now.
    pub run: Run,
    /// It was already in progress.
    pub joined: bool,
}

/// Why a run was not started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// An upload from the beginning was requested while this one is in progress.
    #[error("run `{0}` is already in progress")]
    Going(String),
    /// Sending is paused.
    #[error("sending is paused")]
    Paused,
    /// The agent is stopping.
    #[error("the agent is stopping")]
    Stopping,
}

impl Registry {
    pub(super) fn new(core: Arc<Core>, tasks: Tasks) -> Self {
        Self {
            shared: Arc::new(Shared {
                core,
                running: watch::Sender::default(),
                unstored: Mutex::default(),
                last_sync: Mutex::default(),
                newest: AtomicU64::default(),
            }),
            tasks,
        }
    }

    /// Starts a run, or joins one of the same kind.
    ///
    /// # Errors
    ///
    /// When sending is paused, the agent is stopping, or an upload should begin `from_start` while one is in progress.
    pub fn start(&self, kind: Kind, cause: Cause, wish: Wish) -> Result<Started, StartError> {
        let (handle, joined) = self.begin(kind, cause, wish)?;
        Ok(Started {
            run: handle.now(),
            joined,
        })
    }

    /// The same as [`start`](Self::start), with the handle of the run and whether it was joined.
    pub(super) fn begin(
        &self,
        kind: Kind,
        cause: Cause,
        wish: Wish,
    ) -> Result<(Arc<RunHandle>, bool), StartError> {
        let shared = &self.shared;
        if shared.core.stop.is_cancelled() {
            return Err(StartError::Stopping);
        }
        if shared.core.pause.borrow().is_some() {
            return Err(StartError::Paused);
        }
        let mut begun = Err(StartError::Stopping);
        shared.running.send_if_modified(|running| {
            begun = shared.join_or_add(running, kind, cause, wish);
            matches!(begun, Ok((_, false)))
        });
        let (handle, joined) = begun?;
        if !joined {
            tracing::info!(run = handle.now().id, cause = cause.word(), "run started");
            self.tasks.spawn_or(
                "run",
                perform(Arc::clone(shared), Arc::clone(&handle), wish),
                end_panicked(Arc::clone(shared), Arc::clone(&handle)),
            );
        }
        Ok((handle, joined))
    }

    /// The runs that have not ended.
    pub(super) fn running(&self) -> watch::Receiver<Vec<Arc<RunHandle>>> {
        self.shared.running.subscribe()
    }

    /// Stores the progress of all runs, so that it is known even after the process was killed.
    pub(super) async fn store_progress(&self) {
        let running = self.shared.running.borrow().clone();
        for handle in running {
            let Some(stored) = stored(&handle.so_far()) else {
                continue;
            };
            let core = &self.shared.core;
            let sent_at = core.state.sent_at();
            if let Err(error) = core.journal.store_progress(stored, sent_at).await {
                // The run itself has to write to the journal, and reports the failure.
                tracing::debug!(%error, "the progress of a run could not be stored");
            }
        }
    }

    /// The progress of a run; none when it is not in progress.
    pub fn watch(&self, id: &str) -> Option<watch::Receiver<Run>> {
        self.find(id).map(|handle| handle.watch())
    }

    /// Asks a run to stop. Gives it as it is now; none when it is not in progress.
    pub fn cancel(&self, id: &str) -> Option<Run> {
        let handle = self.find(id)?;
        handle.cancel.cancel();
        Some(handle.now())
    }

    /// One run, in progress or ended.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub async fn get(&self, id: &str) -> Result<Option<Run>, JournalError> {
        if let Some(handle) = self.find(id) {
            return Ok(Some(handle.now()));
        }
        if let Some(run) = lock(&self.shared.unstored).iter().find(|run| run.id == id) {
            return Ok(Some(run.clone()));
        }
        let stored = self.shared.core.journal.stored_run(id.to_owned()).await?;
        Ok(stored.and_then(|stored| read(&stored)))
    }

    /// At most `limit` runs, newest first.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub async fn list(&self, limit: u32) -> Result<Vec<Run>, JournalError> {
        let stored = self.shared.core.journal.stored_runs(limit).await?;
        Ok(stored
            .iter()
            .filter_map(read)
            .map(|run| self.find(&run.id).map_or(run, |handle| handle.now()))
            .collect())
    }

    /// Ends the runs that an earlier process did not end, as interrupted.
    pub(super) async fn note_interrupted(&self) -> Result<(), JournalError> {
        let shared = &self.shared;
        for stored in shared.core.journal.stored_runs(u32::MAX).await? {
            shared.newest.fetch_max(stored.sequence, Ordering::SeqCst);
            let Some(mut run) = read(&stored) else {
                continue;
            };
            if run.state != State::Finished {
                run.finish(
                    Outcome::Interrupted,
                    "The agent stopped before the run finished".to_owned(),
                );
                store(&shared.core, &run).await?;
            }
            shared.note_last_sync(&run);
        }
        Ok(())
    }

    fn find(&self, id: &str) -> Option<Arc<RunHandle>> {
        let running = self.shared.running.borrow();
        running.iter().find(|handle| handle.now().id == id).cloned()
    }
}

impl Shared {
    /// Joins a run of this kind, or adds a new one to `running`. True when it was joined.
    fn join_or_add(
        &self,
        running: &mut Vec<Arc<RunHandle>>,
        kind: Kind,
        cause: Cause,
        wish: Wish,
    ) -> Result<(Arc<RunHandle>, bool), StartError> {
        let mut same_kind = running.iter().filter(|handle| handle.now().kind == kind);
        if kind == Kind::Upload
            && wish.from_start
            && let Some(running) = same_kind.next()
        {
            return Err(StartError::Going(running.now().id));
        }
        if let Some(running) = same_kind.find(|handle| handle.join(wish.confirmed)) {
            return Ok((Arc::clone(running), true));
        }
        let mut run = Run::start(kind, cause);
        run.sequence = self.newest.fetch_add(1, Ordering::SeqCst) + 1;
        let started = Arc::new(RunHandle::new(
            run,
            Arc::clone(&self.core.status_store),
            self.core.stop.child_token(),
            wish.confirmed,
        ));
        running.push(Arc::clone(&started));
        Ok((started, false))
    }

    /// Records and shows that a run has ended.
    async fn end(&self, handle: &Arc<RunHandle>, run: Run) {
        log(&run);
        if let Err(error) = keep(&self.core, &run).await {
            self.core.note_journal_failure(&error);
            let mut unstored = lock(&self.unstored);
            unstored.truncate(MAX_UNSTORED - 1);
            unstored.push_front(run.clone());
        }
        self.running
            .send_modify(|running| running.retain(|other| !Arc::ptr_eq(other, handle)));
        self.core
            .status_store
            .update(|facts| facts.runs.retain(|other| other.id != run.id));
        self.note_last_sync(&run);
        if let Some(outcome) = run.outcome {
            self.core.observer.run_ended(run.kind, outcome);
        }
        // This comes last, so that callers that wait for the end find everything else done.
        handle.end(run);
    }

    /// Shows this run as the last sync, if it is the newest one.
    fn note_last_sync(&self, run: &Run) {
        let mut last = lock(&self.last_sync);
        let is_newest = last
            .as_ref()
            .is_none_or(|last| last.sequence < run.sequence);
        if run.kind != Kind::Sync || !is_newest {
            return;
        }
        *last = Some(run.clone());
        self.core
            .status_store
            .update(|facts| facts.last_sync = last.clone());
    }
}

/// Does a run from its beginning to its end.
async fn perform(shared: Arc<Shared>, handle: Arc<RunHandle>, wish: Wish) {
    let core = &shared.core;
    let kind = handle.now().kind;
    if let Err(error) = store(core, &handle.now()).await {
        core.note_journal_failure(&error);
    }
    let result = match kind {
        Kind::Sync => sync::run(core, &handle).await,
        Kind::Upload => upload::run(core, &handle, wish.from_start).await,
        Kind::Verify => verify::run(core, &handle).await,
    };
    handle.close();
    let refreshed = match &result {
        Ok(_) => status::refresh(core).await,
        Err(_) => status::read(core).await,
    };
    let (outcome, message) = match result {
        // A run that was cancelled because the agent stops resumes at the next start.
        Ok((Outcome::Cancelled, _)) if core.stop.is_cancelled() => (
            Outcome::Interrupted,
            "The agent stopped before the run finished".to_owned(),
        ),
        Ok(ending) => ending,
        Err(error) => {
            core.note_failure(&error);
            (Outcome::Failed, failure(&error))
        }
    };
    // A failure of the run itself is shown already.
    if let Err(error) = refreshed
        && outcome != Outcome::Failed
    {
        core.note_failure(&error);
    }
    let mut run = handle.so_far();
    run.finish(outcome, message);
    if run.message.is_empty() {
        run.message = summary(&run);
    }
    shared.end(&handle, run).await;
    show_end_of_hold(core).await;
}

/// Ends a run whose task panicked, so that no caller joins it or waits for it for ever.
async fn end_panicked(shared: Arc<Shared>, handle: Arc<RunHandle>) {
    handle.close();
    let mut run = handle.so_far();
    if run.state == State::Finished {
        return;
    }
    run.finish(Outcome::Failed, PANIC_MESSAGE.to_owned());
    shared.end(&handle, run).await;
}

/// Waits for the end of a hold that Digible asked for, and then no longer shows it. A run that waits for that end
/// itself does the same, but not a run that was cancelled meanwhile.
async fn show_end_of_hold(core: &Core) {
    while let Some(left) = core.held() {
        tokio::select! {
            () = core.stop.cancelled() => return,
            () = tokio::time::sleep(left) => {}
        }
    }
}

/// Stores an ended run. One that did nothing, or failed like the previous one, replaces the previous one.
async fn keep(core: &Core, run: &Run) -> Result<(), JournalError> {
    let before = core.journal.stored_runs(2).await?;
    let before = before
        .iter()
        .filter_map(read)
        .find(|other| other.id != run.id);
    if let Some(before) = before
        && before.kind == run.kind
        && is_repetition(&before, run)
    {
        core.journal.drop_run(before.id).await?;
    }
    store(core, run).await
}

/// Whether both runs did nothing, or failed in the same way.
fn is_repetition(before: &Run, run: &Run) -> bool {
    let same_failure = run.cause == Cause::Scheduled
        && before.cause == Cause::Scheduled
        && run.outcome == Some(Outcome::Failed)
        && before.outcome == run.outcome
        && run.sent == 0
        && before.sent == 0;
    (before.is_idle() && run.is_idle()) || same_failure
}

async fn store(core: &Core, run: &Run) -> Result<(), JournalError> {
    match stored(run) {
        Some(stored) => core.journal.store_run(stored, core.state.sent_at()).await,
        None => Ok(()),
    }
}

fn stored(run: &Run) -> Option<StoredRun> {
    Some(StoredRun {
        id: run.id.clone(),
        sequence: run.sequence,
        started_at: run.started_at.as_millisecond(),
        finished_at: run.finished_at.map(jiff::Timestamp::as_millisecond),
        record: serde_json::to_string(run).ok()?,
    })
}

fn read(stored: &StoredRun) -> Option<Run> {
    let mut run: Run = serde_json::from_str(&stored.record)
        .inspect_err(|error| {
            tracing::warn!(run = stored.id, %error, "a stored run cannot be read");
        })
        .ok()?;
    // Earlier versions did not store the number in the record.
    run.sequence = stored.sequence;
    Some(run)
}

/// The message of a run that failed, with the remedy.
fn failure(error: &StepError) -> String {
    let remedy = match error {
        StepError::Catalog(error) => error.remedy(),
        StepError::Journal(error) => error.remedy().into(),
    };
    format!(
        "{}; {}",
        shopmaster_base::causes::with_causes(error),
        shopmaster_view::lower_first(&remedy)
    )
}

/// The message of a run that ended without another one.
fn summary(run: &Run) -> String {
    let mut text = format!(
        "{} sent, {} unchanged",
        grouped(run.sent),
        grouped(run.unchanged)
    );
    for (count, word) in [
        (run.parked, "refused"),
        (run.still_parked, "still refused"),
        (run.removed, "gone from the shop"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {} {word}", grouped(count)));
        }
    }
    text
}

fn log(run: &Run) {
    if run.is_idle() {
        tracing::debug!(run = run.id, "run ended, nothing to do");
        return;
    }
    tracing::info!(
        run = run.id,
        outcome = run.outcome.map(Outcome::word),
        sent = run.sent,
        unchanged = run.unchanged,
        failed = run.failed,
        parked = run.parked,
        removed = run.removed,
        requests = run.requests,
        message = run.message,
        "run ended"
    );
}

fn lock<T>(runs: &Mutex<T>) -> MutexGuard<'_, T> {
    runs.lock().unwrap_or_else(PoisonError::into_inner)
}
