//! TLS in TDS (2.2.6.5, 3.3.5.1): the bytes of the handshake are sent in PRELOGIN packets, and what follows is not.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivatePkcs8KeyDer},
        version::TLS12,
    },
    server::TlsStream,
};

use super::wire::{
    malformed,
    packet::{self, HEADER, Kind},
};

/// A self-signed certificate for one name.
#[derive(Clone)]
pub struct Certificate {
    fingerprint: String,
    #[cfg(test)]
    der: CertificateDer<'static>,
    config: Arc<ServerConfig>,
}

impl Certificate {
    /// Creates a certificate for a computer's name or address.
    ///
    /// # Errors
    ///
    /// When the name is not valid in a certificate.
    pub fn of(name: &str) -> io::Result<Self> {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]);
        let made = made.map_err(io::Error::other)?;
        let certificate = CertificateDer::from(made.cert);
        #[cfg(test)]
        let der = certificate.clone();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let digest = Sha256::digest(&certificate);
        let fingerprint = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        // The newest version that servers of TDS 7 support.
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS12])
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key.into())
            .map_err(io::Error::other)?;
        Ok(Self {
            fingerprint,
            #[cfg(test)]
            der,
            config: Arc::new(config),
        })
    }

    /// Its SHA-256 digest, as 64 hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The server's side of the handshake.
    pub(super) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<Wrapped<S>>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.config));
        let mut stream = acceptor.accept(Wrapped::new(stream)).await?;
        stream.get_mut().0.wraps = false;
        Ok(stream)
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate({})", self.fingerprint)
    }
}

/// A stream whose bytes are sent in packets until the handshake is over.
#[derive(Debug)]
pub(super) struct Wrapped<S> {
    stream: S,
    wraps: bool,
    /// The bytes to put into packets, and the packets to write.
    message: Vec<u8>,
    packets: Vec<u8>,
    /// The header that is being read, and the rest of its packet.
    header: Vec<u8>,
    left: usize,
}

impl<S> Wrapped<S> {
    const fn new(stream: S) -> Self {
        Self {
            stream,
            wraps: true,
            message: Vec::new(),
            packets: Vec::new(),
            header: Vec::new(),
            left: 0,
        }
    }

    /// The stream without TLS, for what is not encrypted after the login.
    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> Wrapped<S> {
    /// Reads the header of the next packet; false at the end of the stream.
    fn poll_header(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while self.header.len() < HEADER {
            let mut byte = [0];
            let mut buffer = ReadBuf::new(&mut byte);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            match buffer.filled() {
                [byte] => self.header.push(*byte),
                _ => return Poll::Ready(Ok(false)),
            }
        }
        let length = usize::from(u16::from_be_bytes([self.header[2], self.header[3]]));
        self.left = length
            .checked_sub(HEADER)
            .ok_or_else(|| malformed("a packet shorter than its header"))?;
        self.header.clear();
        Poll::Ready(Ok(true))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wrapped<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.wraps {
            return Pin::new(&mut this.stream).poll_read(cx, out);
        }
        while this.left == 0 {
            if !ready!(this.poll_header(cx))? {
                return Poll::Ready(Ok(()));
            }
        }
        let mut piece = vec![0; this.left.min(out.remaining())];
        let mut buffer = ReadBuf::new(&mut piece);
        ready!(Pin::new(&mut this.stream).poll_read(cx, &mut buffer))?;
        this.left -= buffer.filled().len();
        out.put_slice(buffer.filled());
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
        this.message.extend(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.message.is_empty() {
            let message = std::mem::take(&mut this.message);
            this.packets
                .extend(packet::packets(Kind::PreLogin, &message));
        }
        while !this.packets.is_empty() {
            let written = ready!(Pin::new(&mut this.stream).poll_write(cx, &this.packets))?;
            this.packets.drain(..written);
        }
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
