//! The agent as a process: one of each instance, closed to others, and an end that comes soon.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, net::UnixStream, process::ExitStatusExt as _},
    path::Path,
    process::{ExitStatus, Stdio},
};

use shopmaster_harness::world::World;
use shopmaster_proto::{
    Client, Endpoint, Folders, InstanceName,
    v1::{
        ConfigureRequest, GetInfoRequest, InstallCaptureRequest, RunCause, RunKind, RunOutcome,
        Secrets, ShutdownRequest, TailLogsRequest, WatchRunRequest, WatchStatusRequest,
    },
};
use shopmaster_standins::digible::{Endpoint as Call, Fault, HangEffect, PASSWORD};
use tokio::{process::Child, time::timeout};

use crate::support::{SECONDS, ctl_with, refusal, runs, wait_up_to_date};

/// An agent that the test itself waits for.
async fn spawn(world: &World, arguments: &[&str]) -> Child {
    let mut command = tokio::process::Command::from(world.agent_command());
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command.spawn().unwrap()
}

/// A client of the agent that listens in these folders, once it does.
async fn connect(folders: &Folders, child: &mut Child) -> Client {
    let endpoint = Endpoint::local(&InstanceName::default(), folders).unwrap();
    let connected = timeout(SECONDS, async {
        loop {
            if let Ok(client) = Client::connect(&endpoint).await {
                return client;
            }
            assert_eq!(child.try_wait().unwrap(), None, "the agent ended");
            tokio::task::yield_now().await;
        }
    });
    connected.await.expect("the agent does not answer")
}

