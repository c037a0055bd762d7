//! Which runs go: at most one of a kind works. Who asks for a second one joins the first.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::{core::Core, halt::StepError, live::Live, sync, upload};
use crate::{
    health,
    journal::{JournalError, StoredRun},
    run::{Cause, Kind, Outcome, Run, State},
};

type Going = Arc<Mutex<Vec<Arc<Live>>>>;
type Ended = Arc<Mutex<VecDeque<Run>>>;

/// The most ended runs that are kept in memory.
const MOST_UNSTORED: usize = 20;

/// Starts, joins, watches, cancels and lists runs.
pub struct Registry {
    core: Arc<Core>,
    tasks: TaskTracker,
    live: Going,
    /// Ended runs that the journal could not store: who started one wants to know how it ended.
    unstored: Ended,
}

/// A run that goes now.
#[derive(Debug)]
pub struct Started {
    /// As it is now.
    pub run: Run,
    /// It was already going.
    pub joined: bool,
}

/// Why a run was not started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// It was to begin anew, and one of its kind goes.
    #[error("the run `{0}` goes already")]
    Going(String),
    /// Sending is paused.
    #[error("sending is paused")]
    Paused,
    /// The agent is ending.
    #[error("the agent is ending")]
    Stopping,
}

impl Registry {
    pub(super) fn new(core: Arc<Core>, tasks: TaskTracker) -> Self {
        Self {
            core,
            tasks,
            live: Arc::default(),
            unstored: Arc::default(),
        }
    }

    /// Starts a run, or joins one of the same kind.
    ///
    /// # Errors
    ///
    /// When sending is paused, the agent is ending, or an upload is to begin `from_start` while one
    /// goes.
    pub fn start(&self, kind: Kind, cause: Cause, from_start: bool) -> Result<Started, StartError> {
        let (live, joined) = self.begin(kind, cause, from_start)?;
        Ok(Started {
            run: live.now(),
            joined,
        })
    }

    /// Starts a run, or joins one of the same kind.
    pub(super) fn begin(
        &self,
        kind: Kind,
        cause: Cause,
        from_start: bool,
    ) -> Result<(Arc<Live>, bool), StartError> {
        if self.core.stop.is_cancelled() {
            return Err(StartError::Stopping);
        }
        if self.core.pause.borrow().is_some() {
            return Err(StartError::Paused);
        }
        let mut live = lock(&self.live);
        let mut same_kind = live.iter().filter(|live| live.now().kind == kind);
        if kind == Kind::Upload
            && from_start
            && let Some(going) = same_kind.next()
        {
            return Err(StartError::Going(going.now().id));
        }
        if let Some(going) = same_kind.find(|live| live.join()) {
            return Ok((Arc::clone(going), true));
        }
        let started = Arc::new(Live::new(
            Run::start(kind, cause),
            Arc::clone(&self.core.board),
            self.core.stop.child_token(),
        ));
        live.push(Arc::clone(&started));
        drop(live);
        tracing::info!(run = started.now().id, cause = cause.word(), "run started");
        self.tasks.spawn(perform(
            Arc::clone(&self.core),
            Arc::clone(&started),
            (Arc::clone(&self.live), Arc::clone(&self.unstored)),
            from_start,
        ));
        Ok((started, false))
    }

    /// The progress of a run that goes; none when it does not.
    pub fn watch(&self, id: &str) -> Option<watch::Receiver<Run>> {
        self.find(id).map(|live| live.watch())
    }

    /// Asks a run to stop. Gives it as it is now; none when it does not go.
    pub fn cancel(&self, id: &str) -> Option<Run> {
        let live = self.find(id)?;
        live.cancel.cancel();
        Some(live.now())
    }

