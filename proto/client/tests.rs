//! The client against stand-ins for agents, and for programs that are none.

use prost::Message as _;
use shopmaster_standins::agent::{AgentSim, Answer as Script, Call, Identity, Tls};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tonic::{Code, Status};

use super::*;
use crate::{
    Failure,
    remote::{NetworkAddress, Pin, SecretKind},
    v1::{GetInfoResponse, GetStatusRequest},
};

const GET_INFO: &str = "/shopmaster.v1.Agent/GetInfo";

fn info(_: &Call) -> Script {
    let info = GetInfoResponse::default();
    Script::Messages(vec![info.encode_to_vec()])
}

fn token() -> Secret {
    Secret::generate(SecretKind::Token).unwrap()
}

fn agent(pin: Pin, addresses: &[std::net::SocketAddr]) -> NetworkAgent {
    let read =
        |address: &std::net::SocketAddr| -> NetworkAddress { address.to_string().parse().unwrap() };
    NetworkAgent {
        addresses: addresses.iter().map(read).collect(),
        pin,
    }
}

/// An address of this computer where no program listens.
async fn deserted() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

async fn failure(agent: &NetworkAgent) -> ConnectError {
    let connected = Client::connect_network(agent, &token()).await;
    connected.err().unwrap()
}

#[tokio::test]
async fn every_call_carries_the_token_to_the_pinned_key() {
    let identity = Identity::generate().unwrap();
    let pin = Pin::of_key(&identity.public_key());
    let (sim, address) = AgentSim::with_tls(Tls::of(&identity), info).await.unwrap();
    let secret = token();
    // The first address does not answer, the second does.
    let agent = agent(pin, &[deserted().await, address]);
    let mut client = Client::connect_network(&agent, &secret).await.unwrap();
    client.agent.get_status(GetStatusRequest {}).await.unwrap();
    let expected = Some(format!("Bearer {}", secret.expose()));
    let calls = sim.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].path, GET_INFO);
    assert!(calls.iter().all(|call| call.authorization == expected));
    let shown = format!("{client:?}");
    assert!(!shown.contains(secret.expose()), "{shown}");
}

#[tokio::test]
async fn a_renewed_certificate_over_the_same_key_is_the_same_agent() {
    let identity = Identity::generate().unwrap();
    let pin = Pin::of_key(&identity.public_key());
    for _ in 0..2 {
        let (_sim, address) = AgentSim::with_tls(Tls::of(&identity), info).await.unwrap();
        let agent = agent(pin, &[address]);
        Client::connect_network(&agent, &token()).await.unwrap();
    }
}

#[tokio::test]
async fn another_key_is_named_and_nothing_is_sent() {
    let (identity, ours) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let pin = Pin::of_key(&ours.public_key());
    let (sim, address) = AgentSim::with_tls(Tls::of(&identity), info).await.unwrap();
    let error = failure(&agent(pin, &[deserted().await, address])).await;
    let found = Pin::of_key(&identity.public_key());
    assert_eq!(
        error.to_string(),
        format!(
            "the program at `{address}` does not have the agent's key: it has `{found}`, not `{pin}`; nothing was sent"
        )
    );
    assert!(matches!(error, ConnectError::WrongKey { .. }));
    assert_eq!(sim.calls(), []);
}

#[tokio::test]
async fn a_copied_certificate_without_its_key_is_refused() {
    let (ours, other) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let pin = Pin::of_key(&ours.public_key());
    let tls = Tls::of(&ours).signing_with(&other);
    let (sim, address) = AgentSim::with_tls(tls, info).await.unwrap();
    let error = failure(&agent(pin, &[address])).await;
    assert!(matches!(error, ConnectError::NotAnAgent { .. }), "{error}");
    assert_eq!(sim.calls(), []);
}

#[tokio::test]
async fn what_speaks_no_tls13_with_http2_is_no_agent() {
    let identity = Identity::generate().unwrap();
    let pin = Pin::of_key(&identity.public_key());
    let tls = || Tls::of(&identity);
    for tls in [
        tls().with_tls12(),
        tls().with_alpn(&["http/1.1"]),
        tls().with_alpn(&[]),
    ] {
        let (sim, address) = AgentSim::with_tls(tls.clone(), info).await.unwrap();
        let error = failure(&agent(pin, &[address])).await;
        assert!(
            matches!(error, ConnectError::NotAnAgent { .. }),
            "{error}, {tls:?}"
        );
        assert_eq!(sim.calls(), []);
    }
}

