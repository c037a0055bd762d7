//! `fleet` against stand-ins for agents at sockets.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    fs,
    path::PathBuf,
    process::{Output, Stdio},
    time::Duration,
};

use prost::Message as _;
use serde_json::Value;
use shopmaster_proto::{
    Failure,
    v1::{
        GetInfoResponse, GetStatusResponse, Issue, PauseResponse, Run, RunOutcome, RunState,
        Severity, StartRunRequest, StartRunResponse, State, Status, WatchRunResponse,
        WatchStatusResponse,
    },
};
use shopmaster_standins::agent::{AgentSim, Answer, Call};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdout, Command},
    sync::mpsc,
    time::timeout,
};

/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a stand-in behaves.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Good,
    Sending,
    Attention,
    /// Its runs do not end.
    Endless,
    /// Answers that it is there, and nothing else.
    Silent,
    Refuses,
}

struct Fleet {
    folder: tempfile::TempDir,
    list: String,
    agents: Vec<AgentSim>,
}

fn message(message: &impl prost::Message) -> Answer {
    Answer::Messages(vec![message.encode_to_vec()])
}

fn status(kind: Kind) -> Status {
    let (state, headline) = match kind {
        Kind::Sending => (State::Sending, "Sending 1 of 2"),
        Kind::Attention => (State::Attention, "2 products refused"),
        _ => (State::UpToDate, "All 3 products up to date"),
    };
    let issue = (kind == Kind::Attention).then(|| Issue {
        severity: Severity::Warning.into(),
        ..Issue::default()
    });
    Status {
        state: state.into(),
        headline: headline.to_owned(),
        issues: issue.into_iter().collect(),
        ..Status::default()
    }
}

fn run(state: RunState, outcome: RunOutcome) -> Run {
    Run {
        id: "run-1".to_owned(),
        state: state.into(),
        outcome: outcome.into(),
        sent: 2,
        ..Run::default()
    }
}

fn script(kind: Kind, call: &Call) -> Answer {
    let rpc = call.path.rsplit('/').next().unwrap();
    if rpc == "GetInfo" {
        return message(&GetInfoResponse::default());
    }
    if kind == Kind::Silent {
        return Answer::Silence;
    }
    if kind == Kind::Refuses {
        let failure = Failure {
            code: "NOT_CONFIGURED".to_owned(),
            message: "No shop is set".to_owned(),
            remedy: "Run `shopmasterctl configure`".to_owned(),
            disconnected: false,
        };
        return Answer::Error(failure.into_status(tonic::Code::FailedPrecondition));
    }
    let status = Some(status(kind));
    match rpc {
        "GetStatus" => message(&GetStatusResponse { status }),
        "Pause" => message(&PauseResponse { status }),
        "WatchStatus" => {
            let first = WatchStatusResponse {
                status,
                ..WatchStatusResponse::default()
            };
            Answer::Open(vec![first.encode_to_vec()])
        }
        "StartRun" => message(&StartRunResponse {
            run: Some(run(RunState::Running, RunOutcome::Unspecified)),
            joined: kind == Kind::Sending,
        }),
        "WatchRun" if kind == Kind::Endless => {
            let run = Some(run(RunState::Running, RunOutcome::Unspecified));
            Answer::Open(vec![WatchRunResponse { run }.encode_to_vec()])
        }
        "WatchRun" => {
            let outcome = match kind {
                Kind::Attention => RunOutcome::Failed,
                _ => RunOutcome::Completed,
            };
            let progress = [
                run(RunState::Running, RunOutcome::Unspecified),
                run(RunState::Finished, outcome),
            ];
            let messages = progress.map(|run| WatchRunResponse { run: Some(run) }.encode_to_vec());
            Answer::Messages(messages.to_vec())
        }
        _ => Answer::Error(tonic::Status::unimplemented("not in this test")),
    }
}

