//! TLS as a client sees it. The driver of the other tests has none, so this one is by hand.

use std::sync::Arc;

use super::{
    super::{
        Answer, Encryption, Model, Settings, SqlError, SqlServerSim, Statement,
        wire::{
            packet::{self, Kind, Message},
            prelogin::{self, Wish},
        },
    },
    Certificate, Wrapped,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName},
};

/// Answers everything with nothing.
struct Nothing;

impl Model for Nothing {
    fn answer(&self, _session: u64, _statement: &Statement) -> Result<Answer, SqlError> {
        Ok(Answer::affected(7))
    }

    fn end(&self, _session: u64) {}
}

async fn server(encryption: Encryption, certificate: Option<Certificate>) -> SqlServerSim {
    let settings = Settings {
        encryption,
        certificate,
        ..Settings::default()
    };
    SqlServerSim::start(settings, Nothing).await.unwrap()
}

/// Asks for this much encryption; gives the stream and the server's answer.
async fn ask(server: &SqlServerSim, wish: Wish) -> (TcpStream, Wish) {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let ours = prelogin::answer(wish);
    packet::write(&mut stream, Kind::PreLogin, &ours)
        .await
        .unwrap();
    let answer = packet::read(&mut stream).await.unwrap().unwrap();
    let theirs = prelogin::client_wish(&answer.body).unwrap();
    (stream, theirs)
}

async fn encrypt(
    stream: TcpStream,
    trusted: &Certificate,
) -> std::io::Result<TlsStream<Wrapped<TcpStream>>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der.clone()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, Wrapped::new(stream)).await?;
    stream.get_mut().0.wraps = false;
    Ok(stream)
}

/// LOGIN7 of the only login (2.2.6.4).
fn login() -> Vec<u8> {
    let settings = Settings::default();
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let username: Vec<u8> = utf16(&settings.username);
    let password: Vec<u8> = utf16(&settings.password);
    let password = password
        .iter()
        .map(|byte| byte.rotate_left(4) ^ 0xA5)
        .collect();
    let database: Vec<u8> = utf16(&settings.database);
    let mut values = vec![Vec::new(); 9];
    values[1] = username;
    values[2] = password;
    values[8] = database;
    let mut body = vec![0; 36];
    let mut place = 94;
    for value in &values {
        body.extend(u16::try_from(place).unwrap().to_le_bytes());
        body.extend(u16::try_from(value.len() / 2).unwrap().to_le_bytes());
        place += value.len();
    }
    body.resize(94, 0);
    body.extend(values.concat());
    body
}

/// Hears that it may come in, and asks something.
async fn talk(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Message {
    let welcome = packet::read(stream).await.unwrap().unwrap();
    assert_eq!(welcome.kind, Kind::TabularResult);
    packet::write(stream, Kind::SqlBatch, &BATCH).await.unwrap();
    packet::read(stream).await.unwrap().unwrap()
}

/// A batch without a text.
const BATCH: [u8; 4] = [4, 0, 0, 0];

#[tokio::test]
async fn everything_is_encrypted_or_the_login_alone() {
    let certificate = Certificate::of("localhost").unwrap();
    for (encryption, wish, agreed) in [
        (Encryption::Offered, Wish::On, Wish::On),
        (Encryption::Required, Wish::Off, Wish::Required),
        (Encryption::Offered, Wish::Off, Wish::Off),
    ] {
        let server = server(encryption, Some(certificate.clone())).await;
        let (stream, theirs) = ask(&server, wish).await;
        assert_eq!(theirs, agreed);
        let mut stream = encrypt(stream, &certificate).await.unwrap();
        packet::write(&mut stream, Kind::Login7, &login())
            .await
            .unwrap();
        let answer = if agreed == Wish::Off {
            talk(&mut stream.into_inner().0.into_inner()).await
        } else {
            talk(&mut stream).await
        };
        let record = server.logins().pop().unwrap();
        assert!(record.encrypted && record.refused.is_none(), "{record:?}");
        assert_eq!(answer.kind, Kind::TabularResult);
        assert_eq!(server.statements().len(), 1);
    }
}

#[tokio::test]
async fn another_certificate_is_refused_by_the_client() {
    let certificate = Certificate::of("localhost").unwrap();
    let server = server(Encryption::Required, Some(certificate)).await;
    let (stream, _) = ask(&server, Wish::On).await;
    let other = Certificate::of("localhost").unwrap();
    assert!(encrypt(stream, &other).await.is_err());
    assert_eq!(server.logins(), []);
}

#[tokio::test]
async fn without_a_certificate_the_handshake_fails() {
    let certificate = Certificate::of("localhost").unwrap();
    let server = server(Encryption::Required, None).await;
    let (stream, theirs) = ask(&server, Wish::On).await;
    assert_eq!(theirs, Wish::Required);
    assert!(encrypt(stream, &certificate).await.is_err());
    assert_eq!(certificate.fingerprint().len(), 64);
}
