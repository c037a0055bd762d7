//! A made-up peer that says as much TDS as a connection takes, once, and what it saw of it.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer},
};

use crate::{handshake::Wrapped, packet, prelogin};

const LOGIN: u8 = 0x10;
const BATCH: u8 = 0x01;

/// What the peer does.
#[derive(Clone)]
pub(super) struct Peer {
    /// What it answers about encryption.
    pub encryption: u8,
    /// Its certificate, when it does TLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// What it answers to a login; it closes after what does not end as an answer does.
    pub answer: Vec<u8>,
}

/// A certificate for `shop`, that nobody vouches for, and what a server needs of it.
pub(super) fn self_signed() -> (Arc<ServerConfig>, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(["shop".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    (Arc::new(config), certificate.to_vec())
}

/// An answer to a login: come in.
pub(super) fn welcome() -> Vec<u8> {
    done()
}

/// An answer to a login: an error (MS-TDS 2.2.7.10).
pub(super) fn error(number: u32, state: u8, message: &str) -> Vec<u8> {
    let mut token = number.to_le_bytes().to_vec();
    token.extend_from_slice(&[state, 14]);
    token.extend_from_slice(&(message.encode_utf16().count() as u16).to_le_bytes());
    token.extend(message.encode_utf16().flat_map(u16::to_le_bytes));
    token.extend_from_slice(&[0, 0, 1, 0, 0, 0]);
    let mut answer = vec![0xaa];
    answer.extend_from_slice(&(token.len() as u16).to_le_bytes());
    answer.extend(token);
    answer.extend(done());
    answer
}

/// An answer to a login: go there (ENVCHANGE of type 20, MS-TDS 2.2.7.9).
pub(super) fn go_to(place: SocketAddr) -> Vec<u8> {
    let host = place.ip().to_string();
    let mut target = vec![0];
    target.extend_from_slice(&place.port().to_le_bytes());
    target.extend_from_slice(&(host.encode_utf16().count() as u16).to_le_bytes());
    target.extend(host.encode_utf16().flat_map(u16::to_le_bytes));
    let mut token = vec![20];
    token.extend_from_slice(&(target.len() as u16).to_le_bytes());
    token.extend(target);
    token.extend_from_slice(&[0, 0]);
    let mut answer = vec![0xe3];
    answer.extend_from_slice(&(token.len() as u16).to_le_bytes());
    answer.extend(token);
    answer.extend(done());
    answer
}

fn done() -> Vec<u8> {
    [&[0xfd][..], &[0; 12]].concat()
}

impl Peer {
    /// Takes one connection. Gives what was asked about encryption, and how the login and a batch after it
    /// came: over TLS or not.
    pub(super) async fn listen(self) -> (SocketAddr, JoinHandle<Option<Seen>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = listener.local_addr().unwrap();
        let seen = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            self.talk(stream).await
        });
        (place, seen)
    }

    async fn talk(self, mut stream: TcpStream) -> Option<Seen> {
        let question = message(&mut stream, packet::PRELOGIN).await?;
        let asked = *question.last()?;
        let options = prelogin::options(self.encryption);
        let answer = packet::whole(packet::RESULT, &options);
        stream.write_all(&answer).await.ok()?;
        let Some(config) = self.tls.clone() else {
            let batch = self.serve(stream).await?;
            return Some(Seen {
                asked,
                login: Way::Plain,
                batch: batch.then_some(Way::Plain),
            });
        };
        let acceptor = TlsAcceptor::from(config);
        let wrapped = Records::of(Wrapped::new(stream));
        let mut tls = acceptor.accept(wrapped).await.ok()?;
        tls.get_mut().0.stream.unwrap_next();
        let only_login = asked == 0 && self.encryption == 0;
        let batch = if only_login {
            let first = packet_of(&mut tls, LOGIN).await?;
            let mut stream = tls.into_inner().0.stream.into_inner();
            if !first {
                message(&mut stream, LOGIN).await?;
            }
            self.answer(&mut stream).await?;
            self.batch(&mut stream).await.then_some(Way::Plain)
        } else {
            self.serve(tls).await?.then_some(Way::Encrypted)
        };
        Some(Seen {
            asked,
            login: Way::Encrypted,
            batch,
        })
    }

    async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<bool> {
        message(&mut stream, LOGIN).await?;
        self.answer(&mut stream).await?;
        Some(self.batch(&mut stream).await)
    }

    async fn answer(&self, stream: &mut (impl AsyncWrite + Unpin)) -> Option<()> {
        let answer = packet::whole(packet::RESULT, &self.answer);
        stream.write_all(&answer).await.ok()?;
        stream.flush().await.ok()
    }

    async fn batch(&self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> bool {
        if !self.answer.ends_with(&done()) {
            // Garbage: it is said, and that is the end.
            return false;
        }
        let came = message(stream, BATCH).await.is_some();
        let answer = packet::whole(packet::RESULT, &done());
        let _ = stream.write_all(&answer).await;
        let _ = stream.flush().await;
        came
    }
}

/// What the peer saw.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// What it was asked about encryption.
    pub asked: u8,
    /// How the login came.
    pub login: Way,
    /// How a batch after it came.
    pub batch: Option<Way>,
}

/// How something came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Way {
    Encrypted,
    Plain,
}

/// Reads TLS records to their ends and no further: what comes behind the last of them is not TLS.
struct Records<S> {
    stream: S,
    head: [u8; 5],
    known: usize,
    left: usize,
}

impl<S> Records<S> {
    fn of(stream: S) -> Self {
        Self {
            stream,
            head: [0; 5],
            known: 0,
            left: 0,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Records<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let most = if this.known < 5 {
            5 - this.known
        } else {
            this.left
        };
        let mut part = vec![0; most.min(buf.remaining())];
        let mut part = ReadBuf::new(&mut part);
        ready!(Pin::new(&mut this.stream).poll_read(cx, &mut part))?;
        let part = part.filled();
        buf.put_slice(part);
        if this.known < 5 {
            this.head[this.known..this.known + part.len()].copy_from_slice(part);
            this.known += part.len();
            this.left = usize::from(u16::from_be_bytes([this.head[3], this.head[4]]));
        } else {
            this.left -= part.len();
            if this.left == 0 {
                this.known = 0;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Records<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// Reads one packet, and tells whether it is the last of its message.
async fn packet_of(stream: &mut (impl AsyncRead + Unpin), kind: u8) -> Option<bool> {
    let mut head = [0; packet::HEADER];
    stream.read_exact(&mut head).await.ok()?;
    let header = packet::Header::parse(head).ok()?;
    assert_eq!(header.kind, kind);
    stream.read_exact(&mut vec![0; header.length]).await.ok()?;
    Some(header.last)
}

async fn message(stream: &mut (impl AsyncRead + Unpin), kind: u8) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let mut head = [0; packet::HEADER];
        stream.read_exact(&mut head).await.ok()?;
        let header = packet::Header::parse(head).ok()?;
        assert_eq!(header.kind, kind);
        let mut part = vec![0; header.length];
        stream.read_exact(&mut part).await.ok()?;
        whole.extend(part);
        if header.last {
            return Some(whole);
        }
    }
}
