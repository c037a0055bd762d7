//! Changing the configuration, and taking the change into use.

use std::sync::Arc;

use super::{NewSecrets, Supervisor, note_invalid, unsupported};
use crate::{
    config::{self, Before, ConfigError, Edit, KeyError, SaveError},
    engine::with_causes,
    health::Area,
    secrets::SecretError,
};

/// Why the configuration was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    /// A key or a value.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Not part of this version.
    #[error("{0} is not part of this version")]
    Unsupported(&'static str),
    /// A password could not be kept.
    #[error("the password could not be kept")]
    Secret(#[from] SecretError),
    /// A variable is wrong, which no change of the file mends.
    #[error("the environment is not valid")]
    Environment(#[source] ConfigError),
    /// The file could not be written.
    #[error(transparent)]
    Save(#[from] SaveError),
}

impl Supervisor {
    /// Changes keys and passwords, all or nothing, and takes them into use. Gives the keys whose
    /// value changed.
    ///
    /// # Errors
    ///
    /// When a key or value is refused, or something cannot be kept. A broken file is kept aside
    /// only when the change itself is good.
    pub async fn configure(
        self: &Arc<Self>,
        edits: Vec<Edit>,
        new: NewSecrets,
    ) -> Result<Vec<String>, ConfigureError> {
        let _one_at_a_time = self.changing.lock().await;
        let (before, invalid) = self.read(|current| (current.config.clone(), current.invalid));
        let mut config = before.clone();
        let changed = config.edit(&edits)?;
        if let Some(what) = unsupported(&config) {
            return Err(ConfigureError::Unsupported(what));
        }
        let file = match invalid && self.is_file_broken()? {
            true => Before::begin_anew(&self.paths.config, &edits)?,
            false => Before::save(&self.paths.config, &edits)?,
        };
        if changed.is_empty() && new.is_empty() && !invalid {
            return Ok(changed);
        }
        // First, because a login of the old engine may keep a token until then.
        self.stop_engine().await;
        let aside = file.aside().map(std::path::Path::to_owned);
        // The environment may say something else than the file.
        let after = config::load(&self.paths.config, self.environment.clone());
        let after = after.map_or(config, |loaded| loaded.config);
        let kept = self.keep(&before, &after, new).await;
        match &kept {
            Ok(()) => {
                if let Some(path) = &aside {
                    tracing::warn!(path = %path.display(), "kept the broken configuration file aside");
                }
                self.reload();
            }
            Err(_) => {
                if let Err(error) = file.put_back() {
                    let error = with_causes(&error);
                    tracing::error!(error, "the configuration file could not be put back");
                }
            }
        }
        // Whatever became of the secrets: without an engine nothing goes on.
        self.build().await;
        kept?;
        if let Some(path) = aside {
            let why = format!(
                "the file was not valid; the old one is `{}`",
                path.display()
            );
            self.board.update(|facts| facts.config_replaced = Some(why));
        }
        Ok(changed)
    }

    /// Whether the file is still broken: somebody may have mended it since it was read.
    fn is_file_broken(&self) -> Result<bool, ConfigureError> {
        match config::load(&self.paths.config, self.environment.clone()) {
            Ok(_) => Ok(false),
            Err(error @ ConfigError::Environment { .. }) => Err(ConfigureError::Environment(error)),
            Err(_) => Ok(true),
        }
    }

    /// Reads the file again, so that the environment's values stay over it.
    fn reload(&self) {
        match config::load(&self.paths.config, self.environment.clone()) {
            Ok(loaded) => {
                self.logging.set_level(loaded.config.log.level);
                self.write(|current| {
                    current.config = loaded.config;
                    current.overridden = loaded.overridden;
                    current.invalid = false;
                });
                self.board.update(|facts| facts.works(Area::Config));
            }
            Err(error) => {
                self.write(|current| current.invalid = true);
                self.board.update(|facts| note_invalid(facts, &error));
            }
        }
    }
}
