//! The engine as other crates use it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use shopmaster_catalog::{
    Adoption, CaptureStatus, Catalog, CatalogError, Check, InstallOptions, Verdict,
};
use shopmaster_digible::{Answer, Cloud, SessionState};
use shopmaster_health::{ScanFacts, Trouble};
use shopmaster_journal::{AgentState, Journal, JournalError, Pause};
use tokio_util::sync::CancellationToken;

use super::{
    core::{Core, LastKnown, Options, Reporting},
    first_products, preflight, registry, status,
    stop_reason::StepError,
    tasks::Tasks,
};

/// From one login without an answer to the next, while the state of the session is unknown.
const LOGIN_RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// Keeps one Digible account in sync with one catalog, until it is stopped.
pub struct Engine {
    pub(super) core: Arc<Core>,
    pub(super) runs: registry::Registry,
    pub(super) tasks: Tasks,
    pub(super) scheduler: Mutex<Option<Arc<tokio::sync::Notify>>>,
}

/// The result of taking over an installation of the old program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// What was done, and what is left.
    pub adoption: Adoption,
    /// There was an installation to take over, so an upload is due.
    pub was_needed: bool,
}

impl Engine {
    /// An engine that does nothing yet. `crashed` is cancelled when one of its tasks panics; the process then has
    /// to end.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub async fn new(
        catalog: Arc<dyn Catalog>,
        cloud: Arc<dyn Cloud>,
        journal: Journal,
        reporting: Reporting,
        state: Arc<AgentState>,
        options: Options,
        crashed: CancellationToken,
    ) -> Result<Arc<Self>, JournalError> {
        let stored = *state.borrow();
        let pause = stored.filter(|pause| !has_ended(*pause));
        if pause != stored {
            state.set_pause(None).await?;
        }
        let counts = journal.counts().await?;
        let (kind, conditions) = (catalog.kind(), catalog.conditions());
        let uploaded_at = journal.uploaded_at().await?;
        let compared_at = journal.compared_at().await?;
        let sent_at = journal.sent_at().await?;
        let (shrank, verified) = (journal.shrank().await?, journal.verified().await?);
        let session = cloud.session();
        let scan = options.scan.then(ScanFacts::default);
        reporting.status_store.update(|facts| {
            facts.scan = scan;
            facts.paused = pause;
            facts.counts = counts;
            facts.catalog.kind = kind;
            facts.uploaded_at = uploaded_at;
            facts.last_compared_at = compared_at;
            facts.last_sent_at = sent_at;
            facts.shrank = shrank;
            facts.conditions = conditions;
            facts.verified = verified;
            facts.session = Some(session);
        });
        let last_known = LastKnown { sent_at, shrank };
        let core = Core::new(
            catalog, cloud, journal, reporting, options, state, last_known,
        );
        let core = Arc::new(core);
        core.rebuilt
            .note_unlocated(core.journal.unlocated().await?.is_some());
        let tasks = Tasks::new(crashed);
        let runs = registry::Registry::new(Arc::clone(&core), tasks.clone());
        runs.note_interrupted().await?;
        Ok(Arc::new(Self {
            core,
            runs,
            tasks,
            scheduler: Mutex::new(None),
        }))
    }

    /// Stops all runs and tasks, after the results of pending requests are recorded.
    pub async fn stop(&self) {
        self.core.stop.cancel();
        self.tasks.ended().await;
    }

    /// Starts, joins, watches, cancels and lists runs.
    pub fn runs(&self) -> &registry::Registry {
        &self.runs
    }

    /// The shop's product table.
    pub fn catalog(&self) -> &dyn Catalog {
        self.core.catalog.as_ref()
    }

    /// Whether changes are found by walking the table, so that nothing of shopMaster belongs in the shop's database.
    pub fn scans(&self) -> bool {
        self.core.scans()
    }

    /// The journal, for parked and removed products.
    pub fn journal(&self) -> &Journal {
        &self.core.journal
    }

    /// Pauses sending. The pause survives a restart.
    ///
    /// # Errors
    ///
    /// When the pause cannot be stored.
    pub async fn pause(&self, pause: Pause) -> Result<(), JournalError> {
        self.set_pause(Some(pause)).await
    }

    /// Ends a pause.
    ///
    /// # Errors
    ///
    /// When the end of the pause cannot be stored.
    pub async fn resume(&self) -> Result<(), JournalError> {
        self.set_pause(None).await
    }

    pub(super) async fn set_pause(&self, pause: Option<Pause>) -> Result<(), JournalError> {
        self.core.pause.set_pause(pause).await?;
        self.core.status_store.update(|facts| facts.paused = pause);
        self.wake();
        Ok(())
    }

    /// Asks the database and the journal how they are, and shows the answer.
    pub async fn refresh(&self) {
        if let Err(error) = status::refresh(&self.core).await {
            self.core.note_failure(&error);
        }
    }

    /// The preflight. Where the table is walked, checks that only capture needs do not count.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn inspect(&self) -> Result<Vec<Check>, CatalogError> {
        // Whether the table is scanned decides which checks count. A database that does not answer fails them anyway.
        let _ = self.core.capture().await;
        let checks = self.core.catalog.inspect().await?;
        let checks = match self.scans() {
            true => preflight::for_walking(checks),
            false => checks,
        };
        let seen = first_products::checks(&self.core, &checks).await;
        Ok(checks.into_iter().chain(seen).collect())
    }

    /// Installs or repairs capture, with the risks that the user agreed to. Changes before that were not captured, so
    /// an upload is due. False when everything was already as planned.
    ///
    /// # Errors
    ///
    /// When the preflight refuses it, or the database or the journal fails;
    /// [`CatalogError::ScanChosen`] in scan mode.
    pub async fn install_capture(&self, agreed: InstallOptions) -> Result<bool, StepError> {
        if self.core.options.scan {
            return Err(CatalogError::ScanChosen.into());
        }
        let core = &self.core;
        core.catalog.claim().await?;
        let status = core.catalog.capture().await?;
        // Capture that works has missed nothing, and its text is replaced atomically.
        let misses = !status.works();
        let noted = misses && self.can_be_captured(&status, agreed).await?;
        if noted {
            // Noted before installing, so that it is not lost when the agent stops in between.
            core.journal.need_upload().await?;
        }
        let changed = core.catalog.install_with(agreed).await?;
        if changed && misses && !noted {
            core.journal.need_upload().await?;
        }
        if changed {
            tracing::info!("capture installed");
        }
        self.refresh().await;
        core.verify_due.notify_one();
        Ok(changed)
    }

    /// Whether installing would pass the preflight. An installation that it refuses changes nothing, so nothing may
    /// be noted for it.
    async fn can_be_captured(
        &self,
        status: &CaptureStatus,
        agreed: InstallOptions,
    ) -> Result<bool, StepError> {
        let catalog = &self.core.catalog;
        if matches!(status, CaptureStatus::ScanOnly { .. }) || catalog.plan().await.is_err() {
            return Ok(false);
        }
        let checks = catalog.inspect().await?;
        let is_fatal =
            |check: &Check| check.verdict == Verdict::Failed && !agreed.allow_check(check);
        Ok(!checks.iter().any(is_fatal))
    }

    /// Removes capture. False when nothing of shopMaster was in the database.
    ///
    /// # Errors
    ///
    /// When the database or the journal fails.
    pub async fn remove_capture(&self) -> Result<bool, StepError> {
        self.core.catalog.claim().await?;
        let changed = self.core.catalog.remove().await?;
        if changed {
            // A scan of the table misses nothing without capture.
            if !self.core.scans() {
                self.core.journal.need_upload().await?;
            }
            tracing::info!("capture removed");
        }
        self.refresh().await;
        Ok(changed)
    }

    /// Takes over an installation of the old program. It is unknown what that program never sent, and what Digible
    /// lost of what it sent, so an upload is due.
    ///
    /// # Errors
    ///
    /// When the old program did not support this kind of database, or the database or the journal fails;
    /// [`CatalogError::ScanChosen`] in scan mode. It can be called again after an error.
    pub async fn adopt(&self, agreed: InstallOptions) -> Result<Adopted, StepError> {
        let core = &self.core;
        core.catalog.claim().await?;
        let was_needed = core.catalog.adoption().await?.is_needed;
        if was_needed && core.options.scan {
            // Taking over ends with capture in the old program's place.
            return Err(CatalogError::ScanChosen.into());
        }
        let status = core.catalog.capture().await?;
        let noted = was_needed && self.can_be_captured(&status, agreed).await?;
        if noted {
            // Noted before taking over, so that it is not lost when the agent stops in between.
            core.journal.need_upload().await?;
        }
        let adoption = core.catalog.adopt_with(agreed).await?;
        if was_needed && !noted {
            core.journal.need_upload().await?;
        }
        if was_needed {
            tracing::info!(
                finished = !adoption.is_needed,
                "an installation of the old program was taken over"
            );
        }
        self.refresh().await;
        Ok(Adopted {
            adoption,
            was_needed,
        })
    }

    /// Logs in to Digible, whatever the state of the session, and shows the result.
    ///
    /// # Errors
    ///
    /// What is wrong and what to do about it, as it is shown to the user.
    pub async fn log_in(&self) -> Result<(), Trouble> {
        let answer = self.core.cloud.log_in().await;
        if answer == Answer::Acknowledged {
            self.core.retry_queue.clear_all();
        }
        let Some(stop_reason) = self.core.note_login(&answer) else {
            return Ok(());
        };
        Err(stop_reason.trouble().unwrap_or_else(|| {
            let reason = match answer {
                Answer::Retry { reason, .. } => reason,
                _ => String::new(),
            };
            let text = format!("Digible asks shopMaster to wait: {reason}");
            Trouble::new("DIGIBLE_BUSY", text, "Try again later")
        }))
    }

    /// Logs in while other tasks run, if the state of the session is unknown: a wrong password then shows at once, and
    /// not only with the next change. Without an answer, it tries again every minute.
    pub fn log_in_soon(self: &Arc<Self>) {
        let engine = Arc::clone(self);
        self.tasks.spawn("log in to Digible", async move {
            let stop = engine.core.stop.clone();
            stop.run_until_cancelled(async {
                while engine.core.cloud.session().state == SessionState::Unknown {
                    match engine.log_in().await {
                        Err(trouble) if !trouble.lasting => {
                            tokio::time::sleep(LOGIN_RETRY_INTERVAL).await;
                        }
                        _ => break,
                    }
                }
            })
            .await;
        });
    }

    /// Lets the next sync send parked products again, and starts that sync now if it may start. `ids`: none for all
    /// that are not dismissed. Gives how many they are.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub async fn retry_parked(
        &self,
        ids: Option<Vec<shopmaster_product::ProductId>>,
    ) -> Result<u64, JournalError> {
        let count = self.core.journal.retry_parked(ids).await?;
        self.core.retry_queue.clear_all();
        self.wake();
        Ok(count)
    }

    /// Wakes the scheduler, and lets the next try start without its wait.
    fn wake(&self) {
        self.core.may_try_now();
        let scheduler = self
            .scheduler
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(wake) = scheduler.as_ref() {
            wake.notify_one();
        }
    }
}

fn has_ended(pause: Pause) -> bool {
    matches!(pause, Pause::Until(until) if until <= Timestamp::now())
}
