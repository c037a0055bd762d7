//! Builds the engine from the configuration, and builds it anew when that changes.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use shopmaster_proto::{Endpoint, InstanceName};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    catalog::{
        Columns,
        sqlite::{SqliteCatalog, SqliteOptions},
    },
    config::{
        self, Before, CaptureMode, CatalogKind, Config, ConfigError, Edit, KeyError, SaveError,
        StoreChoice,
    },
    digible::{Digible, DigibleOptions},
    engine::{Engine, Options, board::Board, with_causes},
    health::{Area, Facts, Trouble},
    journal::{Binding, Journal, JournalError},
    logging::Logging,
    paths::Paths,
    secrets::{self, SecretChange, SecretError, SecretName, SecretStore},
};

/// After which time an engine that could not be built is tried again.
const RETRY: Duration = Duration::from_secs(30);
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
    pub board: Arc<Board>,
    /// The log.
    pub logging: Logging,
    /// Cancelled when the agent is to end.
    pub ending: CancellationToken,
    environment: Vec<(String, String)>,
    current: RwLock<Current>,
    /// Whether building has come to its end, with an engine or without.
    built: watch::Sender<bool>,
    /// One change at a time.
    changing: Mutex<()>,
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

/// New passwords. An empty one is forgotten, none stays.
#[derive(Debug, Clone, Default)]
pub struct NewSecrets {
    /// Of the Digible account.
    pub digible_password: Option<SecretString>,
    /// Of the SQL login.
    pub sql_password: Option<SecretString>,
}

/// Which secrets are set, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretsSet {
    /// Of the Digible account.
    pub digible_password: bool,
    /// Of the SQL login.
    pub sql_password: bool,
    /// `os` or `file`.
    pub store: &'static str,
}

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

impl NewSecrets {
    fn is_empty(&self) -> bool {
        self.digible_password.is_none() && self.sql_password.is_none()
    }

