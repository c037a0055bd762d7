//! What several topics need.

use std::{
    net::{SocketAddr, TcpListener},
    process::{Output, Stdio},
    time::Duration,
};

use shopmaster_harness::world::{ShopKind, World};
use shopmaster_proto::{
    Failure,
    v1::{Issue, ListRunsRequest, Run, State, Status},
};
use tokio::io::AsyncWriteExt as _;

/// How long a process or a stream may take to end: far more than it does.
pub const SECONDS: Duration = Duration::from_secs(20);

/// Whether this program runs the tests over TDS.
pub fn is_over_tds() -> bool {
    ShopKind::of_this_program() == ShopKind::SqlServer
}

/// An address that nothing listens at.
pub fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// The issue with this code.
pub fn issue<'a>(status: &'a Status, code: &str) -> Option<&'a Issue> {
    status.issues.iter().find(|issue| issue.code == code)
}

/// The codes of all issues, worst first.
pub fn codes(status: &Status) -> Vec<&str> {
    status
        .issues
        .iter()
        .map(|issue| issue.code.as_str())
        .collect()
}

/// Waits until an issue is there, and asserts that it says what is wrong and what to do.
pub async fn wait_issue(world: &World, code: &str) -> Issue {
    let status = world
        .wait_status(|status| issue(status, code).is_some())
        .await
        .unwrap();
    let issue = issue(&status, code).unwrap().clone();
    assert!(
        !issue.text.is_empty() && !issue.remedy.is_empty(),
        "{issue:?}"
    );
    assert!(issue.since.is_some(), "{issue:?}");
    issue
}

/// Waits until nothing is left to do and everything was uploaded; products that are gone from the shop, or
/// dismissed, may be listed.
pub async fn wait_up_to_date(world: &World) -> Status {
    world
        .wait_status(|status| {
            let is_listed = status.removed + status.dismissed > 0;
            let is_done = status.pending == 0 && status.in_doubt == 0 && status.issues.is_empty();
            let is_amber = status.state() == State::Attention;
            status.state() == State::UpToDate || (is_amber && is_listed && is_done)
        })
        .await
        .unwrap()
}

/// Syncs until nothing waits to be confirmed: a journal that was lost may have had requests in flight.
pub async fn confirm(world: &World) {
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        let run = world.sync().await.unwrap();
        let status = world.wait_status(|_| true).await.unwrap();
        if status.in_doubt == 0 {
            return;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "{run:?} leaves {status:?}"
        );
    }
}

/// The failure of a refused call.
pub fn refusal<T: std::fmt::Debug>(answer: Result<T, tonic::Status>) -> Failure {
    answer.unwrap_err().into()
}

/// All runs, newest first.
pub async fn runs(world: &World) -> Vec<Run> {
    let mut client = world.client().unwrap();
    let answer = client.runs.list_runs(ListRunsRequest { limit: 0 }).await;
    answer.unwrap().into_inner().runs
}

/// Runs `shopmasterctl` with something on its standard input and in its environment.
pub async fn ctl_with(
    world: &World,
    arguments: &[&str],
    stdin: &str,
    environment: &[(&str, &str)],
) -> Output {
    let mut command = tokio::process::Command::from(world.ctl_command());
    command
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    // It may end before it reads: what it says then is the point of the test.
    let _ = pipe.write_all(stdin.as_bytes()).await;
    drop(pipe);
    tokio::time::timeout(SECONDS, child.wait_with_output())
        .await
        .unwrap()
        .unwrap()
}
