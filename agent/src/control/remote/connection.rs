//! One connection: who is at its other end, and when it ends.
//!
//! Until a call is admitted on it, it has a deadline and may have to give way to another connection. From then on, it ends with
//! the access of the client who called first. It always ends with the listener.

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
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use super::{access, counters::Counters, limit::Permit, open::MOST_CALLS, share::Shares};
use crate::control::LARGEST_REQUEST;

/// How long a new connection may take until its first byte behind the handshake.
const FIRST_BYTE: Duration = Duration::from_secs(5);
/// How long it may take until its first call is admitted.
const FIRST_CALL: Duration = Duration::from_secs(30);
/// How many bytes may arrive before a call is admitted: the frames that no limit of HTTP/2 counts, such as pings, cost work.
const MOST_BEFORE: usize = 2 * LARGEST_REQUEST;
/// How long a connection goes on when its client's access, or the listener, has ended, so that calls in progress can say so.
const GRACE: Duration = Duration::from_secs(3);

/// A connection behind its handshake.
pub(super) struct Connection<S = TlsStream<TcpStream>> {
    stream: S,
    peer: Peer,
    stage: Stage,
    /// What was read before a call was admitted, in bytes.
    read: usize,
    /// Ready when the connection has to end.
    end: Pin<Box<dyn Future<Output = ()> + Send>>,
    counters: Arc<Counters>,
    /// Canceled when the listener closes.
    closing: CancellationToken,
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The handshake is done.
    Silent,
    /// The first byte has arrived.
    Spoken,
    /// A call was admitted.
    Admitted,
    /// The connection has ended.
    Over,
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

/// The calls on a connection.
#[derive(Debug)]
struct Calls {
    permit: Permit,
    /// Whether there was any call.
    any: AtomicBool,
    /// Whose call was the first that was admitted, and that client's permit for a connection.
    admitted: OnceLock<(Caller, OwnedSemaphorePermit)>,
    /// One permit for each call that is being served, also after its client has reset it.
    running: Arc<Semaphore>,
}

impl<S> Connection<S> {
    pub(super) fn new(
        stream: S,
        address: SocketAddr,
        key: Option<Key>,
        permit: Permit,
        counters: Arc<Counters>,
        closing: CancellationToken,
    ) -> Self {
        let peer = Peer {
            address,
            key,
            calls: Arc::new(Calls {
                permit,
                any: AtomicBool::new(false),
                admitted: OnceLock::new(),
                running: Arc::new(Semaphore::new(MOST_CALLS)),
            }),
        };
        Self {
            stream,
            stage: Stage::Silent,
            read: 0,
            end: Box::pin(peer.late(FIRST_BYTE, closing.clone())),
            peer,
            counters,
            closing,
        }
    }

    /// Fails when the connection has to end.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if matches!(self.stage, Stage::Silent | Stage::Spoken)
            && let Some((caller, _)) = self.peer.calls.admitted.get()
        {
            self.stage = Stage::Admitted;
            self.end = Box::pin(over(caller.clone(), self.closing.clone()));
        }
        if self.stage == Stage::Spoken && self.read > MOST_BEFORE {
            self.stage = Stage::Over;
        }
        if self.stage != Stage::Over && self.end.as_mut().poll(context).is_ready() {
            self.stage = Stage::Over;
        }
        match self.stage {
            Stage::Over => Err(io::ErrorKind::TimedOut.into()),
            Stage::Silent | Stage::Spoken | Stage::Admitted => Ok(()),
        }
    }
}

/// Ready when an admitted connection has to end.
async fn over(caller: Caller, closing: CancellationToken) {
    tokio::select! {
        _ = access::end(caller) => {}
        () = closing.cancelled() => {}
    }
    sleep(GRACE).await;
}

impl Peer {
    /// Notes that there was a call: whether it is refused is its own matter.
    pub(super) fn called(&self) {
        self.calls.any.store(true, Ordering::Relaxed);
    }

    /// A permit for one more call at once; none when there are enough.
    pub(super) fn begin(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.calls.running).try_acquire_owned().ok()
    }

    /// Notes that a call of this client was admitted: from now on, the connection may be silent. False when there are too
    /// many connections.
    pub(super) fn admit(&self, caller: &Caller, shares: &Shares) -> bool {
        if self.calls.admitted.get().is_some() {
            return true;
        }
        let connections = Arc::clone(&shares.of(&caller.name).connections);
        let Ok(own) = connections.try_acquire_owned() else {
            return false;
        };
        if !self.calls.permit.admit() {
            return false;
        }
        // Another call may have been the first one after all.
        let _first = self.calls.admitted.set((caller.clone(), own));
        true
    }

    /// Ready when a connection without an admitted call has to end.
    fn late(
        &self,
        deadline: Duration,
        closing: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        let evicted = self.calls.permit.evicted().clone();
        async move {
            tokio::select! {
                () = sleep(deadline) => {}
                () = evicted.cancelled() => {}
                () = closing.cancelled() => sleep(GRACE).await,
            }
        }
    }
}

impl<S> Drop for Connection<S> {
    /// A connection on which nobody called was silent, or spoke something else than HTTP/2.
    fn drop(&mut self) {
        if !self.peer.calls.any.load(Ordering::Relaxed) {
            self.counters.refuse();
        }
    }
}

