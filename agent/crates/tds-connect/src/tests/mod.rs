//! Connections to made-up peers over loopback, and to a real server where there is one.

use std::{net::SocketAddr, time::Duration};

use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, UdpSocket},
    sync::oneshot,
};

use self::peer::{Peer, Seen, Way, error, go_to, self_signed, welcome};
use super::{
    Browser, ConnectError, ConnectOptions,
    Encryption::{self, LoginOnly, Required},
    Limits, Login, Trust, effective, enter, packet, prelogin,
};

mod peer;
mod real;

const OFF: u8 = 0;
const ON: u8 = 1;
const NOT_SUPPORTED: u8 = 2;
const REQUIRED: u8 = 3;

const PROGRAM: &str = "tds-connect";

fn from_ado(text: &str) -> Option<ConnectOptions> {
    ConnectOptions::from_ado(text, PROGRAM)
}

fn options(place: SocketAddr, encryption: Encryption, trust: Trust) -> ConnectOptions {
    let mut options = from_ado(&format!(
        "Server={},{};User Id=shop;Password=secret;Database=shop",
        place.ip(),
        place.port()
    ))
    .unwrap();
    (options.encryption, options.trust) = (Some(encryption), Some(trust));
    options
}

/// How entering fails, when it must; the deadline is beyond any machine's slowness.
async fn failure(options: &ConnectOptions) -> ConnectError {
    let limits = Limits {
        whole: Duration::from_secs(60),
        browser: Browser::default(),
    };
    enter(options, &limits).await.err().unwrap()
}

async fn code(options: &ConnectOptions) -> &'static str {
    failure(options).await.code()
}

/// Enters, and asks something.
async fn enters(options: &ConnectOptions) {
    let mut client = enter(options, &Limits::default()).await.unwrap();
    let stream = client.simple_query("select 1").await.unwrap();
    stream.into_results().await.unwrap();
}

/// Says this to whoever comes, and closes.
async fn babbler(words: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            // A close with unread bytes would be a reset, which may overtake the words.
            let _ = stream.read(&mut [0; 1000]).await;
            let _ = stream.write_all(words).await;
            let _ = stream.shutdown().await;
        }
    });
    place
}

#[test]
fn a_server_here_needs_no_certificate_and_others_do() {
    let any: SocketAddr = "127.0.0.1:1433".parse().unwrap();
    let mut set = options(any, Encryption::None, Trust::Pin([1; 32]));
    for here in [true, false] {
        assert_eq!(
            effective(&set, here),
            (Encryption::None, Trust::Pin([1; 32]))
        );
    }
    (set.encryption, set.trust) = (None, None);
    assert_eq!(effective(&set, true), (LoginOnly, Trust::Any));
    assert_eq!(effective(&set, false), (Required, Trust::System));
}

#[tokio::test]
async fn what_needs_no_network_fails_without_it() {
    let mut set = from_ado("Server=nowhere.invalid;User Id=shop").unwrap();
    assert_eq!(code(&set).await, "SQL_PASSWORD_MISSING");
    set.login = Login::Windows;
    if !cfg!(windows) {
        assert_eq!(code(&set).await, "WINDOWS_LOGIN_UNAVAILABLE");
    }
    let set = from_ado("Server=a b;User Id=shop;Password=secret").unwrap();
    assert_eq!(code(&set).await, "SERVER_NAME_INVALID");
}

#[tokio::test]
async fn a_name_that_nobody_has() {
    // Longer than a part of a name may be, so that no name server is asked.
    let host = "x".repeat(64);
    let set = from_ado(&format!("Server={host};User Id=shop;Password=secret")).unwrap();
    assert_eq!(code(&set).await, "SERVER_NOT_FOUND");
}

