//! One connection: who is at its other end, how long it may go on without saying so, and that it ends with its access.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use shopmaster_access::Caller;
use shopmaster_proto::remote::Pin as Key;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::{access, counters::Counters, seats::Seat};

/// How long a new connection may take until its first byte behind the handshake.
const FIRST_BYTE: Duration = Duration::from_secs(5);
/// How long it may take until its first call is admitted.
const FIRST_CALL: Duration = Duration::from_secs(30);
/// How long a connection goes on when its client's access has ended, so that calls in progress can say so.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A connection behind its handshake. Until a call is admitted on it, it has a deadline; from then on, it ends with the access
/// of the client who called first. Its seat is free again once it is dropped.
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    peer: Peer,
    has_spoken: bool,
    end: End,
    counters: Arc<Counters>,
    _seat: Seat,
}

/// What ends a connection.
enum End {
    /// Nobody was admitted in time.
    Late(Pin<Box<Sleep>>),
    /// The client's access is over.
    Over(Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// Who is at the other end, as far as the connection shows.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// Its address.
    pub(super) address: SocketAddr,
    /// The key of the certificate that it showed; none without one.
    pub(super) key: Option<Key>,
    calls: Arc<Calls>,
}

/// What was called on a connection.
#[derive(Debug, Default)]
struct Calls {
    /// Whether there was any call.
    any: AtomicBool,
    /// Whose call was the first that was admitted.
    admitted: OnceLock<Caller>,
}

impl Connection {
    pub(super) fn new(
        stream: TlsStream<TcpStream>,
        address: SocketAddr,
        key: Option<Key>,
        counters: Arc<Counters>,
        seat: Seat,
    ) -> Self {
        Self {
            stream,
            peer: Peer {
                address,
                key,
                calls: Arc::default(),
            },
            has_spoken: false,
            end: End::Late(Box::pin(sleep(FIRST_BYTE))),
            counters,
            _seat: seat,
        }
    }

    /// Fails once the deadline has passed without an admitted call, or the client's access is over.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if let (End::Late(_), Some(caller)) = (&self.end, self.peer.calls.admitted.get()) {
            let over = access::end(caller.clone());
            self.end = End::Over(Box::pin(async {
                over.await;
                sleep(LAST_WORDS).await;
            }));
        }
        let ended = match &mut self.end {
            End::Late(deadline) => deadline.as_mut().poll(context),
            End::Over(over) => over.as_mut().poll(context),
        };
        match ended {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Peer {
    /// Notes that there was a call: whether it is refused is its own matter.
    pub(super) fn called(&self) {
        self.calls.any.store(true, Ordering::Relaxed);
    }

    /// Notes that a call of this client was admitted: from now on, the connection may be silent.
    pub(super) fn admit(&self, caller: &Caller) {
        self.calls.admitted.get_or_init(|| caller.clone());
    }
}

impl Drop for Connection {
    /// A connection on which nobody called was silent, or spoke something else than HTTP/2.
    fn drop(&mut self) {
        if !self.peer.calls.any.load(Ordering::Relaxed) {
            self.counters.refuse();
        }
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
            if let End::Late(deadline) = &mut this.end {
                *deadline = Box::pin(sleep(FIRST_CALL));
            }
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
