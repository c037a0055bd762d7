//! Accepts connections, a few at a time, one request each and not for long.

use std::{convert::Infallible, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use shopmaster_metrics::Metrics;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::answer::answer;

/// Connections at once. More wait in the system's queue, until one of these ends.
pub(super) const MOST_CONNECTIONS: usize = 8;
/// How long a request's head may take to arrive.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection lasts, its answer included: Prometheus waits ten seconds by default.
pub(super) const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest head of a request, in bytes.
const LARGEST_HEAD: usize = 16 << 10;
/// From a failure to accept, as without file descriptors, to the next attempt.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the metrics until `stop`; then connections in progress are cut.
pub(super) async fn serve(listener: TcpListener, metrics: &Arc<Metrics>, stop: &CancellationToken) {
    let limit = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    let accepting = async {
        // The semaphore is never closed.
        while let Ok(permit) = Arc::clone(&limit).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let metrics = Arc::clone(metrics);
                    connections.spawn(async move {
                        connection(stream, metrics).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::debug!(%error, "a connection to the metrics port was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
            while connections.try_join_next().is_some() {}
        }
    };
    stop.run_until_cancelled(accepting).await;
}

async fn connection(stream: TcpStream, metrics: Arc<Metrics>) {
    let service = service_fn(|request| {
        let response = answer(&request, || metrics.text());
        async { Ok::<_, Infallible>(response) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(LARGEST_HEAD)
        // A connection that waits for another request would keep its place.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // A client that sends something else, or leaves early, is no failure of the agent.
    let _ended = timeout(CONNECTION_TIMEOUT, served).await;
}
