//! The time in which there is no engine.

use std::sync::Arc;

use shopmaster_engine::Engine;
use shopmaster_health::{Area, Trouble};
use tokio::sync::OwnedMutexGuard;

use super::Supervisor;

/// The only way to remove the engine: the time from then until there is another engine, or an issue that says why there
/// is none. If it is dropped before its end, by an error, a panic or because its caller was dropped, an engine is
/// built from the configuration at that time.
pub(super) struct Vacancy {
    supervisor: Arc<Supervisor>,
    /// The previous engine, until it has stopped.
    old: Option<Arc<Engine>>,
    /// Prevents other changes meanwhile; none once the vacancy is over.
    changing: Option<OwnedMutexGuard<()>>,
    /// This vacancy completes one that was dropped before its end.
    is_rescue: bool,
}

impl Vacancy {
    /// Removes the engine. From now on clients see that there is none.
    pub(super) fn begin(supervisor: &Arc<Supervisor>, changing: OwnedMutexGuard<()>) -> Self {
        supervisor.built.send_replace(false);
        let old = supervisor.write(|current| current.engine.take());
        supervisor
            .status_store
            .update(|facts| facts.starting = true);
        Self {
            supervisor: Arc::clone(supervisor),
            old,
            changing: Some(changing),
            is_rescue: false,
        }
    }

    /// Waits until the previous engine has stopped, after it has recorded what is in progress.
    pub(super) async fn emptied(&mut self) {
        if let Some(old) = &self.old {
            old.stop().await;
        }
        self.old = None;
    }

    /// Ends the vacancy with a new engine, or with the reason why it cannot be built.
    pub(super) async fn fill(mut self) {
        self.emptied().await;
        // Boxed, because the call is recursive: a retry begins another vacancy.
        Box::pin(self.supervisor.build()).await;
        self.changing = None;
        self.supervisor.built.send_replace(true);
    }

    /// Ends the vacancy without an engine, because the agent is stopping.
    pub(super) async fn leave(mut self) {
        self.emptied().await;
        self.changing = None;
        self.supervisor.built.send_replace(true);
    }
}

impl Drop for Vacancy {
    fn drop(&mut self) {
        let Some(changing) = self.changing.take() else {
            return;
        };
        if self.supervisor.ending.is_cancelled() {
            return;
        }
        let (true, false) = (
            tokio::runtime::Handle::try_current().is_ok(),
            self.is_rescue,
        ) else {
            self.give_up();
            return;
        };
        tracing::error!("a change of the configuration was interrupted; building the engine again");
        let rescue = Self {
            supervisor: Arc::clone(&self.supervisor),
            old: self.old.take(),
            changing: Some(changing),
            is_rescue: true,
        };
        tokio::spawn(rescue.fill());
    }
}

impl Vacancy {
    /// Reports that building the engine failed unexpectedly.
    fn give_up(&self) {
        self.supervisor.status_store.update(|facts| {
            facts.starting = false;
            let trouble = Trouble::new(
                "ENGINE_FAILED",
                "The agent failed while starting its work".to_owned(),
                "Restart the agent; if it fails again, report it with the agent's log",
            );
            facts.fails(Area::Engine, trouble.lasting());
        });
        self.supervisor.built.send_replace(true);
    }
}