#[tokio::test]
async fn a_server_without_tls_gets_no_token() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad\r\n\r\n").await.unwrap();
        let mut read = Vec::new();
        let _ = stream.read_to_end(&mut read).await;
        read
    });
    let error = failure(&agent(Pin::of_key(b"x"), &[address])).await;
    let text = error.to_string();
    assert!(
        text.starts_with(&format!(
            "another program answers at `{address}` (TLS failed: "
        )),
        "{text}"
    );
    assert!(text.ends_with("; nothing was sent"), "{text}");
    let read = String::from_utf8_lossy(&server.await.unwrap()).into_owned();
    assert!(!read.contains("smt_"), "{read}");
}

#[tokio::test]
async fn each_address_that_does_not_answer_is_named() {
    let (one, two) = (deserted().await, deserted().await);
    let error = failure(&agent(Pin::of_key(b"x"), &[one, two])).await;
    let text = error.to_string();
    let start = format!("no agent answers at `{one}` (Connection refused");
    assert!(text.starts_with(&start), "{text}");
    assert!(text.contains(&format!(" or `{two}` (")), "{text}");
    let none = failure(&agent(Pin::of_key(b"x"), &[])).await;
    assert_eq!(
        none.to_string(),
        "no agent answers at any address: none is known"
    );
}

#[tokio::test(start_paused = true)]
async fn an_address_that_accepts_and_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let error = failure(&agent(Pin::of_key(b"x"), &[address])).await;
    assert_eq!(
        error.to_string(),
        format!("no agent answers at `{address}` (no answer in time)")
    );
}

#[tokio::test]
async fn a_refused_token_is_the_agents_own_failure() {
    let own = Failure {
        code: "TOKEN_UNKNOWN".to_owned(),
        message: "The token was revoked".to_owned(),
        remedy: "Ask for a new invitation".to_owned(),
        disconnected: false,
    };
    for code in [
        Code::Unauthenticated,
        Code::ResourceExhausted,
        Code::Unavailable,
    ] {
        let identity = Identity::generate().unwrap();
        let pin = Pin::of_key(&identity.public_key());
        let status = own.clone().into_status(code);
        let script = move |_: &Call| Script::Error(status.clone());
        let (_sim, address) = AgentSim::with_tls(Tls::of(&identity), script)
            .await
            .unwrap();
        match failure(&agent(pin, &[address])).await {
            ConnectError::Refused { failure, .. } => assert_eq!(*failure, own),
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn whoever_may_only_redeem_is_connected() {
    let identity = Identity::generate().unwrap();
    let pin = Pin::of_key(&identity.public_key());
    let script = |_: &Call| Script::Error(Status::permission_denied("invited only"));
    let (_sim, address) = AgentSim::with_tls(Tls::of(&identity), script)
        .await
        .unwrap();
    let agent = agent(pin, &[address]);
    let invitation = Secret::generate(SecretKind::Invitation).unwrap();
    Client::connect_network(&agent, &invitation).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_stream_of_another_program_leads_to_an_agent_without_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let sim = AgentSim::at_socket(&path, info).unwrap();
    let stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    let mut client = Client::over(stream, "ssh://shop").await.unwrap();
    client.agent.get_status(GetStatusRequest {}).await.unwrap();
    assert!(sim.calls().iter().all(|call| call.authorization.is_none()));
}

#[tokio::test]
async fn a_stream_that_ends_is_named() {
    let (near, far) = tokio::io::duplex(64);
    drop(far);
    let error = Client::over(near, "ssh://shop").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the connection to the agent at `ssh://shop` was lost"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_connection_is_opened_again_when_the_agent_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let endpoint: Endpoint = format!("unix:{}", path.display()).parse().unwrap();
    let sim = AgentSim::at_socket(&path, info).unwrap();
    let mut client = Client::connect(&endpoint).await.unwrap();
    drop(sim);
    std::fs::remove_file(&path).unwrap();
    assert!(client.agent.get_status(GetStatusRequest {}).await.is_err());
    let _sim = AgentSim::at_socket(&path, info).unwrap();
    client.agent.get_status(GetStatusRequest {}).await.unwrap();
}
