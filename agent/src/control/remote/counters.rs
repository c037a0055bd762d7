//! How much was refused.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts refused connections and calls since the agent started.
#[derive(Debug, Default)]
pub(super) struct Counters(AtomicU64);

impl Counters {
    pub(super) fn refuse(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
