//! The control plane over the real socket.

use std::collections::BTreeSet;

use prost::Message as _;
use shopmaster_harness::world::World;
use shopmaster_proto::{
    Client, Failure,
    v1::{
        CancelRunRequest, ConfigureRequest, DigibleSettings, ExplainRequest, GetRunRequest,
        GetStatusRequest, ListParkedRequest, ListRemovedRequest, ListRunsRequest, PauseRequest,
        ResumeRequest, RetryParkedRequest, RunKind, RunOutcome, RunState, Secrets, Settings,
        ShutdownRequest, StartRunRequest, State, TailLogsRequest, TestConnectionRequest,
        WatchRunRequest, WatchStatusRequest, agent_client::AgentClient, pause_request::End,
    },
};
use shopmaster_standins::digible::{Endpoint as Call, Fault, HangEffect};
use tokio::{net::UnixStream, time::timeout};
use tokio_stream::StreamExt as _;
use tonic::{
    Code,
    transport::{Channel, Endpoint, Uri},
};

use crate::support::{SECONDS, refusal, runs};

/// A formality: the connector knows where to go.
const AGENT: &str = "http://agent";

async fn uploaded(products: usize) -> World {
    let world = World::builder().products(products).start().await.unwrap();
    world.install_capture().await.unwrap();
    world.upload().await.unwrap();
    world
}

/// A channel of the test's own making.
async fn channel(world: &World, endpoint: Endpoint) -> Channel {
    let socket = world.folders().run.join("agent.sock");
    let connector = tower::service_fn(move |_: Uri| {
        let socket = socket.clone();
        async {
            Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(
                UnixStream::connect(socket).await?,
            ))
        }
    });
    endpoint.connect_with_connector(connector).await.unwrap()
}

async fn pause(client: &mut Client) {
    client
        .agent
        .pause(PauseRequest { end: None })
        .await
        .unwrap();
}

async fn resume(client: &mut Client) {
    client.agent.resume(ResumeRequest {}).await.unwrap();
}

#[tokio::test]
async fn watching_begins_with_the_whole_state_and_goes_on_with_each_change() {
    let world = uploaded(3).await;
    let mut client = world.client().unwrap();
    let answer = client
        .agent
        .watch_status(WatchStatusRequest {})
        .await
        .unwrap();
    let mut stream = answer.into_inner();
    let first = stream.message().await.unwrap().unwrap();
    let now = client
        .agent
        .get_status(GetStatusRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first.status, now.status);
    assert!(!first.lagged && !first.status.unwrap().paused);
    let mut sequence = first.sequence;
    for (number, paused) in [true, false, true, false].into_iter().enumerate() {
        if paused {
            pause(&mut client).await;
        } else {
            resume(&mut client).await;
        }
        loop {
            let change = timeout(SECONDS, stream.message())
                .await
                .unwrap()
                .unwrap()
                .unwrap();
            assert!(change.sequence > sequence, "change {number}");
            assert_eq!(change.lagged, change.sequence > sequence + 1);
            sequence = change.sequence;
            if change.status.unwrap().paused == paused {
                break;
            }
        }
    }
}

#[tokio::test]
async fn who_reads_too_slowly_gets_the_newest_state_and_is_told() {
    let world = uploaded(3).await;
    let mut client = world.client().unwrap();
    // It takes a few messages and then no more, until it reads.
    let narrow = Endpoint::from_static(AGENT).initial_stream_window_size(4_096);
    let mut slow = AgentClient::new(channel(&world, narrow).await);
    let answer = slow.watch_status(WatchStatusRequest {}).await.unwrap();
    let mut stream = answer.into_inner();
    let first = stream.message().await.unwrap().unwrap();
    for _ in 0..400 {
        pause(&mut client).await;
        resume(&mut client).await;
    }
    let until = year_2100();
    client
        .agent
        .pause(PauseRequest {
            end: Some(End::Until(until)),
        })
        .await
        .unwrap();
    let (mut read, mut lagged, mut sequence) = (0, 0, first.sequence);
    loop {
        let change = timeout(SECONDS, stream.message())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        read += 1;
        assert!(change.sequence > sequence);
        assert_eq!(change.lagged, change.sequence > sequence + 1);
        lagged += u64::from(change.lagged);
        sequence = change.sequence;
        if change.status.unwrap().paused_until == Some(until) {
            break;
        }
    }
    assert!(sequence >= first.sequence + 801);
    assert!(lagged > 0 && read < 801, "{read} read, {lagged} lagged");
}

