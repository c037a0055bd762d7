//! Every command, from afar and through a stream of another program: what it does, and that it answers as it does on the agent's
//! own computer.

use std::process::Stdio;

use shopmaster_harness::world::CtlOutput;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::agent::RemoteAgent;

/// Commands that change nothing, so that their answers can be compared.
const READING: [&[&str]; 12] = [
    &["status", "--check"],
    &["configure", "--show"],
    &["capture", "status"],
    &["capture", "plan"],
    &["runs"],
    &["parked"],
    &["parked", "--all"],
    &["removed"],
    &["explain", "P0000001"],
    &["remote", "list"],
    &["remote", "certificate"],
    &["configure", "--log-level", "debug", "--dry-run"],
];

/// Commands that change something, in an order in which each is possible.
const CHANGING: [&[&str]; 14] = [
    &["sync"],
    &["upload", "--yes"],
    &["verify", "--no-wait"],
    &["pause", "--for", "10m"],
    &["resume"],
    &["test"],
    &["configure", "--log-level", "debug"],
    &["parked", "retry", "--all"],
    &["capture", "install"],
    &["remote", "invite", "--role", "viewer", "--name", "more"],
    &["remote", "revoke", "more", "--yes"],
    &["capture", "remove", "--yes"],
    &["logs"],
    &["remote", "log"],
];

async fn admin() -> RemoteAgent {
    let agent = RemoteAgent::open().await;
    let invitation = agent.invite("admin", "owner").await;
    let added = agent.ctl(&["remote", "add", "shop-7", &invitation]).await;
    assert_eq!(added.code, 0, "{added:?}");
    agent
}

async fn afar(agent: &RemoteAgent, command: &[&str]) -> CtlOutput {
    agent.ctl(&[&["--agent", "shop-7"], command].concat()).await
}

#[tokio::test]
async fn each_command_answers_from_afar_as_it_does_here() {
    let agent = admin().await;
    for command in READING {
        let text = afar(&agent, command).await;
        assert_eq!(text.code, 0, "{command:?}: {text:?}");
        // The text has ages, which grow.
        let command = [command, &["--json"]].concat();
        let (here, there) = (agent.ctl(&command).await, afar(&agent, &command).await);
        assert_eq!(
            (here.code, here.stdout),
            (there.code, there.stdout),
            "{command:?}"
        );
    }
    for command in CHANGING {
        let there = afar(&agent, &[command, &["--json"]].concat()).await;
        assert_eq!(there.code, 0, "{command:?}: {there:?}");
    }
    let missing = afar(&agent, &["explain", "nothing"]).await;
    assert_eq!(missing.code, agent.ctl(&["explain", "nothing"]).await.code);
}

#[tokio::test]
async fn the_log_is_followed_from_afar() {
    let agent = admin().await;
    let mut command = tokio::process::Command::from(agent.world.ctl_command());
    let mut child = command
        .args(["--agent", "shop-7", "logs", "--follow"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // What is there already.
    lines.next_line().await.unwrap().unwrap();
    let configured = afar(&agent, &["configure", "--log-level", "debug"]).await;
    assert_eq!(configured.code, 0, "{configured:?}");
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains("a remote client configured log.level") {
            return;
        }
    }
    panic!("the log ended");
}
