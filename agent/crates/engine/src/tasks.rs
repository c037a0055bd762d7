//! The tasks of the engine. A task that panics does not count as ended: the whole process exits with a failure code,
//! and the service manager restarts it.

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Tasks that the engine waits for when it stops.
#[derive(Debug, Clone)]
pub(super) struct Tasks {
    tracker: TaskTracker,
    crashed: CancellationToken,
}

impl Tasks {
    /// No tasks yet. `crashed` is cancelled when one of them panics.
    pub(super) fn new(crashed: CancellationToken) -> Self {
        Self {
            tracker: TaskTracker::new(),
            crashed,
        }
    }

    /// Starts a task. `name` is for the log.
    pub(super) fn spawn(
        &self,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        self.spawn_or(name, work, async {});
    }

    /// Starts a task. If it panics, `clean_up` runs before the process ends.
    pub(super) fn spawn_or(
        &self,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
        clean_up: impl Future<Output = ()> + Send + 'static,
    ) {
        let crashed = self.crashed.clone();
        self.tracker.spawn(async move {
            if !has_panicked(name, work).await {
                return;
            }
            has_panicked(name, clean_up).await;
            crashed.cancel();
        });
    }

    /// Waits until all tasks have ended.
    pub(super) async fn ended(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

/// Runs `work`, and cancels `crashed` if it panics. `name` is for the log.
pub async fn guarded(
    name: &'static str,
    crashed: CancellationToken,
    work: impl Future<Output = ()> + Send + 'static,
) {
    if has_panicked(name, work).await {
        crashed.cancel();
    }
}

async fn has_panicked(name: &'static str, work: impl Future<Output = ()> + Send + 'static) -> bool {
    let panicked = matches!(tokio::spawn(work).await, Err(error) if error.is_panic());
    if panicked {
        // The panic hook has logged the message and the place.
        tracing::error!(task = name, "internal error: the agent stops");
    }
    panicked
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_cleaned_up_and_reported() {
        let crashed = CancellationToken::new();
        let tasks = Tasks::new(crashed.clone());
        tasks.spawn_or("good", async {}, async { panic!("it did not panic") });
        let (sender, cleaned_up) = oneshot::channel();
        tasks.spawn_or("bad", async { panic!("on purpose") }, async move {
            sender.send(()).unwrap();
        });
        crashed.cancelled().await;
        cleaned_up.await.unwrap();
        tasks.ended().await;
    }

    #[tokio::test]
    async fn a_panic_while_cleaning_up_is_reported_too() {
        let crashed = CancellationToken::new();
        let tasks = Tasks::new(crashed.clone());
        let panics = || async { panic!("on purpose") };
        tasks.spawn_or("bad", panics(), panics());
        tasks.ended().await;
        assert!(crashed.is_cancelled());
    }

    #[tokio::test]
    async fn tasks_that_end_report_nothing() {
        let crashed = CancellationToken::new();
        let tasks = Tasks::new(crashed.clone());
        tasks.spawn("good", async {});
        tasks.ended().await;
        guarded("good", crashed.clone(), async {}).await;
        assert!(!crashed.is_cancelled());
        guarded("bad", crashed.clone(), async { panic!("on purpose") }).await;
        assert!(crashed.is_cancelled());
    }
}
