//! Starts the tasks that run for as long as the engine does.

use std::sync::{Arc, PoisonError};

use super::{compact, engine::Engine, scheduler, watch};

impl Engine {
    /// Starts all tasks. The scheduler resumes an upload that an earlier process did not finish.
    pub fn start(self: &Arc<Self>) {
        let wake = Arc::new(tokio::sync::Notify::new());
        *self
            .scheduler
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&wake));
        let engine = || Arc::clone(self);
        self.tasks.spawn("scheduler", {
            let engine = engine();
            async move { scheduler::run(&engine, &wake).await }
        });
        self.tasks.spawn("end pauses", {
            let engine = engine();
            async move { scheduler::end_pauses(&engine).await }
        });
        self.tasks.spawn("check capture", {
            let engine = engine();
            async move { watch::capture(&engine.core).await }
        });
        self.tasks.spawn("check runs", {
            let engine = engine();
            async move { watch::runs(&engine).await }
        });
        self.tasks.spawn("verifies", {
            let engine = engine();
            async move { watch::verifies(&engine).await }
        });
        self.tasks.spawn("check Digible", {
            let engine = engine();
            async move { watch::digible(&engine).await }
        });
        self.tasks.spawn("compact", {
            let engine = engine();
            async move { compact::while_blocked(&engine.core).await }
        });
    }
}
