//! TLS below the driver. The handshake is sent inside TDS packets; what follows is not (MS-TDS 3.2.5.2).

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, client::Resumption, crypto::aws_lc_rs, pki_types::ServerName, version::TLS12,
    },
};

use super::Trust;
use super::{
    ConnectError,
    packet::{self, HEADER, Header},
    trust::Verifier,
    wire::Wire,
};

/// A TLS connection.
pub(super) type Encrypted = TlsStream<Wrapped<Wire>>;

/// Encrypts the connection, after the server agreed to it.
///
/// Only TLS 1.2 is offered: no server offers a later version below TDS 8, and TLS 1.3 sends messages after its
/// handshake, when neither side could tell whether they are inside packets.
///
/// # Errors
///
/// `CertificateNotTrusted`; `TlsRefused` for everything else.
pub(super) async fn encrypt(
    wire: Wire,
    host: &str,
    trust: Trust,
) -> Result<Encrypted, ConnectError> {
    let refused =
        |source: Box<dyn std::error::Error + Send + Sync>| ConnectError::TlsRefused { source };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(Verifier::new(trust, provider.clone()));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS12])
        .map_err(|error| refused(error.into()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone())
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    let connector = TlsConnector::from(Arc::new(config));
    let shaken = connector.connect(name(host), Wrapped::new(wire)).await;
    let mut stream = shaken.map_err(|error| {
        verifier
            .distrusted()
            .unwrap_or_else(|| refused(error.into()))
    })?;
    stream.get_mut().0.unwrap_next();
    Ok(stream)
}

/// The name that the certificate must have. A host that no certificate can name becomes an address that no
/// certificate contains.
fn name(host: &str) -> ServerName<'static> {
    let host = host.split('%').next().unwrap_or(host);
    ServerName::try_from(host.to_owned())
        .unwrap_or_else(|_| ServerName::from(std::net::Ipv4Addr::UNSPECIFIED))
}

/// A stream whose bytes are sent inside TDS packets until [`unwrap_next`](Self::unwrap_next) is called.
pub(super) struct Wrapped<S> {
    stream: S,
    wraps: bool,
    message: Vec<u8>,
    packets: Vec<u8>,
    sent: usize,
    head: [u8; HEADER],
    known: usize,
    left: usize,
}

impl<S> Wrapped<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            wraps: true,
            message: Vec::new(),
            packets: Vec::new(),
            sent: 0,
            head: [0; HEADER],
            known: 0,
            left: 0,
        }
    }

    /// From now on, bytes are sent as they are.
    pub(super) fn unwrap_next(&mut self) {
        self.wraps = false;
    }

    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wrapped<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.wraps {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        while this.left == 0 {
            let mut head = ReadBuf::new(&mut this.head[this.known..]);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut head))?;
            match head.filled().len() {
                0 => return Poll::Ready(Ok(())),
                more => this.known += more,
            }
            if this.known == HEADER {
                let header = Header::parse(this.head)?;
                if !matches!(header.kind, packet::PRELOGIN | packet::RESULT) {
                    return Poll::Ready(Err(packet::invalid("the handshake is not in packets")));
                }
                (this.known, this.left) = (0, header.length);
            }
        }
        let mut bytes = [0; 4096];
        let most = this.left.min(bytes.len()).min(buf.remaining());
        let mut part = ReadBuf::new(&mut bytes[..most]);
        ready!(Pin::new(&mut this.stream).poll_read(cx, &mut part))?;
        this.left -= part.filled().len();
        buf.put_slice(part.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wrapped<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.wraps {
            return Pin::new(&mut this.stream).poll_write(cx, bytes);
        }
        // Everything up to the next flush is one message.
        this.message.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            while this.sent < this.packets.len() {
                let rest = &this.packets[this.sent..];
                match ready!(Pin::new(&mut this.stream).poll_write(cx, rest))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    sent => this.sent += sent,
                }
            }
            if this.message.is_empty() {
                return Pin::new(&mut this.stream).poll_flush(cx);
            }
            this.packets = packet::whole(packet::PRELOGIN, &this.message);
            this.message.clear();
            this.sent = 0;
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
