//! Clients that leave in the middle of a call that changes something: it runs to its end all the same.

use std::path::Path;

use rusqlite::Connection;
use shopmaster_harness::world::World;
use shopmaster_proto::{
    Client,
    v1::{
        ConfigureRequest, DiscardParkedRequest, ForgetRemovedRequest, GetConfigRequest,
        InstallCaptureRequest, RemoveCaptureRequest, RetryParkedRequest, RunKind, RunOutcome,
        Settings, State, SyncSettings, TailLogsRequest, TailLogsResponse, TestConnectionRequest,
    },
};
use shopmaster_standins::digible::{Endpoint, Fault, HangEffect};
use tokio::time::timeout;
use tonic::Streaming;

use crate::support::{SECONDS, wait_up_to_date};

/// What the agent logs from here on.
struct Log(Streaming<TailLogsResponse>);

impl Log {
    async fn follow(world: &World) -> Self {
        let request = TailLogsRequest {
            lines: 0,
            follow: true,
        };
        let mut client = world.client().unwrap();
        Self(client.agent.tail_logs(request).await.unwrap().into_inner())
    }

    /// Waits for a line with all of these parts.
    async fn wait(&mut self, parts: &[&str]) {
        let found = async {
            while let Some(message) = self.0.message().await.unwrap() {
                if parts.iter().all(|part| message.line.contains(part)) {
                    return true;
                }
            }
            false
        };
        let found = timeout(SECONDS, found).await;
        assert_eq!(found, Ok(true), "{parts:?} was not logged");
    }
}

/// Calls, leaves while the agent is in the middle of it, takes the obstacle away, and waits for the end of
/// the call.
async fn leave<F>(world: &World, path: &str, call: impl FnOnce(Client) -> F, release: impl FnOnce())
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut log = Log::follow(world).await;
    let client = Client::connect(&world.endpoint().unwrap()).await.unwrap();
    let call = tokio::spawn(call(client));
    log.wait(&["a change started", path]).await;
    call.abort();
    log.wait(&["the client disconnected", path]).await;
    release();
    log.wait(&["a change ended", path]).await;
}

async fn debugging(products: usize) -> World {
    let world = World::builder()
        .products(products)
        .set("log.level", "debug")
        .set("digible.timeout", "60s")
        .start()
        .await
        .unwrap();
    world.install_capture().await.unwrap();
    world.upload().await.unwrap();
    world
}

/// Keeps everybody else from writing to a database.
fn lock(path: &Path) -> impl FnOnce() + use<> {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    move || drop(connection)
}

#[tokio::test]
async fn a_client_that_leaves_a_change_of_the_configuration_leaves_an_engine() {
    let world = debugging(10).await;
    wait_up_to_date(&world).await;
    world
        .digible
        .inject(Fault::hang(HangEffect::AtOnce).on(Endpoint::Update).once());
    world.shop.set_price("P0000001", "1.00").unwrap();
    let run = world.start_run(RunKind::Sync).await.unwrap();
    world
        .wait_digible(|digible| digible.counts().updates > 0)
        .await
        .unwrap();
    let request = ConfigureRequest {
        settings: Some(Settings {
            sync: Some(SyncSettings {
                interval: Some(prost_types::Duration {
                    seconds: 77,
                    nanos: 0,
                }),
                ..SyncSettings::default()
            }),
            ..Settings::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["sync.interval".to_owned()],
        }),
        ..ConfigureRequest::default()
    };
    leave(
        &world,
        "Config/Configure",
        async |mut client: Client| drop(client.config.configure(request).await),
        || {
            world.digible.release();
        },
    )
    .await;
    let mut client = world.client().unwrap();
    let config = client.config.get_config(GetConfigRequest {}).await.unwrap();
    let settings = config.into_inner().settings.unwrap();
    assert_eq!(settings.sync.unwrap().interval.unwrap().seconds, 77);
    assert!(
        matches!(
            world.finished(&run.id).await.unwrap().outcome(),
            RunOutcome::Completed | RunOutcome::Interrupted
        ),
        "the run was not recorded"
    );
    world.sync().await.unwrap();
    wait_up_to_date(&world).await;
    assert_eq!(world.assert_equal().await.unwrap().equal, 10);
}