    /// With another password the old session ends, too. A token names its account by itself, so that
    /// another account needs no change of it.
    fn into_changes(self) -> Vec<SecretChange> {
        let change = |name, secret: SecretString| SecretChange {
            name,
            secret: Some(secret).filter(|secret| !secret.expose_secret().is_empty()),
        };
        let token = self.digible_password.is_some().then_some(SecretChange {
            name: SecretName::DigibleToken,
            secret: None,
        });
        let digible = self
            .digible_password
            .map(|secret| change(SecretName::DigiblePassword, secret));
        let sql = self
            .sql_password
            .map(|secret| change(SecretName::SqlPassword, secret));
        digible.into_iter().chain(sql).chain(token).collect()
    }
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
        let board = Arc::new(Board::new());
        let (config, overridden, invalid) = match loaded {
            Ok(loaded) => (loaded.config, loaded.overridden, false),
            Err(error) => {
                board.update(|facts| note_invalid(facts, &error));
                (Config::default(), Vec::new(), true)
            }
        };
        Arc::new(Self {
            paths,
            instance,
            endpoint,
            started_at: Timestamp::now(),
            board,
            logging,
            ending: CancellationToken::new(),
            environment,
            current: RwLock::new(Current {
                config,
                overridden,
                invalid,
                secrets: None,
                engine: None,
            }),
            built: watch::Sender::new(false),
            changing: Mutex::new(()),
        })
    }

    /// Builds and starts the engine, if everything is there that it needs.
    pub async fn start(self: &Arc<Self>) {
        let _one_at_a_time = self.changing.lock().await;
        // A client's change may have been quicker, and there is one engine at a time.
        if !*self.built.borrow() {
            self.build().await;
        }
    }

    /// Ends the engine: what is under way is recorded first.
    pub async fn stop(&self) {
        self.ending.cancel();
        let _one_at_a_time = self.changing.lock().await;
        self.stop_engine().await;
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

    /// `os` or `file`.
    pub fn secrets_store(&self) -> &'static str {
        self.read(|current| current.secrets.as_ref().map_or("file", SecretStore::name))
    }

    /// Which secrets are set. A store that does not answer counts as empty here; it is an issue.
    pub async fn secrets_set(&self) -> SecretsSet {
        let secrets = self.read(|current| current.secrets.clone());
        let is_set = async |name| match &secrets {
            Some(secrets) => matches!(secrets.get(name).await, Ok(Some(_))),
            None => false,
        };
        SecretsSet {
            digible_password: is_set(SecretName::DigiblePassword).await,
            sql_password: is_set(SecretName::SqlPassword).await,
            store: self.secrets_store(),
        }
    }

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
        // The environment may say something else than the file.
        let after = config::load(&self.paths.config, self.environment.clone());
        let after = after.map_or(config, |loaded| loaded.config);
        let kept = self.keep(&before, &after, new).await;
        match &kept {
            Ok(()) => {
                if let Some(path) = file.aside() {
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
        Ok(changed)
    }

    /// Keeps new passwords, and moves the others when they are kept elsewhere from now on.
    async fn keep(
        &self,
        before: &Config,
        after: &Config,
        new: NewSecrets,
    ) -> Result<(), SecretError> {
        let moves = before.secrets.store != after.secrets.store;
        if new.is_empty() && !moves {
            return Ok(());
        }
        let old = self.secrets(before)?;
        if !moves {
            return secrets::change(&old, new.into_changes()).await;
        }
        let secrets = self.open_secrets(after)?;
        // Nothing was used yet: what the credential store has under this name is another agent's.
        match before.missing().is_empty() || before.secrets.store == StoreChoice::File {
            true => secrets::move_all(&old, &secrets, new.into_changes()).await?,
            false => secrets::change(&secrets, new.into_changes()).await?,
        }
        self.write(|current| current.secrets = Some(secrets));
        Ok(())
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

    async fn stop_engine(&self) {
        self.built.send_replace(false);
        let engine = self.write(|current| current.engine.take());
        if let Some(engine) = engine {
            engine.stop().await;
        }
    }

    async fn build(self: &Arc<Self>) {
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
        let catalog = SqliteCatalog::new(SqliteOptions {
            path: PathBuf::from(&config.catalog.path),
            table: config.catalog.table.clone(),
            columns: Columns {
                id: config.catalog.columns.id.clone(),
                name: config.catalog.columns.name.clone(),
                price: config.catalog.columns.price.clone(),
            },
        });
        let binding = Binding {
            account: account.clone(),
            catalog: crate::catalog::Catalog::identity(&catalog),
        };
        let path = self.paths.journal.clone();
        let opened = tokio::task::spawn_blocking(move || Journal::open(&path, &binding))
            .await
            .map_err(|_| BuildError::Ending)??;
        if let Some(kept) = &opened.kept {
            tracing::warn!(
                path = %kept.path.display(),
                reason = kept.reason,
                "started an empty journal and kept the old one aside; run `shopmasterctl upload`"
            );
            opened.journal.set_pause(pause).await?;
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
            Arc::new(catalog),
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

    fn secrets(&self, config: &Config) -> Result<SecretStore, SecretError> {
        if let Some(secrets) = self.read(|current| current.secrets.clone()) {
            return Ok(secrets);
        }
        let secrets = self.open_secrets(config)?;
        self.write(|current| current.secrets = Some(secrets.clone()));
        Ok(secrets)
    }

    fn open_secrets(&self, config: &Config) -> Result<SecretStore, SecretError> {
        SecretStore::new(
            config.secrets.store,
            &self.instance,
            self.paths.secrets.clone(),
            self.environment.clone(),
        )
        .map_err(|_| SecretError::Stopped)
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
    if config.catalog.kind == Some(CatalogKind::SqlServer) {
        return Some("SQL Server");
    }
    if config.catalog.capture == CaptureMode::Scan {
        return Some("scan mode");
    }
    if config.remote.listen.is_some() {
        return Some("the remote listener");
    }
    None
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
        timeout: config.digible.timeout,
        automatic: config.sync.automatic,
        interval: config.sync.interval,
        probe: config.sync.probe,
    }
}

/// The token in what was kept, if it is this account's: the file may name another address by now,
/// and a token is shown to nobody but who issued it.
fn token_of(account: &str, kept: &SecretString) -> Option<SecretString> {
    let token = kept.expose_secret().strip_prefix(account)?;
    token.strip_prefix('\n').map(SecretString::from)
}

/// Called while a login is under way, which must not wait for the store.
fn keep_token(secrets: &SecretStore, account: &str, token: &SecretString) {
    let secrets = secrets.clone();
    let token = SecretString::from(format!("{account}\n{}", token.expose_secret()));
    tokio::spawn(async move {
        if let Err(error) = secrets.set(SecretName::DigibleToken, token).await {
            tracing::warn!(error = with_causes(&error), "the session could not be kept");
        }
    });
}
