//! The examples in Python, with the real grpcio.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use shopmaster_harness::world::World;
use shopmaster_proto::v1::{Role, RunOutcome};
use shopmaster_standins::needs::PYTHON;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
    time::timeout,
};

use crate::{remote::agent::RemoteAgent, support::SECONDS};

/// A folder with the examples' stubs, and the interpreter that runs them.
struct Python {
    interpreter: PathBuf,
    stubs: tempfile::TempDir,
    address: String,
    environment: Vec<(&'static str, String)>,
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Python {
    /// As `examples/python/README.md` says.
    async fn new(world: &World) -> Self {
        let interpreter =
            env::var_os("SHOPMASTER_TEST_PYTHON").unwrap_or_else(|| panic!("{PYTHON}"));
        let stubs = tempfile::tempdir().unwrap();
        let contract = repository().join("proto");
        let own = std::fs::read_dir(contract.join("shopmaster/v1")).unwrap();
        let files = own.map(|file| file.unwrap().path());
        let mut protoc = Command::new(&interpreter);
        protoc
            .args(["-m", "grpc_tools.protoc", "-I"])
            .arg(&contract);
        for option in ["--python_out", "--grpc_python_out"] {
            protoc.arg(format!("{option}={}", stubs.path().display()));
        }
        let made = protoc.args(files).output().await.unwrap();
        assert!(made.status.success(), "{made:?}");
        Self {
            interpreter: interpreter.into(),
            stubs,
            address: world.endpoint().unwrap().to_string(),
            environment: Vec::new(),
        }
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.interpreter);
        command
            .arg(repository().join("examples/python").join(program))
            .arg(&self.address)
            .args(arguments)
            .env("PYTHONPATH", self.stubs.path())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let run = self.command(program, arguments).output();
        timeout(SECONDS, run).await.unwrap().unwrap()
    }

    /// What a program prints that succeeds.
    async fn prints(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.run(program, arguments).await;
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

#[tokio::test]
#[ignore = "needs Python with what the examples require: set `SHOPMASTER_TEST_PYTHON` to what `.ci/python` prints"]
async fn the_examples_work_over_the_socket() {
    let mut world = World::builder().products(40).start().await.unwrap();
    let python = Python::new(&world).await;

    world
        .wait_status(|status| !status.issues.is_empty())
        .await
        .unwrap();
    let status = python.prints("status.py", &[]).await;
    assert!(status.starts_with("STATE_BROKEN: "), "{status}");
    assert!(status.contains("CAPTURE_NOT_INSTALLED: "), "{status}");
    assert!(
        status.contains("`shopmasterctl capture install`"),
        "{status}"
    );

    world.install_capture().await.unwrap();
    let uploaded = world.upload().await.unwrap();
    assert_eq!(uploaded.outcome(), RunOutcome::Completed);
    let status = python.prints("status.py", &[]).await;
    let expected =
        "STATE_UP_TO_DATE: All 40 products up to date\n0 waiting, 40 published, 0 refused\n";
    assert_eq!(status, expected);

    let mut watch = python.command("watch.py", &[]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
    let mut seen = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut until = async |expected: &str| {
        loop {
            let line = timeout(SECONDS, seen.next_line()).await.unwrap().unwrap();
            let line = line.unwrap_or_else(|| panic!("it ended before `{expected}`"));
            if line.starts_with(expected) {
                return;
            }
        }
    };
    until("All 40 products up to date").await;

    world.shop.set_price("P0000001", "3.33").unwrap();
    let sync = python.prints("sync.py", &[]).await;
    let lines: Vec<_> = sync.lines().collect();
    assert!(lines.contains(&"1 of 1 products"), "{sync}");
    assert!(
        lines
            .last()
            .unwrap()
            .starts_with("RUN_OUTCOME_COMPLETED: 1 sent"),
        "{sync}"
    );
    assert_eq!(world.digible.product("P0000001").unwrap().price, "3.33");

    let paused = python.prints("pause.py", &["30"]).await;
    assert!(paused.starts_with("Paused until "), "{paused}");
    until("Paused until ").await;
    let refused = python.run("sync.py", &[]).await;
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert_eq!(
        said,
        "PAUSED: Sending is paused\nRun `pause.py` without a number\n"
    );
    let resumed = python.prints("pause.py", &[]).await;
    assert_eq!(resumed, "All 40 products up to date\n");

    world.stop().await.unwrap();
    until("The agent has stopped").await;
    let ended = timeout(SECONDS, watch.wait()).await.unwrap().unwrap();
    assert!(ended.success(), "{ended}");
}

#[tokio::test]
#[ignore = "needs Python with what the examples require: set `SHOPMASTER_TEST_PYTHON` to what `.ci/python` prints"]
async fn the_examples_work_over_tls_with_a_token() {
    let agent = RemoteAgent::open().await;
    let mut python = Python::new(&agent.world).await;
    let certificate = agent.ctl(&["remote", "certificate"]).await;
    assert_eq!(certificate.code, 0, "{certificate:?}");
    let file = python.stubs.path().join("shop.pem");
    std::fs::write(&file, certificate.stdout).unwrap();
    let token = agent.token(Role::Viewer, "dashboard").await;
    python.address = agent.at.to_string();
    python.environment = vec![
        (
            "SHOPMASTER_CERTIFICATE",
            file.to_string_lossy().into_owned(),
        ),
        ("SHOPMASTER_TOKEN", token.expose().to_owned()),
    ];
    let status = python.prints("status.py", &[]).await;
    assert!(
        status.starts_with("STATE_UP_TO_DATE: All 3 products"),
        "{status}"
    );
    let refused = python.run("sync.py", &[]).await;
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(
        !refused.status.success() && text.contains("ROLE_TOO_LOW: "),
        "{text}"
    );
}
