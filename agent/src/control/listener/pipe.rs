//! The Windows named pipe.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::stream;
use shopmaster_proto::{Endpoint, user_sid};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::windows::named_pipe::{NamedPipeServer, ServerOptions},
    time::sleep,
};
use tokio_stream::Stream;
use tonic::transport::server::Connected;

use super::{InstanceLock, ListenError, pipe_security::create_pipe};

/// How long to wait after the operating system refused an instance of the pipe.
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// Connections of this user and of administrators. The stream never ends and never fails.
pub struct Incoming {
    connections: Pin<Box<dyn Stream<Item = Result<Connection, Infallible>> + Send>>,
    /// Last, so that the lock outlives the pipe.
    _lock: InstanceLock,
}

/// One client's end of the pipe.
#[derive(Debug)]
pub struct Connection(NamedPipeServer);

/// Listens at `endpoint`: for this user, administrators, and the `owner` (a security identifier) for whom a
/// service runs; never over the network.
///
/// # Errors
///
/// When the pipe cannot be created, or another program has one of this name.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub fn listen(
    endpoint: &Endpoint,
    lock: &InstanceLock,
    owner: Option<&str>,
) -> Result<Incoming, ListenError> {
    let Endpoint::Pipe(name) = endpoint else {
        return Err(ListenError::OtherSystem(endpoint.clone()));
    };
    let refused = |source| ListenError::Refused {
        endpoint: endpoint.clone(),
        source,
    };
    let pipe = Pipe::new(name, owner).map_err(refused)?;
    let first = pipe.instance(true).map_err(refused)?;
    let state = (pipe, Some(first));
    Ok(Incoming {
        connections: Box::pin(stream::unfold(state, |(pipe, mut waiting)| async move {
            let connection = pipe.accept(&mut waiting).await;
            Some((Ok(connection), (pipe, waiting)))
        })),
        _lock: lock.clone(),
    })
}

struct Pipe {
    name: String,
    /// The users who may open it, in the security descriptor definition language.
    access: String,
}

impl Pipe {
    fn new(name: &str, owner: Option<&str>) -> io::Result<Self> {
        let user = user_sid()?;
        let owner = owner.map_or_else(String::new, |owner| format!("(A;;GA;;;{owner})"));
        Ok(Self {
            name: name.to_owned(),
            // Owned by this user, even if this is an elevated administrator: clients check the owner.
            // Protected from inheritance; network logons denied; administrators and this user allowed.
            access: format!("O:{user}D:P(D;;GA;;;NU)(A;;GA;;;BA)(A;;GA;;;{user}){owner}"),
        })
    }

    /// Creates another instance of the pipe. Creating the `first` one fails if the name is taken.
    fn instance(&self, first: bool) -> io::Result<NamedPipeServer> {
        let mut options = ServerOptions::new();
        options
            .first_pipe_instance(first)
            .reject_remote_clients(true);
        create_pipe(&options, &self.name, &self.access)
    }

    /// Waits for a client at the `waiting` instance, and leaves the next instance there.
    async fn accept(&self, waiting: &mut Option<NamedPipeServer>) -> Connection {
        loop {
            let Some(server) = waiting.take() else {
                match self.instance(false) {
                    Ok(server) => *waiting = Some(server),
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept connections");
                        sleep(ACCEPT_RETRY_INTERVAL).await;
                    }
                }
                continue;
            };
            let connected = server.connect().await;
            // Before this one is returned: a client that finds no instance assumes that the agent is not running.
            *waiting = self.instance(false).ok();
            match connected {
                Ok(()) => return Connection(server),
                Err(error) => tracing::debug!(%error, "a client disconnected before it was served"),
            }
        }
    }
}

impl Stream for Incoming {
    type Item = Result<Connection, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.connections.as_mut().poll_next(context)
    }
}

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) -> Self::ConnectInfo {}
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.0).poll_read(context, buffer) {
            // This error means that the client closed the pipe.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
