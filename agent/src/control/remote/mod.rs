//! Remote management: the listener on the network, and the clients that may use it.
//!
//! [`Remote::run`] keeps the listener as the configuration wants it: it opens and closes it, and gives it another certificate,
//! without a restart. It does not open it while nobody could be let in, with a key that others can read, or with a
//! certificate that cannot be used; then an issue says so, and everything on this computer goes on.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use shopmaster_access::{Clients, RemoteLog, Throttle};
use shopmaster_base::{blocking, causes::with_causes};
use shopmaster_health::Area;
use tokio::{net::TcpListener, sync::Notify};
use tokio_rustls::rustls::ServerConfig;
use tonic::service::Routes;

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
mod open;
mod problem;
mod service;
mod share;
mod tls;
mod validity;

pub(super) use service::Service;

use super::detached::Detached;
use crate::{config::RemoteConfig, supervisor::Supervisor};
use access::Access;
use certificate::{CertificateError, Identity, Source};
use limit::ConnectionLimit;
use open::{At, Open, Services, overlap};
use problem::{LOOK_INTERVAL, Problem};
use share::Shares;
use validity::DateProblem;

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
                shares: Shares::default(),
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
        let services = Services { routes, detached };
        let mut reloaded = self.supervisor.reloaded.subscribe();
        let (mut open, mut loaded) = (None, None);
        loop {
            let config = self.supervisor.config().0.remote;
            let problem = self
                .adjust(&config, &mut open, &mut loaded, &services)
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
        services: &Services,
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
                let limit = self.limit.clone();
                let new = Open::serve(listener, at, tls, limit, access, services);
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

impl Loaded {
    /// What is wrong with the dates of a certificate that was given. The agent's own is replaced in time.
    fn date_problem(&self) -> Option<DateProblem> {
        match self.source {
            Source::Own(_) => None,
            Source::Given { .. } => self.identity.validity?.problem(Timestamp::now()),
        }
    }
}
