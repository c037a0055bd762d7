//! The listener while it is open: its limits, and how it ends.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use shopmaster_base::causes::with_causes;
use tokio::{
    net::TcpListener,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_rustls::rustls::ServerConfig;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{service::Routes, transport::Server};

use super::{accept::Acceptor, access::Access, gate::Gate, limit::ConnectionLimit};
use crate::control::{MOST_STREAMS, detached::Detached};

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
pub(super) const MOST_CALLS: usize = 32;
/// Calls that a client canceled before the agent took them; beyond that, its connection ends.
const MOST_RESETS: usize = 20;
/// How often a connection is checked, and how long its other end may take to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection lasts, and how long its calls may go on then.
const MAX_AGE: Duration = Duration::from_secs(24 * 3_600);
const MAX_AGE_GRACE: Duration = Duration::from_secs(60);

/// What is served.
pub(super) struct Services {
    pub(super) routes: Routes,
    /// Around all of them.
    pub(super) detached: Detached,
}

/// Where a listener is.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    /// As it was asked for: the port may be zero there.
    pub(super) wanted: SocketAddr,
    /// Where it listens.
    pub(super) address: SocketAddr,
}

/// A listener that is open.
pub(super) struct Open {
    pub(super) at: At,
    /// Since when another address is wanted that cannot be opened; none while this one is wanted.
    pub(super) unwanted_since: Option<Instant>,
    pub(super) tls: Arc<ArcSwap<ServerConfig>>,
    /// Canceled to close it.
    closing: CancellationToken,
    /// Ends once no connection is accepted any more, so that the address is free.
    accepting: JoinHandle<()>,
    /// Ends once the last call has ended.
    serving: JoinHandle<()>,
}

impl Open {
    /// Serves the connections of a listener with these settings of TLS.
    pub(super) fn serve(
        listener: TcpListener,
        at: At,
        tls: Arc<ServerConfig>,
        limit: ConnectionLimit,
        access: &Arc<Access>,
        services: &Services,
    ) -> Self {
        let tls = Arc::new(ArcSwap::from(tls));
        let closing = CancellationToken::new();
        let acceptor = Acceptor {
            tls: Arc::clone(&tls),
            limit,
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
            .layer(services.detached.clone())
            .layer(Gate::new(Arc::clone(access), closing.clone()))
            .add_routes(services.routes.clone())
            .serve_with_incoming_shutdown(connections, closing.clone().cancelled_owned());
        let serving = tokio::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(error = with_causes(&error), "the remote listener failed");
            }
        });
        Self {
            at,
            unwanted_since: None,
            tls,
            closing,
            accepting,
            serving,
        }
    }

    /// Whether it is no longer served.
    pub(super) fn has_failed(&self) -> bool {
        self.serving.is_finished() || self.accepting.is_finished()
    }

    /// Whether another address has been wanted, which cannot be opened, for as long as this one may stay open.
    pub(super) fn was_unwanted_for_long(&mut self) -> bool {
        let since = *self.unwanted_since.get_or_insert_with(Instant::now);
        since.elapsed() >= MOVE_WITHIN
    }

    /// Closes it, and gives calls in progress a while to end. When this returns, the address is free.
    pub(super) async fn end(mut self) {
        self.closing.cancel();
        if let Err(error) = self.accepting.await {
            tracing::error!(%error, "accepting remote connections failed");
        }
        if timeout(CLOSING_GRACE, &mut self.serving).await.is_err() {
            self.serving.abort();
        }
    }
}

/// Whether two sockets cannot listen at these addresses at the same time.
pub(super) fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip(), other.ip());
    one.port() == other.port() && (a == b || a.is_unspecified() || b.is_unspecified())
}
