//! How to connect to an agent.

use std::{io, time::Duration};

use hyper_util::rt::TokioIo;
use tonic::transport::{self, Channel, Uri};
use tower::service_fn;

use crate::{
    Endpoint,
    v1::{
        agent_client::AgentClient, config_client::ConfigClient, products_client::ProductsClient,
        runs_client::RunsClient,
    },
};

/// How long to wait for the agent to accept.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a silent connection is asked whether it still lives.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

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
#[error("no agent answers at `{endpoint}`")]
pub struct ConnectError {
    /// Where it was looked for.
    pub endpoint: Endpoint,
    /// What the operating system or the protocol said.
    #[source]
    pub source: transport::Error,
}

impl Client {
    /// Connects to the agent at `endpoint`.
    ///
    /// # Errors
    ///
    /// When nothing accepts there within five seconds.
    pub async fn connect(endpoint: &Endpoint) -> Result<Self, ConnectError> {
        let target = endpoint.clone();
        // The URI is a formality: the connector below knows where to go.
        let channel = transport::Endpoint::from_static("http://agent")
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .connect_with_connector(service_fn(move |_: Uri| open(target.clone())))
            .await
            .map_err(|source| ConnectError {
                endpoint: endpoint.clone(),
                source,
            })?;
        Ok(Self {
            agent: AgentClient::new(channel.clone()),
            runs: RunsClient::new(channel.clone()),
            config: ConfigClient::new(channel.clone()),
            products: ProductsClient::new(channel),
        })
    }
}

#[cfg(unix)]
type Stream = tokio::net::UnixStream;
#[cfg(windows)]
type Stream = tokio::net::windows::named_pipe::NamedPipeClient;

async fn open(endpoint: Endpoint) -> io::Result<TokioIo<Stream>> {
    match endpoint {
        #[cfg(unix)]
        Endpoint::Unix(path) => Stream::connect(path).await.map(TokioIo::new),
        #[cfg(windows)]
        Endpoint::Pipe(name) => open_pipe(&name).await.map(TokioIo::new),
        other => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("`{other}` does not exist on this operating system"),
        )),
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
