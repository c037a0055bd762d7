//! A hostile client: TLS and the frames of HTTP/2 by hand.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use shopmaster_proto::remote::Secret;
use shopmaster_standins::agent::Identity;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, UnixTime},
        version::TLS13,
    },
};
use tonic::transport::{Channel, Uri};
use tower::service_fn;

/// Far longer than any deadline of the agent for a connection without a call.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The beginning of every connection of HTTP/2 (RFC 9113 section 3.4), before the client's settings.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame (RFC 9113 section 4.1).
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const CONTINUATION: u8 = 9;
const GOAWAY: u8 = 7;
/// The code of GOAWAY for whoever floods (RFC 9113 section 7).
pub const ENHANCE_YOUR_CALM: u32 = 11;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
/// A setting (RFC 9113 section 6.5.2): SETTINGS_INITIAL_WINDOW_SIZE is zero, so the other end may send no answers.
pub const NO_WINDOW: &[u8] = &[0, 4, 0, 0, 0, 0];

/// The headers of a call (RFC 7541): POST, https, a path, an authority.
pub fn headers(path: &str) -> Vec<u8> {
    let mut block = vec![0x83, 0x87, 0x04, u8::try_from(path.len()).unwrap()];
    block.extend(path.as_bytes());
    block.extend([0x01, 1, b'a']);
    block
}

/// A whole call with a token and an empty message.
pub fn call(stream: u32, path: &str, token: &Secret) -> Vec<u8> {
    let mut bytes = call_begins(stream, path, token);
    bytes.extend(request(stream, &[]));
    bytes
}

/// The request of a call: a message in its frame, and the end of the stream.
pub fn request(stream: u32, message: &[u8]) -> Vec<u8> {
    end(stream, &framed(message))
}

/// A message in its frame.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0][..], &length, message].concat()
}

/// The last data of a stream.
pub fn end(stream: u32, data: &[u8]) -> Vec<u8> {
    frame(DATA, END_STREAM, stream, data)
}

/// The headers of a call with a token.
pub fn call_begins(stream: u32, path: &str, token: &Secret) -> Vec<u8> {
    let bearer = format!("Bearer {}", token.expose());
    let mut block = headers(path);
    // Names of the static table: content-type and authorization.
    for (name, value) in [(16, "application/grpc"), (8, &bearer)] {
        block.extend([0x0f, name, u8::try_from(value.len()).unwrap()]);
        block.extend(value.as_bytes());
    }
    frame(HEADERS, END_HEADERS, stream, &block)
}

/// A channel of a client with this certificate; it trusts every agent.
pub async fn channel(
    at: SocketAddr,
    identity: Option<Arc<Identity>>,
) -> Result<Channel, tonic::transport::Error> {
    let connector = service_fn(move |_: Uri| {
        let identity = identity.clone();
        async move {
            let stream = tls(at, &[b"h2"], &[&TLS13], identity.as_deref()).await?;
            Ok::<_, io::Error>(TokioIo::new(stream))
        }
    });
    let endpoint = tonic::transport::Endpoint::from_static("http://agent");
    endpoint.connect_with_connector(connector).await
}

async fn tls(
    at: SocketAddr,
    protocols: &[&[u8]],
    versions: &[&'static SupportedProtocolVersion],
    identity: Option<&Identity>,
) -> io::Result<TlsStream<TcpStream>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anything));
    let mut config = match identity {
        Some(identity) => {
            let certificate = identity.certificate()?.der().clone();
            config.with_client_auth_cert(vec![certificate], identity.private_key())
        }
        None => Ok(config.with_no_client_auth()),
    }
    .map_err(io::Error::other)?;
    config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
    let stream = TcpStream::connect(at).await?;
    let name = ServerName::try_from("shopmaster").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, stream).await?;
    // In TLS 1.3 a client learns of a refused handshake only when it reads.
    stream.flush().await?;
    Ok(stream)
}

/// A connection behind its handshake.
pub struct Raw(TlsStream<TcpStream>);

impl Raw {
    /// Connects with these protocols and versions of TLS.
    pub async fn connect(
        at: SocketAddr,
        protocols: &[&[u8]],
        versions: &[&'static SupportedProtocolVersion],
    ) -> io::Result<Self> {
        let stream = tls(at, protocols, versions, None).await?;
        Ok(Self(stream))
    }

    /// Connects as a client of the agent does, and begins HTTP/2.
    pub async fn begin(at: SocketAddr) -> Self {
        let mut raw = Self::silent(at).await;
        raw.send(PREFACE).await.unwrap();
        raw.send(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
        raw
    }

    /// Connects as a client of the agent does, and says nothing.
    pub async fn silent(at: SocketAddr) -> Self {
        Self::connect(at, &[b"h2"], &[&TLS13]).await.unwrap()
    }

    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).await?;
        self.0.flush().await
    }

    /// Waits until the agent ends the connection. Gives what it sent before.
    pub async fn ended(mut self) -> Vec<u8> {
        read_to_end(&mut self.0).await
    }
}

/// Waits until a plain connection ends. Gives what was read before.
pub async fn plain_ended(mut stream: TcpStream) -> Vec<u8> {
    read_to_end(&mut stream).await
}

/// The code of the frame GOAWAY (RFC 9113 section 6.8) in these frames; none when there is none.
pub fn goaway(mut frames: &[u8]) -> Option<u32> {
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = frames {
        let length = usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).unwrap();
        if *kind == GOAWAY {
            return Some(u32::from_be_bytes(rest.get(4..8)?.try_into().unwrap()));
        }
        frames = rest.get(length..)?;
    }
    None
}

async fn read_to_end(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Vec<u8> {
    let mut read = Vec::new();
    // How it ends is the agent's matter.
    let end = async { drop(stream.read_to_end(&mut read).await) };
    timeout(PATIENCE, end)
        .await
        .expect("the agent ends the connection");
    read
}

/// Trusts every certificate: it is the agent that is tested here.
#[derive(Debug)]
struct Anything;

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
