//! An agent that hangs, that nobody listens to, or that is asked twice to end.

use std::{
    fs,
    io::Write as _,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use shopmaster_harness::world::World;
use shopmaster_proto::v1::{RunKind, RunOutcome};
use shopmaster_standins::digible::{Endpoint as Call, Fault, HangEffect};

use crate::support::{SECONDS, wait_up_to_date};

fn signal(id: u32, name: &str) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), id.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// Stops a process, and waits until none of its threads runs: one that still runs may answer.
async fn stop(id: u32) {
    signal(id, "STOP");
    let stopped = async {
        while !is_stopped(id) {
            tokio::task::yield_now().await;
        }
    };
    let stopped = tokio::time::timeout(SECONDS, stopped).await;
    stopped.expect("the agent does not stop");
}

fn is_stopped(id: u32) -> bool {
    let mut threads = fs::read_dir(format!("/proc/{id}/task")).unwrap();
    threads.all(|thread| {
        let stat = fs::read_to_string(thread.unwrap().path().join("stat")).unwrap_or_default();
        // The state follows the name, which may hold anything.
        let state = stat
            .rsplit_once(") ")
            .map(|(_, rest)| rest.starts_with('T'));
        state.unwrap_or(true)
    })
}

#[tokio::test]
async fn an_agent_that_is_stopped_is_told_from_one_that_is_away() {
    let world = World::builder().products(3).start().await.unwrap();
    world.install_capture().await.unwrap();
    world.upload().await.unwrap();
    let id = world.agent_id().unwrap();
    stop(id).await;
    let ask = async |arguments: &'static [&'static str]| {
        let said = world.ctl(arguments).await.unwrap();
        assert_eq!((said.code, said.stdout.as_str()), (3, ""), "{said:?}");
        said.stderr
    };
    // Reads, changes and streams.
    let said = tokio::join!(
        ask(&["status"]),
        ask(&["status", "--watch"]),
        ask(&["sync"]),
        ask(&["logs", "--follow"]),
        ask(&["configure", "--interval", "77s"]),
        ask(&["test"]),
        ask(&["capture", "install", "--json"]),
    );
    for text in [said.0, said.1, said.2, said.3, said.4, said.5] {
        assert!(text.contains("does not answer"), "{text}");
        assert!(text.contains(&format!("`kill -KILL {id}`")), "{text}");
        assert!(text.contains("`shopmaster-agent`"), "{text}");
    }
    let error: Value = serde_json::from_str(&said.6).unwrap();
    assert_eq!(error["error"]["code"], "AGENT_SILENT", "{error}");
    signal(id, "CONT");
    assert_eq!(world.ctl(&["status"]).await.unwrap().code, 0);
    wait_up_to_date(&world).await;
}

#[tokio::test]
async fn an_agent_that_stops_while_a_run_is_watched_is_noticed_and_the_run_goes_on() {
    let world = World::builder()
        .products(3)
        .set("digible.timeout", "60s")
        .start()
        .await
        .unwrap();
    world.install_capture().await.unwrap();
    world
        .digible
        .inject(Fault::hang(HangEffect::AtOnce).on(Call::Batch).once());
    let id = world.agent_id().unwrap();
    let (said, ()) = tokio::join!(world.ctl(&["upload"]), async {
        world
            .wait_digible(|digible| digible.counts().batches > 0)
            .await
            .unwrap();
        stop(id).await;
    });
    let said = said.unwrap();
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.stderr.contains("was lost while"), "{said:?}");
    signal(id, "CONT");
    world.digible.release();
    assert_eq!(
        world.upload().await.unwrap().outcome(),
        RunOutcome::Completed
    );
    wait_up_to_date(&world).await;
}