fn year_2100() -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: 4_102_444_800,
        nanos: 0,
    }
}

#[tokio::test]
async fn what_later_versions_bring_is_unimplemented_and_nothing_else_is() {
    let world = uploaded(2).await;
    let Client {
        mut agent,
        mut config,
        mut products,
        ..
    } = world.client().unwrap();
    let answers = [(
        "The report",
        agent
            .create_report(CreateReportRequest {})
            .await
            .unwrap_err(),
    )];
    for (what, status) in answers {
        assert_eq!(status.code(), Code::Unimplemented, "{status:?}");
        assert!(status.message().starts_with(what), "{}", status.message());
        assert!(
            status
                .message()
                .ends_with("is not supported by this version")
        );
        assert_eq!(Failure::from(status).code, "UNIMPLEMENTED");
    }
    // Nothing of the refused configurations was kept.
    assert_eq!(world.sync().await.unwrap().outcome(), RunOutcome::Completed);

    use shopmaster_proto::v1::*;
    agent.get_info(GetInfoRequest {}).await.unwrap();
    agent.pause(PauseRequest { end: None }).await.unwrap();
    agent.resume(ResumeRequest {}).await.unwrap();
    config.get_config(GetConfigRequest {}).await.unwrap();
    let checks = config
        .test_connection(TestConnectionRequest {})
        .await
        .unwrap()
        .into_inner();
    let checks: Vec<_> = checks
        .map(|answer| answer.unwrap().check.unwrap())
        .collect()
        .await;
    assert!(
        checks
            .iter()
            .all(|check| check.verdict() != Verdict::Failed),
        "{checks:?}"
    );
    assert_eq!(checks.last().unwrap().name, "digible.login");
    let journal = checks.iter().find(|it| it.name == "journal.integrity");
    assert_eq!(journal.unwrap().verdict(), Verdict::Ok, "{checks:?}");
    config.plan_capture(PlanCaptureRequest {}).await.unwrap();
    config
        .install_capture(InstallCaptureRequest::default())
        .await
        .unwrap();
    config.get_capture(GetCaptureRequest {}).await.unwrap();
    config
        .remove_capture(RemoveCaptureRequest {})
        .await
        .unwrap();
    products
        .explain(ExplainRequest {
            product_id: "P0000001".to_owned(),
            ..ExplainRequest::default()
        })
        .await
        .unwrap();
    products
        .list_parked(ListParkedRequest::default())
        .await
        .unwrap();
    products
        .retry_parked(RetryParkedRequest {
            all: true,
            ..Default::default()
        })
        .await
        .unwrap();
    products
        .discard_parked(DiscardParkedRequest {
            all: true,
            ..Default::default()
        })
        .await
        .unwrap();
    products
        .list_removed(ListRemovedRequest::default())
        .await
        .unwrap();
    products
        .forget_removed(ForgetRemovedRequest {
            all: true,
            ..Default::default()
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn health_and_reflection_answer() {
    use tonic_health::pb::{
        HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
    };
    use tonic_reflection::pb::{
        v1::{
            ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
        },
        v1alpha::{self, server_reflection_client::ServerReflectionClient as OlderClient},
    };

    const SERVICES: [&str; 4] = ["Agent", "Config", "Products", "Runs"];
    let world = World::builder().unconfigured().start().await.unwrap();
    let channel = channel(&world, Endpoint::from_static(AGENT)).await;
    let mut health = HealthClient::new(channel.clone());
    let full = |name: &str| format!("shopmaster.v1.{name}");
    for service in [String::new()].into_iter().chain(SERVICES.map(full)) {
        let answer = health
            .check(HealthCheckRequest {
                service: service.clone(),
            })
            .await;
        let answer = answer.unwrap_or_else(|status| panic!("`{service}`: {status}"));
        // Nothing can be sent by an agent that is not configured.
        let expected = match service.as_str() {
            "shopmaster.v1.Runs" => ServingStatus::NotServing,
            _ => ServingStatus::Serving,
        };
        assert_eq!(answer.into_inner().status(), expected, "`{service}`");
    }
    let list = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::ListServices(String::new()),
        ),
    };
    let older = OlderClient::new(channel.clone())
        .server_reflection_info(tokio_stream::iter([list]))
        .await;
    let answer = older.unwrap().into_inner().message().await.unwrap();
    let Some(v1alpha::server_reflection_response::MessageResponse::ListServicesResponse(listed)) =
        answer.unwrap().message_response
    else {
        panic!("no services are listed");
    };
    let listed = listed.service.into_iter().map(|service| service.name);
    assert!(listed.into_iter().any(|name| name == full("Agent")));
    let mut reflection = ServerReflectionClient::new(channel);
    let request = |message| ServerReflectionRequest {
        host: String::new(),
        message_request: Some(message),
    };
    let requests = tokio_stream::iter([
        request(MessageRequest::ListServices(String::new())),
        request(MessageRequest::FileContainingSymbol(
            "shopmaster.v1.Agent".to_owned(),
        )),
    ]);
    let mut answers = reflection
        .server_reflection_info(requests)
        .await
        .unwrap()
        .into_inner();
    let mut next = async || {
        answers
            .message()
            .await
            .unwrap()
            .unwrap()
            .message_response
            .unwrap()
    };
    let MessageResponse::ListServicesResponse(listed) = next().await else {
        panic!("no services are listed");
    };
    let listed: BTreeSet<_> = listed
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    for service in SERVICES {
        assert!(listed.contains(&full(service)), "{listed:?}");
    }
    assert!(listed.contains("grpc.health.v1.Health"), "{listed:?}");
    let MessageResponse::FileDescriptorResponse(files) = next().await else {
        panic!("no descriptor");
    };
    let file = prost_types::FileDescriptorProto::decode(&*files.file_descriptor_proto[0]).unwrap();
    assert_eq!(file.package(), "shopmaster.v1");
    assert_eq!(file.service[0].method.len(), 8);
}

#[tokio::test]
async fn health_says_whether_products_can_be_sent() {
    use tonic_health::pb::{
        HealthCheckRequest,
        health_check_response::ServingStatus::{NotServing, Serving},
        health_client::HealthClient,
    };
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest,
    };

    let builder = World::builder().products(3);
    // So that the password is the one that it keeps.
    let builder = builder.env("SHOPMASTER_DIGIBLE_PASSWORD", "");
    let world = builder.start().await.unwrap();
    let password = world.digible.settings().password;
    let channel = channel(&world, Endpoint::from_static(AGENT)).await;
    let mut health = HealthClient::new(channel.clone());
    let mut watch = async |service: &str| {
        let service = service.to_owned();
        let answer = health.watch(HealthCheckRequest { service }).await;
        answer.unwrap().into_inner()
    };
    let mut whole = watch("").await;
    let mut runs = watch("shopmaster.v1.Runs").await;
    let mut next = async || {
        let answer = timeout(SECONDS, runs.message()).await.unwrap();
        answer.unwrap().map(|answer| answer.status())
    };
    // Neither is there a password, nor are changes captured.
    assert_eq!(next().await, Some(NotServing));
    let codes = set_password(&world, &password).await;
    assert_eq!(codes, ["CAPTURE_NOT_INSTALLED"]);
    world.install_capture().await.unwrap();
    assert_eq!(next().await, Some(Serving));
    world.upload().await.unwrap();

    // A pause is no failure.
    let mut client = world.client().unwrap();
    pause(&mut client).await;
    let codes = set_password(&world, "wrong").await;
    assert_eq!(codes, ["SESSION_EXPIRED"]);
    assert_eq!(next().await, Some(NotServing));
    resume(&mut client).await;
    set_password(&world, &password).await;
    assert_eq!(next().await, Some(Serving));

    // The end is told, and does not wait for those who watch or keep a stream open.
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let open = tokio_stream::once(request).chain(tokio_stream::pending());
    let reflection = ServerReflectionClient::new(channel)
        .server_reflection_info(open)
        .await;
    let mut reflection = reflection.unwrap().into_inner();
    reflection.message().await.unwrap().unwrap();
    client.agent.shutdown(ShutdownRequest {}).await.unwrap();
    assert_eq!(next().await, Some(NotServing));
    assert_eq!(next().await, None);
    // Cut off, it would be an error.
    let answer = timeout(SECONDS, reflection.message()).await.unwrap();
    assert_eq!(answer.unwrap(), None);
    let of_whole = [Serving, NotServing].map(Some).into_iter().chain([None]);
    for expected in of_whole {
        let answer = timeout(SECONDS, whole.message()).await.unwrap();
        assert_eq!(answer.unwrap().map(|answer| answer.status()), expected);
    }
}

