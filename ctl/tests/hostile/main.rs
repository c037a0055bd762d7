//! An agent that was taken over, as each command meets it: every text that it sends is made to be obeyed by a terminal.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used)]

mod messages;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use messages::Messages;
use shopmaster_proto::{
    Failure,
    remote::{Invitation, Pin, Secret, SecretKind},
};
use shopmaster_standins::agent::{AgentSim, Answer, Call, Identity, Tls};
use tokio::process::Command;

/// Clears the screen, sets the title, turns the direction of the text around, and pretends to be two more lines.
const TEXT: &str = "Well\x1b[2J\x1b]0;owned\x07\u{9b}2J\u{7f}\u{202e}\u{2066}\u{200f}\rerror: forged\nerror: forged";

/// Every command that shows something of an agent.
const COMMANDS: &[&[&str]] = &[
    &["status"],
    &["status", "--check"],
    &["status", "--watch"],
    &["sync"],
    &["sync", "--no-wait"],
    &["upload"],
    &["verify"],
    &["pause"],
    &["pause", "--for", "1h"],
    &["resume"],
    &["configure", "--show"],
    &["configure", "--email", "a@example.org"],
    &["configure", "--email", "a@example.org", "--yes"],
    &["configure", "--email", "a@example.org", "--dry-run"],
    &["test"],
    &["capture", "plan"],
    &["capture", "install"],
    &["capture", "remove"],
    &["capture", "status"],
    &["capture", "adopt"],
    &["capture", "adopt", "--yes"],
    &["runs"],
    &["runs", "show", "x"],
    &["runs", "cancel", "x"],
    &["parked"],
    &["parked", "--all"],
    &["parked", "retry", "x"],
    &["parked", "discard", "--all"],
    &["removed"],
    &["removed", "forget", "x"],
    &["removed", "export", "--format", "json"],
    &["explain", "x"],
    &["logs"],
    &["logs", "--follow"],
    &["remote", "enable"],
    &["remote", "disable"],
    &["remote", "invite", "--role", "viewer", "--name", "x"],
    &[
        "remote", "invite", "--role", "viewer", "--name", "x", "--token",
    ],
    &["remote", "list"],
    &["remote", "revoke", "x"],
    &["remote", "log"],
    &["remote", "certificate"],
    &["fleet", "status"],
    &["fleet", "sync"],
    &["fleet", "sync", "--wait"],
    &["fleet", "upload"],
    &["fleet", "verify", "--wait"],
    &["fleet", "pause"],
    &["fleet", "resume"],
    &["fleet", "test"],
];

/// Where `shopmasterctl` keeps its files, and the socket of an agent.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::create_dir(home.path().join("config")).unwrap();
        let shop = format!(
            "[[shop]]\nname = \"a\"\nagent = \"unix:{}\"\n",
            home.socket().display()
        );
        fs::write(home.path().join("config/fleet.toml"), shop).unwrap();
        home
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn socket(&self) -> PathBuf {
        self.path().join("agent.sock")
    }

    fn agent(&self, script: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> AgentSim {
        AgentSim::at_socket(&self.socket(), script).unwrap()
    }

    fn ctl(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shopmasterctl"));
        if !["fleet", "--agent"].contains(&arguments[0]) && !is_about_this_client(arguments) {
            let agent = format!("--agent=unix:{}", self.socket().display());
            command.arg(agent);
        }
        command.args(arguments);
        self.set_up(&mut command);
        command
    }

    fn set_up(&self, command: &mut Command) {
        command
            .env("SHOPMASTER_HOME", self.path())
            .env("SHOPMASTER_SECRETS__STORE", "file")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        self.ctl(arguments).output().await.unwrap()
    }

    /// Runs every command, for people and for programs.
    async fn run_all(&self) {
        for arguments in COMMANDS {
            harmless(arguments, &self.run(arguments).await);
            let json = [arguments, &["--json"][..]].concat();
            let output = self.run(&json).await;
            harmless(&json, &output);
            for line in text(&output.stdout)
                .lines()
                .chain(text(&output.stderr).lines())
            {
                let value = serde_json::from_str::<serde_json::Value>(line);
                assert!(value.is_ok(), "{json:?}: {line}");
            }
        }
    }
}

