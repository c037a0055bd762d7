//! What a hostile network does: all of it is refused and counted, the agent goes on, and its memory comes back.

use std::net::SocketAddr;

use shopmaster_proto::v1::{ConfigureRequest, GetStatusRequest, Role, Settings};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tonic::Code;

use super::{
    agent::RemoteAgent,
    raw::{
        CONTINUATION, END_HEADERS, ENHANCE_YOUR_CALM, HEADERS, NO_WINDOW, PREFACE, RST_STREAM, Raw,
        SETTINGS, call, frame, goaway, headers, plain_ended,
    },
};

/// How much more memory the agent may have afterwards, in MiB: less than what any of the floods sends.
const MOST_GROWTH: f64 = 12.0;

/// An agent that is attacked.
struct Attacked {
    agent: RemoteAgent,
    /// Refused before.
    refused: u64,
    /// Its memory before, in MiB.
    memory: Option<f64>,
}

impl Attacked {
    async fn open() -> Self {
        let mut attacked = Self {
            agent: RemoteAgent::open().await,
            refused: 0,
            memory: None,
        };
        // What is used for the first time takes memory for good.
        attacked.is_well("before").await;
        attacked.refused = attacked.agent.connections(0).await.refused;
        attacked.memory = attacked.agent.memory();
        attacked
    }

    /// The agent answers on this computer and on the network.
    async fn is_well(&self, name: &str) {
        let token = self.agent.token(Role::Viewer, name).await;
        let mut client = self.agent.connect(&token).await.unwrap();
        client.agent.get_status(GetStatusRequest {}).await.unwrap();
        let run = self.agent.world.sync().await.unwrap();
        assert_eq!(run.failed, 0, "{run:?}");
    }

    /// The agent is as it was before, but for having counted what it refused. Returns how much that was.
    async fn recovers(self) -> u64 {
        self.is_well("after").await;
        let refused = self.agent.connections(0).await.refused - self.refused;
        if let Some(before) = self.memory {
            self.agent.memory_below(before + MOST_GROWTH).await;
        }
        refused
    }
}

async fn plain(at: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(at).await.unwrap();
    // The agent may have ended the connection already.
    let _sent = stream.write_all(bytes).await;
    stream
}

#[tokio::test]
async fn what_is_no_tls_ends_at_once() {
    let attacked = Attacked::open().await;
    for bytes in [
        &b"\0\xff\x13\x37 garbage"[..],
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        // An alert of TLS, no more.
        let answer = plain_ended(plain(attacked.agent.at, bytes).await).await;
        assert!(answer.len() < 16, "{answer:?}");
    }
    assert_eq!(attacked.recovers().await, 3);
}

#[tokio::test]
async fn other_versions_and_protocols_are_refused_in_the_handshake() {
    let attacked = Attacked::open().await;
    let at = attacked.agent.at;
    assert!(Raw::connect(at, &[b"h2"], &[&TLS12]).await.is_err());
    for protocols in [&[&b"http/1.1"[..]][..], &[b"spdy/3"]] {
        assert!(Raw::connect(at, protocols, &[&TLS13]).await.is_err());
    }
    assert_eq!(attacked.recovers().await, 3);
}

#[tokio::test]
async fn whoever_is_silent_loses_the_connection() {
    let attacked = Attacked::open().await;
    let at = attacked.agent.at;
    // Before the handshake, in it, behind it, and behind the beginning of HTTP/2.
    let nothing = plain(at, b"").await;
    let half = plain(at, b"\x16\x03\x01\x02\0\x01\0").await;
    let behind = Raw::silent(at).await;
    let begun = Raw::begin(at).await;
    let ends = tokio::join!(
        plain_ended(nothing),
        plain_ended(half),
        behind.ended(),
        begun.ended()
    );
    assert!(ends.0.is_empty() && ends.1.is_empty());
    assert_eq!(attacked.recovers().await, 4);
}

#[tokio::test]
async fn floods_of_frames_end_the_connection() {
    let attacked = Attacked::open().await;
    let mut resets = Raw::begin(attacked.agent.at).await;
    let mut bytes = Vec::new();
    for stream in (1..8_001).step_by(2) {
        bytes.extend(frame(HEADERS, END_HEADERS, stream, &headers("/x")));
        bytes.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    let _sent = resets.send(&bytes).await;
    assert_eq!(goaway(&resets.ended().await), Some(ENHANCE_YOUR_CALM));

    let mut endless = Raw::begin(attacked.agent.at).await;
    let mut bytes = frame(HEADERS, 0, 1, &headers("/x"));
    // One header after the other, and never the last: 64 MiB, if somebody takes them.
    let one = [&[0x00, 1, b'a', 0x7f, 0x81, 0x07][..], &[b'b'; 256]].concat();
    for _ in 0..4_096 {
        bytes.extend(frame(CONTINUATION, 0, 1, &one.repeat(62)));
    }
    assert!(endless.send(&bytes).await.is_err());
    endless.ended().await;
    // Each connection, or what was called on it.
    assert!(attacked.recovers().await >= 2);
}

#[tokio::test]
async fn of_ten_thousand_connections_the_newest_few_stay() {
    let attacked = Attacked::open().await;
    // A process may not have so many open at once everywhere.
    for _ in 0..20 {
        let mut held = Vec::new();
        for _ in 0..500 {
            held.push(plain(attacked.agent.at, b"").await);
        }
        let listener = attacked.agent.world.listener().await.unwrap();
        assert!(listener.connections <= 32, "{listener:?}");
    }
    let refused = attacked.recovers().await;
    assert!((9_000..=10_000).contains(&refused), "{refused}");
}

#[tokio::test]
async fn whoever_is_over_the_limit_gives_way_and_the_others_have_a_deadline() {
    let attacked = Attacked::open().await;
    let mut held = Vec::new();
    for _ in 0..300 {
        held.push(plain(attacked.agent.at, b"").await);
    }
    // The oldest give way at once, and the others lose the connection after the deadline for the handshake.
    for stream in held {
        plain_ended(stream).await;
    }
    assert_eq!(attacked.recovers().await, 300);
}

#[tokio::test]
async fn slow_readers_keep_nothing_but_their_own_connection() {
    const WATCH: &str = "/shopmaster.v1.Agent/WatchStatus";
    let attacked = Attacked::open().await;
    let agent = &attacked.agent;
    let token = agent.token(Role::Viewer, "slow").await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut raw = Raw::silent(agent.at).await;
        let mut bytes = PREFACE.to_vec();
        // It takes no answer of any call, and later reads nothing at all.
        bytes.extend(frame(SETTINGS, 0, 0, NO_WINDOW));
        for stream in (1..2_001).step_by(2) {
            bytes.extend(call(stream, WATCH, &token));
        }
        let _sent = raw.send(&bytes).await;
        slow.push(raw);
    }
    attacked.is_well("meanwhile").await;
    // They answer no ping.
    attacked.agent.connections(0).await;
    attacked.recovers().await;
    drop(slow);
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused() {
    let attacked = Attacked::open().await;
    let mut client = attacked.agent.client(Role::Admin).await;
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
    drop(client);
    assert_eq!(attacked.recovers().await, 1);
}
