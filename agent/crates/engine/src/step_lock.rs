//! Only one step at a time reads rows, sends them and records the outcome.

use tokio::sync::{Mutex, MutexGuard};

/// Held for one step. It is granted in the order in which it was asked for, so an upload and a sync alternate.
#[derive(Debug, Default)]
pub struct StepLock {
    steps: Mutex<u64>,
}

/// The right to do one step.
pub struct StepGuard<'a> {
    steps: MutexGuard<'a, u64>,
}

/// Which step was in progress when a page was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(u64);

impl StepLock {
    /// Waits until no other step is in progress.
    pub async fn lock(&self) -> StepGuard<'_> {
        let mut steps = self.steps.lock().await;
        *steps += 1;
        StepGuard { steps }
    }
}

impl StepGuard<'_> {
    /// The epoch of what is read from now on, until this step ends.
    pub fn epoch(&self) -> Epoch {
        Epoch(*self.steps)
    }

    /// Whether no step ran between the one in which something was read (`epoch`) and this one. If one did, what was
    /// read may be older than what was sent meanwhile, and must be discarded.
    pub fn follows(&self, epoch: Epoch) -> bool {
        epoch.0 + 1 == *self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_page_is_stale_when_another_step_ran() {
        let step_lock = StepLock::default();
        let read = step_lock.lock().await.epoch();
        assert!(step_lock.lock().await.follows(read));
        assert!(!step_lock.lock().await.follows(read));
    }
}
