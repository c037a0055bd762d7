//! The one moment by which a connection stands or is given up.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::ConnectError;

/// When it is given up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// What is left until then.
    pub(super) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Does one step of it; what it is called when it takes too long depends on the step.
    pub(super) async fn within<T>(
        self,
        too_late: impl FnOnce() -> ConnectError,
        step: impl Future<Output = T>,
    ) -> Result<T, ConnectError> {
        timeout_at(self.0, step).await.map_err(|_| too_late())
    }
}

/// That a step took too long, as the cause of something with a better name.
#[derive(Debug, thiserror::Error)]
#[error("it did not answer in time")]
pub(super) struct TooLate;