async fn ended(child: &mut Child) -> ExitStatus {
    timeout(SECONDS, child.wait())
        .await
        .expect("the agent goes on")
        .unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn terminate(child: &Child) {
    let id = child.id().unwrap().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-TERM", &id])
        .status();
    assert!(killed.unwrap().success());
}

#[tokio::test]
async fn a_second_agent_of_an_instance_says_so_and_leaves_the_first_alone() {
    let world = World::builder().products(3).start().await.unwrap();
    let second = spawn(&world, &["run", "--headless"]).await;
    let output = timeout(SECONDS, second.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    let id = world.agent_id().unwrap();
    assert_eq!(
        said,
        format!(
            "error: an agent of this instance is already running (process {id}); stop it first, or choose another instance with `--instance`\n"
        )
    );
    world.install_capture().await.unwrap();
    assert_eq!(world.upload().await.unwrap().sent, 3);
}

#[tokio::test]
async fn another_instance_runs_beside_it() {
    let world = World::builder().start().await.unwrap();
    let name: InstanceName = "second".parse().unwrap();
    let folders = Folders::below(world.home(), &name);
    let mut second = spawn(&world, &["--instance", "second"]).await;
    let mut client = connect(&folders, &mut second).await;
    let info = client
        .agent
        .get_info(GetInfoRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (info.instance.as_str(), Some(info.pid)),
        ("second", second.id())
    );
    for path in [&info.config_file, &info.journal_file, &info.log_dir] {
        assert!(path.contains("/second"), "{path}");
    }
    assert_eq!(
        info.endpoints,
        [format!("unix:{}/agent.sock", folders.run.display())]
    );
    let status = world
        .ctl(&["--instance", "second", "status", "--json"])
        .await
        .unwrap();
    assert_eq!(status.json().unwrap()["state"], "unconfigured");
    let first = world.ctl(&["status", "--json"]).await.unwrap();
    assert_ne!(first.json().unwrap()["state"], "unconfigured");
    client.agent.shutdown(ShutdownRequest {}).await.unwrap();
    assert_eq!(ended(&mut second).await.code(), Some(0));
    assert!(world.ctl(&["status"]).await.unwrap().code == 0);
}

#[tokio::test]
async fn a_socket_left_by_a_crash_is_no_obstacle_and_no_agent() {
    let mut world = World::builder().products(3).start().await.unwrap();
    let socket = world.folders().run.join("agent.sock");
    world.kill9();
    assert!(socket.exists(), "nothing was left over");
    assert!(UnixStream::connect(&socket).is_err());
    let status = world.ctl(&["status"]).await.unwrap();
    assert_eq!((status.code, status.stdout.as_str()), (3, ""));
    assert!(
        status
            .stderr
            .contains("hint: start the agent with `shopmaster-agent`"),
        "{}",
        status.stderr
    );
    world.launch().await.unwrap();
    assert_eq!(world.ctl(&["status"]).await.unwrap().code, 0);
    world.stop().await.unwrap();
    assert!(!socket.exists());
}

#[tokio::test]
async fn its_files_are_its_users_alone() {
    let world = World::builder().products(3).start().await.unwrap();
    let client = &mut world.client().unwrap();
    client
        .config
        .configure(with_password(PASSWORD))
        .await
        .unwrap();
    world.upload().await.unwrap();
    let folders = world.folders();
    for folder in [&folders.config, &folders.data, &folders.log, &folders.run] {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    assert_eq!(mode(&folders.run.join("agent.sock")), 0o600);
    assert_eq!(mode(&folders.data.join("secrets.json")), 0o600);
}

fn with_password(password: &str) -> ConfigureRequest {
    ConfigureRequest {
        secrets: Some(Secrets {
            digible_password: Some(password.to_owned()),
            sql_password: Some("sql-hunter2".to_owned()),
        }),
        ..ConfigureRequest::default()
    }
}

#[tokio::test]
async fn no_secret_is_anywhere_but_in_its_store() {
    const PASSWORD: &str = "correct-horse-battery";
    let mut options = shopmaster_standins::digible::SimOptions::default();
    options.settings.password = PASSWORD.to_owned();
    let mut world = World::builder()
        .products(3)
        .digible(options)
        .set("log.level", "trace")
        .unconfigured()
        .prepare()
        .await
        .unwrap();
    // The world's own file has no password either; the agent is told one over standard input.
    world.launch().await.unwrap();
    let lines = format!(
        "catalog.kind = sqlite\ncatalog.path = {}\ncatalog.table = Products\ndigible.email = shop@example.com\n\
         digible.base_url = {}\nsecrets.store = file\nlog.level = trace\nsync.automatic = false\n\
         digible.password = {PASSWORD}\ncatalog.password = sql-hunter2\n",
        world.shop.path().display(),
        world.digible.base_url(),
    );
    let configured = ctl_with(&world, &["configure", "--stdin", "--json"], &lines, &[]).await;
    assert!(configured.status.success(), "{configured:?}");
    world.install_capture().await.unwrap();
    world.digible.revoke_tokens();
    world.upload().await.unwrap();
    // What goes wrong must not tell either.
    world
        .digible
        .configure(|settings| settings.password = "another".to_owned());
    world.digible.revoke_tokens();
    world.shop.set_price("P0000001", "1.00").unwrap();
    world.sync().await.unwrap();

    let secrets = fs::read_to_string(world.folders().data.join("secrets.json")).unwrap();
    let mut needles = vec![PASSWORD.to_owned(), "sql-hunter2".to_owned()];
    let stored: serde_json::Value = serde_json::from_str(&secrets).unwrap();
    collect_texts(&stored, &mut needles);
    assert!(
        needles.len() > 2,
        "the store has nothing to look for: {secrets}"
    );
    needles.retain(|needle| needle.len() > 8);

    let mut said = vec![("configure", format!("{configured:?}"))];
    for arguments in [
        &["status", "--json"][..],
        &["configure", "--show", "--json"],
        &["configure", "--show"],
        &["runs", "--json"],
        &["logs", "--lines", "1000"],
        &["test", "--json"],
    ] {
        said.push((
            arguments[0],
            format!("{:?}", world.ctl(arguments).await.unwrap()),
        ));
    }
    world.stop().await.unwrap();
    let mut files = Vec::new();
    collect_files(world.home(), &mut files);
    assert!(
        files.iter().any(|file| file.ends_with("agent.stderr")),
        "{files:?}"
    );
    for file in files.iter().filter(|file| !file.ends_with("secrets.json")) {
        let bytes = fs::read(file).unwrap();
        for needle in &needles {
            let found = bytes
                .windows(needle.len())
                .any(|part| part == needle.as_bytes());
            assert!(!found, "`{needle}` is in {}", file.display());
        }
    }
    for (what, text) in said {
        for needle in &needles {
            assert!(
                !text.contains(needle.as_str()),
                "`{needle}` is in what `{what}` says"
            );
        }
    }
}

fn collect_texts(value: &serde_json::Value, into: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => into.push(text.clone()),
        serde_json::Value::Object(map) => map.values().for_each(|value| collect_texts(value, into)),
        serde_json::Value::Array(list) => list.iter().for_each(|value| collect_texts(value, into)),
        _ => {}
    }
}

fn collect_files(folder: &Path, into: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            collect_files(&entry.path(), into);
        } else if kind.is_file() {
            into.push(entry.path());
        }
    }
}