fn is_about_this_client(arguments: &[&str]) -> bool {
    matches!(arguments, ["remote", "add" | "agents" | "forget", ..])
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Nothing that was printed is obeyed, and each line is one of `shopmasterctl`.
fn harmless(arguments: &[&str], output: &Output) {
    for printed in [&output.stdout, &output.stderr].map(|bytes| text(bytes)) {
        let obeyed = |c: char| {
            (c.is_control() && c != '\n' && c != '\t')
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert!(!printed.contains(obeyed), "{arguments:?}: {printed:?}");
        let is_script = matches!(
            arguments,
            ["capture", "plan", ..] | ["remote", "certificate", ..]
        );
        let forged = printed
            .lines()
            .any(|line| line.starts_with("error: forged"));
        assert!(is_script || !forged, "{arguments:?}: {printed}");
    }
    assert!(output.status.code().is_some(), "{arguments:?}");
}

#[tokio::test]
async fn nothing_that_an_agent_says_is_obeyed_by_the_terminal() {
    // The states that an answer may have.
    for number in 1..=4 {
        let home = Home::new();
        let messages = Messages::new(TEXT, number);
        let _agent = home.agent(move |call| Answer::Messages(vec![messages.answer(&call.path)]));
        home.run_all().await;
    }
}

fn refusal(code: tonic::Code) -> Answer {
    let failure = Failure {
        code: TEXT.to_owned(),
        message: TEXT.to_owned(),
        remedy: TEXT.to_owned(),
        disconnected: false,
    };
    Answer::Error(failure.into_status(code))
}

#[tokio::test]
async fn nothing_that_an_agent_refuses_with_is_obeyed_either() {
    let home = Home::new();
    let messages = Messages::new(TEXT, 1);
    let _agent = home.agent(move |call| match call.path.ends_with("/GetInfo") {
        true => Answer::Messages(vec![messages.answer(&call.path)]),
        false => refusal(tonic::Code::FailedPrecondition),
    });
    home.run_all().await;
}

#[tokio::test]
async fn nor_is_anything_that_it_does_not_let_in_with() {
    let home = Home::new();
    let _agent = home.agent(|_| refusal(tonic::Code::Unauthenticated));
    home.run_all().await;
}

#[tokio::test]
async fn what_was_stored_of_an_agent_is_not_obeyed_later() {
    let home = Home::new();
    let identity = Identity::generate().unwrap();
    let messages = Messages::new(TEXT, 1);
    let script = move |call: &Call| Answer::Messages(vec![messages.answer(&call.path)]);
    let started = AgentSim::with_tls(Tls::of(&identity), script).await;
    let (_agent, address) = started.unwrap();
    let invitation = Invitation {
        addresses: vec![address.to_string()],
        pin: Pin::of_key(&identity.public_key()),
        secret: Secret::generate(SecretKind::Invitation).unwrap(),
        name: TEXT.to_owned(),
    };
    for json in [&[][..], &["--json"]] {
        for arguments in [
            &["remote", "add", "a", &invitation.to_string()][..],
            &["remote", "agents"],
            &["--agent", "a", "status"],
            &["--agent", "a", "remote", "enable"],
            &["--agent", "a", "remote", "disable", "--yes"],
            &["remote", "forget", "a"],
        ] {
            let arguments = [arguments, json].concat();
            let output = home.run(&arguments).await;
            harmless(&arguments, &output);
            assert!(output.status.success(), "{arguments:?}: {output:?}");
        }
    }
}

/// Elsewhere than on a terminal, whoever deletes the products at Digible needs their ids as they are.
#[tokio::test]
async fn an_export_keeps_every_byte() {
    let home = Home::new();
    let messages = Messages::new(TEXT, 1);
    let _agent = home.agent(move |call| Answer::Messages(vec![messages.answer(&call.path)]));
    let piped = home.run(&["removed", "export"]).await;
    let quoted = format!("\"{TEXT}\",");
    assert!(text(&piped.stdout).contains(&quoted), "{piped:?}");
    let file = home.path().join("removed.csv");
    home.run(&["removed", "export", file.to_str().unwrap()])
        .await;
    assert_eq!(fs::read(file).unwrap(), piped.stdout);
}

/// On a terminal there are progress bars and drawings. util-linux's `script` makes one.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn drawings_on_a_terminal_hold_nothing_of_the_agents_to_obey() {
    let home = Home::new();
    let messages = Messages::new(TEXT, 2);
    let _agent = home.agent(move |call| Answer::Messages(vec![messages.answer(&call.path)]));
    let agent = format!("--agent unix:{}", home.socket().display());
    for arguments in [
        format!("{agent} sync"),
        format!("{agent} status"),
        format!("{agent} removed export"),
        format!("{agent} configure --email a@example.org"),
        "fleet status".to_owned(),
        "fleet sync --wait".to_owned(),
    ] {
        let ctl = env!("CARGO_BIN_EXE_shopmasterctl");
        let line = format!("{ctl} {arguments}");
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        home.set_up(&mut command);
        let output = command.output().await.unwrap();
        let shown = text(&output.stdout);
        assert!(shown.contains("Well\u{fffd}[2J"), "{arguments}: {shown:?}");
        for obeyed in ["\x1b[2J", "\x1b]0", "\u{9b}", "\u{202e}"] {
            assert!(!shown.contains(obeyed), "{arguments}: {shown:?}");
        }
        // An export has the lines of what it exports.
        let forged = shown.contains("\nerror: forged");
        assert!(
            !forged || arguments.ends_with("export"),
            "{arguments}: {shown:?}"
        );
    }
}
