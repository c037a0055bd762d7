//! Builds the engine, or reports why there is none.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError},
    time::Duration,
};

use shopmaster_base::{blocking, causes::with_causes};
use shopmaster_digible::{Digible, DigibleOptions};
use shopmaster_engine::{Engine, GONE_AFTER, Options, Reporting, tasks::guarded};
use shopmaster_health::{Area, Facts, Trouble};
use shopmaster_journal::{Binding, Journal, JournalError, Opened};
use shopmaster_secrets::{SecretError, SecretName};
use tokio_util::sync::CancellationToken;

use super::{
    Supervisor, catalog,
    claimant::claimant,
    positions::InJournal,
    secrets::{keep_token, token_of},
    vacancy::Vacancy,
};
use crate::config::{CaptureMode, CatalogKind, Config, RemovedProducts, Verify};

/// How long to wait before the next attempt to build an engine.
const RETRY_INTERVAL: Duration = Duration::from_secs(30);
/// What fails there does not end with an engine.
const OUTSIDE: [Area; 3] = [Area::Config, Area::Metrics, Area::Remote];

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
enum BuildError {
    #[error("secrets cannot be read")]
    Secrets(#[from] SecretError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the password of the Digible account is not set")]
    NoPassword,
    #[error("the agent is stopping")]
    Ending,
}

impl Supervisor {
    /// Builds the engine, or reports why there is none. Only [`Vacancy`](super::vacancy::Vacancy) calls this.
    pub(super) async fn build(self: &Arc<Self>) {
        let attempt = self.next_attempt();
        let config = self.config().0;
        self.metrics_port.follow(config.metrics.listen).await;
        let missing = config.missing();
        let pause = *self.state.borrow();
        self.status_store.update(|facts| {
            let mut troubles = std::mem::take(&mut facts.troubles);
            troubles.retain(|area, _| OUTSIDE.contains(area));
            let kept = Facts {
                troubles,
                missing: missing.clone(),
                paused: pause,
                since: facts.since.clone(),
                last_remote_change: facts.last_remote_change.clone(),
                starting: missing.is_empty(),
                notes_removed: config.sync.removed == RemovedProducts::Note,
                ..Facts::new()
            };
            *facts = kept;
            facts.catalog.kind = config.catalog.kind.map_or("", kind_word);
        });
        if !missing.is_empty() {
            return;
        }
        match self.engine_of(&config).await {
            Ok((engine, has_token)) => {
                // Before it starts, so that no client sees its effects without finding the engine.
                self.write(|current| current.engine = Some(Arc::clone(&engine)));
                self.status_store.update(|facts| facts.starting = false);
                engine.start();
                if !has_token {
                    engine.log_in_soon();
                }
            }
            Err(error) => self.fail(&error, attempt),
        }
    }

    /// Cancels the retry of an earlier attempt, and returns the token for this one.
    fn next_attempt(&self) -> CancellationToken {
        let attempt = self.ending.child_token();
        let mut current = self.attempt.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, attempt.clone()).cancel();
        attempt
    }

    /// The engine, and whether it has the token of an earlier login.
    async fn engine_of(&self, config: &Config) -> Result<(Arc<Engine>, bool), BuildError> {
        if self.ending.is_cancelled() {
            return Err(BuildError::Ending);
        }
        let secrets = self.secrets(config)?;
        let password = secrets.get(SecretName::DigiblePassword).await?;
        let password = password.ok_or(BuildError::NoPassword)?;
        let account = account(config);
        let token = secrets
            .get(SecretName::DigibleToken)
            .await?
            .and_then(|kept| token_of(&account, &kept));
        let has_token = token.is_some();
        let data = self.paths.journal.parent().unwrap_or(&self.paths.journal);
        let positions = Arc::new(InJournal::default());
        let kept = Arc::clone(&positions);
        let login = catalog::password(&config.catalog, &secrets).await?;
        let catalog = catalog::of(&config.catalog, login, claimant(data), kept);
        let binding = Binding {
            account: account.clone(),
            catalog: catalog.identity(),
            captured: catalog.captured(),
        };
        let path = self.paths.journal.clone();
        let late_window = config.digible.late_window();
        let opened = blocking::run(move || Journal::open(&path, &binding, late_window)).await;
        let opened = opened.ok_or(BuildError::Ending)??;
        self.note_opened(&opened).await?;
        positions.open(opened.journal.clone());
        if self.read(|current| current.catalog_confirmed) {
            opened.journal.confirm_catalog().await?;
        }
        let logins = self.logins.login();
        let cloud = Digible::new(
            DigibleOptions {
                base_url: config.digible.base_url.clone(),
                email: config.digible.email.clone(),
                password: Some(password),
                token,
                timeout: config.digible.timeout,
                max_in_flight: config.digible.max_in_flight as usize,
                ca_file: Some(&config.digible.ca_file)
                    .filter(|path| !path.is_empty())
                    .map(PathBuf::from),
            },
            Box::new(move |token| keep_token(&secrets, &account, &logins, token)),
            Arc::clone(&self.metrics) as _,
        );
        let engine = Engine::new(
            catalog,
            Arc::new(cloud),
            opened.journal,
            Reporting {
                status_store: Arc::clone(&self.status_store),
                observer: Arc::clone(&self.metrics) as _,
            },
            Arc::clone(&self.state),
            options(config),
            self.crashed.clone(),
        );
        Ok((engine.await?, has_token))
    }

