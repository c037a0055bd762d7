//! What Prometheus reads.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
};

use shopmaster_harness::world::World;
use shopmaster_proto::v1::RunKind;
use shopmaster_standins::digible::{Endpoint, Fault, HangEffect};

use crate::support::{free, wait_issue, wait_up_to_date};

/// What the agent serves at this address; none when it does not listen there.
fn scrape(at: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(at).ok()?;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {at}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    Some(answer)
}

/// The value of one sample.
fn value(scrape: &str, sample: &str) -> f64 {
    let mut lines = scrape.lines();
    let value = lines.find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    let value = value.unwrap_or_else(|| panic!("no {sample} in\n{scrape}"));
    value.parse().unwrap()
}

async fn configure(world: &World, listen: &str) -> (i32, String) {
    let arguments = ["configure", "--json", "--metrics-listen", listen];
    let output = world.ctl(&arguments).await.unwrap();
    (output.code, output.stderr)
}

#[tokio::test]
async fn the_metrics_are_those_of_the_status_and_outlive_a_change_of_the_configuration() {
    let at = free();
    let world = World::builder()
        .set("metrics.listen", at.to_string())
        .set("digible.timeout", "30s");
    let world = world.start().await.unwrap();
    world.install_capture().await.unwrap();
    world.upload().await.unwrap();
    world.shop.set_price("P0000007", "7.77").unwrap();
    // The agent compares the clocks while the request is in progress.
    let hang = Fault::hang(HangEffect::AtOnce);
    world.digible.inject(hang.on(Endpoint::Update).once());
    let run = world.start_run(RunKind::Sync).await.unwrap();
    world
        .wait_digible(|digible| digible.counts().updates == 1)
        .await
        .unwrap();
    world
        .wait_status(|status| status.pending == 1)
        .await
        .unwrap();
    world.digible.release();
    world.finished(&run.id).await.unwrap();
    world.verify().await.unwrap();
    let status = wait_up_to_date(&world).await;
    let text = scrape(at).unwrap();
    for (sample, expected) in [
        ("shopmaster_published_products", status.published),
        ("shopmaster_pending_products", status.pending),
        ("shopmaster_refused_products", status.parked),
        ("shopmaster_state{state=\"up_to_date\"}", 1),
        ("shopmaster_capture_state{state=\"installed\"}", 1),
        (
            "shopmaster_runs_total{kind=\"sync\",outcome=\"completed\"}",
            1,
        ),
        (
            "shopmaster_digible_requests_total{endpoint=\"update\",outcome=\"accepted\"}",
            1,
        ),
        ("shopmaster_change_to_cloud_seconds_count", 1),
        ("shopmaster_last_verify_differing_products", 0),
    ] {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let expected = expected as f64;
        assert_eq!(value(&text, sample), expected, "{sample}");
    }
    // A counter that began again with each engine would lose what happened in between.
    let output = world
        .ctl(&["configure", "--json", "--interval", "3m"])
        .await;
    assert_eq!(output.unwrap().code, 0);
    world.sync().await.unwrap();
    let text = scrape(at).unwrap();
    let syncs = "shopmaster_runs_total{kind=\"sync\",outcome=\"completed\"}";
    assert_eq!(value(&text, syncs), 2.0);
    for secret in [&world.digible.settings().email, "P0000007", "127.0.0.1"] {
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(!body.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn the_port_follows_the_configuration_without_a_restart() {
    let world = World::builder().start().await.unwrap();
    let (first, second) = (free(), free());
    let (code, said) = configure(&world, "0.0.0.0:9464").await;
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("loopback") && said.contains("remote.listen"),
        "{said}"
    );
    let wait = async |at| {
        let sample = "shopmaster_build_info";
        let open = async {
            while scrape(at).is_none_or(|text| !text.contains(sample)) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(crate::support::SECONDS, open)
            .await
            .unwrap();
    };
    assert_eq!(configure(&world, &first.to_string()).await.0, 0);
    wait(first).await;
    assert_eq!(configure(&world, &second.to_string()).await.0, 0);
    wait(second).await;
    assert_eq!(scrape(first), None);
    assert_eq!(configure(&world, "").await.0, 0);
    assert_eq!(scrape(second), None);
}

#[tokio::test]
async fn a_port_that_is_taken_stops_nothing_else() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let world = World::builder().set("metrics.listen", at.as_str());
    let world = world.start().await.unwrap();
    world.install_capture().await.unwrap();
    let issue = wait_issue(&world, "METRICS_PORT").await;
    assert!(issue.text.contains(&at), "{issue:?}");
    world.upload().await.unwrap();
    world.shop.set_price("P0000007", "7.77").unwrap();
    assert_eq!(world.sync().await.unwrap().sent, 1);
    world.assert_equal().await.unwrap();
    // It outlives a change of the configuration, and ends with the setting.
    let output = world
        .ctl(&["configure", "--json", "--interval", "3m"])
        .await;
    assert_eq!(output.unwrap().code, 0);
    wait_issue(&world, "METRICS_PORT").await;
    assert_eq!(configure(&world, "").await.0, 0);
    wait_up_to_date(&world).await;
}
