//! Starts syncs automatically: at each interval, when the ChangeLog has something new, when a product is due again, and
//! at the end of a pause.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use shopmaster_health::run::{Cause, Kind, Outcome, Run, Wish};
use shopmaster_journal::Pause;
use tokio::{sync::Notify, time::Instant};

use super::{backoff, engine::Engine, probe::Probe, status, wait};

/// How often to check whether a pause has ended, because the wall clock may be set. Also how often to count what waits
/// while no sync starts automatically.
const PAUSE_CHECK_INTERVAL: Duration = Duration::from_secs(30);

/// What the scheduler remembers from one check to the next.
struct Schedule {
    /// How often to check for changes.
    probe: Probe,
    /// When the next full sync is due.
    full: Instant,
    /// No sync begins before this, because the last one failed as a whole.
    not_before: Instant,
    /// Syncs that failed in a row.
    failures: u32,
    /// When the last sync began.
    began: Option<Instant>,
    /// The newest change before the last sync, if that ended with products left over. As long as it stays the newest,
    /// nothing is new.
    left_over: Option<i64>,
    /// The newest change before the last sync, if that failed. As long as it stays the newest, another sync makes sense
    /// only when a product may be tried.
    stuck: Option<i64>,
}

/// When the next sync starts, as it is shown.
#[derive(Default)]
struct Next {
    shown: Option<Timestamp>,
}

/// Starts syncs until the engine stops, and first resumes an upload that an earlier process did not finish.
///
/// Each round waits, decides whether a sync is due, and if so starts one and waits for its end. A call to `wake` makes
/// the next sync due at once. While sending is paused or not automatic, the round only shows what waits.
pub(super) async fn run(engine: &Arc<Engine>, wake: &Notify) {
    let stop = &engine.core.stop;
    engine.refresh().await;
    // Only now is it known whether the table is captured: a verify that is due need not wait for the next check.
    engine.core.verify_due.notify_one();
    let mut resumed = false;
    let mut schedule = Schedule::new(engine.core.options.probe);
    let mut next = Next::default();
    loop {
        let mut woken = false;
        tokio::select! {
            () = stop.cancelled() => return,
            () = wake.notified() => woken = true,
            () = tokio::time::sleep(pace(engine, &schedule)) => {}
        }
        // Reading the hold removes one whose time is over, so that it is no longer shown.
        engine.core.held();
        if engine.core.pause.borrow().is_some() {
            show_waiting(engine, &mut next).await;
            continue;
        }
        resumed = resumed || resume_upload(engine).await;
        if !engine.core.options.automatic {
            show_waiting(engine, &mut next).await;
            continue;
        }
        if woken {
            schedule.not_before = Instant::now();
            schedule.full = Instant::now();
        }
        next.show(engine, schedule.next(engine));
        if wait::is_over(&engine.core).await {
            schedule.reset();
        }
        let must_wait = Instant::now() < schedule.not_before
            || engine.core.outage.is_reserved()
            || engine.core.flow.next_try().is_some();
        if must_wait || !is_due(engine, &mut schedule).await {
            continue;
        }
        sync(engine, &mut schedule).await;
        next.show(engine, schedule.next(engine));
    }
}

/// How long until the next check.
fn pace(engine: &Engine, schedule: &Schedule) -> Duration {
    let options = &engine.core.options;
    let slow = PAUSE_CHECK_INTERVAL.min(options.interval);
    if engine.core.pause.borrow().is_some() || !options.automatic {
        return slow;
    }
    match engine.core.outage.is_on() {
        true => wait::OUTAGE_CHECK_INTERVAL.min(options.probe),
        false => schedule.probe.pace(),
    }
}

/// Counts and shows what waits, while no sync starts automatically.
async fn show_waiting(engine: &Engine, next: &mut Next) {
    if let Err(error) = status::read(&engine.core).await {
        engine.core.note_failure(&error);
    }
    next.show(engine, None);
}

/// Ends each pause when its time has come. This is a task of its own, because the scheduler may be waiting for a run
/// that waits for the end of the pause.
pub(super) async fn end_pauses(engine: &Engine) {
    let mut pause = engine.core.pause.subscribe();
    loop {
        let until = match *pause.borrow_and_update() {
            Some(Pause::Until(until)) => Some(until),
            Some(Pause::UntilResumed) | None => None,
        };
        let mut left = until.map(left_until);
        if left == Some(Duration::ZERO) {
            match engine.set_pause(None).await {
                Ok(()) => continue,
                Err(error) => engine.core.note_journal_failure(&error),
            }
            left = Some(PAUSE_CHECK_INTERVAL);
        }
        tokio::select! {
            () = engine.core.stop.cancelled() => return,
            changed = pause.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(left.unwrap_or_default().min(PAUSE_CHECK_INTERVAL)), if left.is_some() => {}
        }
    }
}

fn left_until(until: Timestamp) -> Duration {
    let left = until.duration_since(Timestamp::now());
    Duration::try_from(left).unwrap_or_default()
}