/// Opens every kind of stream while an upload hangs, has the agent end, and gives how it did.
async fn end_in_the_middle(end: impl AsyncFnOnce(&mut Client, &Child)) -> (World, ExitStatus) {
    let world = World::builder()
        .products(500)
        .automatic()
        .set("digible.timeout", "2s")
        .prepare()
        .await
        .unwrap();
    let mut child = spawn(&world, &["run"]).await;
    let mut client = connect(world.folders(), &mut child).await;
    let install = InstallCaptureRequest::default();
    client.config.install_capture(install).await.unwrap();
    world
        .digible
        .inject(Fault::hang(HangEffect::Never).on(Call::Batch));
    let request = shopmaster_proto::v1::StartRunRequest {
        kind: RunKind::Upload.into(),
        from_start: false,
        confirmed: false,
    };
    let started = client.runs.start_run(request).await.unwrap().into_inner();
    let id = started.run.unwrap().id;
    let mut status = client
        .agent
        .watch_status(WatchStatusRequest {})
        .await
        .unwrap()
        .into_inner();
    let follow = TailLogsRequest {
        lines: 10,
        follow: true,
    };
    let mut logs = client.agent.tail_logs(follow).await.unwrap().into_inner();
    let mut run = client
        .runs
        .watch_run(WatchRunRequest { id })
        .await
        .unwrap()
        .into_inner();
    assert!(status.message().await.unwrap().is_some());
    assert!(logs.message().await.unwrap().is_some());
    assert!(run.message().await.unwrap().is_some());
    let hangs = world
        .digible
        .wait_for(|digible| digible.counts().batches > 0);
    timeout(SECONDS, hangs).await.unwrap();

    end(&mut client, &child).await;
    let how = ended(&mut child).await;
    timeout(SECONDS, async {
        // Each ends, well or because the connection does.
        while let Ok(Some(_)) = status.message().await {}
        while let Ok(Some(_)) = logs.message().await {}
        while let Ok(Some(_)) = run.message().await {}
    })
    .await
    .expect("a stream goes on");
    (world, how)
}

#[tokio::test]
async fn sigterm_ends_it_in_the_middle_of_everything() {
    let (mut world, how) =
        end_in_the_middle(async |_: &mut Client, child: &Child| terminate(child)).await;
    assert_eq!((how.code(), how.signal()), (Some(0), None));
    assert!(!world.folders().run.join("agent.sock").exists());
    world.digible.clear_faults();
    world.launch().await.unwrap();
    wait_up_to_date(&world).await;
    assert_eq!(world.assert_equal().await.unwrap().equal, 500);
    let runs = runs(&world).await;
    let mut uploads = runs.iter().filter(|run| run.kind() == RunKind::Upload);
    let (resumed, interrupted) = (uploads.next().unwrap(), uploads.next().unwrap());
    assert_eq!(resumed.cause(), RunCause::Resumed);
    assert_eq!(resumed.outcome(), RunOutcome::Completed);
    assert_eq!(interrupted.outcome(), RunOutcome::Interrupted);
    assert_eq!(
        interrupted.message,
        "The agent stopped before the run finished"
    );
}

#[tokio::test]
async fn shutdown_ends_it_in_the_middle_of_everything() {
    let (world, how) = end_in_the_middle(async |client: &mut Client, _: &Child| {
        client.agent.shutdown(ShutdownRequest {}).await.unwrap();
    })
    .await;
    assert_eq!((how.code(), how.signal()), (Some(0), None));
    assert!(!world.folders().run.join("agent.sock").exists());
}

