//! The tasks of the engine. One that panics is never taken for one that ended: the whole process ends
//! with a failure code, and the service manager starts it again.

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Tasks that are waited for at the end.
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

    /// Starts a task.
    pub(super) fn spawn(
        &self,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        self.spawn_or(name, work, async {});
    }

    /// Starts a task. When it panics, `clean_up` is done before the process ends.
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

    /// Waits until all have ended.
    pub(super) async fn ended(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

/// Does some work of the agent. When it panics, `crashed` is cancelled.
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
        // What it said, and where, the hook has logged.
        tracing::error!(task = name, "internal error: the agent stops");
    }
    panicked
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_cleaned_up_and_told() {
        let crashed = CancellationToken::new();
        let tasks = Tasks::new(crashed.clone());
        tasks.spawn_or("good", async {}, async { panic!("it did not panic") });
        let (tell, told) = oneshot::channel();
        tasks.spawn_or("bad", async { panic!("on purpose") }, async move {
            tell.send(()).unwrap();
        });
        crashed.cancelled().await;
        told.await.unwrap();
        tasks.ended().await;
    }

    #[tokio::test]
    async fn a_panic_while_cleaning_up_is_told_too() {
        let crashed = CancellationToken::new();
        let tasks = Tasks::new(crashed.clone());
        let panics = || async { panic!("on purpose") };
        tasks.spawn_or("bad", panics(), panics());
        tasks.ended().await;
        assert!(crashed.is_cancelled());
    }

    #[tokio::test]
    async fn tasks_that_end_tell_nothing() {
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
