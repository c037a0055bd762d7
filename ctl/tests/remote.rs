//! `remote add` and the commands for an agent that it added, against a stand-in for an agent on the network.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    fs,
    path::Path,
    process::{Output, Stdio},
    sync::{Arc, Mutex},
};

use prost::Message as _;
use serde_json::Value;
use shopmaster_proto::{
    Failure,
    remote::{Invitation, Pin, Secret, SecretKind},
    v1::{
        GetInfoResponse, GetStatusResponse, RedeemRequest, RedeemResponse, RemoteClient, Role,
        Status,
    },
};
use shopmaster_standins::agent::{AgentSim, Answer, Call, Identity, Tls};
use tokio::{process::Command, sync::mpsc};

/// An agent on loopback that has invited one client.
struct Shop {
    home: tempfile::TempDir,
    sim: AgentSim,
    invitation: Invitation,
    /// The digest of the token that the invitation was redeemed with.
    redeemed: Arc<Mutex<Option<Vec<u8>>>>,
}

/// What the agent does with the first call that redeems.
#[derive(Clone, Copy, PartialEq)]
enum First {
    IsAnswered,
    LosesItsAnswer,
}

fn unauthenticated() -> Answer {
    let failure = Failure {
        code: "TOKEN_UNKNOWN".to_owned(),
        message: "The token is not valid here".to_owned(),
        remedy: "Ask for a new invitation".to_owned(),
        disconnected: false,
    };
    Answer::Error(failure.into_status(tonic::Code::Unauthenticated))
}

fn message(message: &impl prost::Message) -> Answer {
    Answer::Messages(vec![message.encode_to_vec()])
}

impl Shop {
    /// The channel tells when a call that redeems has arrived.
    async fn start(first: First) -> (Self, mpsc::UnboundedReceiver<()>) {
        let identity = Identity::generate().unwrap();
        let secret = Secret::generate(SecretKind::Invitation).unwrap();
        let redeemed: Arc<Mutex<Option<Vec<u8>>>> = Arc::default();
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let (known, invited) = (Arc::clone(&redeemed), secret.expose().to_owned());
        let script = move |call: &Call| {
            let bearer = call.authorization.as_deref().unwrap_or_default();
            let bearer = bearer.strip_prefix("Bearer ").unwrap_or_default();
            let mut known = known.lock().unwrap();
            if bearer == invited {
                if !call.path.ends_with("/Redeem") {
                    return Answer::Error(tonic::Status::permission_denied("only redeems"));
                }
                let request = RedeemRequest::decode(&*call.message).unwrap();
                let is_first = known.is_none();
                let token = known.get_or_insert(request.token_sha256.clone());
                if *token != request.token_sha256 {
                    return unauthenticated();
                }
                arrived.send(()).unwrap();
                if is_first && first == First::LosesItsAnswer {
                    return Answer::Silence;
                }
                return message(&RedeemResponse {
                    client: Some(RemoteClient {
                        name: "support-7".to_owned(),
                        role: Role::Operator.into(),
                        ..RemoteClient::default()
                    }),
                    instance: "default".to_owned(),
                });
            }
            let digest = bearer.parse::<Secret>().ok().map(|token| token.digest());
            if digest.map(|it| it.as_bytes().to_vec()) != *known {
                return unauthenticated();
            }
            match call.path.rsplit('/').next().unwrap() {
                "GetInfo" => message(&GetInfoResponse::default()),
                _ => message(&GetStatusResponse {
                    status: Some(Status {
                        headline: "All 3 products up to date".to_owned(),
                        ..Status::default()
                    }),
                }),
            }
        };
        let (sim, address) = AgentSim::with_tls(Tls::of(&identity), script)
            .await
            .unwrap();
        let shop = Self {
            home: tempfile::tempdir().unwrap(),
            sim,
            invitation: Invitation {
                addresses: vec![address.to_string()],
                pin: Pin::of_key(&identity.public_key()),
                secret,
                name: "support-7".to_owned(),
            },
            redeemed,
        };
        (shop, arrivals)
    }

    fn home(&self) -> &Path {
        self.home.path()
    }

    fn ctl(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shopmasterctl"));
        command
            .args(arguments)
            .env("SHOPMASTER_HOME", self.home())
            .env("SHOPMASTER_SECRETS__STORE", "file")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        self.ctl(arguments).output().await.unwrap()
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat()).await;
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The code of the error, and the exit code.
    async fn error(&self, arguments: &[&str]) -> (String, Option<i32>) {
        let output = self.run(&[arguments, &["--json"]].concat()).await;
        assert_eq!(output.stdout, b"", "{output:?}");
        let error: Value = serde_json::from_slice(&output.stderr).unwrap();
        let code = error["error"]["code"].as_str().unwrap().to_owned();
        (code, output.status.code())
    }
}

