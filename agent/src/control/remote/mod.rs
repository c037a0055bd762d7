//! Remote management: the listener on the network, and the clients that may use it.
//!
//! [`Remote::run`] keeps the listener as the configuration wants it: it opens and closes it, and gives it another certificate,
//! without a restart. It does not open it while nobody could be let in, with a key that others can read, or with a
//! certificate that is not valid; then an issue says so, and everything on this computer goes on.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use shopmaster_access::{Clients, RemoteLog, Throttle};
use shopmaster_base::{blocking, causes::with_causes};
use shopmaster_health::{Area, Severity, Trouble};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle, time::timeout};
use tokio_rustls::rustls::ServerConfig;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{service::Routes, transport::Server};

mod accept;
mod access;
mod addresses;
mod authenticate;
mod body;
mod certificate;
mod connection;
mod counters;
mod describe;
mod gate;
mod limit;
mod metrics;
mod service;
mod tls;

pub(super) use service::Service;

use super::{MOST_STREAMS, detached::Detached};
use crate::{config::RemoteConfig, supervisor::Supervisor};
use accept::Acceptor;
use access::Access;
use certificate::{CertificateError, Identity, Source};
use gate::Gate;
use limit::ConnectionLimit;

/// How often the files of the certificate are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// How long calls in progress may take when the listener closes.
const CLOSING_GRACE: Duration = Duration::from_secs(5);
/// The largest headers of a call, in bytes.
const LARGEST_HEADERS: u32 = 16 << 10;
/// The window of each stream, in bytes: so much is kept for a client that does not read.
const WINDOW: u32 = 64 << 10;
/// The window of a connection, in bytes.
const CONNECTION_WINDOW: u32 = 256 << 10;
/// Calls of one connection at once.
const MOST_CALLS: usize = 32;
/// Calls that a client gave up before they were looked at; beyond that, its connection ends.
const MOST_RESETS: usize = 20;
/// How often a connection is checked, and how long its other end may take to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection lasts, and how long its calls may go on then.
const MAX_AGE: Duration = Duration::from_secs(24 * 3_600);
const MAX_AGE_GRACE: Duration = Duration::from_secs(60);

/// Remote management of one agent.
pub(super) struct Remote {
    supervisor: Arc<Supervisor>,
    /// None, and why, when the file of the clients cannot be read: then nobody is let in.
    access: Result<Arc<Access>, String>,
    limit: ConnectionLimit,
    state: Mutex<ListenerState>,
    /// Who may use the agent has changed.
    changed: Notify,
}

/// What is known of the listener.
#[derive(Debug, Clone, Default)]
struct ListenerState {
    /// Where it listens; none while it does not.
    address: Option<SocketAddr>,
    /// Its certificate; none before the first.
    identity: Option<Identity>,
}

/// A listener that is open.
struct Open {
    /// As it was asked for: the port may be zero there.
    wanted: SocketAddr,
    tls: Arc<ArcSwap<ServerConfig>>,
    /// Canceled to close it.
    closing: CancellationToken,
    /// Accepts connections; when it has ended, the address is free.
    accepting: JoinHandle<()>,
    /// Serves them.
    task: JoinHandle<()>,
}

/// Which files the certificate came from, and how they were then.
type Loaded = (Source, [Option<SystemTime>; 2]);

