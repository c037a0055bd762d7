//! Accepts connections on the network: each has a permit, and a deadline for its handshake.
//!
//! tonic's own TLS offers version 1.2 as well, has one certificate for life, and does not limit how many handshakes go on at
//! once, so the connections are accepted here, and tonic gets those whose handshake is done.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use shopmaster_proto::remote::Pin;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use tokio_util::sync::CancellationToken;

use super::{connection::Connection, counters::Counters, limit::ConnectionLimit};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long to wait after the operating system refused a connection, for example because no file handle is left.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);
/// Connections whose handshake is done and that tonic has not taken yet.
const AHEAD: usize = 16;

/// What a listener has to know.
pub(super) struct Acceptor {
    /// The settings of TLS, replaced when the certificate is.
    pub(super) tls: Arc<ArcSwap<ServerConfig>>,
    /// How many connections there may be.
    pub(super) limit: ConnectionLimit,
    /// What was refused.
    pub(super) counters: Arc<Counters>,
    /// Canceled when no connection is accepted any more.
    pub(super) end: CancellationToken,
}

impl Acceptor {
    /// Accepts connections until the end, and returns those whose handshake is done, and the task, which ends once the
    /// listener is closed.
    pub(super) fn start(
        self,
        listener: TcpListener,
    ) -> (mpsc::Receiver<Connection>, JoinHandle<()>) {
        let (ready, connections) = mpsc::channel(AHEAD);
        let task = tokio::spawn(async move {
            let end = self.end.clone();
            tokio::select! {
                () = self.accept(listener, ready) => {}
                () = end.cancelled() => {}
            }
        });
        (connections, task)
    }

    async fn accept(&self, listener: TcpListener, ready: mpsc::Sender<Connection>) {
        let mut is_failing = false;
        loop {
            let (stream, address) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    if !is_failing {
                        tracing::warn!(%error, "cannot accept remote connections");
                    }
                    is_failing = true;
                    sleep(RETRY_INTERVAL).await;
                    continue;
                }
            };
            is_failing = false;
            self.begin(stream, address, &ready);
        }
    }

    /// Begins a handshake in a task of its own.
    fn begin(&self, stream: TcpStream, address: SocketAddr, ready: &mpsc::Sender<Connection>) {
        let permit = self.limit.take(address.ip());
        // Otherwise each call would wait for an acknowledgement that the other end delays.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%address, %error, "cannot turn off the delay of small packets");
        }
        let acceptor = TlsAcceptor::from(self.tls.load_full());
        let (counters, ready, end) = (Arc::clone(&self.counters), ready.clone(), self.end.clone());
        tokio::spawn(async move {
            let handshake = timeout(HANDSHAKE, acceptor.accept(stream));
            let stream = tokio::select! {
                () = end.cancelled() => return,
                () = permit.evicted().cancelled() => {
                    counters.refuse();
                    tracing::debug!(%address, "a remote connection had to give way: there are too many");
                    return;
                }
                done = handshake => match done {
                    Ok(Ok(stream)) => stream,
                    Ok(Err(error)) => {
                        counters.refuse();
                        tracing::debug!(%address, %error, "a remote connection failed its handshake");
                        return;
                    }
                    Err(_) => {
                        counters.refuse();
                        tracing::debug!(%address, "a remote connection took too long for its handshake");
                        return;
                    }
                },
            };
            let (_, session) = stream.get_ref();
            let certificate = session.peer_certificates().and_then(|chain| chain.first());
            // The handshake has looked at it before.
            let key = certificate.and_then(|certificate| Pin::of_certificate(certificate).ok());
            let connection = Connection::new(stream, address, key, permit, counters, end);
            let _taken = ready.send(connection).await;
        });
    }
}