#[tokio::test]
async fn without_a_configuration_it_runs_and_says_what_is_missing() {
    use shopmaster_proto::v1::*;

    let world = World::builder().unconfigured().start().await.unwrap();
    let status = world
        .wait_status(|status| status.state() == State::Unconfigured)
        .await
        .unwrap();
    assert_eq!(
        status.headline,
        "Not configured: run `shopmasterctl configure`"
    );
    let client = world.client().unwrap();
    let Client {
        mut agent,
        mut runs,
        mut config,
        mut products,
        remote: _,
    } = client;
    let id = || "x".to_owned();
    let ids = || vec![id()];
    let sync = StartRunRequest {
        kind: RunKind::Sync.into(),
        from_start: false,
        confirmed: false,
    };
    let explain = ExplainRequest {
        product_id: id(),
        ..ExplainRequest::default()
    };
    let retry = RetryParkedRequest {
        product_ids: ids(),
        all: false,
        ..RetryParkedRequest::default()
    };
    let discard = DiscardParkedRequest {
        product_ids: ids(),
        all: false,
        ..DiscardParkedRequest::default()
    };
    let forget = ForgetRemovedRequest {
        product_ids: ids(),
        all: false,
        ..ForgetRemovedRequest::default()
    };
    let failures = [
        (
            "Pause",
            refusal(agent.pause(PauseRequest { end: None }).await),
        ),
        ("Resume", refusal(agent.resume(ResumeRequest {}).await)),
        ("StartRun", refusal(runs.start_run(sync).await)),
        (
            "WatchRun",
            refusal(runs.watch_run(WatchRunRequest { id: id() }).await.map(drop)),
        ),
        (
            "CancelRun",
            refusal(runs.cancel_run(CancelRunRequest { id: id() }).await),
        ),
        (
            "ListRuns",
            refusal(runs.list_runs(ListRunsRequest { limit: 0 }).await),
        ),
        (
            "GetRun",
            refusal(runs.get_run(GetRunRequest { id: id() }).await),
        ),
        (
            "TestConnection",
            refusal(
                config
                    .test_connection(TestConnectionRequest {})
                    .await
                    .map(drop),
            ),
        ),
        (
            "PlanCapture",
            refusal(config.plan_capture(PlanCaptureRequest {}).await),
        ),
        (
            "InstallCapture",
            refusal(
                config
                    .install_capture(InstallCaptureRequest::default())
                    .await,
            ),
        ),
        (
            "RemoveCapture",
            refusal(config.remove_capture(RemoveCaptureRequest {}).await),
        ),
        (
            "GetCapture",
            refusal(config.get_capture(GetCaptureRequest {}).await),
        ),
        ("Explain", refusal(products.explain(explain).await)),
        (
            "ListParked",
            refusal(products.list_parked(ListParkedRequest::default()).await),
        ),
        ("RetryParked", refusal(products.retry_parked(retry).await)),
        (
            "DiscardParked",
            refusal(products.discard_parked(discard).await),
        ),
        (
            "ListRemoved",
            refusal(products.list_removed(ListRemovedRequest::default()).await),
        ),
        (
            "ForgetRemoved",
            refusal(products.forget_removed(forget).await),
        ),
    ];
    for (call, failure) in failures {
        assert_eq!(failure.code, "UNCONFIGURED", "{call}: {failure:?}");
        assert_eq!(failure.remedy, "Run `shopmasterctl configure`", "{call}");
        assert!(
            failure.message.starts_with("The agent is not configured"),
            "{failure}"
        );
    }
    // What needs no engine answers.
    agent.get_status(GetStatusRequest {}).await.unwrap();
    agent.get_info(GetInfoRequest {}).await.unwrap();
    config.get_config(GetConfigRequest {}).await.unwrap();
}

#[tokio::test]
async fn without_a_password_it_says_that_one_is_missing() {
    use shopmaster_proto::v1::State;

    let mut world = World::builder()
        .products(3)
        .env("SHOPMASTER_DIGIBLE_PASSWORD", "")
        .start()
        .await
        .unwrap();
    let status = world
        .wait_status(|status| status.state() == State::Unconfigured)
        .await
        .unwrap();
    assert_eq!(
        status.issues[0].text,
        "Not configured yet: digible.password"
    );
    let refused = world.ctl(&["upload", "--json"]).await.unwrap();
    assert!(refused.stderr.contains("\"UNCONFIGURED\""), "{refused:?}");
    assert!(refused.stderr.contains("digible.password"), "{refused:?}");
    let client = &mut world.client().unwrap();
    let request = with_password(PASSWORD);
    client.config.configure(request).await.unwrap();
    world.install_capture().await.unwrap();
    assert_eq!(world.upload().await.unwrap().sent, 3);
    world.stop().await.unwrap();
}