#[tokio::test]
async fn an_invited_client_reaches_the_agent_by_its_name() {
    let (shop, _arrivals) = Shop::start(First::IsAnswered).await;
    let line = shop.invitation.to_string();
    let added = shop.json(&["remote", "add", "lagos-1", &line]).await;
    assert_eq!(added["name"], "lagos-1");
    assert_eq!(added["client"], "support-7");
    assert_eq!(added["role"], "operator");
    assert_eq!(added["addresses"][0], shop.invitation.addresses[0].as_str());
    assert_eq!(added["key"], shop.invitation.pin.to_string());
    let known = shop.json(&["remote", "agents"]).await;
    assert_eq!(known["agents"], Value::Array(vec![added]));
    let status = shop.json(&["--agent", "lagos-1", "status"]).await;
    assert_eq!(status["headline"], "All 3 products up to date");

    let forgotten = shop.json(&["remote", "forget", "lagos-1"]).await;
    assert_eq!(forgotten["client"], "support-7");
    let gone = shop.error(&["--agent", "lagos-1", "status"]).await;
    assert_eq!(gone, ("UNKNOWN_AGENT".to_owned(), Some(2)));
    let tokens = fs::read_to_string(shop.home().join("data/agent-tokens.json")).unwrap();
    assert_eq!(tokens, "{}");
}

#[tokio::test]
async fn an_answer_that_was_lost_is_asked_for_again() {
    let (shop, mut arrivals) = Shop::start(First::LosesItsAnswer).await;
    let line = shop.invitation.to_string();
    let mut interrupted = shop
        .ctl(&["remote", "add", "lagos-1", &line])
        .spawn()
        .unwrap();
    arrivals.recv().await.unwrap();
    interrupted.kill().await.unwrap();
    let gone = shop.error(&["--agent", "lagos-1", "status"]).await;
    assert_eq!(gone.0, "UNKNOWN_AGENT");
    shop.json(&["remote", "add", "lagos-1", &line]).await;
    shop.json(&["--agent", "lagos-1", "status"]).await;
}

