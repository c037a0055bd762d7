//! What was found in the shop's file, kept for as long as no program writes to it.

use std::time::{Duration, Instant};

use shopmaster_catalog::CaptureStatus;

use super::footprint::{Footprint, Step, Trail};

/// The time between two checks for changes that may be trimmed.
const TRIM_INTERVAL: Duration = Duration::from_secs(3_600);

/// Answers that are valid until the file changes.
#[derive(Debug, Default)]
pub(super) struct Memory {
    trail: Trail,
    /// How often answers were forgotten.
    forgotten: u64,
    pub(super) newest: Option<Option<i64>>,
    pub(super) capture: Option<CaptureStatus>,
    pub(super) table: Option<Option<String>>,
    trimmed_at: Option<Instant>,
}

impl Memory {
    /// Records the file's current footprint; answers from another state of the file are forgotten.
    pub(super) fn note(&mut self, footprint: Option<Footprint>, now: Instant) -> Step {
        let step = self.trail.note(footprint, now);
        if step == Step::Moved {
            self.forget();
        }
        step
    }

    pub(super) fn forget(&mut self) {
        self.forgotten += 1;
        self.newest = None;
        self.capture = None;
        self.table = None;
    }

    /// How often answers were forgotten: an answer to a question from before that must not be kept.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// How long no program has written, as far as it was checked.
    pub(super) fn quiet_for(&self, now: Instant) -> Duration {
        self.trail.unchanged_for(now)
    }

    /// Whether a check for changes that may be trimmed is due. If so, the next one is due after
    /// [`TRIM_INTERVAL`].
    pub(super) fn trim_is_due(&mut self, now: Instant) -> bool {
        let is_due = self
            .trimmed_at
            .is_none_or(|at| now.duration_since(at) >= TRIM_INTERVAL);
        if is_due {
            self.trimmed_at = Some(now);
        }
        is_due
    }
}