/// An agent of this world, which the test itself waits for.
fn spawn(world: &World, stderr: Stdio) -> Child {
    let mut command = world.agent_command();
    command
        .args(["run", "--headless"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr);
    command.spawn().unwrap()
}

/// Waits for its end, and gives its exit code; none when a signal ended it.
async fn ended(mut child: Child) -> Option<i32> {
    let ended = tokio::task::spawn_blocking(move || child.wait().unwrap());
    let ended = tokio::time::timeout(SECONDS, ended).await;
    ended.expect("the agent goes on").unwrap().code()
}

/// Waits until the agent's log has this text.
async fn logged(world: &World, text: &str) {
    let path = world.folders().log.join("agent.log");
    let found = async {
        while !fs::read_to_string(&path).is_ok_and(|log| log.contains(text)) {
            tokio::task::yield_now().await;
        }
    };
    let found = tokio::time::timeout(SECONDS, found).await;
    assert!(found.is_ok(), "`{text}` was not logged");
}

/// Until it answers.
async fn answers(world: &World) {
    let asked = async { while world.ctl(&["status"]).await.unwrap().code != 0 {} };
    let answered = tokio::time::timeout(SECONDS, asked).await;
    assert!(answered.is_ok(), "the agent does not answer");
}

/// A pipe that takes nothing more, and whoever may read it.
#[cfg(target_os = "linux")]
fn full_pipe() -> (std::io::PipeReader, std::io::PipeWriter) {
    /// What Linux gives a pipe.
    const CAPACITY: usize = 64 * 1024;
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&vec![b'.'; CAPACITY]).unwrap();
    (reader, writer)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn standard_error_that_nobody_reads_stops_nothing() {
    let world = World::builder()
        .products(300)
        .set("log.level", "trace")
        .prepare()
        .await
        .unwrap();
    let (_unread, full) = full_pipe();
    let agent = spawn(&world, full.into());
    answers(&world).await;
    for arguments in [&["capture", "install"][..], &["upload"]] {
        let done = world.ctl(arguments).await.unwrap();
        assert_eq!(done.code, 0, "{done:?}");
    }
    assert_eq!(world.digible.count(), 300);
    signal(agent.id(), "TERM");
    assert_eq!(ended(agent).await, Some(0));
    let log = fs::read_to_string(world.folders().log.join("agent.log")).unwrap();
    assert!(log.trim_end().ends_with("agent stopped"), "{log}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_agent_that_cannot_start_ends_though_nobody_reads_why() {
    let world = World::builder().products(3).start().await.unwrap();
    let (_unread, full) = full_pipe();
    let second = spawn(&world, full.into());
    assert_eq!(ended(second).await, Some(1));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once_with_a_failure() {
    let world = World::builder()
        .products(3)
        .set("digible.timeout", "60s")
        .prepare()
        .await
        .unwrap();
    let agent = spawn(&world, Stdio::null());
    answers(&world).await;
    assert_eq!(world.ctl(&["capture", "install"]).await.unwrap().code, 0);
    world
        .digible
        .inject(Fault::hang(HangEffect::Never).on(Call::Batch));
    let started = world.ctl(&["upload", "--no-wait"]).await.unwrap();
    assert_eq!(started.code, 0, "{started:?}");
    world
        .wait_digible(|digible| digible.counts().batches > 0)
        .await
        .unwrap();
    signal(agent.id(), "TERM");
    logged(&world, "the agent is stopping").await;
    signal(agent.id(), "INT");
    assert_eq!(ended(agent).await, Some(1));
    logged(&world, "second request to stop").await;
}

#[tokio::test]
async fn a_terminal_that_is_closed_does_not_end_it() {
    let world = World::builder().products(3).start().await.unwrap();
    signal(world.agent_id().unwrap(), "HUP");
    logged(&world, "the terminal was closed").await;
    world.install_capture().await.unwrap();
    let run = world.start_run(RunKind::Upload).await.unwrap();
    assert_eq!(world.finished(&run.id).await.unwrap().sent, 3);
}

#[tokio::test]
async fn a_log_that_is_deleted_is_begun_again() {
    let world = World::builder()
        .products(3)
        .set("log.level", "debug")
        .start()
        .await
        .unwrap();
    let path = world.folders().log.join("agent.log");
    logged(&world, "agent started").await;
    fs::remove_file(&path).unwrap();
    // Each sync logs; the file is looked for once a second.
    let come_back = async {
        while !path.exists() {
            assert_eq!(world.ctl(&["pause"]).await.unwrap().code, 0);
            assert_eq!(world.ctl(&["resume"]).await.unwrap().code, 0);
        }
    };
    let come_back = tokio::time::timeout(SECONDS, come_back).await;
    assert!(come_back.is_ok(), "the log is written to unseen");
    // It may have begun in the middle of a change.
    assert_eq!(world.ctl(&["pause"]).await.unwrap().code, 0);
    logged(&world, "a change started").await;
}