#[tokio::test]
async fn a_closed_port() {
    // Bound and never listening, so that nobody else gets it meanwhile.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let place = socket.local_addr().unwrap();
    let error = failure(&options(place, Required, Trust::Any)).await;
    let expected = place.port();
    assert!(
        matches!(&error, ConnectError::PortClosed { host, port } if host == "127.0.0.1" && *port == expected)
    );
    // By a name with two addresses as well.
    let mut set = options(place, Required, Trust::Any);
    set.server = format!("localhost,{expected}");
    assert_eq!(code(&set).await, "SERVER_PORT_CLOSED");
}

/// Says each of these after it was asked something, and nothing after one more question.
async fn staller(words: Vec<Vec<u8>>) -> (SocketAddr, oneshot::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap();
    let (stalled, until_stalled) = oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut question = [0; 1000];
        for words in words {
            assert!(stream.read(&mut question).await.unwrap() > 0);
            stream.write_all(&words).await.unwrap();
        }
        assert!(stream.read(&mut question).await.unwrap() > 0);
        stalled.send(()).unwrap();
        std::future::pending::<()>().await;
    });
    (place, until_stalled)
}

#[tokio::test]
async fn a_peer_that_stalls_is_given_up() {
    let words = |encryption| packet::whole(packet::RESULT, &prelogin::options(encryption));
    for (said, wanted, expected) in [
        (vec![], Required, "NOT_SQL_SERVER"),
        (vec![words(ON)], Required, "TLS_REFUSED"),
        (
            vec![words(NOT_SUPPORTED)],
            Encryption::None,
            "SERVER_SILENT",
        ),
    ] {
        let (place, stalled) = staller(said).await;
        let set = options(place, wanted, Trust::Any);
        let entering = tokio::spawn(async move { code(&set).await });
        stalled.await.unwrap();
        tokio::time::pause();
        assert_eq!(entering.await.unwrap(), expected);
        tokio::time::resume();
    }
}

#[tokio::test]
async fn garbage_is_no_sql_server() {
    for words in [
        &b""[..],
        b"\x04",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x04\x01\xff\xff\0\0\x01\0",
        b"\x04\x01\0\x08\0\0\x01\0",
        b"\x04\x01\0\x07\0\0\x01\0",
        b"\x04\x00\0\x09\0\0\x01\0\xff",
        b"\x04\x01\x00\x0e\0\0\x01\0\x01\xff\xff\xff\xff\xff",
        b"\x04\x01\x7f\xff\0\0\x01\0cut",
    ] {
        let place = babbler(words).await;
        let set = options(place, Required, Trust::Any);
        assert_eq!(code(&set).await, "NOT_SQL_SERVER", "{words:?}");
    }
}

#[tokio::test]
async fn garbage_instead_of_a_handshake_is_no_way_to_encrypt() {
    for garbage in [
        &b""[..],
        b"\x01\xff\xff\xff\xff\xff\xff\xff",
        b"\x12\x01\0\x09\0\0\x01\0\x15",
        b"HTTP/1.1 400",
    ] {
        let mut words = packet::whole(packet::RESULT, &prelogin::options(ON));
        words.extend_from_slice(garbage);
        let place = babbler(words.leak()).await;
        let set = options(place, Required, Trust::Any);
        assert_eq!(code(&set).await, "TLS_REFUSED", "{garbage:?}");
    }
}

#[tokio::test]
async fn garbage_as_the_answer_to_a_login_is_told() {
    let (tls, _) = self_signed();
    for garbage in [
        &b""[..],
        b"\xff",
        b"HTTP/1.1 400 Bad Request",
        b"\xaa\xff\xff\x01\x02\x03",
        b"\xe3\xff\xff\x14\xff\xff",
        b"\xad\xff\xff\x01\xff\xff\xff\xff\xff",
        b"\xed\xff\xff",
        b"\xae\x01\xff\xff\xff\xff",
        b"\x81\xff\xfe",
        b"\xfd\xff",
    ] {
        for (encryption, wanted) in [
            (ON, Required),
            (OFF, LoginOnly),
            (NOT_SUPPORTED, Encryption::None),
        ] {
            let peer = Peer {
                encryption,
                tls: (encryption != NOT_SUPPORTED).then(|| tls.clone()),
                answer: garbage.to_vec(),
            };
            let (place, _seen) = peer.listen().await;
            let set = options(place, wanted, Trust::Any);
            assert_eq!(code(&set).await, "NOT_SQL_SERVER", "{garbage:?}");
        }
    }
}

