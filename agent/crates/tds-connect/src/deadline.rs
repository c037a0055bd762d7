//! The time by which a connection must be established, or the attempt is given up.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::ConnectError;

/// When the attempt is given up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// The time that is left until then.
    pub(super) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Runs one step of the attempt; when it takes too long, `too_late` gives the error.
    pub(super) async fn within<T>(
        self,
        too_late: impl FnOnce() -> ConnectError,
        step: impl Future<Output = T>,
    ) -> Result<T, ConnectError> {
        timeout_at(self.0, step).await.map_err(|_| too_late())
    }
}

/// A step that took too long, as the cause of an error with a better name.
#[derive(Debug, thiserror::Error)]
#[error("it did not answer in time")]
pub(super) struct TooLate;
