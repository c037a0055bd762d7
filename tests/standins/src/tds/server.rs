//! The listener and its connections.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{conversation, shared::Shared};

/// How long to wait after a connection could not be accepted.
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// Listens on 127.0.0.1.
pub(super) async fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
}

/// Serves until it is aborted; all connections end with it.
pub(super) async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    numbers: Arc<std::sync::atomic::AtomicU64>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    // No file handles are left, or the client has disconnected: not a reason to stop.
                    tokio::time::sleep(ACCEPT_RETRY_INTERVAL).await;
                    continue;
                };
                let number = numbers.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
                // Inside, so that it is known before it logs in.
                shared.change(|memory| {
                    let handle = connections.spawn(connection(stream, number, Arc::clone(&shared)));
                    memory.databases.connect(number, handle);
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, number: u64, shared: Arc<Shared>) {
    // Otherwise small answers would wait for the client's acknowledgement.
    if stream.set_nodelay(true).is_ok() {
        // How a connection ends is up to the client or a fault.
        let _ended = conversation::hold(stream, number, shared).await;
    }
}
