//! `remote enable` against stand-ins for agents that listen, do not listen, and move away.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    path::PathBuf,
    process::{Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::Value;
use shopmaster_proto::{
    remote::{Invitation, Pin, Secret, SecretKind},
    v1::{
        ConfigureResponse, GetConfigResponse, GetInfoResponse, GetListenerResponse,
        GetStatusResponse, Issue, RedeemResponse, RemoteClient, Role, Severity, Status,
    },
};
use shopmaster_standins::agent::{AgentSim, Answer, Call, Identity, Tls};
use tokio::process::Command;

const OLD: &str = "127.0.0.1:7443";

/// What an agent does once it is configured to listen elsewhere.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    /// Leaves the old address at the second look, and listens here at the third.
    Listens(&'static str),
    /// Another program uses the address.
    Cannot,
    /// Stays where it is, and says nothing.
    Stays,
    /// Ends the connection.
    Leaves,
}

fn message(message: &impl prost::Message) -> Answer {
    Answer::Messages(vec![message.encode_to_vec()])
}

fn issue(address: &str) -> Issue {
    Issue {
        code: "REMOTE_NOT_LISTENING".to_owned(),
        severity: Severity::Warning.into(),
        text: format!("The agent cannot listen at `{address}`: address in use"),
        remedy: "Choose another address".to_owned(),
        ..Issue::default()
    }
}

/// How often it was asked where it listens since it was configured.
#[derive(Default)]
struct Asked(AtomicUsize);

fn script(then: Then, asked: &Asked, call: &Call) -> Answer {
    let is_configured = asked.0.load(Ordering::Relaxed) > 0;
    match call.path.rsplit('/').next().unwrap() {
        "GetInfo" => message(&GetInfoResponse::default()),
        "Redeem" => message(&RedeemResponse {
            client: Some(RemoteClient {
                name: "support-7".to_owned(),
                role: Role::Admin.into(),
                ..RemoteClient::default()
            }),
            ..RedeemResponse::default()
        }),
        "GetConfig" => message(&GetConfigResponse::default()),
        "Configure" => {
            asked.0.store(1, Ordering::Relaxed);
            message(&ConfigureResponse::default())
        }
        "GetStatus" => {
            // An issue of before the change stays for a moment.
            let at = match (is_configured, then) {
                (true, Then::Cannot) => "0.0.0.0:80",
                _ => OLD,
            };
            let status = Some(Status {
                issues: vec![issue(at)],
                ..Status::default()
            });
            message(&GetStatusResponse { status })
        }
        "GetListener" if is_configured => {
            let look = asked.0.fetch_add(1, Ordering::Relaxed);
            let listening = match (then, look) {
                (Then::Leaves, _) => {
                    return Answer::Error(tonic::Status::unavailable("no longer listening"));
                }
                (Then::Listens(address), 3..) => address,
                (Then::Listens(_) | Then::Cannot, 2..) => "",
                _ => OLD,
            };
            message(&listener("set", listening))
        }
        "GetListener" => message(&listener(OLD, OLD)),
        _ => Answer::Error(tonic::Status::unimplemented("not in this test")),
    }
}

fn listener(listen: &str, listening: &str) -> GetListenerResponse {
    GetListenerResponse {
        listen: listen.to_owned(),
        listening: listening.to_owned(),
        has_clients: true,
        ..GetListenerResponse::default()
    }
}

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn socket(&self) -> PathBuf {
        self.0.path().join("agent.sock")
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shopmasterctl"));
        command
            .args(arguments)
            .env("SHOPMASTER_HOME", self.0.path())
            .env("SHOPMASTER_SECRETS__STORE", "file")
            .stdin(Stdio::null());
        command.output().await.unwrap()
    }

    /// `remote enable`, asked of an agent on this computer.
    async fn enable(&self, then: Then, listen: &str) -> (Option<i32>, String, Value) {
        let asked = Asked::default();
        let script = move |call: &Call| script(then, &asked, call);
        let _agent = AgentSim::at_socket(&self.socket(), script).unwrap();
        let agent = format!("unix:{}", self.socket().display());
        let arguments = ["--json", "--agent", &agent, "remote", "enable"];
        let output = self
            .run(&[&arguments[..], &["--listen", listen]].concat())
            .await;
        let stdout = String::from_utf8(output.stdout).unwrap();
        let error = serde_json::from_slice(&output.stderr).unwrap_or_default();
        (output.status.code(), stdout, error)
    }
}

#[tokio::test]
async fn the_new_address_is_waited_for() {
    for (wanted, found) in [
        ("0.0.0.0:80", "0.0.0.0:80"),
        ("127.0.0.1:0", "127.0.0.1:4711"),
    ] {
        let enabled = Home::new().enable(Then::Listens(found), wanted).await;
        let shown: Value = serde_json::from_str(&enabled.1).unwrap();
        assert_eq!(shown["listening"], found, "{enabled:?}");
        assert_eq!(enabled.0, Some(0));
    }
}

#[tokio::test]
async fn an_agent_that_cannot_listen_says_why() {
    let (code, stdout, error) = Home::new().enable(Then::Cannot, "0.0.0.0:80").await;
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    let expected = issue("0.0.0.0:80");
    assert_eq!(error["error"]["code"], expected.code);
    assert_eq!(error["error"]["message"], expected.text);
    assert_eq!(error["error"]["remedy"], expected.remedy);
}

#[tokio::test]
async fn the_old_address_is_not_taken_for_the_new_one() {
    let (code, stdout, error) = Home::new().enable(Then::Stays, "0.0.0.0:80").await;
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    let message = error["error"]["message"].as_str().unwrap();
    assert_eq!(message, "the agent does not listen at `0.0.0.0:80` yet");
}

#[tokio::test]
async fn a_move_from_afar_says_what_this_client_has_to_change() {
    let home = Home::new();
    let identity = Identity::generate().unwrap();
    let asked = Arc::new(Asked::default());
    let script = move |call: &Call| script(Then::Leaves, &asked, call);
    let started = AgentSim::with_tls(Tls::of(&identity), script).await;
    let (_agent, address) = started.unwrap();
    let invitation = Invitation {
        addresses: vec![address.to_string()],
        pin: Pin::of_key(&identity.public_key()),
        secret: Secret::generate(SecretKind::Invitation).unwrap(),
        name: "support-7".to_owned(),
    };
    let added = home
        .run(&["remote", "add", "lagos-1", &invitation.to_string()])
        .await;
    assert!(added.status.success(), "{added:?}");
    let moved = home
        .run(&[
            "--agent",
            "lagos-1",
            "remote",
            "enable",
            "--listen",
            "0.0.0.0:80",
        ])
        .await;
    let [stdout, stderr] = [moved.stdout, moved.stderr].map(|it| String::from_utf8(it).unwrap());
    assert!(
        stdout.contains("is set to listen at 0.0.0.0:80"),
        "{stdout}{stderr}"
    );
    let file = home.0.path().join("config/agents.toml");
    assert!(stderr.contains(&file.display().to_string()), "{stderr}");
    assert_eq!(moved.status.code(), Some(0));
}
