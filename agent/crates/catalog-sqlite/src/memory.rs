//! What was found in the shop's file, for as long as nobody writes to it.

use std::time::{Duration, Instant};

use shopmaster_catalog::CaptureStatus;

use super::footprint::{Footprint, Step, Trail};

/// From one look for what may be trimmed to the next.
const TRIM: Duration = Duration::from_secs(3_600);

/// Answers that hold until the file changes.
#[derive(Debug, Default)]
pub(super) struct Memory {
    trail: Trail,
    /// How often something was forgotten.
    forgotten: u64,
    pub(super) newest: Option<Option<i64>>,
    pub(super) capture: Option<CaptureStatus>,
    pub(super) table: Option<Option<String>>,
    trimmed_at: Option<Instant>,
}

impl Memory {
    /// Notes how the file is now; what was found in another state of it is forgotten.
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

    /// How often something was forgotten: an answer to a question from before then is not to be kept.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// How long nobody has written, as far as it was looked at.
    pub(super) fn quiet_for(&self, now: Instant) -> Duration {
        self.trail.unchanged_for(now)
    }

    /// Whether it is time to look for what may be trimmed. Then it is not for a while.
    pub(super) fn trim_is_due(&mut self, now: Instant) -> bool {
        let is_due = self
            .trimmed_at
            .is_none_or(|at| now.duration_since(at) >= TRIM);
        if is_due {
            self.trimmed_at = Some(now);
        }
        is_due
    }
}
