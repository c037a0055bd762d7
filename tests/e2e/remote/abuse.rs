//! What a hostile network does: all of it is refused, and the agent goes on.

use std::net::SocketAddr;

use shopmaster_proto::v1::{ConfigureRequest, GetStatusRequest, Settings};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tonic::Code;

use super::{
    office::Office,
    raw::{CONTINUATION, END_HEADERS, HEADERS, RST_STREAM, Raw, frame, headers, plain_ended},
};

/// The agent answers on this computer and on the network, and counts what it refused.
async fn is_well(office: &Office) {
    let token = office.token("viewer", "judge").await;
    let mut client = office.connect(&token).await.unwrap();
    client.agent.get_status(GetStatusRequest {}).await.unwrap();
    let run = office.world.sync().await.unwrap();
    assert_eq!(run.failed, 0, "{run:?}");
}

async fn plain(at: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(at).await.unwrap();
    // The agent may have ended the connection already.
    let _sent = stream.write_all(bytes).await;
    stream
}

#[tokio::test]
async fn what_is_no_tls_ends_at_once() {
    let office = Office::open().await;
    for bytes in [
        &b"\0\xff\x13\x37 garbage"[..],
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        // An alert of TLS, no more.
        assert!(plain_ended(plain(office.at, bytes).await).await < 16);
    }
    is_well(&office).await;
}

#[tokio::test]
async fn other_versions_and_protocols_are_refused_in_the_handshake() {
    let office = Office::open().await;
    assert!(Raw::connect(office.at, &[b"h2"], &[&TLS12]).await.is_err());
    for protocols in [&[&b"http/1.1"[..]][..], &[b"spdy/3"]] {
        assert!(Raw::connect(office.at, protocols, &[&TLS13]).await.is_err());
    }
    is_well(&office).await;
}

#[tokio::test]
async fn whoever_is_silent_loses_the_connection() {
    let office = Office::open().await;
    // Before the handshake, in it, behind it, and behind the beginning of HTTP/2.
    let nothing = plain(office.at, b"").await;
    let half = plain(office.at, b"\x16\x03\x01\x02\0\x01\0").await;
    let behind = Raw::silent(office.at).await;
    let begun = Raw::begin(office.at).await;
    let ends = tokio::join!(
        plain_ended(nothing),
        plain_ended(half),
        behind.ended(),
        begun.ended()
    );
    assert_eq!((ends.0, ends.1), (0, 0));
    is_well(&office).await;
}

#[tokio::test]
async fn floods_of_frames_end_the_connection() {
    let office = Office::open().await;
    let mut resets = Raw::begin(office.at).await;
    let mut bytes = Vec::new();
    for stream in (1..8_001).step_by(2) {
        bytes.extend(frame(HEADERS, END_HEADERS, stream, &headers("/x")));
        bytes.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    let _sent = resets.send(&bytes).await;
    resets.ended().await;

    let mut endless = Raw::begin(office.at).await;
    let mut bytes = frame(HEADERS, 0, 1, &headers("/x"));
    // One header after the other, and never the last: 64 MiB, if somebody takes them.
    let one = [&[0x00, 1, b'a', 0x7f, 0x81, 0x07][..], &[b'b'; 256]].concat();
    for _ in 0..4_096 {
        bytes.extend(frame(CONTINUATION, 0, 1, &one.repeat(62)));
    }
    assert!(endless.send(&bytes).await.is_err());
    endless.ended().await;
    is_well(&office).await;
}

#[tokio::test]
async fn more_connections_than_there_are_seats_are_refused() {
    let office = Office::open().await;
    let mut held = Vec::new();
    for _ in 0..300 {
        held.push(plain(office.at, b"").await);
    }
    // Those that hold a seat lose it after the deadline for the handshake, and the others at once.
    for stream in held {
        plain_ended(stream).await;
    }
    is_well(&office).await;
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused() {
    let office = Office::open().await;
    let mut client = office.client("admin").await;
    let settings = Settings {
        digible: Some(shopmaster_proto::v1::DigibleSettings {
            email: "x".repeat(2 << 20),
            ..Default::default()
        }),
        ..Default::default()
    };
    let request = ConfigureRequest {
        settings: Some(settings),
        ..Default::default()
    };
    let refused = client.config.configure(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    is_well(&office).await;
}
