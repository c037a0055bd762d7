//! How to connect to an agent.

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

/// How long to wait for the agent to accept.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a connection with a call under way is asked whether the agent still lives: a call may take as
/// long as it needs, but not longer than the agent lives.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How long the agent may take to answer that.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to one agent: one client for each service, all over the same channel.
#[derive(Debug, Clone)]
pub struct Client {
    /// The agent itself.
    pub agent: AgentClient<Channel>,
    /// Runs.
    pub runs: RunsClient<Channel>,
    /// Configuration and set-up.
    pub config: ConfigClient<Channel>,
    /// Single products.
    pub products: ProductsClient<Channel>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nothing accepts there.
    #[error("no agent answers at `{endpoint}`")]
    NoAnswer {
        /// Where it was looked for.
        endpoint: Endpoint,
        /// What the operating system or the protocol said.
        #[source]
        source: transport::Error,
    },
    /// Something accepts there and then says nothing: the agent hangs or is stopped.
    #[error("the agent at `{endpoint}` does not answer")]
    Silent {
        /// Where it listens.
        endpoint: Endpoint,
        /// The process that listens there, where the operating system tells.
        process: Option<u32>,
    },
    /// It accepted and went away before its first answer.
    #[error("the agent at `{endpoint}` went away")]
    Left {
        /// Where it listened.
        endpoint: Endpoint,
    },
    /// Somebody else than this user, root or the system listens there. Nothing was sent.
    #[error("`{endpoint}` is not this user's agent but belongs to {owner}; nothing was sent to it")]
    Stranger {
        /// Where the agent was looked for.
        endpoint: Endpoint,
        /// Who it is, for people.
        owner: String,
    },
}

impl Client {
    /// Connects to the agent at `endpoint`, and makes sure that it answers. From then on a call may take as
    /// long as it needs, and fails within half a minute when the agent hangs.
    ///
    /// # Errors
    ///
    /// When nothing accepts there within five seconds, when nothing answers within ten, or when what accepts
    /// is not this user's agent.
    pub async fn connect(endpoint: &Endpoint) -> Result<Self, ConnectError> {
        let target = endpoint.clone();
        let server = Arc::new(Server::default());
        let reached = Arc::clone(&server);
        // The URI is a formality: the connector below knows where to go.
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

/// Every connection is opened here, and none is used before it is known who listens.
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

/// Opens the pipe; while all of its instances are taken, waits for the next one.
#[cfg(windows)]
async fn open_pipe(name: &str) -> io::Result<Stream> {
    use tokio::net::windows::named_pipe::ClientOptions;

    const ERROR_PIPE_BUSY: i32 = 231;
    const PAUSE: Duration = Duration::from_millis(20);
    loop {
        match ClientOptions::new().open(name) {
            Err(error) if error.raw_os_error() == Some(ERROR_PIPE_BUSY) => {
                tokio::time::sleep(PAUSE).await;
            }
            result => return result,
        }
    }
}