#[tokio::test]
async fn without_an_engine_nothing_is_green_and_a_run_waits_for_the_next_one() {
    let world = debugging(10).await;
    wait_up_to_date(&world).await;
    // A login that nobody gives up: the engine before cannot end.
    world
        .digible
        .inject(Fault::hang(HangEffect::AtOnce).on(Endpoint::Update).once());
    world.shop.set_price("P0000001", "1.00").unwrap();
    world.start_run(RunKind::Sync).await.unwrap();
    world
        .wait_digible(|digible| digible.counts().updates > 0)
        .await
        .unwrap();
    let mut log = Log::follow(&world).await;
    let configure = async {
        let done = world
            .ctl(&["configure", "--interval", "77s"])
            .await
            .unwrap();
        assert_eq!(done.code, 0, "{done:?}");
    };
    let sync = async {
        log.wait(&["a change started", "Config/Configure"]).await;
        // It does not stand still as it was.
        world
            .wait_status(|status| status.state() != State::UpToDate)
            .await
            .unwrap();
        let (run, ()) = tokio::join!(world.start_run(RunKind::Sync), async {
            log.wait(&["a change started", "Runs/StartRun"]).await;
            world.digible.release();
        });
        // Not "the agent is stopping": the next engine has taken it.
        assert_eq!(run.unwrap().kind(), RunKind::Sync);
    };
    tokio::join!(configure, sync);
    wait_up_to_date(&world).await;
}

#[tokio::test]
async fn clients_that_leave_while_capture_is_installed_or_removed() {
    let world = debugging(3).await;
    let is_captured = async || {
        let told = world.ctl(&["capture", "status", "--json"]).await.unwrap();
        told.json().unwrap()["state"] == "installed"
    };
    leave(
        &world,
        "Config/RemoveCapture",
        async |mut client: Client| {
            drop(client.config.remove_capture(RemoveCaptureRequest {}).await);
        },
        lock(world.shop.path()),
    )
    .await;
    assert!(!is_captured().await);
    leave(
        &world,
        "Config/InstallCapture",
        async |mut client: Client| {
            drop(
                client
                    .config
                    .install_capture(InstallCaptureRequest::default())
                    .await,
            );
        },
        lock(world.shop.path()),
    )
    .await;
    assert!(is_captured().await);
}

#[tokio::test]
async fn clients_that_leave_while_the_lists_are_changed() {
    let world = debugging(6).await;
    let journal = world.folders().data.join("journal.sqlite");
    let poison = Fault::poison(400, ["P0000001", "P0000002"]);
    world.digible.inject(poison);
    for key in ["P0000001", "P0000002", "P0000003"] {
        world.shop.set_price(key, "7.00").unwrap();
    }
    world.shop.delete("P0000004").unwrap();
    world.sync().await.unwrap();
    let counts = async || {
        let status = world.wait_status(|_| true).await.unwrap();
        (status.parked, status.removed)
    };
    assert_eq!(counts().await, (2, 1));
    leave(
        &world,
        "Products/ForgetRemoved",
        async |mut client: Client| {
            let request = ForgetRemovedRequest {
                all: true,
                ..ForgetRemovedRequest::default()
            };
            drop(client.products.forget_removed(request).await);
        },
        lock(&journal),
    )
    .await;
    assert_eq!(counts().await, (2, 0));
    leave(
        &world,
        "Products/DiscardParked",
        async |mut client: Client| {
            let request = DiscardParkedRequest {
                product_ids: vec!["P0000001".to_owned()],
                all: false,
                ..DiscardParkedRequest::default()
            };
            drop(client.products.discard_parked(request).await);
        },
        lock(&journal),
    )
    .await;
    assert_eq!(counts().await.0, 1);
    world.digible.clear_faults();
    leave(
        &world,
        "Products/RetryParked",
        async |mut client: Client| {
            let request = RetryParkedRequest {
                product_ids: vec!["P0000002".to_owned()],
                all: false,
                ..RetryParkedRequest::default()
            };
            drop(client.products.retry_parked(request).await);
        },
        lock(&journal),
    )
    .await;
    world.sync().await.unwrap();
    assert_eq!(counts().await.0, 0);
}

#[tokio::test]
async fn a_client_that_leaves_a_test_of_the_connections_disturbs_nothing() {
    let world = debugging(3).await;
    world
        .digible
        .inject(Fault::hang(HangEffect::Never).on(Endpoint::Login).once());
    let logins = world.digible.counts().logins;
    let mut client = world.client().unwrap();
    let answer = client
        .config
        .test_connection(TestConnectionRequest {})
        .await;
    let mut checks = answer.unwrap().into_inner();
    assert!(checks.message().await.unwrap().is_some());
    world
        .wait_digible(|digible| digible.counts().logins > logins)
        .await
        .unwrap();
    drop(checks);
    world.shop.set_price("P0000001", "1.00").unwrap();
    assert_eq!(world.sync().await.unwrap().sent, 1);
    wait_up_to_date(&world).await;
}