/// Keeps another password of the Digible account, and gives the codes of what is wrong then.
async fn set_password(world: &World, password: &str) -> Vec<String> {
    let mut client = world.client().unwrap();
    let request = ConfigureRequest {
        secrets: Some(Secrets {
            digible_password: Some(password.to_owned()),
            sql_password: None,
        }),
        ..ConfigureRequest::default()
    };
    client.config.configure(request).await.unwrap();
    let checks = client
        .config
        .test_connection(TestConnectionRequest {})
        .await;
    let checks: Vec<_> = checks.unwrap().into_inner().collect().await;
    let codes = checks
        .into_iter()
        .map(|answer| answer.unwrap().check.unwrap().code);
    codes.filter(|code| !code.is_empty()).collect()
}

#[tokio::test]
async fn a_list_goes_on_by_its_own_token_alone() {
    let world = uploaded(3).await;
    let products = ["P0000001", "P0000002", "P0000003"];
    for product in products {
        world.shop.delete(product).unwrap();
    }
    world.sync().await.unwrap();
    let mut client = world.client().unwrap();
    let (mut listed, mut page_token, mut tokens) = (Vec::new(), String::new(), Vec::new());
    loop {
        let request = ListRemovedRequest {
            page_size: 1,
            page_token,
        };
        let page = client
            .products
            .list_removed(request)
            .await
            .unwrap()
            .into_inner();
        listed.extend(page.products.into_iter().map(|product| product.product_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
        tokens.push(page_token.clone());
    }
    assert_eq!(listed, products);
    for page_token in ["x".to_owned(), "tP0000001".to_owned(), tokens.remove(0)] {
        let request = ListParkedRequest {
            page_token,
            ..ListParkedRequest::default()
        };
        let failure = refusal(client.products.list_parked(request).await);
        assert_eq!(failure.code, "INVALID_ARGUMENT");
        assert!(failure.remedy.contains("`next_page_token`"), "{failure:?}");
    }
    let request = ListRemovedRequest {
        page_size: 1,
        page_token: "x".to_owned(),
    };
    let failure = refusal(client.products.list_removed(request).await);
    assert_eq!(failure.code, "INVALID_ARGUMENT");
}

#[tokio::test]
async fn configure_must_name_what_changes() {
    let world = World::builder().products(1).start().await.unwrap();
    let mut config = world.client().unwrap().config;
    let email = || {
        Some(Settings {
            digible: Some(DigibleSettings {
                email: "other@example.com".to_owned(),
                ..DigibleSettings::default()
            }),
            ..Settings::default()
        })
    };
    let secrets = Some(Secrets {
        digible_password: Some("x".to_owned()),
        sql_password: None,
    });
    for request in [
        ConfigureRequest::default(),
        ConfigureRequest {
            settings: email(),
            ..ConfigureRequest::default()
        },
        // The email would be left out without a word.
        ConfigureRequest {
            settings: email(),
            secrets,
            ..ConfigureRequest::default()
        },
        ConfigureRequest {
            settings: email(),
            update_mask: Some(prost_types::FieldMask::default()),
            ..ConfigureRequest::default()
        },
    ] {
        let status = config.configure(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let failure = Failure::from(status);
        assert_eq!(failure.code, "INVALID_ARGUMENT");
        assert!(failure.remedy.contains("`update_mask`"), "{failure:?}");
    }
}

#[tokio::test]
async fn logs_are_given_from_the_past_and_on() {
    let world = uploaded(2).await;
    let mut client = world.client().unwrap();
    let past = TailLogsRequest {
        lines: 1_000,
        follow: false,
    };
    let past = client.agent.tail_logs(past).await.unwrap().into_inner();
    let past: Vec<_> = past.map(|line| line.unwrap().line).collect().await;
    assert!(past[0].contains("agent started"), "{}", past[0]);
    assert!(past.iter().any(|line| line.contains("capture installed")));
    let file = world.folders().log.join("agent.log");
    let written = std::fs::read_to_string(&file);
    assert!(
        written.unwrap_or_default().contains(&past[0]),
        "{}",
        file.display()
    );

    let last = TailLogsRequest {
        lines: 1,
        follow: true,
    };
    let mut lines = client.agent.tail_logs(last).await.unwrap().into_inner();
    let first = lines.message().await.unwrap().unwrap();
    assert_eq!(&first.line, past.last().unwrap());
    world.shop.set_price("P0000001", "3.33").unwrap();
    let run = world.sync().await.unwrap();
    loop {
        let line = timeout(SECONDS, lines.message())
            .await
            .unwrap()
            .unwrap()
            .unwrap()
            .line;
        if line.contains("run ended") {
            assert!(line.contains(&run.id), "{line}");
            break;
        }
    }
}

#[tokio::test]
async fn runs_are_listed_watched_and_cancelled() {
    let world = uploaded(600).await;
    let mut client = world.client().unwrap();
    let first = runs(&world).await;
    assert_eq!(first.len(), 1);
    assert_eq!((first[0].sent, first[0].requests), (600, 3));

    world.digible.clear_requests();
    world
        .digible
        .inject(Fault::hang(HangEffect::AtOnce).on(Call::Batch));
    let going = world.start_run(RunKind::Upload).await.unwrap();
    world
        .wait_digible(|digible| digible.counts().batches > 0)
        .await
        .unwrap();
    let get = GetRunRequest {
        id: going.id.clone(),
    };
    let now = client
        .runs
        .get_run(get.clone())
        .await
        .unwrap()
        .into_inner()
        .run
        .unwrap();
    assert_ne!(now.state(), RunState::Finished);
    assert_eq!((now.finished_at, now.total), (None, 600));
    assert_eq!(runs(&world).await[0].id, going.id);
    // Who asks again joins it.
    let again = StartRunRequest {
        kind: RunKind::Upload.into(),
        from_start: false,
        confirmed: false,
    };
    let again = client.runs.start_run(again).await.unwrap().into_inner();
    assert!(again.joined && again.run.unwrap().id == going.id);

    let cancel = CancelRunRequest {
        id: going.id.clone(),
    };
    let answer = client
        .runs
        .cancel_run(cancel.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.run.unwrap().id, going.id);
    world.digible.clear_faults();
    world.digible.release();
    let ended = world.finished(&going.id).await.unwrap();
    assert_eq!(ended.outcome(), RunOutcome::Cancelled);
    assert!(
        ended.message.contains("`shopmasterctl upload` resumes"),
        "{}",
        ended.message
    );
    let stored = client
        .runs
        .get_run(get)
        .await
        .unwrap()
        .into_inner()
        .run
        .unwrap();
    assert_eq!(stored, ended);
    // Watching one that has ended gives its end, once.
    let watch = WatchRunRequest {
        id: going.id.clone(),
    };
    let mut watch = client.runs.watch_run(watch).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().run.unwrap(), ended);
    assert_eq!(watch.message().await.unwrap(), None);
    let failure = refusal(client.runs.cancel_run(cancel).await);
    assert_eq!(failure.code, "RUN_ENDED");

    let listed = client
        .runs
        .list_runs(ListRunsRequest { limit: 1 })
        .await
        .unwrap();
    assert_eq!(listed.into_inner().runs, [ended]);
}

#[tokio::test]
async fn refusals_have_a_code_a_message_and_a_remedy() {
    let world = uploaded(2).await;
    let Client {
        mut agent,
        mut runs,
        config: _,
        mut products,
        remote: _,
    } = world.client().unwrap();
    let id = || "sync-none".to_owned();
    for failure in [
        refusal(runs.get_run(GetRunRequest { id: id() }).await),
        refusal(runs.cancel_run(CancelRunRequest { id: id() }).await),
        refusal(runs.watch_run(WatchRunRequest { id: id() }).await.map(drop)),
    ] {
        assert_eq!(failure.code, "RUN_NOT_FOUND");
        assert_eq!(failure.message, "Run `sync-none` was not found");
        assert_eq!(failure.remedy, "List the runs with `shopmasterctl runs`");
    }
    let past = PauseRequest {
        end: Some(End::Until(prost_types::Timestamp {
            seconds: 1,
            nanos: 0,
        })),
    };
    let none = PauseRequest {
        end: Some(End::Duration(prost_types::Duration {
            seconds: 0,
            nanos: 0,
        })),
    };
    let endless = PauseRequest {
        end: Some(End::Duration(prost_types::Duration {
            seconds: i64::MAX,
            nanos: 0,
        })),
    };
    let both = RetryParkedRequest {
        product_ids: vec![id()],
        all: true,
        ..RetryParkedRequest::default()
    };
    let unknown = RetryParkedRequest {
        product_ids: vec![id()],
        all: false,
        ..RetryParkedRequest::default()
    };
    for failure in [
        refusal(agent.pause(past).await),
        refusal(agent.pause(none).await),
        refusal(agent.pause(endless).await),
        refusal(
            runs.start_run(StartRunRequest {
                kind: 0,
                from_start: false,
                confirmed: false,
            })
            .await,
        ),
        refusal(
            runs.start_run(StartRunRequest {
                kind: 99,
                from_start: false,
                confirmed: false,
            })
            .await,
        ),
        refusal(
            products
                .explain(ExplainRequest {
                    product_id: String::new(),
                    ..ExplainRequest::default()
                })
                .await,
        ),
        refusal(products.retry_parked(both).await),
    ] {
        assert_eq!(failure.code, "INVALID_ARGUMENT", "{failure}");
        assert!(!failure.message.is_empty() && !failure.remedy.is_empty());
    }
    let failure = refusal(products.retry_parked(unknown).await);
    assert_eq!(failure.code, "PRODUCT_NOT_FOUND");

    agent.pause(PauseRequest { end: None }).await.unwrap();
    let sync = StartRunRequest {
        kind: RunKind::Sync.into(),
        from_start: false,
        confirmed: false,
    };
    let failure = refusal(runs.start_run(sync).await);
    assert_eq!(failure.code, "PAUSED");
    assert_eq!(failure.remedy, "Run `shopmasterctl resume`");
}

#[tokio::test]
async fn two_clients_see_the_same() {
    let world = uploaded(2).await;
    let endpoint = world.endpoint().unwrap();
    let mut one = Client::connect(&endpoint).await.unwrap();
    let mut two = Client::connect(&endpoint).await.unwrap();
    let mut watch = two
        .agent
        .watch_status(WatchStatusRequest {})
        .await
        .unwrap()
        .into_inner();
    pause(&mut one).await;
    loop {
        let change = timeout(SECONDS, watch.message())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        if change.status.unwrap().state() == State::Paused {
            break;
        }
    }
    drop(one);
    resume(&mut two).await;
    let status = two
        .agent
        .get_status(GetStatusRequest {})
        .await
        .unwrap()
        .into_inner()
        .status;
    assert!(!status.unwrap().paused);
}
