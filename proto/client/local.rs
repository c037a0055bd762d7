//! Opens a socket or pipe on this computer, and checks the listening program before anything is sent.

use std::{io, time::Duration};

use tokio::time::timeout;

use super::{
    ConnectError,
    peer::{self, OpenError},
};
use crate::Endpoint;

/// How long to wait until the agent accepts the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to an agent on this computer.
#[cfg(unix)]
pub type LocalStream = tokio::net::UnixStream;
/// A connection to an agent on this computer.
#[cfg(windows)]
pub type LocalStream = tokio::net::windows::named_pipe::NamedPipeClient;

/// Opens a connection to the agent at `endpoint`, after checking that a program of this user, of root or of the system
/// listens there.
///
/// # Errors
///
/// When no program accepts the connection within five seconds, or the program is not this user's agent.
pub async fn open_local(endpoint: &Endpoint) -> Result<LocalStream, ConnectError> {
    let opened = match timeout(CONNECT_TIMEOUT, reach(endpoint)).await {
        Ok(opened) => opened,
        Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    };
    opened.map_err(|error| match error {
        OpenError::Io(source) => ConnectError::NoAnswer {
            endpoint: endpoint.clone(),
            source,
        },
        OpenError::Stranger(stranger) => ConnectError::Stranger {
            endpoint: endpoint.clone(),
            owner: stranger.to_string(),
        },
    })
}

/// The id of the process at the other end, where the operating system reports it.
#[cfg(unix)]
pub(super) fn process(stream: &LocalStream) -> Option<u32> {
    let peer = stream.peer_cred().ok()?.pid()?;
    u32::try_from(peer).ok().filter(|id| *id != 0)
}

/// None: on Windows the process is determined where the pipe's owner is checked.
#[cfg(windows)]
pub(super) fn process(_stream: &LocalStream) -> Option<u32> {
    None
}

async fn reach(endpoint: &Endpoint) -> Result<LocalStream, OpenError> {
    match endpoint {
        #[cfg(unix)]
        Endpoint::Unix(path) => {
            let stream = LocalStream::connect(path).await?;
            peer::check(&stream, path)?;
            Ok(stream)
        }
        #[cfg(windows)]
        Endpoint::Pipe(name) => {
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
async fn open_pipe(name: &str) -> io::Result<LocalStream> {
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
