//! The client: connects to an agent, and makes sure that it answers.

use std::{error, io, sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use tonic::transport::{self, Channel, Uri};
use tower::service_fn;

use crate::{
    Endpoint,
    liveness::{self, Answer, Server},
    peer::{self, OpenError},
    v1::{
        agent_client::AgentClient, config_client::ConfigClient, products_client::ProductsClient,
        runs_client::RunsClient,
    },
};

/// How long to wait until the agent accepts the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the connection is pinged during a call: a call may take as long as it needs, but must fail when the agent
/// hangs.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How long the agent may take to answer a ping.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to one agent: one client for each service, all over the same channel.
#[derive(Debug, Clone)]
pub struct Client {
    /// The service `Agent`: status, pause, log.
    pub agent: AgentClient<Channel>,
    /// The service `Runs`.
    pub runs: RunsClient<Channel>,
    /// The service `Config`: configuration and set-up.
    pub config: ConfigClient<Channel>,
    /// The service `Products`: single products.
    pub products: ProductsClient<Channel>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No program accepts connections at the address.
    #[error("no agent answers at `{endpoint}`")]
    NoAnswer {
        /// The address.
        endpoint: Endpoint,
        /// The error of the operating system or the transport.
        #[source]
        source: transport::Error,
    },
    /// A program accepts the connection but does not answer: the agent hangs or is suspended.
    #[error("the agent at `{endpoint}` does not answer")]
    Silent {
        /// The address.
        endpoint: Endpoint,
        /// The process that listens there, where the operating system reports it.
        process: Option<u32>,
    },
    /// The connection broke before the first answer.
    #[error("the connection to the agent at `{endpoint}` was lost")]
    Left {
        /// The address.
        endpoint: Endpoint,
    },
    /// A program of another user listens there, not of this user, root or the system. Nothing was sent.
    #[error("`{endpoint}` does not belong to this user's agent but to {owner}; nothing was sent")]
    Stranger {
        /// The address.
        endpoint: Endpoint,
        /// The owner of the program, for people.
        owner: String,
    },
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
        let target = endpoint.clone();
        let server = Arc::new(Server::default());
        let reached = Arc::clone(&server);
        // The URI is not used: the connector below has the address.
        let channel = transport::Endpoint::from_static("http://agent")
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .connect_with_connector(service_fn(move |_: Uri| {
                open(target.clone(), Arc::clone(&reached))
            }))
            .await
            .map_err(|source| ConnectError::of(endpoint, source))?;
        let mut client = Self {
            agent: AgentClient::new(channel.clone()),
            runs: RunsClient::new(channel.clone()),
            config: ConfigClient::new(channel.clone()),
            products: ProductsClient::new(channel),
        };
        let endpoint = || endpoint.clone();
        match liveness::first_answer(&mut client.agent).await {
            Answer::Given => Ok(client),
            Answer::Broken => Err(ConnectError::Left {
                endpoint: endpoint(),
            }),
            Answer::Missing => Err(ConnectError::Silent {
                endpoint: endpoint(),
                process: server.process(),
            }),
        }
    }
}

impl ConnectError {
    fn of(endpoint: &Endpoint, source: transport::Error) -> Self {
        let endpoint = endpoint.clone();
        let mut cause: Option<&(dyn error::Error + 'static)> = Some(&source);
        while let Some(error) = cause {
            if let Some(OpenError::Stranger(stranger)) = error.downcast_ref() {
                let owner = stranger.to_string();
                return Self::Stranger { endpoint, owner };
            }
            cause = error.source();
        }
        Self::NoAnswer { endpoint, source }
    }
}

#[cfg(unix)]
type Stream = tokio::net::UnixStream;
#[cfg(windows)]
type Stream = tokio::net::windows::named_pipe::NamedPipeClient;

/// Opens a connection, and checks the listening program before anything is sent.
async fn open(endpoint: Endpoint, server: Arc<Server>) -> Result<TokioIo<Stream>, OpenError> {
    let stream = reach(endpoint).await?;
    server.note(&stream);
    Ok(TokioIo::new(stream))
}

async fn reach(endpoint: Endpoint) -> Result<Stream, OpenError> {
    match endpoint {
        #[cfg(unix)]
        Endpoint::Unix(path) => {
            let stream = Stream::connect(&path).await?;
            peer::check(&stream, &path)?;
            Ok(stream)
        }
        #[cfg(windows)]
        Endpoint::Pipe(ref name) => {
            let stream = open_pipe(name).await?;
            peer::check(&stream, endpoint.service().as_deref())?;
            Ok(stream)
        }
        other => Err(OpenError::Io(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("`{other}` does not exist on this operating system"),
        ))),
    }
}

/// Opens the pipe. While all of its instances are busy, waits for the next one.
#[cfg(windows)]
async fn open_pipe(name: &str) -> io::Result<Stream> {
    use tokio::net::windows::named_pipe::ClientOptions;

    const ERROR_PIPE_BUSY: i32 = 231;
    const RETRY_INTERVAL: Duration = Duration::from_millis(20);
    loop {
        match ClientOptions::new().open(name) {
            Err(error) if error.raw_os_error() == Some(ERROR_PIPE_BUSY) => {
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
            result => return result,
        }
    }
}
