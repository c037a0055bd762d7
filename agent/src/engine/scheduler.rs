//! When syncs start by themselves: at each interval, when the ChangeLog has something new, when a
//! product is due again, and at the end of a pause.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{sync::Notify, time::Instant};

use super::{
    Engine, backoff,
    run::{Cause, Kind, Outcome, Run},
};
use crate::journal::Pause;

/// A pause is looked at again this often, because the wall clock may be set.
const PAUSE_LOOK: Duration = Duration::from_secs(30);

/// What the scheduler remembers from one look to the next.
struct Schedule {
    /// The next full sync.
    full: Instant,
    /// Not before this: the last sync failed.
    not_before: Instant,
    /// Syncs that failed in a row.
    failures: u32,
    /// The newest change when the last sync ended with products left over; no news while it stays.
    left_over: Option<i64>,
}

pub(super) async fn run(engine: &Arc<Engine>, wake: &Notify) {
    let stop = &engine.core.stop;
    engine.refresh().await;
    resume_upload(engine).await;
    let options = &engine.core.options;
    let mut schedule = Schedule {
        full: Instant::now(),
        not_before: Instant::now(),
        failures: 0,
        left_over: None,
    };
    loop {
        let mut woken = false;
        tokio::select! {
            () = stop.cancelled() => return,
            () = wake.notified() => woken = true,
            () = tokio::time::sleep(pace(engine)) => {}
        }
        if engine.core.pause.borrow().is_some() || !options.automatic {
            continue;
        }
        if woken {
            schedule.not_before = Instant::now();
            schedule.full = Instant::now();
        }
        show_next(engine, &schedule);
        if Instant::now() < schedule.not_before || !is_due(engine, &mut schedule).await {
            continue;
        }
        if let Some(run) = sync(engine).await {
            schedule.after(engine, &run).await;
        }
        show_next(engine, &schedule);
    }
}

/// How long until the next look.
fn pace(engine: &Engine) -> Duration {
    let options = &engine.core.options;
    if options.automatic {
        options.probe
    } else {
        options.interval
    }
}

/// Ends each pause when its time has come, also while the scheduler waits for a run that waits for
/// the pause.
pub(super) async fn end_pauses(engine: &Engine) {
    let mut pause = engine.core.pause.subscribe();
    loop {
        let until = match *pause.borrow_and_update() {
            Some(Pause::Until(until)) => Some(until),
            Some(Pause::UntilResumed) | None => None,
        };
        let mut look = until.map(left_until);
        if look == Some(Duration::ZERO) {
            match engine.set_pause(None).await {
                Ok(()) => continue,
                Err(error) => engine.core.note_journal_failure(&error),
            }
            look = Some(PAUSE_LOOK);
        }
        tokio::select! {
            () = engine.core.stop.cancelled() => return,
            changed = pause.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(look.unwrap_or_default().min(PAUSE_LOOK)), if look.is_some() => {}
        }
    }
}

fn left_until(until: Timestamp) -> Duration {
    let left = until.duration_since(Timestamp::now());
    Duration::try_from(left).unwrap_or_default()
}

async fn is_due(engine: &Engine, schedule: &mut Schedule) -> bool {
    let now = Instant::now();
    if now >= schedule.full {
        return true;
    }
    if engine.core.held().is_some() {
        return false;
    }
    if engine
        .core
        .waits
        .earliest()
        .is_some_and(|earliest| earliest <= now)
    {
        return true;
    }
    if let Ok(Some(due)) = engine.core.journal.next_due().await
        && due <= Timestamp::now().as_millisecond()
    {
        return true;
    }
    match engine.core.catalog.newest_change().await {
        Ok(newest) => newest.is_some() && newest != schedule.left_over,
        Err(error) => {
            engine.core.note_catalog_failure(&error);
            schedule.fail();
            false
        }
    }
}

/// Starts a sync, or waits for the one that goes.
async fn sync(engine: &Engine) -> Option<Run> {
    let started = engine
        .runs
        .start(Kind::Sync, Cause::Scheduled, false)
        .ok()?;
    engine
        .runs
        .ended(&started.run.id)
        .await
        .or(Some(started.run))
}

/// Goes on with an upload that an earlier process did not finish. One that was cancelled waits for
/// a person.
async fn resume_upload(engine: &Engine) {
    let unfinished = match engine.core.journal.newest_upload().await {
        Ok(upload) => upload.is_some_and(|upload| upload.finished_at.is_none()),
        Err(error) => return engine.core.note_journal_failure(&error),
    };
    if !unfinished {
        return;
    }
    let Ok(runs) = engine.runs.list(500).await else {
        return;
    };
    let last = runs.iter().find(|run| run.kind == Kind::Upload);
    if last.is_some_and(|run| run.outcome == Some(Outcome::Interrupted)) {
        // Paused: the upload waits for a person, as a new one would.
        let _ = engine.runs.start(Kind::Upload, Cause::Resumed, false);
    }
}

fn show_next(engine: &Engine, schedule: &Schedule) {
    let in_time = schedule
        .full
        .max(schedule.not_before)
        .saturating_duration_since(Instant::now());
    let in_time = jiff::SignedDuration::try_from(in_time).unwrap_or_default();
    let next = Timestamp::now().saturating_add(in_time).ok();
    // Whole seconds: nobody is told of a change that is none.
    let next = next.and_then(|next| Timestamp::from_second(next.as_second()).ok());
    let shown = engine.core.board.facts().next_sync_at;
    let differs = match (shown, next) {
        (Some(shown), Some(next)) => (next.as_second() - shown.as_second()).abs() > 1,
        (shown, next) => shown != next,
    };
    if differs {
        engine.core.board.update(|facts| facts.next_sync_at = next);
    }
}

impl Schedule {
    async fn after(&mut self, engine: &Engine, run: &Run) {
        self.full = Instant::now() + engine.core.options.interval;
        self.left_over = None;
        if run.outcome == Some(Outcome::Failed) {
            self.left_over = engine.core.catalog.newest_change().await.ok().flatten();
            self.fail();
            return;
        }
        self.failures = 0;
        self.not_before = Instant::now();
    }

    fn fail(&mut self) {
        self.failures = self.failures.saturating_add(1);
        self.not_before = Instant::now() + backoff::delay(self.failures);
        self.full = self.full.min(self.not_before);
    }
}
