//! The client: connects to an agent, and makes sure that it answers.

mod connection;
mod error;
mod liveness;
mod local;
mod network;
mod peer;
#[cfg(test)]
mod tests;

use std::{
    future::Future,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::transport::{self, Channel, Uri};
use tower::service_fn;

pub use connection::Connection;
pub use error::{Address, Attempt, AttemptFailure, ConnectError};
use liveness::Answer;
pub use local::{LocalStream, open_local};
pub use network::NetworkAgent;

use crate::{
    Endpoint,
    remote::{Secret, SecretKind},
    v1::{
        agent_client::AgentClient, config_client::ConfigClient, products_client::ProductsClient,
        remote_client::RemoteClient, runs_client::RunsClient,
    },
};

/// How often the connection is pinged during a call: a call may take as long as it needs, but must fail when the agent
/// hangs.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// How long an agent may take to answer. It answers from memory, even while it is starting or busy.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// To the first call.
    first_answer: Duration,
    /// To a ping.
    ping: Duration,
}

impl Patience {
    /// When the connection is open.
    const OPEN: Self = Self {
        first_answer: Duration::from_secs(10),
        ping: Duration::from_secs(10),
    };
    /// When a person may have to log in before the stream reaches the agent.
    const LOGIN: Self = Self {
        first_answer: Duration::from_secs(120),
        ping: Duration::from_secs(120),
    };
}

/// A connection to one agent: one client for each service, all over the same channel.
#[derive(Debug, Clone)]
pub struct Client {
    /// The service `Agent`: status, pause, log.
    pub agent: AgentClient<Connection>,
    /// The service `Runs`.
    pub runs: RunsClient<Connection>,
    /// The service `Config`: configuration and set-up.
    pub config: ConfigClient<Connection>,
    /// The service `Products`: single products.
    pub products: ProductsClient<Connection>,
    /// The service `Remote`: who may use the agent over the network.
    pub remote: RemoteClient<Connection>,
}

impl Client {
    /// Connects to the agent at `endpoint`, and makes sure that it answers. After that a call may take as long as it
    /// needs, but fails within half a minute if the agent hangs.
    ///
    /// # Errors
    ///
    /// When no program accepts the connection within five seconds or answers within ten, or when the program is not this
    /// user's agent.
    pub async fn connect(endpoint: &Endpoint) -> Result<Self, ConnectError> {
        let first = open_local(endpoint).await?;
        let address = Address::Local(endpoint.clone());
        let process = local::process(&first);
        let target = endpoint.clone();
        let again = move || {
            let target = target.clone();
            async move { open_local(&target).await }
        };
        let Some(channel) = channel(plain(), first, again, Patience::OPEN).await else {
            return Err(ConnectError::Left { address });
        };
        Self::checked(Connection::plain(channel), address, process, Patience::OPEN).await
    }

    /// Connects to an agent over the network, with TLS, and makes sure that it answers. `secret` is sent with each call,
    /// and only to the program that has the pinned key.
    ///
    /// # Errors
    ///
    /// When no address leads to a program that has the key, or when it does not answer or refuses the secret. With an invitation, only the connection is
    /// made: that can only be redeemed.
    pub async fn connect_network(
        agent: &NetworkAgent,
        secret: &Secret,
    ) -> Result<Self, ConnectError> {
        let (channel, reached) = network::open(agent).await?;
        let address = Address::Network(reached);
        let Some(connection) = channel.map(|channel| Connection::authorized(channel, secret))
        else {
            return Err(ConnectError::Left { address });
        };
        match secret.kind() {
            SecretKind::Token => Self::checked(connection, address, None, Patience::OPEN).await,
            // An invitation can only be redeemed: whether the agent answers, that call shows.
            SecretKind::Invitation => Ok(Self::new(connection)),
        }
    }

    /// Uses a stream that leads to an agent, such as a program's standard streams, and makes sure that the agent
    /// answers. `name` is the stream's name in errors. No secret is sent.
    ///
    /// # Errors
    ///
    /// When the stream ends, or no answer arrives within two minutes: a person may have to log in first.
    pub async fn over<S>(stream: S, name: &str) -> Result<Self, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let address = Address::Stream(name.to_owned());
        let again = || async { Err(io::Error::from(io::ErrorKind::UnexpectedEof)) };
        let Some(channel) = channel(plain(), stream, again, Patience::LOGIN).await else {
            return Err(ConnectError::Left { address });
        };
        Self::checked(Connection::plain(channel), address, None, Patience::LOGIN).await
    }

    fn new(connection: Connection) -> Self {
        Self {
            agent: AgentClient::new(connection.clone()),
            runs: RunsClient::new(connection.clone()),
            config: ConfigClient::new(connection.clone()),
            products: ProductsClient::new(connection.clone()),
            remote: RemoteClient::new(connection),
        }
    }

    async fn checked(
        connection: Connection,
        address: Address,
        process: Option<u32>,
        patience: Patience,
    ) -> Result<Self, ConnectError> {
        let mut client = Self::new(connection);
        match liveness::first_answer(&mut client.agent, patience.first_answer).await {
            Answer::Given => Ok(client),
            Answer::Refused(failure) => {
                let failure = Box::new(failure);
                Err(ConnectError::Refused { address, failure })
            }
            Answer::Broken => Err(ConnectError::Left { address }),
            Answer::Missing => Err(ConnectError::Silent { address, process }),
        }
    }
}

/// The URI is not used to connect: the connector has the address.
fn plain() -> transport::Endpoint {
    transport::Endpoint::from_static("http://agent")
}

/// A channel over the open stream `first`. When that ends, `again` opens the next one. None when `first` ended already.
async fn channel<S, E, F, A>(
    endpoint: transport::Endpoint,
    first: S,
    again: A,
    patience: Patience,
) -> Option<Channel>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
    F: Future<Output = Result<S, E>> + Send + 'static,
    A: Fn() -> F + Send + 'static,
{
    let first = Arc::new(Mutex::new(Some(first)));
    let connector = service_fn(move |_: Uri| {
        let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let next = first.is_none().then(&again);
        async move {
            let stream = match (first, next) {
                (Some(first), _) => first,
                (None, Some(next)) => next.await.map_err(Into::into)?,
                (None, None) => return Err(io::Error::from(io::ErrorKind::NotConnected).into()),
            };
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(TokioIo::new(stream))
        }
    });
    let endpoint = endpoint
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(patience.ping);
    endpoint.connect_with_connector(connector).await.ok()
}