    /// One run, going or ended.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub async fn get(&self, id: &str) -> Result<Option<Run>, JournalError> {
        if let Some(live) = self.find(id) {
            return Ok(Some(live.now()));
        }
        if let Some(run) = lock(&self.unstored).iter().find(|run| run.id == id) {
            return Ok(Some(run.clone()));
        }
        let stored = self.core.journal.stored_run(id.to_owned()).await?;
        Ok(stored.and_then(|stored| read(&stored)))
    }

    /// Runs, newest first.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub async fn list(&self, limit: u32) -> Result<Vec<Run>, JournalError> {
        let stored = self.core.journal.stored_runs(limit).await?;
        Ok(stored
            .iter()
            .filter_map(read)
            .map(|run| self.find(&run.id).map_or(run, |live| live.now()))
            .collect())
    }

    /// Runs that an earlier process did not end were interrupted.
    pub(super) async fn note_interrupted(&self) -> Result<(), JournalError> {
        let mut last_sync = None;
        for stored in self.core.journal.stored_runs(u32::MAX).await? {
            let Some(mut run) = read(&stored) else {
                continue;
            };
            if run.state != State::Finished {
                run.finish(
                    Outcome::Interrupted,
                    "The agent ended before the run did".to_owned(),
                );
                store(&self.core, &run).await?;
            }
            if run.kind == Kind::Sync && last_sync.is_none() {
                last_sync = Some(run);
            }
        }
        self.core.board.update(|facts| facts.last_sync = last_sync);
        Ok(())
    }

    fn find(&self, id: &str) -> Option<Arc<Live>> {
        lock(&self.live)
            .iter()
            .find(|live| live.now().id == id)
            .cloned()
    }
}

async fn perform(
    core: Arc<Core>,
    live: Arc<Live>,
    (all, unstored): (Going, Ended),
    from_start: bool,
) {
    let kind = live.now().kind;
    if let Err(error) = store(&core, &live.now()).await {
        core.note_journal_failure(&error);
    }
    let result = match kind {
        Kind::Sync => sync::run(&core, &live).await,
        Kind::Upload => upload::run(&core, &live, from_start).await,
    };
    live.close();
    let refreshed = match &result {
        Ok(_) => core.refresh().await,
        Err(_) => core.look().await,
    };
    let (outcome, message) = match result {
        // A run that the agent's own end stopped goes on with the next start.
        Ok((Outcome::Cancelled, _)) if core.stop.is_cancelled() => (
            Outcome::Interrupted,
            "The agent ended before the run did".to_owned(),
        ),
        Ok(ending) => ending,
        Err(error) => {
            core.note_failure(&error);
            (Outcome::Failed, failure(&error))
        }
    };
    // What failed the run itself is told already.
    if let Err(error) = refreshed
        && outcome != Outcome::Failed
    {
        core.note_failure(&error);
    }
    let mut run = live.now();
    run.finish(outcome, message);
    if run.message.is_empty() {
        run.message = summary(&run);
    }
    log(&run);
    if let Err(error) = keep(&core, &run).await {
        core.note_journal_failure(&error);
        let mut unstored = lock(&unstored);
        unstored.truncate(MOST_UNSTORED - 1);
        unstored.push_front(run.clone());
    }
    lock(&all).retain(|other| !Arc::ptr_eq(other, &live));
    let next = lock(&all).last().map(|live| live.now());
    core.board.update(|facts| {
        facts.current_run = next;
        let is_newest = |last: &Run| last.started_at <= run.started_at;
        if run.kind == Kind::Sync && facts.last_sync.as_ref().is_none_or(is_newest) {
            facts.last_sync = Some(run.clone());
        }
    });
    // Last, so that who waits for the end finds everything as it is then.
    live.end(run);
    show_end_of_hold(&core).await;
}

/// A run that waits for Digible notes itself that it need not any more; one that was cancelled does not.
async fn show_end_of_hold(core: &Core) {
    while let Some(left) = core.held() {
        tokio::select! {
            () = core.stop.cancelled() => return,
            () = tokio::time::sleep(left) => {}
        }
    }
}

/// Stores an ended run. One that did nothing, or failed as the one before, takes its place.
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
    let Ok(record) = serde_json::to_string(run) else {
        return Ok(());
    };
    core.journal
        .store_run(StoredRun {
            id: run.id.clone(),
            started_at: run.started_at.as_millisecond(),
            finished_at: run.finished_at.map(jiff::Timestamp::as_millisecond),
            record,
        })
        .await
}

fn read(stored: &StoredRun) -> Option<Run> {
    serde_json::from_str(&stored.record)
        .inspect_err(|error| {
            tracing::warn!(run = stored.id, %error, "a stored run cannot be read");
        })
        .ok()
}

fn failure(error: &StepError) -> String {
    let remedy = match error {
        StepError::Catalog(error) => error.remedy(),
        StepError::Journal(error) => error.remedy().into(),
    };
    format!(
        "{}; {}",
        super::with_causes(error),
        health::lower_first(&remedy)
    )
}

fn summary(run: &Run) -> String {
    let mut text = format!("{} sent, {} unchanged", run.sent, run.unchanged);
    for (count, word) in [(run.parked, "refused"), (run.removed, "removed")] {
        if count > 0 {
            text.push_str(&format!(", {count} {word}"));
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
