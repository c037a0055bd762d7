//! One connection: who is at its other end, and how long it may go on without saying so.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use shopmaster_proto::remote::Pin as Key;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::seats::Seat;

/// How long a new connection may take until its first byte behind the handshake.
const FIRST_BYTE: Duration = Duration::from_secs(5);
/// How long it may take until its first call is admitted.
const FIRST_CALL: Duration = Duration::from_secs(30);

/// A connection behind its handshake. Until a call is admitted on it, it has a deadline; its seat is free again once it is
/// dropped.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    peer: Peer,
    deadline: Pin<Box<Sleep>>,
    has_spoken: bool,
    _seat: Seat,
}

/// Who is at the other end, as far as the connection shows.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// Its address.
    pub(super) address: SocketAddr,
    /// The key of the certificate that it showed; none without one.
    pub(super) key: Option<Key>,
    /// Whether a call was admitted on this connection.
    admitted: Arc<AtomicBool>,
}

impl Connection {
    pub(super) fn new(
        stream: TlsStream<TcpStream>,
        address: SocketAddr,
        key: Option<Key>,
        seat: Seat,
    ) -> Self {
        Self {
            stream,
            peer: Peer {
                address,
                key,
                admitted: Arc::default(),
            },
            deadline: Box::pin(sleep(FIRST_BYTE)),
            has_spoken: false,
            _seat: seat,
        }
    }

    /// Fails once the deadline has passed without an admitted call.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.peer.admitted.load(Ordering::Relaxed) {
            return Ok(());
        }
        match self.deadline.as_mut().poll(context) {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Peer {
    /// Notes that a call was admitted: from now on, the connection may be silent.
    pub(super) fn admit(&self) {
        self.admitted.store(true, Ordering::Relaxed);
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check(context)?;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if !this.has_spoken && buffer.filled().len() > before {
            this.has_spoken = true;
            this.deadline = Box::pin(sleep(FIRST_CALL));
            this.check(context)?;
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