/// Whether a sync should start now.
async fn is_due(engine: &Engine, schedule: &mut Schedule) -> bool {
    if Instant::now() >= schedule.full {
        return true;
    }
    // The whole table is walked once in each interval, and for no other reason.
    if engine.core.held().is_some() || engine.core.scans() {
        return false;
    }
    let began = schedule.began;
    if engine.core.retry_queue.came_due(began) {
        return true;
    }
    if let Ok(Some(due)) = engine.core.journal.next_confirmation().await
        && due <= Instant::now()
        && began.is_none_or(|began| began < due)
    {
        return true;
    }
    let asked = Instant::now();
    let newest = engine.core.catalog.newest_change().await;
    schedule.probe.took(asked.elapsed());
    match newest {
        Ok(newest) => {
            let may_be_tried = newest != schedule.stuck || !all_wait(engine);
            newest.is_some() && newest != schedule.left_over && may_be_tried
        }
        Err(error) => {
            engine.core.note_catalog_failure(&error);
            schedule.fail(None);
            false
        }
    }
}

/// Whether products wait, and none of them may be tried now.
fn all_wait(engine: &Engine) -> bool {
    let earliest = engine.core.retry_queue.earliest();
    earliest.is_some_and(|earliest| earliest > Instant::now())
}

/// Starts or joins a sync, waits for its end, and notes the result.
async fn sync(engine: &Engine, schedule: &mut Schedule) {
    // A change after this one is new, whether the sync still reads it or not.
    let newest = match engine.core.scans() {
        true => None,
        false => engine.core.catalog.newest_change().await.ok().flatten(),
    };
    schedule.began = Some(Instant::now());
    if let Ok((handle, _)) = engine
        .runs
        .begin(Kind::Sync, Cause::Scheduled, Wish::default())
    {
        let run = handle.ended().await;
        schedule.after(engine, &run, handle.has_left_over());
        schedule.left_over = newest.filter(|_| handle.has_left_over());
        schedule.stuck = newest.filter(|_| run.outcome == Some(Outcome::Failed));
    }
}

/// Resumes an upload that an earlier process did not finish, if there is one. False when that has to be tried again.
async fn resume_upload(engine: &Engine) -> bool {
    match engine.core.journal.has_upload_to_resume().await {
        Ok(true) => {
            let started = engine
                .runs
                .start(Kind::Upload, Cause::Resumed, Wish::default());
            started.is_ok()
        }
        Ok(false) => true,
        Err(error) => {
            engine.core.note_journal_failure(&error);
            false
        }
    }
}

impl Next {
    /// Shows the time of the next sync if it has changed by more than a second.
    fn show(&mut self, engine: &Engine, next: Option<Timestamp>) {
        let differs = match (self.shown, next) {
            (Some(shown), Some(next)) => (next.as_second() - shown.as_second()).abs() > 1,
            (shown, next) => shown != next,
        };
        if differs {
            self.shown = next;
            engine
                .core
                .status_store
                .update(|facts| facts.next_sync_at = next);
        }
    }
}

impl Schedule {
    fn new(probe: Duration) -> Self {
        Self {
            probe: Probe::new(probe),
            full: Instant::now(),
            not_before: Instant::now(),
            failures: 0,
            began: None,
            left_over: None,
            stuck: None,
        }
    }

    /// When the next sync starts, in whole seconds, so that rounding shows no change where there is none.
    fn next(&self, engine: &Engine) -> Option<Timestamp> {
        let at = self.full.max(self.not_before);
        let at = at.max(engine.core.flow.next_try().unwrap_or(at));
        let left = at.saturating_duration_since(Instant::now());
        let next = Timestamp::now().saturating_add(left).ok()?;
        Timestamp::from_second(next.as_second()).ok()
    }

    /// Plans the next sync after this one. `has_left_over`: it failed only for products that wait for their own next
    /// try, not as a whole.
    fn after(&mut self, engine: &Engine, run: &Run, has_left_over: bool) {
        let next_full = Instant::now() + engine.core.options.interval;
        self.full = next_full;
        if run.outcome != Some(Outcome::Failed) {
            self.failures = 0;
            self.not_before = Instant::now();
            return;
        }
        self.fail(engine.core.flow.next_try());
        if let Some(earliest) = engine.core.retry_queue.earliest() {
            self.full = self.full.max(earliest.min(next_full));
        }
        if has_left_over {
            // Products that failed have their own waits; new changes need not wait for them.
            self.not_before = Instant::now();
        }
    }

    /// Lets the next sync start at once, because what made the last one fail is over.
    fn reset(&mut self) {
        self.failures = 0;
        self.not_before = Instant::now();
        self.full = Instant::now();
    }

    /// Notes a failure. `next`: when Digible is tried again, if Digible failed.
    fn fail(&mut self, next: Option<Instant>) {
        self.failures = self.failures.saturating_add(1);
        self.not_before = next.unwrap_or_else(|| Instant::now() + backoff::delay(self.failures));
        self.full = self.full.min(self.not_before);
    }
}
