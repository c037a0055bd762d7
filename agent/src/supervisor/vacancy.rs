//! The time in which there is no engine.

use std::sync::Arc;

use shopmaster_engine::Engine;
use shopmaster_health::{Area, Trouble};
use tokio::sync::OwnedMutexGuard;

use super::Supervisor;

/// The only way to take the engine out: the time from then until there is another one, or an issue that says
/// why there is none. If it is dropped before its end, by an error, a panic or because its caller was dropped,
/// an engine is built from what is configured then.
pub(super) struct Vacancy {
    supervisor: Arc<Supervisor>,
    /// The one before, until it has ended.
    old: Option<Arc<Engine>>,
    /// Nobody else changes anything meanwhile; none once the vacancy is over.
    changing: Option<OwnedMutexGuard<()>>,
    /// What the vacancy is for was left in the middle before.
    is_rescue: bool,
}

impl Vacancy {
    /// Takes the engine out. From here on people see that there is none.
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

    /// Waits until the engine before has ended: what is under way is recorded first.
    pub(super) async fn emptied(&mut self) {
        if let Some(old) = &self.old {
            old.stop().await;
        }
        self.old = None;
    }

    /// Ends it with a new engine, or with what keeps it from being built.
    pub(super) async fn fill(mut self) {
        self.emptied().await;
        // Boxed, because building one again later builds one.
        Box::pin(self.supervisor.build()).await;
        self.changing = None;
        self.supervisor.built.send_replace(true);
    }

    /// Ends it without an engine, because the agent is ending.
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
        tracing::error!("a change was left in the middle; building the engine again");
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
    /// Building failed in a way that it should not.
    fn give_up(&self) {
        self.supervisor.status_store.update(|facts| {
            facts.starting = false;
            let trouble = Trouble::new(
                "ENGINE_FAILED",
                "The agent failed while it was starting its work".to_owned(),
                "Restart the agent; if it fails again, report it with the agent's log",
            );
            facts.fails(Area::Engine, trouble.lasting());
        });
        self.supervisor.built.send_replace(true);
    }
}
