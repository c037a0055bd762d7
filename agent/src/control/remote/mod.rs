//! Remote management: the listener on the network, and the clients that may use it.
//!
//! [`Remote::run`] keeps the listener as the configuration wants it: it opens and closes it, and gives it another certificate,
//! without a restart. It does not open it while nobody could be let in, with a key that others can read, or with a
//! certificate that cannot be used; then an issue says so, and everything on this computer goes on.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use shopmaster_access::{Clients, RemoteLog, Throttle};
use shopmaster_base::{blocking, causes::with_causes};
use shopmaster_health::Area;
use tokio::{
    net::TcpListener,
    sync::Notify,
    task::JoinHandle,
    time::{Instant, timeout},
};
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
mod key_file;
mod limit;
mod metrics;
mod problem;
mod service;
mod tls;
mod validity;

pub(super) use service::Service;

use super::{MOST_STREAMS, detached::Detached};
use crate::{config::RemoteConfig, supervisor::Supervisor};
use accept::Acceptor;
use access::Access;
use certificate::{CertificateError, Identity, Source};
use gate::Gate;
use limit::ConnectionLimit;
use problem::{LOOK_INTERVAL, Problem};
use validity::DateProblem;

/// How long an address that is no longer configured stays open while its successor cannot be opened: long enough to correct
/// a mistake from afar, and no longer.
const MOVE_WITHIN: Duration = Duration::from_secs(120);
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
/// Calls that a client canceled before the agent took them; beyond that, its connection ends.
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

/// Where a listener is.
#[derive(Debug, Clone, Copy)]
struct At {
    /// As it was asked for: the port may be zero there.
    wanted: SocketAddr,
    /// Where it listens.
    address: SocketAddr,
}

/// A listener that is open.
struct Open {
    at: At,
    /// Since when another address is wanted that cannot be opened; none while this one is wanted.
    unwanted_since: Option<Instant>,
    tls: Arc<ArcSwap<ServerConfig>>,
    /// Canceled to close it.
    closing: CancellationToken,
    /// Ends once no connection is accepted any more, so that the address is free.
    accepting: JoinHandle<()>,
    /// Ends once the last call has ended.
    serving: JoinHandle<()>,
}

