//! Builds the engine from the configuration, and builds another one when that changes.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jiff::Timestamp;
use shopmaster_base::causes::with_causes;
use shopmaster_engine::{Engine, status_store::StatusStore};
use shopmaster_health::{Area, Facts, Trouble};
use shopmaster_journal::AgentState;
use shopmaster_proto::{Endpoint, InstanceName};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

mod build;
mod catalog;
mod claimant;
mod configure;
mod positions;
mod price;
mod secrets;
#[cfg(test)]
mod tests;
mod vacancy;

use super::{
    config::{self, Config, ConfigError},
    logging::Logging,
    paths::Paths,
    secrets::SecretStore,
};

pub use configure::ConfigureError;
use secrets::Logins;
pub use secrets::{NewSecrets, SecretsSet};
use vacancy::Vacancy;

/// How long a call waits for an engine that is being built or replaced.
const BUILDING: Duration = Duration::from_secs(5);

/// Owns the engine, and everything that outlives a change of the configuration.
pub struct Supervisor {
    /// Where the agent keeps its files.
    pub paths: Paths,
    /// The agent's name.
    pub instance: InstanceName,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// When it started.
    pub started_at: Timestamp,
    /// What everybody is shown.
    pub status_store: Arc<StatusStore>,
    /// The log.
    pub logging: Logging,
    /// Cancelled when the agent is to end.
    pub ending: CancellationToken,
    /// Cancelled when a task of it panicked: the process has to end, with a failure code.
    pub crashed: CancellationToken,
    environment: Vec<(String, String)>,
    current: RwLock<Current>,
    /// Whether building has come to its end, with an engine or without.
    built: watch::Sender<bool>,
    /// One change at a time.
    changing: Arc<Mutex<()>>,
    /// The pause, which outlives every engine and every journal.
    state: Arc<AgentState>,
    /// Cancelled when an engine that could not be built is not to be tried again, because another attempt
    /// was made since.
    attempt: std::sync::Mutex<CancellationToken>,
    /// Which login's token may be kept.
    logins: Logins,
}

#[derive(Clone)]
struct Current {
    config: Config,
    overridden: Vec<String>,
    /// The file is not valid, so that the values are the defaults.
    invalid: bool,
    secrets: Option<SecretStore>,
    engine: Option<Arc<Engine>>,
}

impl Supervisor {
    /// A supervisor that has read the configuration and built nothing yet.
    #[must_use]
    pub fn new(
        paths: Paths,
        instance: InstanceName,
        endpoint: Endpoint,
        logging: Logging,
        loaded: Result<config::Loaded, ConfigError>,
        environment: Vec<(String, String)>,
    ) -> Arc<Self> {
        let status_store = Arc::new(StatusStore::new());
        let state = Arc::new(AgentState::open(&paths.state));
        status_store.update(|facts| {
            facts.starting = true;
            facts.paused = *state.borrow();
        });
        let (config, overridden, invalid) = match loaded {
            Ok(loaded) => (loaded.config, loaded.overridden, false),
            Err(error) => {
                status_store.update(|facts| note_invalid(facts, &error));
                (Config::default(), Vec::new(), true)
            }
        };
        Arc::new(Self {
            paths,
            instance,
            endpoint,
            started_at: Timestamp::now(),
            status_store,
            logging,
            ending: CancellationToken::new(),
            crashed: CancellationToken::new(),
            environment,
            current: RwLock::new(Current {
                config,
                overridden,
                invalid,
                secrets: None,
                engine: None,
            }),
            built: watch::Sender::new(false),
            changing: Arc::default(),
            state,
            attempt: std::sync::Mutex::default(),
            logins: Logins::default(),
        })
    }

    /// Builds and starts the engine, if everything is there that it needs.
    pub async fn start(self: &Arc<Self>) {
        let changing = Arc::clone(&self.changing).lock_owned().await;
        // A client's change may have been quicker, and there is one engine at a time.
        if !*self.built.borrow() {
            Vacancy::begin(self, changing).fill().await;
        }
    }

    /// Ends the engine: what is under way is recorded first.
    pub async fn stop(self: &Arc<Self>) {
        self.ending.cancel();
        let changing = Arc::clone(&self.changing).lock_owned().await;
        Vacancy::begin(self, changing).leave().await;
    }

    /// The engine; none when the agent is not configured, or cannot work with what it has. While it
    /// is being built, waits for it, but not for long: a script may call right after the start.
    pub async fn engine(&self) -> Option<Arc<Engine>> {
        let mut built = self.built.subscribe();
        tokio::select! {
            () = self.ending.cancelled() => {}
            // In vain after that time: then there is none, as far as a caller is concerned.
            _ = tokio::time::timeout(BUILDING, built.wait_for(|built| *built)) => {}
        }
        self.current_engine()
    }

    fn current_engine(&self) -> Option<Arc<Engine>> {
        self.read(|current| current.engine.clone())
    }

    /// The values in use, and the keys whose value comes from the environment.
    pub fn config(&self) -> (Config, Vec<String>) {
        self.read(|current| (current.config.clone(), current.overridden.clone()))
    }

    fn read<T>(&self, look: impl FnOnce(&Current) -> T) -> T {
        look(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Current) -> T) -> T {
        change(&mut self.current.write().unwrap_or_else(PoisonError::into_inner))
    }
}

fn note_invalid(facts: &mut Facts, error: &ConfigError) {
    let remedy = match error {
        ConfigError::Environment { .. } => "Mend or remove the variable and restart the agent",
        _ => {
            "Mend the file and restart the agent, or run `shopmasterctl configure`, which keeps the file aside and begins anew"
        }
    };
    let trouble = Trouble::new(
        "CONFIG_INVALID",
        format!("The configuration is not valid: {}", with_causes(error)),
        remedy,
    );
    facts.fails(Area::Config, trouble.lasting());
}

/// What of these settings is not part of this version.
pub(crate) fn unsupported(config: &Config) -> Option<&'static str> {
    if config.remote.listen.is_some() {
        return Some("the remote listener");
    }
    None
}
