//! The one lane to the cloud: a single step at a time reads rows, sends them and records the outcome.

use tokio::sync::{Mutex, MutexGuard};

/// The lane. Waiters get it in their order, so that an upload and a sync take turns.
#[derive(Debug, Default)]
pub struct Lane {
    steps: Mutex<u64>,
}

/// The right to do one step.
pub struct Turn<'a> {
    steps: MutexGuard<'a, u64>,
}

/// Which step was going when a page was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(u64);

impl Lane {
    /// Waits for the lane.
    pub async fn turn(&self) -> Turn<'_> {
        let mut steps = self.steps.lock().await;
        *steps += 1;
        Turn { steps }
    }
}

impl Turn<'_> {
    /// What is read from now on, until this turn ends, is as of this moment.
    pub fn moment(&self) -> Moment {
        Moment(*self.steps)
    }

    /// Whether nothing was sent between the turn in which something was read and this one. If not,
    /// what was read may be older than what was sent, and is thrown away.
    pub fn follows(&self, moment: Moment) -> bool {
        moment.0 + 1 == *self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_page_is_stale_when_another_step_ran() {
        let lane = Lane::default();
        let read = lane.turn().await.moment();
        assert!(lane.turn().await.follows(read));
        assert!(!lane.turn().await.follows(read));
    }
}