impl<S> Connected for Connection<S> {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check(context)?;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        let more = buffer.filled().len() - before;
        this.read = this.read.saturating_add(more);
        if this.stage == Stage::Silent && more > 0 {
            this.stage = Stage::Spoken;
            this.end = Box::pin(this.peer.late(FIRST_CALL, this.closing.clone()));
            this.check(context)?;
        }
        read
    }
}

/// Writing ends with the connection, too: whoever reads nothing cannot keep it.
impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.check(context)?;
        Pin::new(&mut this.stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check(context)?;
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check(context)?;
        Pin::new(&mut this.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.check(context)?;
        Pin::new(&mut this.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use shopmaster_access::{Proof, Role};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
        time::Instant,
    };

    use super::{super::limit::ConnectionLimit, *};

    struct Ends {
        server: Connection<DuplexStream>,
        client: DuplexStream,
        closing: CancellationToken,
        counters: Arc<Counters>,
    }

    fn ends(limit: &ConnectionLimit) -> Ends {
        let (server, client) = duplex(1_024);
        let address = SocketAddr::from(([192, 0, 2, 7], 4711));
        let (closing, counters) = (CancellationToken::new(), Arc::<Counters>::default());
        let permit = limit.take(address.ip());
        let counted = Arc::clone(&counters);
        Ends {
            server: Connection::new(server, address, None, permit, counted, closing.clone()),
            client,
            closing,
            counters,
        }
    }

    fn caller() -> Caller {
        Caller {
            name: "support-7".parse().unwrap(),
            proof: Proof::Credential(Role::Viewer),
            revoked: CancellationToken::new(),
            expires_at: None,
        }
    }

    /// For how long the connection can be read.
    async fn lasts(server: &mut Connection<DuplexStream>) -> Duration {
        let start = Instant::now();
        while let Ok(1..) = server.read(&mut [0; 64]).await {}
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_an_admitted_call_has_a_deadline_and_is_counted() {
        let mut silent = ends(&ConnectionLimit::default());
        assert_eq!(lasts(&mut silent.server).await, FIRST_BYTE);
        let Ends {
            server, counters, ..
        } = silent;
        drop(server);
        assert_eq!(counters.refused(), 1);

        let mut spoken = ends(&ConnectionLimit::default());
        spoken.client.write_all(b"PRI").await.unwrap();
        assert_eq!(lasts(&mut spoken.server).await, FIRST_CALL);
        // More bytes do not prolong it.
        assert!(spoken.server.read(&mut [0; 64]).await.is_err());
        assert!(spoken.server.write(b"x").await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_floods_before_a_call_is_admitted_loses_the_connection() {
        let mut flood = ends(&ConnectionLimit::default());
        let sent = async {
            let mut sent = 0;
            while flood.client.write_all(&[0; 1_024]).await.is_ok() {
                sent += 1_024;
            }
            sent
        };
        let received = async {
            let lasted = lasts(&mut flood.server).await;
            drop(flood.server);
            lasted
        };
        let (sent, lasted) = tokio::join!(sent, received);
        assert!(sent < MOST_BEFORE + 4_096, "{sent}");
        assert!(lasted < FIRST_CALL);
    }

    #[tokio::test]
    async fn one_client_has_so_many_connections_and_another_its_own() {
        let (limit, shares) = (ConnectionLimit::default(), Shares::default());
        let one = caller();
        let all: Vec<_> = (0..20).map(|_| ends(&limit)).collect();
        let admitted = |it: &&Ends| it.server.connect_info().admit(&one, &shares);
        assert_eq!(all.iter().filter(admitted).count(), 16);
        let other = Caller {
            name: "other".parse().unwrap(),
            ..one
        };
        assert!(ends(&limit).server.connect_info().admit(&other, &shares));
    }

    #[tokio::test(start_paused = true)]
    async fn an_admitted_one_ends_with_the_access_or_the_listener() {
        let caller = caller();
        let mut admitted = ends(&ConnectionLimit::default());
        assert!(
            admitted
                .server
                .connect_info()
                .admit(&caller, &Shares::default())
        );
        let revoked = caller.revoked.clone();
        let hour = Duration::from_secs(3_600);
        let revoke = async {
            sleep(hour).await;
            revoked.cancel();
        };
        let (lasted, ()) = tokio::join!(lasts(&mut admitted.server), revoke);
        assert_eq!(lasted, hour + GRACE);

        let mut admitted = ends(&ConnectionLimit::default());
        let other = Caller {
            revoked: CancellationToken::new(),
            ..caller
        };
        assert!(
            admitted
                .server
                .connect_info()
                .admit(&other, &Shares::default())
        );
        admitted.closing.cancel();
        assert_eq!(lasts(&mut admitted.server).await, GRACE);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_has_to_give_way_ends_at_once() {
        let limit = ConnectionLimit::default();
        let mut first = ends(&limit);
        let _others: Vec<_> = (0..100).map(|_| ends(&limit)).collect();
        assert_eq!(lasts(&mut first.server).await, Duration::ZERO);
        assert!(
            !first
                .server
                .connect_info()
                .admit(&caller(), &Shares::default())
        );
    }

    #[tokio::test]
    async fn only_so_many_calls_run_at_once() {
        let peer = ends(&ConnectionLimit::default()).server.connect_info();
        let running: Vec<_> = std::iter::from_fn(|| peer.begin()).collect();
        assert_eq!(running.len(), MOST_CALLS);
        drop(running);
        assert!(peer.begin().is_some());
    }
}
