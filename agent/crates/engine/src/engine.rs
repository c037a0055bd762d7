//! What others may do with the engine.

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
    core::{Core, LastKnown, Options},
    preflight, registry, status,
    status_store::StatusStore,
    stop_reason::StepError,
    tasks::Tasks,
};

/// From one login that nothing answers to the next, while nothing is known of the session.
const LOGIN_RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// Keeps one catalog equal at one Digible account, until it is stopped.
pub struct Engine {
    pub(super) core: Arc<Core>,
    pub(super) runs: registry::Registry,
    pub(super) tasks: Tasks,
    pub(super) scheduler: Mutex<Option<Arc<tokio::sync::Notify>>>,
}

/// What adopting did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// What was done, and what is left.
    pub adoption: Adoption,
    /// There was something to take over: an upload is due.
    pub was_needed: bool,
}

impl Engine {
    /// An engine that does nothing yet. `crashed` is cancelled when one of its tasks panics: then the
    /// process has to end.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub async fn new(
        catalog: Arc<dyn Catalog>,
        cloud: Arc<dyn Cloud>,
        journal: Journal,
        status_store: Arc<StatusStore>,
        state: Arc<AgentState>,
        options: Options,
        crashed: CancellationToken,
    ) -> Result<Arc<Self>, JournalError> {
        let kept = *state.borrow();
        let pause = kept.filter(|pause| !has_ended(*pause));
        if pause != kept {
            state.set_pause(None).await?;
        }
        let counts = journal.counts().await?;
        let kind = catalog.kind();
        let uploaded_at = journal.uploaded_at().await?;
        let compared_at = journal.compared_at().await?;
        let sent_at = journal.sent_at().await?;
        let (shrank, verified) = (journal.shrank().await?, journal.verified().await?);
        let session = cloud.session();
        let scan = options.scan.then(ScanFacts::default);
        status_store.update(|facts| {
            facts.scan = scan;
            facts.paused = pause;
            facts.counts = counts;
            facts.catalog.kind = kind;
            facts.uploaded_at = uploaded_at;
            facts.last_compared_at = compared_at;
            facts.last_sent_at = sent_at;
            facts.shrank = shrank;
            facts.verified = verified;
            facts.session = Some(session);
        });
        let kept = LastKnown { sent_at, shrank };
        let core = Core::new(catalog, cloud, journal, status_store, options, state, kept);
        let core = Arc::new(core);
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

    /// Stops everything: what is under way is recorded first.
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

    /// Whether the table is walked and compared, so that nothing of ours belongs into the database.
    pub fn scans(&self) -> bool {
        self.core.scans()
    }

    /// Parked and removed products.
    pub fn journal(&self) -> &Journal {
        &self.core.journal
    }

    /// Pauses sending, also over a restart.
    ///
    /// # Errors
    ///
    /// When it cannot be kept.
    pub async fn pause(&self, pause: Pause) -> Result<(), JournalError> {
        self.set_pause(Some(pause)).await
    }

    /// Ends a pause.
    ///
    /// # Errors
    ///
    /// When that cannot be kept.
    pub async fn resume(&self) -> Result<(), JournalError> {
        self.set_pause(None).await
    }

    pub(super) async fn set_pause(&self, pause: Option<Pause>) -> Result<(), JournalError> {
        self.core.pause.set_pause(pause).await?;
        self.core.status_store.update(|facts| facts.paused = pause);
        self.wake();
        Ok(())
    }

    /// Asks the database and the journal how things are, and tells people.
    pub async fn refresh(&self) {
        if let Err(error) = status::refresh(&self.core).await {
            self.core.note_failure(&error);
        }
    }

    /// The preflight. Where the table is walked, nothing is said of what only capture needs.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn inspect(&self) -> Result<Vec<Check>, CatalogError> {
        let checks = self.core.catalog.inspect().await?;
        Ok(match self.scans() {
            true => preflight::for_walking(checks),
            false => checks,
        })
    }

    /// Installs or mends capture, with what somebody agreed to. What changed before it was installed is not
    /// captured, so that an upload is due. False when everything was already as planned.
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
        // What works has missed nothing, and another text of it is put in its place in one piece.
        let misses = !status.works();
        let noted = misses && self.can_be_captured(&status, agreed).await?;
        if noted {
            // First, so that it is not forgotten when the agent ends in between.
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
        Ok(changed)
    }

    /// Whether installing would pass the preflight. What it refuses changes nothing, and nothing may be
    /// written down for it.
    async fn can_be_captured(
        &self,
        status: &CaptureStatus,
        agreed: InstallOptions,
    ) -> Result<bool, StepError> {
        let catalog = &self.core.catalog;
        if matches!(status, CaptureStatus::ScanOnly(_)) || catalog.plan().await.is_err() {
            return Ok(false);
        }
        let checks = catalog.inspect().await?;
        let is_fatal =
            |check: &Check| check.verdict == Verdict::Failed && !agreed.allow_check(check);
        Ok(!checks.iter().any(is_fatal))
    }

    /// Removes capture. False when nothing of ours was there.
    ///
    /// # Errors
    ///
    /// When the database or the journal fails.
    pub async fn remove_capture(&self) -> Result<bool, StepError> {
        self.core.catalog.claim().await?;
        let changed = self.core.catalog.remove().await?;
        if changed {
            // Who walks the table misses nothing by it.
            if !self.core.scans() {
                self.core.journal.need_upload().await?;
            }
            tracing::info!("capture removed");
        }
        self.refresh().await;
        Ok(changed)
    }

    /// Takes over an installation of the old program. What that one never sent, or sent and Digible
    /// lost, nobody knows, so that an upload is due.
    ///
    /// # Errors
    ///
    /// When this kind of database has none, or the database or the journal fails. It can be called
    /// again. [`CatalogError::ScanChosen`] in scan mode.
    pub async fn adopt(&self, agreed: InstallOptions) -> Result<Adopted, StepError> {
        let core = &self.core;
        core.catalog.claim().await?;
        let was_needed = core.catalog.adoption().await?.is_needed;
        if was_needed && core.options.scan {
            // It ends with capture in the old program's place.
            return Err(CatalogError::ScanChosen.into());
        }
        let status = core.catalog.capture().await?;
        let noted = was_needed && self.can_be_captured(&status, agreed).await?;
        if noted {
            // First, so that it is not forgotten when the agent ends in between.
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

    /// Logs in to Digible, whatever the state of the session, and tells people what came of it.
    ///
    /// # Errors
    ///
    /// What is wrong, for people.
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
            Trouble::new("DIGIBLE_BUSY", text, "No action needed: try again later")
        }))
    }

    /// Logs in beside everything else when nothing is known of the session, so that a wrong password
    /// shows at once and not with the next change. Where nothing answers, it asks again each minute.
    pub fn log_in_soon(self: &Arc<Self>) {
        let engine = Arc::clone(self);
        self.tasks.spawn("log in to Digible", async move {
            let stop = engine.core.stop.clone();
            stop.run_until_cancelled(async {
                while engine.core.cloud.session().state == SessionState::Unknown {
                    match engine.log_in().await {
                        Err(trouble) if !trouble.lasting => {
                            tokio::time::sleep(LOGIN_RETRY_INTERVAL).await
                        }
                        _ => break,
                    }
                }
            })
            .await;
        });
    }

    /// Tries parked products again with the next sync, which starts now when it may.
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

    /// Lets the scheduler look again now, and try.
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
