//! The connection to a server: TCP, or on Windows the local pipe.

use std::{io, net::SocketAddr, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};

use super::{
    ConnectError,
    address::{Address, DEFAULT_PORT, Door},
    browser::Browser,
    deadline::Deadline,
};

/// When an idle connection is probed, and how often from then on; Microsoft's own drivers use the same values.
/// The probes find out when a firewall has dropped the connection or the server has lost power.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(1));

/// Anything that carries bytes in both directions.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Io for T {}

/// An open connection to a server.
pub(super) type Wire = Box<dyn Io>;

/// A server that was reached.
pub(super) struct Reached {
    /// The open connection.
    pub wire: Wire,
    /// Whether the server is on this computer, judging by the addresses of both ends and not by a name.
    pub here: bool,
}

/// Opens a connection to the server.
///
/// # Errors
///
/// `NameNotFound`, `PortClosed`, `Silent`, `NoRoute`, `BrowserSilent`, `InstanceUnknown`.
pub(super) async fn reach(
    address: &Address,
    browser: &Browser,
    deadline: Deadline,
) -> Result<Reached, ConnectError> {
    #[cfg(windows)]
    if let Some(wire) = pipe::open(address, deadline).await {
        return Ok(Reached { wire, here: true });
    }
    let places = resolve(address, browser, deadline).await?;
    let mut failure = None;
    for (position, place) in places.iter().enumerate() {
        // An address that does not answer leaves time for the next one.
        let share = deadline.left() / u32::try_from(places.len() - position).unwrap_or(1);
        let error = match timeout(share, TcpStream::connect(place)).await {
            Ok(Ok(stream)) => return Ok(prepared(stream)),
            Ok(Err(error)) => named(error, address, place.port()),
            Err(_) => ConnectError::Silent(address.host.clone()),
        };
        // A closed port is kept as the most informative failure: it shows that the computer answers.
        if !matches!(failure, Some(ConnectError::PortClosed { .. })) {
            failure = Some(error);
        }
    }
    Err(failure.unwrap_or_else(|| ConnectError::NameNotFound(address.host.clone())))
}

async fn resolve(
    address: &Address,
    browser: &Browser,
    deadline: Deadline,
) -> Result<Vec<SocketAddr>, ConnectError> {
    let host = &address.host;
    let port = match address.door {
        Door::Port(port) => port,
        Door::Default | Door::Instance(_) => DEFAULT_PORT,
    };
    let lookup = lookup_host((host.as_str(), port));
    let silent = || ConnectError::Silent(host.clone());
    let mut places: Vec<_> = deadline
        .within(silent, lookup)
        .await?
        .map_err(|_| ConnectError::NameNotFound(host.clone()))?
        .collect();
    if let Door::Instance(instance) = &address.door {
        let silent = || ConnectError::BrowserSilent {
            host: host.clone(),
            instance: instance.clone(),
        };
        let question = browser.port_of(host, instance, &places);
        let port = deadline.within(silent, question).await??;
        for place in &mut places {
            place.set_port(port);
        }
    }
    Ok(places)
}

fn prepared(stream: TcpStream) -> Reached {
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE.0)
        .with_interval(KEEPALIVE.1);
    // A connection without these still works.
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
    let here = match (stream.peer_addr(), stream.local_addr()) {
        (Ok(peer), Ok(local)) => {
            let (peer, local) = (peer.ip().to_canonical(), local.ip().to_canonical());
            peer.is_loopback() || peer == local
        }
        _ => false,
    };
    Reached {
        wire: Box::new(stream),
        here,
    }
}

fn named(error: io::Error, address: &Address, port: u16) -> ConnectError {
    let host = address.host.clone();
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ConnectError::PortClosed { host, port },
        io::ErrorKind::TimedOut => ConnectError::Silent(host),
        _ => ConnectError::NoRoute {
            host,
            source: error,
        },
    }
}

/// The local pipe of a server on this computer: SQL Server Express is installed with TCP/IP disabled.
#[cfg(windows)]
mod pipe {
    use std::time::Duration;

    use tokio::{net::windows::named_pipe::ClientOptions, time::sleep};

    use super::{Address, Deadline, Door, Wire};
    use crate::address::DEFAULT_INSTANCE;

    /// Every instance of the pipe is in use at the moment.
    const ERROR_PIPE_BUSY: i32 = 231;

    /// Opens the pipe; none when it does not exist, because TCP may reveal more about the cause.
    pub(super) async fn open(address: &Address, deadline: Deadline) -> Option<Wire> {
        let instance = match &address.door {
            Door::Default => DEFAULT_INSTANCE,
            Door::Instance(name) => name,
            Door::Port(_) => return None,
        };
        if address.tcp_only || !address.names_this_computer() {
            return None;
        }
        let name = format!(r"\\.\pipe\SQLLocal\{instance}");
        loop {
            match ClientOptions::new().open(&name) {
                Ok(pipe) => return Some(Box::new(pipe)),
                Err(error) if error.raw_os_error() == Some(ERROR_PIPE_BUSY) => {}
                Err(_) => return None,
            }
            if deadline.left() < Duration::from_secs(5) {
                return None;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}
