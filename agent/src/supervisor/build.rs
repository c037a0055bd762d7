//! Building the engine, and saying why there is none.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{
    Supervisor, catalog,
    secrets::{keep_token, token_of},
    unsupported,
};
use crate::{
    config::{CaptureMode, CatalogKind, Config},
    digible::{Digible, DigibleOptions},
    engine::{Engine, GONE_AFTER, Options, with_causes},
    health::{Area, Facts, Trouble},
    journal::{Binding, Journal, JournalError},
    secrets::{SecretError, SecretName},
};

/// After which time an engine that could not be built is tried again.
const RETRY: Duration = Duration::from_secs(30);
/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
enum BuildError {
    #[error("{0} is not part of this version")]
    Unsupported(&'static str),
    #[error("secrets cannot be read")]
    Secrets(#[from] SecretError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the password of the Digible account is not set")]
    NoPassword,
    #[error("the agent is ending")]
    Ending,
}

impl Supervisor {
    pub(super) async fn build(self: &Arc<Self>) {
        let config = self.config().0;
        let missing = config.missing();
        let before = self.board.facts();
        self.board.update(|facts| {
            let kept = Facts {
                missing: missing.clone(),
                paused: facts.paused,
                since: facts.since.clone(),
                ..Facts::new()
            };
            let config_trouble = facts.troubles.remove(&Area::Config);
            *facts = kept;
            facts.catalog.kind = config.catalog.kind.map_or("", kind_word);
            if let Some(trouble) = config_trouble {
                facts.troubles.insert(Area::Config, trouble);
            }
        });
        if missing.is_empty() {
            match self.engine_of(&config, before.paused).await {
                Ok(engine) => {
                    // Before it starts, so that nobody sees signs of it and does not find it.
                    self.write(|current| current.engine = Some(Arc::clone(&engine)));
                    engine.start();
                }
                Err(error) => self.fail(&error),
            }
        }
        self.built.send_replace(true);
    }

    pub(super) async fn stop_engine(&self) {
        self.built.send_replace(false);
        let engine = self.write(|current| current.engine.take());
        if let Some(engine) = engine {
            engine.stop().await;
        }
    }

    async fn engine_of(
        &self,
        config: &Config,
        pause: Option<crate::journal::Pause>,
    ) -> Result<Arc<Engine>, BuildError> {
        if self.ending.is_cancelled() {
            return Err(BuildError::Ending);
        }
        if let Some(what) = unsupported(config) {
            return Err(BuildError::Unsupported(what));
        }
        let secrets = self.secrets(config)?;
        let password = secrets.get(SecretName::DigiblePassword).await?;
        let password = password.ok_or(BuildError::NoPassword)?;
        let account = account(config);
        let token = secrets
            .get(SecretName::DigibleToken)
            .await?
            .and_then(|kept| token_of(&account, &kept));
        let catalog = catalog::of(&config.catalog, &secrets).await?;
        let binding = Binding {
            account: account.clone(),
            catalog: catalog.identity(),
        };
        let path = self.paths.journal.clone();
        let late_window = config.digible.late_window();
        let opened =
            tokio::task::spawn_blocking(move || Journal::open(&path, &binding, late_window))
                .await
                .map_err(|_| BuildError::Ending)??;
        if let Some(kept) = &opened.kept {
            tracing::warn!(
                path = %kept.path.display(),
                reason = kept.reason,
                "started an empty journal and kept the old one aside; run `shopmasterctl upload`"
            );
            opened.journal.set_pause(pause).await?;
            let (reason, path) = (&kept.reason, kept.path.display());
            let why = format!("{reason}; the old one is `{path}`");
            self.board
                .update(|facts| facts.journal_replaced = Some(why));
        }
        if let Some(copy) = &opened.damaged {
            tracing::warn!(
                path = %copy.path.display(),
                reason = copy.reason,
                "went on with what can be read of a damaged journal, and kept a copy of it; \
                 run `shopmasterctl upload`"
            );
            let why = format!("{}; a copy is `{}`", copy.reason, copy.path.display());
            self.board.update(|facts| facts.journal_damaged = Some(why));
        }
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
            Box::new(move |token| keep_token(&secrets, &account, token)),
        );
        let engine = Engine::new(
            catalog,
            Arc::new(cloud),
            opened.journal,
            Arc::clone(&self.board),
            options(config),
        );
        Ok(engine.await?)
    }

    /// Says why there is no engine, and tries again later where that may help.
    fn fail(self: &Arc<Self>, error: &BuildError) {
        let (area, code, remedy, again) = match error {
            BuildError::Ending => return,
            BuildError::NoPassword => {
                let missing = vec!["digible.password"];
                self.board.update(|facts| facts.missing = missing);
                return;
            }
            BuildError::Unsupported(_) => (
                Area::Config,
                "NOT_SUPPORTED",
                "Choose a supported setting with `shopmasterctl configure`",
                false,
            ),
            BuildError::Secrets(error) => {
                (Area::Secrets, "SECRETS_UNAVAILABLE", error.remedy(), true)
            }
            BuildError::Journal(JournalError::Newer { .. }) => (
                Area::Journal,
                "JOURNAL_NEWER",
                "Install that newer version again, or move the journal file away, restart the agent and run `shopmasterctl upload`",
                false,
            ),
            BuildError::Journal(error) => (Area::Journal, "JOURNAL_FAILED", error.remedy(), true),
        };
        let text = with_causes(error);
        tracing::warn!(code, error = text, "the engine cannot start");
        self.board.update(|facts| {
            facts.fails(area, Trouble::new(code, text, remedy).lasting());
        });
        if !again {
            return;
        }
        let supervisor = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                () = supervisor.ending.cancelled() => return,
                () = tokio::time::sleep(RETRY) => {}
            }
            let changing = supervisor.changing.lock().await;
            if supervisor.current_engine().is_none() {
                supervisor.board.update(|facts| facts.works(area));
                Box::pin(supervisor.build()).await;
            }
            drop(changing);
        });
    }
}

fn kind_word(kind: CatalogKind) -> &'static str {
    match kind {
        CatalogKind::SqlServer => "sqlserver",
        CatalogKind::Sqlite => "sqlite",
    }
}

/// As JSON, so that no two accounts make the same text.
fn account(config: &Config) -> String {
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
        gone_after: GONE_AFTER,
    }
}