impl Remote {
    /// Remote management as it is before the listener opens.
    pub(super) async fn open(supervisor: Arc<Supervisor>) -> Arc<Self> {
        let folder = supervisor.paths.remote.clone();
        let status_store = Arc::clone(&supervisor.status_store);
        let clients = {
            let path = folder.join("clients.json");
            blocking::run(move || Clients::open(&path)).await
        };
        let access = match clients {
            Some(Ok(clients)) => Ok(Arc::new(Access {
                clients: Arc::new(clients),
                throttle: Throttle::default(),
                log: Arc::new(RemoteLog::new(&folder)),
                writing: tokio::sync::Mutex::default(),
                counters: Arc::default(),
                status_store,
                metrics: Arc::clone(&supervisor.metrics),
            })),
            Some(Err(error)) => Err(with_causes(&error)),
            None => Err("the agent is stopping".to_owned()),
        };
        if let Ok(access) = &access {
            access.show_last_change().await;
        }
        Arc::new(Self {
            supervisor,
            access,
            limit: ConnectionLimit::default(),
            state: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Keeps the listener as the configuration wants it, until the agent stops.
    pub(super) async fn run(self: Arc<Self>, routes: Routes, detached: Detached) {
        let mut reloaded = self.supervisor.reloaded.subscribe();
        let (mut open, mut loaded) = (None, None);
        loop {
            let config = self.supervisor.config().0.remote;
            let trouble = self
                .adjust(&config, &mut open, &mut loaded, &routes, &detached)
                .await
                .err();
            self.show(trouble);
            tokio::select! {
                () = self.supervisor.ending.cancelled() => break,
                changed = reloaded.changed() => if changed.is_err() { break },
                () = self.changed.notified() => {}
                () = tokio::time::sleep(LOOK_INTERVAL), if config.listen.is_some() => {}
            }
        }
        self.close(&mut open).await;
    }

    /// Opens, closes or changes the listener. Gives what keeps it from being as it should.
    async fn adjust(
        &self,
        config: &RemoteConfig,
        open: &mut Option<Open>,
        loaded: &mut Option<Loaded>,
        routes: &Routes,
        detached: &Detached,
    ) -> Result<(), Trouble> {
        let Some(wanted) = config.listen else {
            self.close(open).await;
            return Ok(());
        };
        let access = match &self.access {
            Ok(access) => Arc::clone(access),
            Err(why) => {
                return Err(warning(
                    "REMOTE_CLIENTS_UNREADABLE",
                    format!("Nobody can use this agent over the network: {why}"),
                    "Restore the file from a copy, or delete it, restart the agent and invite the clients again",
                ));
            }
        };
        if !access.clients.admits_anybody(Timestamp::now()) {
            self.close(open).await;
            return Err(Trouble::new(
                "REMOTE_NO_CLIENTS",
                "Remote management is on, and nobody may use it yet, so the agent does not listen".to_owned(),
                "Run `shopmasterctl remote invite`, or turn it off with `shopmasterctl remote disable`",
            )
            .waiting());
        }
        let certified = self.load(config, open, loaded).await;
        let tls = match (certified, open.as_ref()) {
            (Ok(Some(tls)), Some(open)) => {
                open.tls.store(tls);
                Arc::clone(&open.tls)
            }
            (Ok(Some(tls)), None) => Arc::new(ArcSwap::from(tls)),
            (Ok(None), Some(open)) => Arc::clone(&open.tls),
            // What was served until now stays.
            (Err(trouble), _) => return Err(trouble),
            (Ok(None), None) => return Ok(()),
        };
        if open
            .as_ref()
            .is_some_and(|open| open.wanted == wanted && !open.task.is_finished())
        {
            return Ok(());
        }
        self.close(open).await;
        *open = Some(self.listen(wanted, tls, access, routes, detached).await?);
        Ok(())
    }

    /// Reads the certificate, if its files have changed or nothing is open. None when nothing has changed.
    async fn load(
        &self,
        config: &RemoteConfig,
        open: &Option<Open>,
        loaded: &mut Option<Loaded>,
    ) -> Result<Option<Arc<ServerConfig>>, Trouble> {
        let source = self.source(config);
        let now = (source.clone(), source.version());
        if open.is_some() && loaded.as_ref() == Some(&now) {
            return Ok(None);
        }
        let identity = self
            .identity(source.clone())
            .await
            .map_err(|error| refused(&error))?;
        let provider = tls::provider();
        let config = tls::config(provider, &identity).map_err(|error| {
            warning(
                "REMOTE_CERTIFICATE_INVALID",
                format!("The agent does not listen on the network: {error}"),
                "Use another certificate",
            )
        })?;
        tracing::info!(key = %identity.pin, "the remote listener has a certificate");
        self.locked().identity = Some(identity);
        // Making the agent's own certificate has changed its files.
        *loaded = Some((source.clone(), source.version()));
        Ok(Some(config))
    }

    fn source(&self, config: &RemoteConfig) -> Source {
        match config.certificate.is_empty() && config.key.is_empty() {
            true => Source::Own(self.supervisor.paths.remote.clone()),
            false => Source::Given {
                certificate: config.certificate.clone().into(),
                key: config.key.clone().into(),
            },
        }
    }

    async fn identity(&self, source: Source) -> Result<Identity, CertificateError> {
        let loaded = blocking::run(move || source.load(&tls::provider())).await;
        loaded.unwrap_or(Err(CertificateError::Stopping))
    }

    async fn listen(
        &self,
        wanted: SocketAddr,
        tls: Arc<ArcSwap<ServerConfig>>,
        access: Arc<Access>,
        routes: &Routes,
        detached: &Detached,
    ) -> Result<Open, Trouble> {
        let failed = |error: &std::io::Error| {
            warning(
                "REMOTE_NOT_LISTENING",
                format!("The agent cannot listen at `{wanted}`: {error}"),
                "Choose another address or port with `shopmasterctl remote enable --listen`, or end the program that uses it",
            )
        };
        let listener = TcpListener::bind(wanted)
            .await
            .map_err(|error| failed(&error))?;
        let address = listener.local_addr().map_err(|error| failed(&error))?;
        let closing = CancellationToken::new();
        let acceptor = Acceptor {
            tls: Arc::clone(&tls),
            limit: self.limit.clone(),
            counters: Arc::clone(&access.counters),
            end: closing.clone(),
        };
        let (accepting, connections) = acceptor.start(listener);
        let connections = ReceiverStream::new(connections);
        let connections = connections.map(Ok::<_, std::convert::Infallible>);
        let server = Server::builder()
            .max_concurrent_streams(MOST_STREAMS)
            .concurrency_limit_per_connection(MOST_CALLS)
            .load_shed(true)
            .http2_max_header_list_size(LARGEST_HEADERS)
            .max_frame_size(16 << 10)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .http2_max_pending_accept_reset_streams(Some(MOST_RESETS))
            .http2_keepalive_interval(Some(KEEP_ALIVE))
            .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT))
            .max_connection_age(MAX_AGE)
            .max_connection_age_grace(MAX_AGE_GRACE)
            .layer(detached.clone())
            .layer(Gate::new(access, closing.clone()))
            .add_routes(routes.clone())
            .serve_with_incoming_shutdown(connections, closing.clone().cancelled_owned());
        let task = tokio::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(error = with_causes(&error), "the remote listener failed");
            }
        });
        tracing::info!(%address, "listening on the network");
        self.locked().address = Some(address);
        Ok(Open {
            wanted,
            tls,
            closing,
            accepting,
            task,
        })
    }

    async fn close(&self, open: &mut Option<Open>) {
        let Some(mut closed) = open.take() else {
            return;
        };
        self.locked().address = None;
        closed.closing.cancel();
        // A panic is told by the hook.
        let _ended = closed.accepting.await;
        if timeout(CLOSING_GRACE, &mut closed.task).await.is_err() {
            closed.task.abort();
        }
        tracing::info!("no longer listening on the network");
    }

    fn show(&self, trouble: Option<Trouble>) {
        self.supervisor.status_store.update(|facts| match trouble {
            Some(trouble) => facts.fails(Area::Remote, trouble),
            None => facts.works(Area::Remote),
        });
    }

    fn locked(&self) -> MutexGuard<'_, ListenerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that keeps the listener from being as it should. Syncing does not depend on it.
fn warning(code: &'static str, text: String, remedy: &str) -> Trouble {
    Trouble {
        severity: Severity::Warning,
        ..Trouble::new(code, text, remedy).lasting()
    }
}

fn refused(error: &CertificateError) -> Trouble {
    let text = format!(
        "The agent does not listen on the network: {}",
        with_causes(error)
    );
    match error {
        CertificateError::Exposed(path) => warning(
            "REMOTE_KEY_EXPOSED",
            text,
            &format!(
                "Run `chmod 600 {}`; if others may have read the key, use another one",
                path.display()
            ),
        ),
        _ => warning(
            "REMOTE_CERTIFICATE_INVALID",
            text,
            "Correct the files, or unset `remote.certificate` and `remote.key`: the agent makes its own certificate then",
        ),
    }
}