    /// Reports that the journal was replaced or damaged, if it was.
    async fn note_opened(&self, opened: &Opened) -> Result<(), JournalError> {
        let is_lost = opened.kept.as_ref().map(|kept| kept.is_lost);
        let other = self.state.use_journal(&opened.journal, is_lost).await?;
        if opened.catalog_changed {
            tracing::warn!(
                "the product table or the decimal places of its prices have changed: all products must be compared"
            );
        }
        if let Some(copy) = &opened.damaged {
            let why = format!("{}; a copy is `{}`", copy.reason, copy.path.display());
            tracing::warn!(
                "continuing with the readable part of a damaged journal: {why}; run `shopmasterctl upload`"
            );
            self.status_store
                .update(|facts| facts.journal_damaged = Some(why));
        }
        let Some(why) = replaced(opened, other) else {
            return Ok(());
        };
        tracing::warn!("the journal was replaced: {why}; run `shopmasterctl upload`");
        self.status_store
            .update(|facts| facts.journal_replaced = Some(why));
        Ok(())
    }

    /// Reports why there is no engine, and schedules another attempt where that may help.
    fn fail(self: &Arc<Self>, error: &BuildError, attempt: CancellationToken) {
        let (area, code, remedy, again) = match error {
            BuildError::Ending => return,
            BuildError::NoPassword => {
                let missing = vec!["digible.password"];
                self.status_store.update(|facts| {
                    facts.missing = missing;
                    facts.starting = false;
                });
                return;
            }
            BuildError::Secrets(error) => {
                (Area::Secrets, "SECRETS_UNAVAILABLE", error.remedy(), true)
            }
            BuildError::Journal(error @ JournalError::Newer { .. }) => (
                Area::Journal,
                error.code(),
                "Install that version again; or move the journal file away, restart the agent and run `shopmasterctl upload`",
                false,
            ),
            BuildError::Journal(error) => (Area::Journal, error.code(), error.remedy(), true),
        };
        let text = with_causes(error);
        tracing::warn!(code, error = text, "the engine cannot start");
        self.status_store.update(|facts| {
            facts.starting = false;
            facts.fails(area, Trouble::new(code, text, remedy).lasting());
        });
        if !again {
            return;
        }
        let supervisor = Arc::clone(self);
        let build_again = async move {
            tokio::select! {
                () = attempt.cancelled() => return,
                () = tokio::time::sleep(RETRY_INTERVAL) => {}
            }
            let changing = Arc::clone(&supervisor.changing).lock_owned().await;
            // Another attempt may have been made since, and its result counts.
            if !attempt.is_cancelled() {
                Vacancy::begin(&supervisor, changing).fill().await;
            }
        };
        let crashed = self.crashed.clone();
        tokio::spawn(guarded("build the engine again", crashed, build_again));
    }
}

/// Why the journal was replaced; none when it was not.
fn replaced(opened: &Opened, other: Option<&str>) -> Option<String> {
    let aside = opened.kept.as_ref().map(|kept| {
        let (reason, path) = (&kept.reason, kept.path.display());
        format!("{reason}; the old one is `{path}`")
    });
    let taken_up = opened.taken_up.as_ref().map(|path| {
        let path = path.display();
        format!("this account's earlier journal, which was kept as `{path}`, is in use again")
    });
    match (aside, taken_up) {
        (Some(aside), Some(taken_up)) => Some(format!("{aside}; {taken_up}")),
        (aside, taken_up) => aside.or(taken_up).or(other.map(str::to_owned)),
    }
}

fn kind_word(kind: CatalogKind) -> &'static str {
    match kind {
        CatalogKind::SqlServer => "sqlserver",
        CatalogKind::Sqlite => "sqlite",
    }
}

/// The account as JSON, so that different accounts never give the same string.
pub(super) fn account(config: &Config) -> String {
    let base_url = config.digible.base_url.trim_end_matches('/');
    serde_json::json!([base_url, config.digible.email]).to_string()
}

fn options(config: &Config) -> Options {
    Options {
        batch_size: config.digible.batch_size as usize,
        max_in_flight: config.digible.max_in_flight as usize,
        bulk_threshold: config.digible.bulk_threshold as usize,
        automatic: config.sync.automatic,
        interval: config.sync.interval,
        probe: config.sync.probe,
        scan: config.catalog.capture == CaptureMode::Scan,
        scans_too: config.catalog.capture == CaptureMode::Both,
        gone_after: GONE_AFTER,
        verify: match config.sync.verify {
            Verify::Off => None,
            Verify::At(time) => Some(time),
        },
        verify_limit: config.sync.verify_limit.into(),
    }
}
