//! The supervisor: it builds the engine from the configuration, and replaces it when the configuration changes.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jiff::Timestamp;
use shopmaster_base::causes::with_causes;
use shopmaster_engine::{Engine, status_store::StatusStore};
use shopmaster_health::{Area, Facts, Trouble};
use shopmaster_journal::AgentState;
use shopmaster_metrics::Metrics;
use shopmaster_proto::{Endpoint, InstanceName};
use shopmaster_secrets::SecretStore;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

mod build;
mod catalog;
mod claimant;
mod configure;
mod judge;
mod positions;
mod secrets;
#[cfg(test)]
mod tests;
mod vacancy;

use super::{
    config::{self, Config, ConfigError},
    logging::Logging,
    metrics_port::MetricsPort,
    paths::Paths,
};

pub use configure::{Agreed, ConfigureError, WouldChange};
pub use judge::Judged;
use secrets::Logins;
pub use secrets::{NewSecrets, SecretsSet};
use vacancy::Vacancy;

/// How long a call waits for an engine that is being built or replaced.
const BUILD_TIMEOUT: Duration = Duration::from_secs(5);

/// Owns the engine and everything that outlives a change of the configuration.
pub struct Supervisor {
    /// The paths of the agent's files.
    pub paths: Paths,
    /// The agent's name.
    pub instance: InstanceName,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// When it started.
    pub started_at: Timestamp,
    /// The status that clients see.
    pub status_store: Arc<StatusStore>,
    /// What is measured; it outlives every engine.
    pub metrics: Arc<Metrics>,
    /// The log.
    pub logging: Logging,
    /// Sends whenever the configuration was read again.
    pub reloaded: watch::Sender<()>,
    /// Canceled when the agent must stop.
    pub ending: CancellationToken,
    /// Canceled when one of its tasks panicked: the process must end with a failure code.
    pub crashed: CancellationToken,
    environment: Vec<(String, String)>,
    /// Where Prometheus reads the metrics on this computer.
    metrics_port: MetricsPort,
    current: RwLock<Current>,
    /// Whether building has ended, with an engine or without.
    built: watch::Sender<bool>,
    /// Allows one change of the configuration at a time.
    changing: Arc<Mutex<()>>,
    /// The pause, which outlives every engine and every journal.
    state: Arc<AgentState>,
    /// Cancels the planned retry of building an engine, because another attempt was made since.
    attempt: std::sync::Mutex<CancellationToken>,
    /// The logins whose token may be stored.
    logins: Logins,
}

#[derive(Clone)]
struct Current {
    config: Config,
    overridden: Vec<String>,
    /// The file is not valid, so the values are the defaults.
    invalid: bool,
    /// The user has agreed to what the catalog in use means for what was sent before.
    catalog_confirmed: bool,
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
        let started_at = Timestamp::now();
        let metrics = Arc::new(Metrics::new(Arc::clone(&status_store), started_at));
        let (ending, crashed) = (CancellationToken::new(), CancellationToken::new());
        let metrics_port = MetricsPort::new(
            Arc::clone(&metrics),
            Arc::clone(&status_store),
            ending.clone(),
            crashed.clone(),
        );
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
            started_at,
            status_store,
            metrics,
            logging,
            reloaded: watch::Sender::new(()),
            ending,
            crashed,
            environment,
            metrics_port,
            current: RwLock::new(Current {
                config,
                overridden,
                invalid,
                catalog_confirmed: false,
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

    /// Builds and starts the engine, if everything that it needs is configured.
    pub async fn start(self: &Arc<Self>) {
        let changing = Arc::clone(&self.changing).lock_owned().await;
        // A client's change may have built one already, and there is only one engine at a time.
        if !*self.built.borrow() {
            Vacancy::begin(self, changing).fill().await;
        }
    }

    /// Stops the engine, after what is in progress was recorded.
    pub async fn stop(self: &Arc<Self>) {
        self.ending.cancel();
        let changing = Arc::clone(&self.changing).lock_owned().await;
        Vacancy::begin(self, changing).leave().await;
    }

    /// The engine; none when the agent is not configured, or the engine cannot be built. While it is being built, waits
    /// for it for a few seconds: a script may call right after the start.
    pub async fn engine(&self) -> Option<Arc<Engine>> {
        let mut built = self.built.subscribe();
        tokio::select! {
            () = self.ending.cancelled() => {}
            // After a timeout the caller gets no engine.
            _ = tokio::time::timeout(BUILD_TIMEOUT, built.wait_for(|built| *built)) => {}
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
        ConfigError::Environment { .. } => "Fix or remove the variable and restart the agent",
        _ => {
            "Fix the file and restart the agent, or run `shopmasterctl configure`, which sets the file aside and starts a new one"
        }
    };
    let trouble = Trouble::new(
        "CONFIG_INVALID",
        format!("The configuration is not valid: {}", with_causes(error)),
        remedy,
    );
    facts.fails(Area::Config, trouble.lasting());
}
