//! One agent from its start to its end: parts in their order, and a deadline for ending.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use shopmaster_base::causes::with_causes;
use shopmaster_engine::tasks::guarded;
use shopmaster_proto::{Endpoint, EndpointError, Folders, FoldersError, InstanceName};
use tokio::{sync::oneshot, task::JoinError, time::timeout};
use tracing_subscriber::util::TryInitError;

#[cfg(target_os = "linux")]
use super::readiness;
use super::{
    args::RunArgs,
    config,
    control::{
        self, ServeError,
        listener::{self, InstanceLock, ListenError, LockError},
    },
    logging,
    paths::{CreateError, Paths},
    signals::Signals,
    supervisor::Supervisor,
    tray,
};

/// How long what is under way may take to end. What is not recorded by then is in doubt at the next start.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why the agent did not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no place for its files.
    #[error(transparent)]
    Folders(#[from] FoldersError),
    /// Its folders cannot be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The configuration file's path makes no sense.
    #[error("the configuration file `{path}` has no folder that exists")]
    ConfigPath {
        /// As it was given.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// It has no place to listen at.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Another one of this instance runs.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// It would not be told to end.
    #[error("the operating system gives no signals")]
    Signals(#[source] io::Error),
    /// Logging did not start.
    #[error("logging cannot start")]
    Logging(#[from] TryInitError),
    /// It cannot listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The control plane failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The control plane broke off.
    #[error("the control plane broke off")]
    Server(#[source] JoinError),
    /// A task of it panicked.
    #[error("internal error: see the log")]
    Crashed,
}

/// Where one agent runs, and who reads its log.
#[derive(Debug)]
pub struct Place {
    /// Its name.
    pub instance: InstanceName,
    /// Its folders.
    pub folders: Folders,
    /// Its configuration file, instead of the one in its own folder.
    pub config: Option<PathBuf>,
    /// Whether it logs to standard error, too, when that is no terminal.
    pub headless: bool,
    /// Who shows an icon for it, once it listens.
    pub icon: Option<oneshot::Sender<tray::Setup>>,
    /// Windows: the security identifier of the user for whom it runs as a service, who may use it too.
    #[cfg(windows)]
    pub owner: Option<String>,
}

/// Runs the agent until a signal or a client asks it to end; `icon` is told where it listens.
///
/// # Errors
///
/// When it cannot start, or the control plane fails.
pub async fn run(
    args: RunArgs,
    icon: Option<oneshot::Sender<tray::Setup>>,
) -> Result<(), RunError> {
    let place = Place {
        folders: Folders::of(&args.instance)?,
        instance: args.instance,
        config: args.config,
        headless: args.headless,
        icon,
        #[cfg(windows)]
        owner: None,
    };
    // Before anything else: one that comes during the start ends it cleanly, too.
    let signals = Signals::take().map_err(RunError::Signals)?;
    run_at(place, async {
        let mut signals = signals;
        signals.end().await;
        signals.end_at_once();
    })
    .await
}

/// Runs the agent until `end`, or until a client asks it to end.
///
/// # Errors
///
/// When it cannot start, or the control plane fails.
pub async fn run_at(place: Place, end: impl Future<Output = ()>) -> Result<(), RunError> {
    let endpoint = Endpoint::local(&place.instance, &place.folders)?;
    let config_file = place.config.map(absolute).transpose()?;
    let setup = tray::Setup {
        instance: place.instance.clone(),
        endpoint: endpoint.clone(),
        folders: place.folders.clone(),
        place: tray::Place::Inside,
    };
    let paths = Paths::new(place.folders, config_file);
    paths.create()?;
    // First of all: a second agent touches nothing of the first one's.
    let lock = InstanceLock::acquire(&paths.lock)?;
    let environment: Vec<_> = config::environment().collect();
    let loaded = config::load(&paths.config, environment.clone());
    let level = loaded.as_ref().map(|loaded| loaded.config.log.level);
    let logging = logging::start(&paths.log_dir, level.unwrap_or_default(), place.headless)?;
    if let Err(error) = &loaded {
        tracing::error!(error = with_causes(error), "the configuration is not valid");
    }
    #[cfg(windows)]
    let incoming = listener::listen(&endpoint, &lock, place.owner.as_deref())?;
    #[cfg(not(windows))]
    let incoming = listener::listen(&endpoint, &lock)?;
    if let Some(icon) = place.icon {
        // Not before: a second agent of this instance shows no icon.
        let _told = icon.send(setup);
    }
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        instance = %place.instance,
        endpoint = %endpoint,
        config = %paths.config.display(),
        "agent started"
    );
    let supervisor = Supervisor::new(
        paths,
        place.instance,
        endpoint,
        logging,
        loaded,
        environment,
    );
    let result = serve(&supervisor, incoming, end).await;
    tracing::info!("agent ended");
    logging::flush();
    result
}

async fn serve(
    supervisor: &Arc<Supervisor>,
    incoming: listener::Incoming,
    end: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let ending = supervisor.ending.clone();
    let mut server = tokio::spawn(control::serve(
        Arc::clone(supervisor),
        incoming,
        ending.clone().cancelled_owned(),
    ));
    #[cfg(target_os = "linux")]
    readiness::ready(supervisor.status_store.watch(), ending.clone());
    // Beside the server: somebody may already ask how the start goes.
    let start = tokio::spawn(guarded("start", supervisor.crashed.clone(), {
        let supervisor = Arc::clone(supervisor);
        async move { supervisor.start().await }
    }));
    let ended_early = tokio::select! {
        () = end => None,
        () = ending.cancelled() => None,
        // A new process does better than one without some of its parts.
        () = supervisor.crashed.cancelled() => None,
        // Without it nobody can ask the agent anything, not even to end.
        served = &mut server => Some(served),
    };
    tracing::info!("the agent is ending");
    ending.cancel();
    #[cfg(target_os = "linux")]
    readiness::stopping();
    let finish = async {
        // Its panics are noticed by their guard.
        let _ = start.await;
        supervisor.stop().await;
        match ended_early {
            Some(served) => served,
            None => server.await,
        }
    };
    match timeout(PATIENCE, finish).await {
        Ok(served) => served.map_err(RunError::Server)??,
        Err(_) => tracing::warn!(
            "what is under way takes too long to end; it is in doubt at the next start"
        ),
    }
    match supervisor.crashed.is_cancelled() {
        true => Err(RunError::Crashed),
        false => Ok(()),
    }
}

fn absolute(path: PathBuf) -> Result<PathBuf, RunError> {
    std::path::absolute(&path).map_err(|source| RunError::ConfigPath { path, source })
}
