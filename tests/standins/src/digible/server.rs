//! The listener and its connections.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{answer::Cut, exchange::exchange, late::Client, shared::Shared};

/// How long to wait after a connection could not be accepted.
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// Listens on 127.0.0.1.
pub(super) async fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
}

/// Serves until it is aborted; all connections end with it.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut count = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    // No file handles are left, or the client has disconnected: not a reason to stop.
                    tokio::time::sleep(ACCEPT_RETRY_INTERVAL).await;
                    continue;
                };
                count += 1;
                connections.spawn(connection(stream, count, Arc::clone(&shared)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, number: u64, shared: Arc<Shared>) {
    // Otherwise small answers would wait for the client's acknowledgement.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |request| {
        // In a task of its own, because hyper drops the service when its client disconnects.
        let (here, client) = Client::connected();
        let task = tokio::spawn(exchange(Arc::clone(&shared), number, request, client));
        async move {
            let _here = here;
            task.await.map_err(|_| Cut)?
        }
    });
    // How a connection ends is up to the client or a fault.
    let _ended = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
