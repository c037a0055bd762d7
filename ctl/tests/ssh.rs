//! `--agent ssh://…` and `proxy`, with a program in the place of `ssh` that runs `proxy` on this computer.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used)]

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Stdio, time::Duration};

use prost::Message as _;
use shopmaster_proto::v1::{GetInfoResponse, GetStatusResponse, Status};
use shopmaster_standins::agent::{AgentSim, Answer, Call};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(60);

/// A home for `SHOPMASTER_HOME` with an agent in it.
struct Home {
    folder: tempfile::TempDir,
    _agent: AgentSim,
}

fn script(call: &Call) -> Answer {
    let message = match call.path.rsplit('/').next().unwrap() {
        "GetInfo" => GetInfoResponse::default().encode_to_vec(),
        "GetStatus" => {
            let status = Status {
                headline: "All 3 products up to date".to_owned(),
                ..Status::default()
            };
            let status = Some(status);
            GetStatusResponse { status }.encode_to_vec()
        }
        _ => return Answer::Silence,
    };
    Answer::Messages(vec![message])
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run/till-2");
        fs::create_dir_all(&run).unwrap();
        let _agent = AgentSim::at_socket(&run.join("agent.sock"), script).unwrap();
        Self { folder, _agent }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn ctl(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shopmasterctl"));
        command
            .args(arguments)
            .env("SHOPMASTER_HOME", self.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// A program that writes its arguments down, and does `then`.
    fn ssh(&self, then: &str) -> String {
        let path = self.path().join("ssh");
        let arguments = self.path().join("arguments").display().to_string();
        let text = format!("#!/bin/sh\necho \"$@\" > {arguments}\n{then}\n");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }
}

async fn ended(child: Child) -> (Option<i32>, String, String) {
    let output = child.wait_with_output().await.unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[tokio::test]
async fn a_command_works_through_ssh() {
    let home = Home::new();
    let ctl = env!("CARGO_BIN_EXE_shopmasterctl");
    // The words after the host are the command.
    let ssh = home.ssh(&format!(
        "echo 'Welcome to till 2' >&2\nwhile [ \"$1\" != shopmasterctl ]; do shift; done; shift; exec {ctl} \"$@\""
    ));
    let mut status = home.ctl(&["--agent", "ssh://ben@shop-7:2222/till-2", "status"]);
    status.env("SHOPMASTER_SSH", &ssh);
    let (code, stdout, stderr) = ended(status.spawn().unwrap()).await;
    assert!(
        stdout.starts_with("All 3 products up to date\n"),
        "{stdout}{stderr}"
    );
    assert_eq!((code, stderr.as_str()), (Some(0), "Welcome to till 2\n"));
    assert_eq!(
        fs::read_to_string(home.path().join("arguments")).unwrap(),
        "-T -p 2222 -l ben -- shop-7 shopmasterctl --instance till-2 proxy\n"
    );
}

#[tokio::test]
async fn an_ssh_that_fails_is_no_agent() {
    let home = Home::new();
    let ssh = home.ssh("echo 'Permission denied (publickey).' >&2; exit 255");
    let mut status = home.ctl(&["--agent", "ssh://shop-7", "status"]);
    status.env("SHOPMASTER_SSH", &ssh);
    let (code, stdout, stderr) = ended(status.spawn().unwrap()).await;
    assert_eq!((code, stdout.as_str()), (Some(3), ""));
    let expected = "Permission denied (publickey).\nerror: the connection to the agent at `ssh://shop-7` was lost\nhint: `ssh` says above";
    assert!(stderr.starts_with(expected), "{stderr}");
}

#[tokio::test]
async fn ssh_ends_with_the_command_that_started_it() {
    let home = Home::new();
    // It keeps standard error open as long as it lives.
    let ssh = home.ssh("echo started >&2; exec sleep 3600");
    let mut status = home.ctl(&["--agent", "ssh://shop-7", "logs"]);
    let mut child = status.env("SHOPMASTER_SSH", &ssh).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = stderr.next_line().await.unwrap();
    assert_eq!(first.as_deref(), Some("started"));
    let id = child.id().unwrap().to_string();
    // Only the command itself: at a terminal, Ctrl-C reaches both.
    let sent = Command::new("kill").args(["-INT", &id]).status().await;
    assert!(sent.unwrap().success());
    let rest = timeout(PATIENCE, stderr.next_line()).await;
    assert_eq!(rest.expect("`ssh` still runs").unwrap(), None);
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn without_ssh_the_program_is_named() {
    let home = Home::new();
    let mut status = home.ctl(&["--agent", "ssh://shop-7", "--json", "status"]);
    status.env("SHOPMASTER_SSH", "/nowhere/ssh");
    let (code, _, stderr) = ended(status.spawn().unwrap()).await;
    assert_eq!(code, Some(1));
    assert!(stderr.contains("\"code\":\"NO_PROGRAM\""), "{stderr}");
    assert!(stderr.contains("cannot run `/nowhere/ssh`"), "{stderr}");
}

#[tokio::test]
async fn the_proxy_ends_with_its_input_and_prints_only_what_the_agent_sends() {
    let home = Home::new();
    let mut proxy = home
        .ctl(&["--instance", "till-2", "proxy"])
        .spawn()
        .unwrap();
    let mut input = proxy.stdin.take().unwrap();
    input
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    // The agent's settings come first.
    let mut header = [0; 9];
    let mut output = proxy.stdout.take().unwrap();
    output.read_exact(&mut header).await.unwrap();
    assert_eq!(header[3..], [4, 0, 0, 0, 0, 0]);
    drop(input);
    let (code, _, stderr) = ended(proxy).await;
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn the_proxy_ends_with_the_agent_although_its_input_stays_open() {
    let home = Home::new();
    let mut proxy = home
        .ctl(&["--instance", "till-2", "proxy"])
        .spawn()
        .unwrap();
    let mut input = proxy.stdin.take().unwrap();
    // This is no HTTP/2: the agent closes the connection.
    input
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    input.write_all(&[b'x'; 100]).await.unwrap();
    let status = proxy.wait().await.unwrap();
    assert_eq!(status.code(), Some(0));
    drop(input);
}

#[tokio::test]
async fn a_proxy_without_an_agent_says_so_on_standard_error() {
    let home = Home::new();
    let proxy = home.ctl(&["proxy"]).spawn().unwrap();
    let (code, stdout, stderr) = ended(proxy).await;
    assert_eq!((code, stdout.as_str()), (Some(3), ""));
    assert!(
        stderr.starts_with("error: no agent answers at `unix:"),
        "{stderr}"
    );
}

#[tokio::test]
async fn a_proxy_leads_to_this_computer_only() {
    let home = Home::new();
    let proxy = home
        .ctl(&["--agent", "ssh://shop-7", "proxy"])
        .spawn()
        .unwrap();
    let (code, _, stderr) = ended(proxy).await;
    assert_eq!(code, Some(2));
    assert!(
        stderr.contains("`proxy` leads to an agent on this computer"),
        "{stderr}"
    );
}

#[tokio::test]
async fn an_unknown_name_is_a_usage_error() {
    let home = Home::new();
    let status = home
        .ctl(&["--agent", "shop-7", "--json", "status"])
        .spawn()
        .unwrap();
    let (code, _, stderr) = ended(status).await;
    assert_eq!(code, Some(2));
    assert!(stderr.contains("\"code\":\"UNKNOWN_AGENT\""), "{stderr}");
    assert!(
        stderr.contains("shopmasterctl remote add shop-7"),
        "{stderr}"
    );
}