#[tokio::test]
async fn encryption_is_as_wanted_or_there_is_no_connection() {
    let (tls, _) = self_signed();
    for (wanted, encryption, login, batch) in [
        (Required, ON, Way::Encrypted, Way::Encrypted),
        (Required, REQUIRED, Way::Encrypted, Way::Encrypted),
        (LoginOnly, OFF, Way::Encrypted, Way::Plain),
        (LoginOnly, REQUIRED, Way::Encrypted, Way::Encrypted),
        (Encryption::None, NOT_SUPPORTED, Way::Plain, Way::Plain),
    ] {
        let asked = match wanted {
            Required => ON,
            LoginOnly => OFF,
            Encryption::None => NOT_SUPPORTED,
        };
        let peer = Peer {
            encryption,
            tls: (encryption != NOT_SUPPORTED).then(|| tls.clone()),
            answer: welcome(),
        };
        let (place, seen) = peer.listen().await;
        enters(&options(place, wanted, Trust::Any)).await;
        let expected = Seen {
            asked,
            login,
            batch: Some(batch),
        };
        assert_eq!(seen.await.unwrap(), Some(expected));
    }
    for (wanted, encryption, expected) in [
        (Required, NOT_SUPPORTED, "ENCRYPTION_REFUSED"),
        (Required, OFF, "ENCRYPTION_REFUSED"),
        (LoginOnly, NOT_SUPPORTED, "ENCRYPTION_REFUSED"),
        (Encryption::None, REQUIRED, "ENCRYPTION_DEMANDED"),
    ] {
        let peer = Peer {
            encryption,
            tls: None,
            answer: welcome(),
        };
        let (place, seen) = peer.listen().await;
        let set = options(place, wanted, Trust::Any);
        assert_eq!(code(&set).await, expected);
        // It never saw a login.
        assert_eq!(seen.await.unwrap(), None);
    }
}

/// Where only the login is encrypted, a server takes no TLS behind its first packet (MS-TDS 3.2.5.2).
#[tokio::test]
async fn a_long_login_goes_on_in_clear() {
    let (tls, _) = self_signed();
    let peer = Peer {
        encryption: OFF,
        tls: Some(tls),
        answer: welcome(),
    };
    let (place, seen) = peer.listen().await;
    let mut set = options(place, LoginOnly, Trust::Any);
    // Three packets, as a Windows login with many groups may have.
    set.database = "s".repeat(5_000);
    enters(&set).await;
    let expected = Seen {
        asked: OFF,
        login: Way::Encrypted,
        batch: Some(Way::Plain),
    };
    assert_eq!(seen.await.unwrap(), Some(expected));
}