impl Fleet {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            list: String::new(),
            agents: Vec::new(),
        }
    }

    fn socket(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Adds a shop to the list; none: without an agent.
    fn with(mut self, name: &str, group: &str, kind: Option<Kind>) -> Self {
        let socket = self.socket(name);
        self.list += &format!(
            "[[shop]]\nname = \"{name}\"\nagent = \"unix:{}\"\ngroup = \"{group}\"\n",
            socket.display()
        );
        if let Some(kind) = kind {
            let agent = AgentSim::at_socket(&socket, move |call| script(kind, call));
            self.agents.push(agent.unwrap());
        }
        self
    }

    /// Some of every kind, and many that are good.
    fn mixed() -> Self {
        let mut fleet = Self::new();
        for number in 0..20 {
            fleet = fleet.with(&format!("good-{number:02}"), "lagos", Some(Kind::Good));
        }
        fleet
            .with("silent", "abuja", Some(Kind::Silent))
            .with("gone", "abuja", None)
            .with("refused", "lagos", Some(Kind::Attention))
            .with("new", "kano", Some(Kind::Refuses))
            .with("busy", "kano", Some(Kind::Sending))
    }

    fn ctl(&self, arguments: &[&str]) -> Command {
        let home = self.folder.path().join("home");
        fs::create_dir_all(home.join("config")).unwrap();
        fs::write(home.join("config/fleet.toml"), &self.list).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_shopmasterctl"));
        command
            .arg("fleet")
            .args(arguments)
            .env("SHOPMASTER_HOME", home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output: Output = self.ctl(arguments).output().await.unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }

    /// The lines of `--json`, the last one apart.
    async fn json(&self, arguments: &[&str]) -> (Option<i32>, Vec<Value>, Value) {
        let (code, stdout, stderr) = self.run(&[arguments, &["--json"]].concat()).await;
        assert_eq!(stderr, "");
        let mut lines: Vec<Value> = stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let last = lines.pop().unwrap();
        (code, lines, last["summary"].clone())
    }
}

#[tokio::test]
async fn the_worst_shops_come_first_and_none_is_hidden() {
    let fleet = Fleet::mixed();
    let (code, stdout, stderr) = fleet.run(&["status", "--timeout", "3s"]).await;
    let lines: Vec<&str> = stdout.lines().collect();
    assert!(lines[0].starts_with("SHOP"), "{stdout}");
    let starts = |line: usize, expected: &[&str]| {
        let words: Vec<&str> = lines[line]
            .split_whitespace()
            .take(expected.len())
            .collect();
        assert_eq!(words, expected, "{stdout}");
    };
    starts(
        1,
        &[
            "gone", "abuja", "no", "answer", "no", "agent", "answers", "at",
        ],
    );
    starts(
        2,
        &[
            "silent", "abuja", "no", "answer", "no", "answer", "within", "3", "s",
        ],
    );
    starts(3, &["new", "kano", "failed", "No", "shop", "is", "set"]);
    starts(
        4,
        &["refused", "lagos", "attention", "2", "products", "refused"],
    );
    starts(5, &["busy", "kano", "Sending", "1", "of", "2"]);
    starts(
        6,
        &[
            "good-00", "lagos", "ok", "All", "3", "products", "up", "to", "date",
        ],
    );
    assert_eq!(
        lines[27],
        "20 up to date, 1 waiting, sending or paused, 1 needs attention, 1 failed, 2 do not answer"
    );
    assert_eq!((lines.len(), code), (28, Some(4)));
    // Each shop is named as soon as it answers, the silent one last.
    assert_eq!(stderr.lines().count(), 25);
    assert_eq!(
        stderr.lines().last().unwrap(),
        "silent: no answer: no answer within 3 s"
    );
}

#[tokio::test]
async fn what_ssh_says_stands_in_the_line_of_its_shop() {
    use std::os::unix::fs::PermissionsExt as _;

    let mut fleet = Fleet::new().with("a", "lagos", Some(Kind::Good));
    fleet.list += "[[shop]]\nname = \"b\"\nagent = \"ssh://b.example.org\"\n";
    let ssh = fleet.socket("ssh");
    let text = "#!/bin/sh\necho Hello >&2; echo 'Permission denied (publickey).' >&2; exit 255\n";
    fs::write(&ssh, text).unwrap();
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
    let mut status = fleet.ctl(&["status"]);
    let output = status.env("SHOPMASTER_SSH", &ssh).output().await.unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let expected = "the connection to the agent at `ssh://b.example.org` was lost: Permission denied (publickey).";
    assert!(stdout.contains(expected), "{stdout}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.lines().count(), 2, "{stderr}");
    assert_eq!(output.status.code(), Some(4));
}

#[tokio::test]
async fn programs_get_a_line_for_each_shop_and_the_summary() {
    let fleet = Fleet::mixed();
    let (code, shops, summary) = fleet.json(&["status", "--timeout", "3s"]).await;
    assert_eq!((code, shops.len()), (Some(4), 25));
    let find = |name: &str| shops.iter().find(|shop| shop["shop"] == name).unwrap();
    assert_eq!(find("good-07")["status"]["state"], "up_to_date");
    assert_eq!(find("silent")["error"]["code"], "AGENT_SILENT");
    assert_eq!(find("gone")["error"]["code"], "NO_AGENT");
    assert_eq!(find("new")["error"]["code"], "NOT_CONFIGURED");
    assert_eq!(
        find("new")["error"]["remedy"],
        "Run `shopmasterctl configure`"
    );
    let count = |key: &str| summary[key].as_u64().unwrap();
    assert_eq!((count("good"), count("no_answer")), (20, 2));
}

#[tokio::test]
async fn good_shops_alone_are_good() {
    let fleet = Fleet::mixed();
    let all = fleet.run(&["status", "--group", "kano"]).await;
    assert_eq!(all.0, Some(4));
    let fleet = Fleet::new()
        .with("a", "lagos", Some(Kind::Good))
        .with("b", "lagos", Some(Kind::Sending))
        .with("c", "abuja", None);
    let (code, shops, _) = fleet
        .json(&["status", "--group", "lagos", "--jobs", "1"])
        .await;
    assert_eq!((code, shops.len()), (Some(0), 2));
    let (code, stdout, _) = fleet
        .run(&["pause", "--for", "30m", "--group", "lagos"])
        .await;
    assert_eq!(code, Some(0));
    assert!(stdout.ends_with("\n2 paused\n"), "{stdout}");
}

#[tokio::test]
async fn runs_are_started_and_with_wait_followed_to_their_end() {
    let fleet = Fleet::new()
        .with("a", "lagos", Some(Kind::Good))
        .with("b", "lagos", Some(Kind::Sending))
        .with("c", "lagos", Some(Kind::Attention));
    let (code, stdout, _) = fleet.run(&["upload", "--from-start", "--yes"]).await;
    assert_eq!(code, Some(0));
    assert!(stdout.contains("started: run-1"), "{stdout}");
    assert!(stdout.contains("already running: run-1"), "{stdout}");
    assert!(stdout.ends_with("\n3 started\n"), "{stdout}");
    let calls = fleet.agents[0].calls();
    let start = calls
        .iter()
        .find(|call| call.path.ends_with("/StartRun"))
        .unwrap();
    let request = StartRunRequest::decode(&*start.message).unwrap();
    assert!(request.from_start && request.confirmed);

    let (code, shops, summary) = fleet.json(&["sync", "--wait"]).await;
    assert_eq!(code, Some(4));
    let find = |name: &str| shops.iter().find(|shop| shop["shop"] == name).unwrap();
    assert_eq!(find("a")["run"]["outcome"], "completed");
    assert_eq!(find("c")["run"]["outcome"], "failed");
    assert_eq!(
        (&summary["good"], &summary["failed"]),
        (&2.into(), &1.into())
    );
}

fn lines(child: &mut Child) -> (Lines<BufReader<ChildStdout>>, Lines<BufReader<ChildStderr>>) {
    let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    let stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    (stdout, stderr)
}

async fn interrupt(child: &Child) {
    let id = child.id().unwrap().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().await;
    assert!(sent.unwrap().success());
}

#[tokio::test]
async fn an_interruption_shows_what_is_known_so_far() {
    let fleet =
        Fleet::new()
            .with("a", "lagos", Some(Kind::Good))
            .with("b", "lagos", Some(Kind::Silent));
    let mut child = fleet.ctl(&["status", "--timeout", "10m"]).spawn().unwrap();
    let (mut stdout, mut stderr) = lines(&mut child);
    let first = stderr.next_line().await.unwrap().unwrap();
    assert_eq!(first, "a: All 3 products up to date");
    interrupt(&child).await;
    let mut text = String::new();
    while let Some(line) = stdout.next_line().await.unwrap() {
        text += &(line + "\n");
    }
    assert!(text.contains("b     lagos  unknown"), "{text}");
    assert!(
        text.ends_with("\n1 up to date, 1 not known yet\n"),
        "{text}"
    );
    assert_eq!(child.wait().await.unwrap().code(), Some(1));
}

/// So many shops, and a channel that gets the rpc of each call.
fn noting(kind: Kind, count: usize) -> (Fleet, mpsc::UnboundedReceiver<String>) {
    let mut fleet = Fleet::new();
    let (sender, calls) = mpsc::unbounded_channel();
    for number in 0..count {
        let name = format!("s{number}");
        fleet = fleet.with(&name, "lagos", None);
        let sender = sender.clone();
        let noted = move |call: &Call| {
            let rpc = call.path.rsplit('/').next().unwrap();
            // Nobody may wait for it any more.
            let _ = sender.send(rpc.to_owned());
            script(kind, call)
        };
        let agent = AgentSim::at_socket(&fleet.socket(&name), noted).unwrap();
        fleet.agents.push(agent);
    }
    (fleet, calls)
}

#[tokio::test]
async fn all_runs_start_although_none_of_them_ends() {
    let (fleet, mut calls) = noting(Kind::Endless, 3);
    let mut child = fleet
        .ctl(&["sync", "--wait", "--jobs", "1"])
        .spawn()
        .unwrap();
    let mut started = 0;
    while started < 3 {
        let call = timeout(PATIENCE, calls.recv()).await;
        let call = call.expect("not all shops were asked").unwrap();
        started += usize::from(call == "StartRun");
    }
    interrupt(&child).await;
    assert_eq!(child.wait().await.unwrap().code(), Some(1));
}

#[tokio::test]
async fn all_shops_are_changed_although_nobody_reads_the_answers() {
    let (fleet, mut calls) = noting(Kind::Good, 3);
    let mut pause = fleet.ctl(&["pause", "--jobs", "1", "--json"]);
    let mut child = pause.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().await.unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("\"OUTPUT\""), "{stderr}");
    let mut paused = 0;
    while let Ok(call) = calls.try_recv() {
        paused += usize::from(call == "Pause");
    }
    assert_eq!(paused, 3);

    // Whoever only looks may stop looking.
    let mut child = fleet.ctl(&["status", "--json"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().await.unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
}

#[tokio::test]
async fn a_shop_that_goes_away_is_watched_again_when_it_is_back() {
    let mut fleet = Fleet::new().with("a", "lagos", Some(Kind::Good));
    let mut child = fleet.ctl(&["watch"]).spawn().unwrap();
    let (mut stdout, _stderr) = lines(&mut child);
    let mut next = async || {
        let line = stdout.next_line().await.unwrap().unwrap();
        // Without the time.
        line.split_once("  ").unwrap().1.to_owned()
    };
    assert_eq!(next().await, "a: All 3 products up to date");
    fleet.agents.clear();
    fs::remove_file(fleet.socket("a")).unwrap();
    let away = next().await;
    assert!(away.starts_with("a: no answer: "), "{away}");
    let socket = fleet.socket("a");
    let back = AgentSim::at_socket(&socket, |call| script(Kind::Attention, call));
    fleet.agents.push(back.unwrap());
    loop {
        let line = next().await;
        if line == "a: attention: 2 products refused" {
            break;
        }
        assert!(line.starts_with("a: no answer: "), "{line}");
    }
    interrupt(&child).await;
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_list_that_is_wrong_is_a_usage_error() {
    let mut fleet = Fleet::new();
    let missing = fleet.run(&["status"]).await;
    assert_eq!(missing.0, Some(2));
    assert!(missing.2.contains("it has no shop"), "{}", missing.2);
    fleet.list = "[[shop]]\nname = \"a:b\"\n".to_owned();
    let wrong = fleet.run(&["status", "--json"]).await;
    assert_eq!(wrong.0, Some(2));
    assert!(wrong.2.contains("\"BAD_FLEET_FILE\""), "{}", wrong.2);
    let elsewhere = fleet
        .run(&["status", "--fleet", "/nowhere/fleet.toml"])
        .await;
    assert_eq!(elsewhere.0, Some(2));
    for named in [["--agent", "a"], ["--instance", "a"]] {
        let target = fleet.run(&[&["status"], &named[..]].concat()).await;
        assert_eq!(target.0, Some(2));
        assert!(target.2.contains(named[0]), "{}", target.2);
    }
}
