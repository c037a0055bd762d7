//! Connections over the network: always TLS, and only to the program that has the pinned key.

mod pinned;

use std::{io, sync::Arc, time::Duration};

use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{self, ClientConfig, pki_types::ServerName},
};
use tonic::transport::{Channel, Endpoint, Uri};

use super::{Attempt, AttemptFailure, ConnectError, Patience, channel};
use crate::remote::{NetworkAddress, Pin};
use pinned::{ALPN, WrongKey};

/// How long to wait for each of a name's addresses, until a program accepts the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long to wait for the name service, and for the end of the handshake.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// An agent on the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkAgent {
    /// Where it is, best first: tried in this order.
    pub addresses: Vec<NetworkAddress>,
    /// Its key.
    pub pin: Pin,
}

/// A channel whose every connection, also one after a reconnect, is encrypted and leads to the pinned key.
#[derive(Debug)]
pub(super) struct EncryptedChannel(Channel);

impl EncryptedChannel {
    pub(super) fn into_inner(self) -> Channel {
        self.0
    }
}

/// Opens a channel, and returns the address that led to the agent. No channel when the connection ended already.
pub(super) async fn open(
    agent: &NetworkAgent,
) -> Result<(Option<EncryptedChannel>, NetworkAddress), ConnectError> {
    let config = pinned::config(agent.pin).map_err(|source| ConnectError::NoTls {
        source: source.into(),
    })?;
    let config = Arc::new(config);
    let (first, reached) = any(agent, &config).await?;
    let agent = agent.clone();
    let again = move || {
        let (agent, config) = (agent.clone(), Arc::clone(&config));
        async move { any(&agent, &config).await.map(|(stream, _)| stream) }
    };
    // With `https` here, tonic would demand its own TLS.
    let endpoint = Endpoint::from_static("http://agent").origin(Uri::from_static("https://agent"));
    let channel = channel(endpoint, first, again, Patience::OPEN).await;
    Ok((channel.map(EncryptedChannel), reached))
}

/// Connects to the first address that leads to the agent.
async fn any(
    agent: &NetworkAgent,
    config: &Arc<ClientConfig>,
) -> Result<(TlsStream<TcpStream>, NetworkAddress), ConnectError> {
    let mut attempts = Vec::new();
    for address in &agent.addresses {
        match one(address, config).await {
            Ok(stream) => return Ok((stream, address.clone())),
            Err(failure) => attempts.push(Attempt {
                address: address.clone(),
                failure,
            }),
        }
    }
    Err(ConnectError::after(attempts, agent.pin))
}

async fn one(
    address: &NetworkAddress,
    config: &Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, AttemptFailure> {
    let tcp = connect(address).await?;
    // Without it a call takes 40 ms longer.
    tcp.set_nodelay(true)
        .map_err(AttemptFailure::NoConnection)?;
    let name = ServerName::try_from(address.host().to_owned())
        .map_err(|error| AttemptFailure::NoConnection(io::Error::other(error)))?;
    let connector = TlsConnector::from(Arc::clone(config));
    let stream = match timeout(STEP_TIMEOUT, connector.connect(name, tcp)).await {
        Err(_) => return Err(AttemptFailure::Silent),
        Ok(Err(error)) => return Err(handshake_failure(&error)),
        Ok(Ok(stream)) => stream,
    };
    if stream.get_ref().1.alpn_protocol() != Some(ALPN) {
        return Err(AttemptFailure::NotAnAgent(
            "it does not speak HTTP/2".to_owned(),
        ));
    }
    Ok(stream)
}

/// Connects to the first address of the name that accepts.
async fn connect(address: &NetworkAddress) -> Result<TcpStream, AttemptFailure> {
    let name = (address.host(), address.port());
    let found = match timeout(STEP_TIMEOUT, lookup_host(name)).await {
        Err(_) => return Err(AttemptFailure::Silent),
        Ok(found) => found.map_err(AttemptFailure::NoConnection)?,
    };
    let unknown = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut failure = AttemptFailure::NoConnection(unknown);
    for socket in found {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(socket)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failure = AttemptFailure::NoConnection(error),
            Err(_) => failure = AttemptFailure::Silent,
        }
    }
    Err(failure)
}

fn handshake_failure(error: &io::Error) -> AttemptFailure {
    let tls = error.get_ref().and_then(|it| it.downcast_ref());
    match tls {
        Some(rustls::Error::Other(other)) => match other.0.downcast_ref() {
            Some(WrongKey(found)) => AttemptFailure::WrongKey(*found),
            None => AttemptFailure::NotAnAgent(format!("TLS failed: {other}")),
        },
        Some(tls) => AttemptFailure::NotAnAgent(format!("TLS failed: {tls}")),
        None => AttemptFailure::NotAnAgent(format!("TLS failed: {error}")),
    }
}