#[tokio::test]
async fn an_invitation_that_another_client_redeemed_is_refused() {
    let (shop, _arrivals) = Shop::start(First::IsAnswered).await;
    *shop.redeemed.lock().unwrap() = Some(vec![7; 32]);
    let line = shop.invitation.to_string();
    let refused = shop.error(&["remote", "add", "lagos-1", &line]).await;
    assert_eq!(refused, ("TOKEN_UNKNOWN".to_owned(), Some(1)));
    let known = shop.json(&["remote", "agents"]).await;
    assert_eq!(known["agents"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn an_invitation_may_come_over_standard_input() {
    use tokio::io::AsyncWriteExt as _;

    for named in [&["-"][..], &[]] {
        let (shop, _arrivals) = Shop::start(First::IsAnswered).await;
        let mut add = shop.ctl(&[&["remote", "add", "lagos-1"], named].concat());
        let mut add = add.stdin(Stdio::piped()).spawn().unwrap();
        let mut input = add.stdin.take().unwrap();
        let line = format!("{}\r\n", shop.invitation);
        input.write_all(line.as_bytes()).await.unwrap();
        drop(input);
        let output = add.wait_with_output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let expected = "Added `lagos-1`: there, this client is `support-7` with the role operator;";
        assert!(text.starts_with(expected), "{text}");
    }
}

/// util-linux's `script` makes the terminal.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_invitation_is_asked_for_and_not_shown() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let (shop, _arrivals) = Shop::start(First::IsAnswered).await;
    let ctl = shop.ctl(&["remote", "add", "lagos-1"]);
    let line = format!(
        "{} remote add lagos-1",
        ctl.as_std().get_program().to_string_lossy()
    );
    let mut script = Command::new("script");
    script
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .envs(
            ctl.as_std()
                .get_envs()
                .filter_map(|(key, value)| Some((key, value?))),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut script = script.spawn().unwrap();
    let (mut keyboard, mut screen) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
    let mut shown = Vec::new();
    while !shown.ends_with(b"Invitation: ") {
        let byte = screen.read_u8().await;
        shown.push(byte.expect("it ended without a question"));
    }
    let typed = format!("{}\n", shop.invitation);
    keyboard.write_all(typed.as_bytes()).await.unwrap();
    screen.read_to_end(&mut shown).await.unwrap();
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.contains("Added `lagos-1`"), "{shown}");
    assert!(!shown.contains("shopmaster-invitation"), "{shown}");
}

#[tokio::test]
async fn a_name_stays_one_agent() {
    let (shop, _arrivals) = Shop::start(First::IsAnswered).await;
    let line = shop.invitation.to_string();
    shop.json(&["remote", "add", "lagos-1", &line]).await;
    let (other, _arrivals) = Shop::start(First::IsAnswered).await;
    let line = other.invitation.to_string();
    let taken = shop.error(&["remote", "add", "lagos-1", &line]).await;
    assert_eq!(taken, ("NAME_TAKEN".to_owned(), Some(1)));
    assert_eq!(other.sim.calls(), []);
    let near = shop.run(&["--agent", "lagos1", "status"]).await;
    let text = String::from_utf8(near.stderr).unwrap();
    assert!(text.contains("did you mean `lagos-1`?"), "{text}");
}

#[tokio::test]
async fn another_computer_in_the_agents_place_gets_nothing() {
    let (shop, _arrivals) = Shop::start(First::IsAnswered).await;
    let line = shop.invitation.to_string();
    shop.json(&["remote", "add", "lagos-1", &line]).await;
    let (other, _arrivals) = Shop::start(First::IsAnswered).await;
    let file = shop.home().join("config/agents.toml");
    let text = fs::read_to_string(&file).unwrap();
    let moved = text.replace(
        &shop.invitation.addresses[0],
        &other.invitation.addresses[0],
    );
    fs::write(&file, moved).unwrap();
    let wrong = shop.error(&["--agent", "lagos-1", "status"]).await;
    assert_eq!(wrong, ("WRONG_KEY".to_owned(), Some(1)));
    assert_eq!(other.sim.calls(), []);
}

#[tokio::test]
async fn a_withdrawn_token_is_the_agents_own_error() {
    let (shop, _arrivals) = Shop::start(First::IsAnswered).await;
    let line = shop.invitation.to_string();
    shop.json(&["remote", "add", "lagos-1", &line]).await;
    *shop.redeemed.lock().unwrap() = Some(vec![7; 32]);
    let refused = shop.error(&["--agent", "lagos-1", "status"]).await;
    assert_eq!(refused, ("TOKEN_UNKNOWN".to_owned(), Some(1)));
    drop(shop.sim);
}

#[tokio::test]
async fn no_secret_is_shown() {
    let (shop, _arrivals) = Shop::start(First::IsAnswered).await;
    let line = shop.invitation.to_string();
    let mut shown = Vec::new();
    for arguments in [
        &["remote", "add", "lagos-1", &line][..],
        &["remote", "agents"],
        &["--agent", "lagos-1", "status"],
        &["remote", "add", "lagos-1", &line[..60]],
        &["remote", "add", "lagos-1"],
        &["remote", "forget", "lagos-1"],
    ] {
        let output = shop.run(arguments).await;
        shown.extend(output.stdout);
        shown.extend(output.stderr);
    }
    let mut shown = String::from_utf8(shown).unwrap();
    shown += &fs::read_to_string(shop.home().join("config/agents.toml")).unwrap();
    for secret in ["smt_", "smi_", &line[30..60]] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_a_usage_error() {
    let (shop, _arrivals) = Shop::start(First::IsAnswered).await;
    let line = shop.invitation.to_string();
    for arguments in [
        &["remote", "add", "lagos-1", "shopmaster-invitation-1.x"][..],
        &["remote", "add", "lagos-1"],
        &["remote", "add", "a:b", &line],
        &["--agent", "lagos-2", "remote", "add", "lagos-1", &line],
        &["--agent", "lagos-2", "remote", "agents"],
        &["--instance", "till-2", "remote", "agents"],
        &["remote", "forget", "lagos-1"],
        &["remote", "invite", "--name", "a"],
        &["remote", "invite", "--name", "a", "--role", "owner"],
        &[
            "remote",
            "invite",
            "--name",
            "a",
            "--role",
            "viewer",
            "--token",
            "--address",
            "a:1",
        ],
        &["remote", "enable", "--listen", "7443"],
        &["remote", "log", "--limit", "0"],
    ] {
        let (_, code) = shop.error(arguments).await;
        assert_eq!(code, Some(2), "{arguments:?}");
    }
    assert_eq!(shop.sim.calls(), []);
}