#[tokio::test]
async fn a_certificate_is_trusted_as_configured() {
    let (tls, certificate) = self_signed();
    let digest: [u8; 32] = Sha256::digest(&certificate).into();
    let fingerprint: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let peer = Peer {
        encryption: ON,
        tls: Some(tls),
        answer: welcome(),
    };
    let (place, seen) = peer.clone().listen().await;
    enters(&options(place, Required, Trust::Pin(digest))).await;
    assert!(seen.await.unwrap().is_some());

    for trust in [Trust::Pin([0; 32]), Trust::System] {
        let (place, seen) = peer.clone().listen().await;
        let error = failure(&options(place, Required, trust)).await;
        let ConnectError::CertificateNotTrusted {
            fingerprint: shown,
            reason,
        } = &error
        else {
            panic!("{error:?}");
        };
        assert_eq!(*shown, fingerprint);
        assert!(!reason.is_empty());
        assert_eq!(seen.await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_login_is_refused_with_its_cause() {
    for (number, state, expected) in [
        (18456, 1, "LOGIN_FAILED"),
        (18456, 7, "LOGIN_FAILED"),
        (18456, 38, "LOGIN_FAILED"),
        (18456, 58, "LOGIN_FAILED"),
        (18452, 1, "LOGIN_FAILED"),
        (18470, 1, "LOGIN_FAILED"),
        (18486, 1, "LOGIN_FAILED"),
        (18487, 1, "LOGIN_FAILED"),
        (18488, 1, "LOGIN_FAILED"),
        (4060, 1, "DATABASE_MISSING"),
        (4064, 1, "DATABASE_MISSING"),
        (18401, 1, "SERVER_NOT_READY"),
    ] {
        let peer = Peer {
            encryption: NOT_SUPPORTED,
            tls: None,
            answer: error(number, state, "no\r\n\u{1b}[31m!"),
        };
        let (place, _seen) = peer.listen().await;
        let error = failure(&options(place, Encryption::None, Trust::Any)).await;
        assert_eq!(error.code(), expected, "{number}");
        assert!(!error.to_string().contains(char::is_control));
        let ConnectError::LoginFailed {
            login,
            number: told,
            state: at,
            ..
        } = error
        else {
            continue;
        };
        assert_eq!((login.as_str(), told, at), ("shop", number, state));
    }
}

#[tokio::test]
async fn a_server_that_sends_us_on_is_followed_once() {
    let (tls, _) = self_signed();
    let peer = |answer| Peer {
        encryption: ON,
        tls: Some(tls.clone()),
        answer,
    };
    let (last, seen) = peer(welcome()).listen().await;
    let (first, _seen) = peer(go_to(last)).listen().await;
    enters(&options(first, Required, Trust::Any)).await;
    assert!(seen.await.unwrap().is_some());

    let (third, seen) = peer(welcome()).listen().await;
    let (second, _seen) = peer(go_to(third)).listen().await;
    let (first, _seen) = peer(go_to(second)).listen().await;
    let set = options(first, Required, Trust::Any);
    assert_eq!(code(&set).await, "SERVER_SENDS_ON");
    assert!(!seen.is_finished());
}

#[tokio::test]
async fn an_answer_in_clear_sends_nobody_on() {
    let (tls, _) = self_signed();
    let peer = |answer| Peer {
        encryption: OFF,
        tls: Some(tls.clone()),
        answer,
    };
    let (last, seen) = peer(welcome()).listen().await;
    let (first, _seen) = peer(go_to(last)).listen().await;
    let set = options(first, LoginOnly, Trust::Any);
    assert_eq!(code(&set).await, "SERVER_SENDS_ON");
    assert!(!seen.is_finished());
}

#[tokio::test]
async fn a_named_instance_is_found_through_the_browser() {
    let peer = Peer {
        encryption: NOT_SUPPORTED,
        tls: None,
        answer: welcome(),
    };
    let (place, seen) = peer.listen().await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let browser = Browser {
        port: socket.local_addr().unwrap().port(),
        timeouts: [Duration::from_secs(60); 3],
    };
    tokio::spawn(async move {
        let mut question = [0; 100];
        let (_, from) = socket.recv_from(&mut question).await.unwrap();
        let text = format!("ServerName;PC;InstanceName;POS;tcp;{};;", place.port());
        let mut answer = vec![5, text.len() as u8, 0];
        answer.extend_from_slice(text.as_bytes());
        socket.send_to(&answer, from).await.unwrap();
    });
    let mut set = options(place, Encryption::None, Trust::Any);
    set.server = r"127.0.0.1\pos".to_owned();
    let limits = Limits {
        browser,
        ..Limits::default()
    };
    let mut client = enter(&set, &limits).await.unwrap();
    let stream = client.simple_query("select 1").await.unwrap();
    stream.into_results().await.unwrap();
    assert!(seen.await.unwrap().is_some());
}
