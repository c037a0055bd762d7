//! One agent from its start to its end: it starts the parts in their order, and stops them within a deadline.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use shopmaster_base::causes::with_causes;
use shopmaster_engine::tasks::guarded;
use shopmaster_proto::{Endpoint, EndpointError, Folders, FoldersError, InstanceName};
use tokio::{sync::oneshot, task::JoinError, time::timeout};
use tracing_subscriber::util::TryInitError;

#[cfg(target_os = "linux")]
use super::readiness;
use super::{
    config,
    control::{
        self, ServeError,
        listener::{self, InstanceLock, ListenError, LockError},
    },
    logging,
    paths::{CreateError, Paths},
    supervisor::Supervisor,
    tray,
};

/// How long work in progress may take to stop. What is not recorded by then is unconfirmed at the next start.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// Why the agent did not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The folders for its files cannot be determined.
    #[error(transparent)]
    Folders(#[from] FoldersError),
    /// Its folders cannot be created.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The configuration file's path cannot be made absolute.
    #[error("the path of the configuration file `{path}` cannot be resolved")]
    ConfigPath {
        /// The path as it was given.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The address to listen at cannot be determined.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Another agent of this instance is running.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The signals that stop the agent cannot be received.
    #[error("signals of the operating system cannot be received")]
    Signals(#[source] io::Error),
    /// Logging cannot start.
    #[error("logging cannot start")]
    Logging(#[from] TryInitError),
    /// It cannot listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The control plane failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The control plane's task panicked.
    #[error("the control plane stopped unexpectedly")]
    Server(#[source] JoinError),
    /// One of its tasks panicked.
    #[error("internal error: see the log")]
    Crashed,
}

/// How to launch one agent.
#[derive(Debug)]
pub struct Launch {
    /// Its name.
    pub instance: InstanceName,
    /// Its folders.
    pub folders: Folders,
    /// Its configuration file, if it is not the one in its own folder.
    pub config: Option<PathBuf>,
    /// Whether it also logs to standard error when that is not a terminal.
    pub headless: bool,
    /// Where to send the icon's setup once the agent listens; none for no icon.
    pub icon: Option<oneshot::Sender<tray::Setup>>,
    /// Windows: the security identifier of the user for whom it runs as a service, and who may use it, too.
    #[cfg(windows)]
    pub owner: Option<String>,
}

/// Runs the agent until `end` completes, or until a client asks it to stop.
///
/// # Errors
///
/// When it cannot start, or the control plane fails.
pub async fn run(launch: Launch, end: impl Future<Output = ()>) -> Result<(), RunError> {
    let endpoint = Endpoint::local(&launch.instance, &launch.folders)?;
    let config_file = launch.config.map(absolute).transpose()?;
    let setup = tray::Setup {
        instance: launch.instance.clone(),
        endpoint: endpoint.clone(),
        folders: launch.folders.clone(),
        host: tray::IconHost::Agent,
    };
    let paths = Paths::new(launch.folders, config_file);
    paths.create()?;
    // Before anything else, so that a second agent does not touch the first one's files.
    let lock = InstanceLock::acquire(&paths.lock)?;
    let environment: Vec<_> = config::environment().collect();
    let loaded = config::load(&paths.config, environment.clone());
    let level = loaded.as_ref().map(|loaded| loaded.config.log.level);
    let logging = logging::start(&paths.log_dir, level.unwrap_or_default(), launch.headless)?;
    if let Err(error) = &loaded {
        tracing::error!(error = with_causes(error), "the configuration is not valid");
    }
    #[cfg(windows)]
    let incoming = listener::listen(&endpoint, &lock, launch.owner.as_deref())?;
    #[cfg(not(windows))]
    let incoming = listener::listen(&endpoint, &lock)?;
    if let Some(icon) = launch.icon {
        // Not earlier: a second agent of this instance must not show an icon.
        let _sent = icon.send(setup);
    }
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        instance = %launch.instance,
        endpoint = %endpoint,
        config = %paths.config.display(),
        "agent started"
    );
    let supervisor = Supervisor::new(
        paths,
        launch.instance,
        endpoint,
        logging,
        loaded,
        environment,
    );
    #[cfg(feature = "otlp")]
    if let Some(export) = crate::otlp::export() {
        export.measure(&supervisor.metrics);
    }
    let result = serve(&supervisor, incoming, end).await;
    #[cfg(feature = "otlp")]
    if let Some(export) = crate::otlp::export() {
        export.stop().await;
    }
    tracing::info!("agent stopped");
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
    // In parallel with the server: a client may ask for the status during the start.
    let start = tokio::spawn(guarded("start", supervisor.crashed.clone(), {
        let supervisor = Arc::clone(supervisor);
        async move { supervisor.start().await }
    }));
    let ended_early = tokio::select! {
        () = end => None,
        () = ending.cancelled() => None,
        // A new process is better than one with some of its parts missing.
        () = supervisor.crashed.cancelled() => None,
        // Without the server no client can reach the agent, not even to stop it.
        served = &mut server => Some(served),
    };
    tracing::info!("the agent is stopping");
    ending.cancel();
    #[cfg(target_os = "linux")]
    readiness::stopping();
    let finish = async {
        // Its guard reports a panic.
        let _ = start.await;
        supervisor.stop().await;
        match ended_early {
            Some(served) => served,
            None => server.await,
        }
    };
    match timeout(SHUTDOWN_GRACE, finish).await {
        Ok(served) => served.map_err(RunError::Server)??,
        Err(_) => tracing::warn!(
            "pending work did not finish in time; it will be sent again at the next start"
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