/// The certificate that was loaded last, and where it came from.
struct Loaded {
    source: Source,
    identity: Identity,
    tls: Arc<ServerConfig>,
}

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
            let problem = self
                .adjust(&config, &mut open, &mut loaded, &routes, &detached)
                .await
                .err();
            let pause = problem.as_ref().map_or(LOOK_INTERVAL, Problem::retry_in);
            self.show(problem);
            tokio::select! {
                () = self.supervisor.ending.cancelled() => break,
                changed = reloaded.changed() => if changed.is_err() { break },
                () = self.changed.notified() => {}
                () = tokio::time::sleep(pause), if config.listen.is_some() => {}
            }
        }
        self.close(&mut open).await;
    }

    /// Opens, closes or changes the listener.
    async fn adjust(
        &self,
        config: &RemoteConfig,
        open: &mut Option<Open>,
        loaded: &mut Option<Loaded>,
        routes: &Routes,
        detached: &Detached,
    ) -> Result<(), Problem> {
        let Some(wanted) = config.listen else {
            self.close(open).await;
            return Ok(());
        };
        let access = self.access.as_ref();
        let access = access.map_err(|why| Problem::ClientsUnreadable(why.clone()))?;
        if !access.clients.admits_anybody(Timestamp::now()) {
            self.close(open).await;
            return Err(Problem::NoClients);
        }
        if open.as_ref().is_some_and(Open::has_failed) {
            self.close(open).await;
        }
        let (tls, refused) = match (self.load(config, loaded).await, open.as_ref()) {
            (Ok(tls), _) => (tls, None),
            // The address may still have to change.
            (Err(error), Some(open)) => (open.tls.load_full(), Some(error)),
            (Err(error), None) => {
                return Err(Problem::Certificate {
                    error: Box::new(error),
                    serving: None,
                });
            }
        };
        match open {
            Some(open) if open.at.wanted == wanted => {
                open.unwanted_since = None;
                open.tls.store(tls);
            }
            _ => {
                let (at, listener) = self.bind(wanted, open).await?;
                let new = self.serve(listener, at, tls, access, routes, detached);
                tracing::info!(address = %at.address, "listening on the network");
                self.locked().address = Some(at.address);
                if let Some(old) = open.replace(new) {
                    old.end().await;
                }
            }
        }
        if let Some(error) = refused {
            return Err(Problem::Certificate {
                error: Box::new(error),
                serving: open.as_ref().map(|open| open.at.address),
            });
        }
        match loaded.as_ref().and_then(Loaded::date_problem) {
            Some(problem) => Err(Problem::Dates(problem)),
            None => Ok(()),
        }
    }

    /// Binds the address before the old listener closes, so that remote clients are not locked out by an address that cannot
    /// be used.
    async fn bind(
        &self,
        wanted: SocketAddr,
        open: &mut Option<Open>,
    ) -> Result<(At, TcpListener), Problem> {
        let is_in_the_way = |open: &Open| overlap(open.at.address, wanted);
        let bound = match TcpListener::bind(wanted).await {
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse
                    && open.as_ref().is_some_and(is_in_the_way) =>
            {
                self.close(open).await;
                TcpListener::bind(wanted).await
            }
            bound => bound,
        };
        let bound = bound.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let error = match bound {
            Ok((address, listener)) => return Ok((At { wanted, address }, listener)),
            Err(error) => error,
        };
        if open.as_mut().is_some_and(Open::was_unwanted_for_long) {
            self.close(open).await;
        }
        Err(Problem::Address {
            wanted,
            error,
            serving: open.as_ref().map(|open| open.at.address),
        })
    }

    /// The settings of TLS with the configured certificate, which is read if its files have changed.
    async fn load(
        &self,
        config: &RemoteConfig,
        loaded: &mut Option<Loaded>,
    ) -> Result<Arc<ServerConfig>, CertificateError> {
        let source = self.source(config);
        let asked = source.clone();
        let version = blocking::run(move || asked.version()).await;
        let version = version.ok_or(CertificateError::Stopping)?;
        let current = loaded.as_ref().filter(|loaded| {
            loaded.source == source
                && loaded.identity.version == version
                && !source.is_due(&loaded.identity)
        });
        if let Some(current) = current {
            return Ok(Arc::clone(&current.tls));
        }
        let identity = self.identity(source.clone()).await?;
        let tls = tls::config(tls::provider(), &identity).map_err(CertificateError::Tls)?;
        tracing::info!(key = %identity.pin, "the remote listener has a certificate");
        self.locked().identity = Some(identity.clone());
        *loaded = Some(Loaded {
            source,
            identity,
            tls: Arc::clone(&tls),
        });
        Ok(tls)
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

    /// Serves the connections of a listener.
    fn serve(
        &self,
        listener: TcpListener,
        at: At,
        tls: Arc<ServerConfig>,
        access: &Arc<Access>,
        routes: &Routes,
        detached: &Detached,
    ) -> Open {
        let tls = Arc::new(ArcSwap::from(tls));
        let closing = CancellationToken::new();
        let acceptor = Acceptor {
            tls: Arc::clone(&tls),
            limit: self.limit.clone(),
            counters: Arc::clone(&access.counters),
            end: closing.clone(),
        };
        let (connections, accepting) = acceptor.start(listener);
        let connections = ReceiverStream::new(connections).map(Ok::<_, std::convert::Infallible>);
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
            .layer(Gate::new(Arc::clone(access), closing.clone()))
            .add_routes(routes.clone())
            .serve_with_incoming_shutdown(connections, closing.clone().cancelled_owned());
        let serving = tokio::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(error = with_causes(&error), "the remote listener failed");
            }
        });
        Open {
            at,
            unwanted_since: None,
            tls,
            closing,
            accepting,
            serving,
        }
    }

    async fn close(&self, open: &mut Option<Open>) {
        let Some(closed) = open.take() else {
            return;
        };
        self.locked().address = None;
        closed.end().await;
        tracing::info!("no longer listening on the network");
    }

    fn show(&self, problem: Option<Problem>) {
        self.supervisor.status_store.update(|facts| match problem {
            Some(problem) => facts.fails(Area::Remote, problem.trouble()),
            None => facts.works(Area::Remote),
        });
    }

    fn locked(&self) -> MutexGuard<'_, ListenerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two sockets cannot listen at these addresses at the same time.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip(), other.ip());
    one.port() == other.port() && (a == b || a.is_unspecified() || b.is_unspecified())
}

impl Open {
    /// Whether it is no longer served.
    fn has_failed(&self) -> bool {
        self.serving.is_finished() || self.accepting.is_finished()
    }

    /// Whether another address has been wanted, which cannot be opened, for as long as this one may stay open.
    fn was_unwanted_for_long(&mut self) -> bool {
        let since = *self.unwanted_since.get_or_insert_with(Instant::now);
        since.elapsed() >= MOVE_WITHIN
    }

    /// Closes it, and gives calls in progress a while to end. When this returns, the address is free.
    async fn end(mut self) {
        self.closing.cancel();
        if let Err(error) = self.accepting.await {
            tracing::error!(%error, "accepting remote connections failed");
        }
        if timeout(CLOSING_GRACE, &mut self.serving).await.is_err() {
            self.serving.abort();
        }
    }
}

impl Loaded {
    /// What is wrong with the dates of a certificate that was given. The agent's own is replaced in time.
    fn date_problem(&self) -> Option<DateProblem> {
        match self.source {
            Source::Own(_) => None,
            Source::Given { .. } => self.identity.validity?.problem(Timestamp::now()),
        }
    }
}
