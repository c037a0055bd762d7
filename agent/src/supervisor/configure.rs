//! Changes the configuration, and applies the change.

use std::{path::Path, sync::Arc};

use shopmaster_base::causes::with_causes;
use shopmaster_health::Area;
use shopmaster_journal as journal;
use shopmaster_secrets::SecretError;

use super::{NewSecrets, Supervisor, build::account, note_invalid, vacancy::Vacancy};
use crate::config::{self, Before, Config, ConfigError, Edit, KeyError, SaveError};

/// Why the configuration was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    /// A key or a value is refused.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The change requires a new journal, and the caller has not allowed that.
    #[error(
        "Another Digible account or address requires a new journal: the current journal is set aside, and an upload is due"
    )]
    StartsOver,
    /// The agent is stopping.
    #[error("the agent is stopping")]
    Ending,
    /// A password could not be stored.
    #[error("the password could not be stored")]
    Secret(#[from] SecretError),
    /// An environment variable is not valid, which a change of the file cannot fix.
    #[error("the environment is not valid")]
    Environment(#[source] ConfigError),
    /// The file could not be written.
    #[error(transparent)]
    Save(#[from] SaveError),
}

/// What the user agreed to, before a change is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Agreed {
    /// A new journal.
    pub starts_over: bool,
    /// What another catalog means for what was sent before.
    pub catalog: bool,
}

/// What a change would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WouldChange {
    /// The keys whose value it would change.
    pub keys: Vec<String>,
    /// How many products stay at the account that is left; none when the journal is kept.
    pub left_behind: Option<u64>,
}

impl Supervisor {
    /// What a change would change. Changes nothing.
    ///
    /// # Errors
    ///
    /// As [`configure`](Self::configure), except for what only storing shows, and for a new journal.
    pub async fn would_change(&self, edits: &[Edit]) -> Result<WouldChange, ConfigureError> {
        let (before, _) = self.config();
        let mut config = before.clone();
        let keys = config.edit(edits)?;
        let left_behind = match self.starts_over(&before, edits).await? {
            true => Some(self.listed().await),
            false => None,
        };
        Ok(WouldChange { keys, left_behind })
    }

    /// How many products the journal in use knows at Digible.
    async fn listed(&self) -> u64 {
        let Some(engine) = self.engine().await else {
            return 0;
        };
        let counts = engine.journal().counts().await;
        counts.map_or(0, |counts| counts.published + counts.removed)
    }

    /// Changes keys and passwords, all or nothing, and applies them. Returns the keys whose value changed.
    ///
    /// # Errors
    ///
    /// When a key or value is refused, or something cannot be stored. An invalid file is set aside only if the change
    /// itself is valid. [`ConfigureError::StartsOver`] when a new journal would be required and the user has
    /// not agreed to it: then nothing is changed.
    pub async fn configure(
        self: &Arc<Self>,
        edits: Vec<Edit>,
        new: NewSecrets,
        agreed: Agreed,
    ) -> Result<Vec<String>, ConfigureError> {
        let changing = Arc::clone(&self.changing).lock_owned().await;
        let (before, invalid) = self.read(|current| (current.config.clone(), current.invalid));
        let mut config = before.clone();
        let changed = config.edit(&edits)?;
        if !agreed.starts_over && self.starts_over(&before, &edits).await? {
            return Err(ConfigureError::StartsOver);
        }
        let broken = invalid && self.is_file_broken()?;
        let file = blocking({
            let path = self.paths.config.clone();
            move || match broken {
                true => Before::replace(&path, &edits),
                false => Before::save(&path, &edits),
            }
        });
        let file = file.await??;
        if changed.is_empty() && new.is_empty() && !invalid {
            return Ok(changed);
        }
        // A yes to something else says nothing of a table that was changed before.
        let is_of_catalog = changed.iter().any(|key| key.starts_with("catalog."));
        self.write(|current| current.catalog_confirmed = agreed.catalog && is_of_catalog);
        let mut vacancy = Vacancy::begin(self, changing);
        // First, because a login of the old engine may store a token until then.
        vacancy.emptied().await;
        let aside = file.aside().map(Path::to_owned);
        // The environment may override the file.
        let after = config::load(&self.paths.config, self.environment.clone());
        let after = after.map_or(config, |loaded| loaded.config);
        let kept = self.keep(&before, &after, new).await;
        match &kept {
            Ok(()) => {
                if let Some(path) = &aside {
                    tracing::warn!(path = %path.display(), "set the invalid configuration file aside");
                }
                self.reload();
            }
            Err(_) => {
                if let Err(error) = blocking(move || file.put_back()).await? {
                    let error = with_causes(&error);
                    tracing::error!(error, "the configuration file could not be restored");
                }
            }
        }
        vacancy.fill().await;
        kept?;
        if let Some(path) = aside {
            let why = format!(
                "the file was not valid; the old one is `{}`",
                path.display()
            );
            self.status_store
                .update(|facts| facts.config_replaced = Some(why));
        }
        Ok(changed)
    }

    /// Whether a change requires a new journal.
    async fn starts_over(&self, before: &Config, edits: &[Edit]) -> Result<bool, ConfigureError> {
        // Values of the environment still override the file.
        let Some(after) = self.after(before, edits) else {
            return Ok(false);
        };
        if !after.missing().is_empty() || account(&after) == account(before) {
            return Ok(false);
        }
        let (path, account) = (self.paths.journal.clone(), account(&after));
        blocking(move || journal::starts_over(&path, &account)).await
    }

    /// Whether the file is still invalid: it may have been fixed since it was read.
    fn is_file_broken(&self) -> Result<bool, ConfigureError> {
        match config::load(&self.paths.config, self.environment.clone()) {
            Ok(_) => Ok(false),
            Err(error @ ConfigError::Environment { .. }) => Err(ConfigureError::Environment(error)),
            Err(_) => Ok(true),
        }
    }

    /// Reads the file and the environment again.
    fn reload(&self) {
        match config::load(&self.paths.config, self.environment.clone()) {
            Ok(loaded) => {
                self.logging.set_level(loaded.config.log.level);
                self.write(|current| {
                    current.config = loaded.config;
                    current.overridden = loaded.overridden;
                    current.invalid = false;
                });
                self.status_store.update(|facts| facts.works(Area::Config));
                self.reloaded.send_replace(());
            }
            Err(error) => {
                self.write(|current| current.invalid = true);
                self.status_store
                    .update(|facts| note_invalid(facts, &error));
            }
        }
    }
}

/// Runs `work` on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ConfigureError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| ConfigureError::Ending)
}
