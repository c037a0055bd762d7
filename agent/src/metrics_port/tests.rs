use std::net::SocketAddr;

use http::{Request, StatusCode};
use jiff::Timestamp;
use shopmaster_health::{Facts, codes};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Instant,
};

use super::{serve::*, *};

const REQUEST: &str = "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9464\r\n\r\n";

struct Fixture {
    port: MetricsPort,
    status_store: Arc<StatusStore>,
}

impl Fixture {
    fn new() -> Self {
        let status_store = Arc::new(StatusStore::new());
        let metrics = Metrics::new(Arc::clone(&status_store), Timestamp::now());
        let port = MetricsPort::new(
            Arc::new(metrics),
            Arc::clone(&status_store),
            CancellationToken::new(),
            CancellationToken::new(),
        );
        Self { port, status_store }
    }

    /// Waits until the port is shown as this: an issue, or none.
    async fn wait_issue(&self, is_issue: bool) -> Facts {
        let mut snapshots = self.status_store.watch();
        let seen = snapshots.wait_for(|snapshot| {
            codes(&snapshot.facts).any(|code| code == "METRICS_PORT") == is_issue
        });
        seen.await.unwrap().facts.clone()
    }
}

/// An address that nothing listens at.
async fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// Sends this to the port, and gives all that comes back.
async fn exchange(at: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Waits until the port answers.
async fn scrape(at: SocketAddr) -> String {
    while TcpStream::connect(at).await.is_err() {
        tokio::task::yield_now().await;
    }
    exchange(at, REQUEST).await
}

#[test]
fn only_a_get_of_the_metrics_for_this_computer_is_answered() {
    let status = |method: &str, target: &str, hosts: &[&str]| {
        let request = Request::builder().method(method).uri(target);
        let request = hosts
            .iter()
            .fold(request, |request, host| request.header("host", *host));
        let response = answer::answer(&request.body(()).unwrap(), || "text".to_owned());
        response.status().as_u16()
    };
    for host in [
        "127.0.0.1:9464",
        "127.0.0.1",
        "127.1.2.3:80",
        "[::1]:9464",
        "[::1]",
        "localhost:9464",
        "LocalHost",
    ] {
        assert_eq!(status("GET", "/metrics", &[host]), 200, "{host}");
    }
    for hosts in [
        &["shop.example.com"][..],
        &["shop.example.com:9464"],
        &["localhost.example.com"],
        &["127.0.0.1.example.com"],
        &["localhost."],
        &["192.168.1.2:9464"],
        &["0.0.0.0"],
        &["[::]"],
        &["2130706433"],
        &["127.1"],
        &["127.0.0.1@example.com"],
        &[""],
        &[],
        &["localhost", "example.com"],
    ] {
        assert_eq!(status("GET", "/metrics", hosts), 421, "{hosts:?}");
    }
    let rebound = "http://example.com/metrics";
    assert_eq!(status("GET", rebound, &["localhost"]), 421);
    for (method, target, expected) in [
        ("GET", "/metrics?x=1", 200),
        ("GET", "/", 404),
        ("GET", "/metrics/", 404),
        ("POST", "/", 404),
        ("POST", "/metrics", 405),
        ("HEAD", "/metrics", 405),
        ("OPTIONS", "/metrics", 405),
    ] {
        let got = status(method, target, &["localhost"]);
        assert_eq!(got, expected, "{method} {target}");
    }
}

#[test]
fn no_other_site_may_read_an_answer() {
    for (host, origin) in [
        ("localhost", "http://example.com"),
        ("example.com", "http://example.com"),
    ] {
        let request = Request::get("/metrics")
            .header("host", host)
            .header("origin", origin)
            .body(())
            .unwrap();
        let response = answer::answer(&request, String::new);
        let mut names = response.headers().keys();
        assert!(names.all(|name| !name.as_str().starts_with("access-control")));
    }
}

#[tokio::test]
async fn the_port_serves_the_metrics_and_closes_the_connection() {
    let fixture = Fixture::new();
    let at = free().await;
    fixture.port.follow(Some(at)).await;
    let answer = scrape(at).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let content_type = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(answer.contains(content_type), "{answer}");
    assert!(
        answer.contains("\nshopmaster_pending_products 0.0\n"),
        "{answer}"
    );
    assert!(answer.ends_with("# EOF\n"), "{answer}");
    let misled = REQUEST.replace("127.0.0.1", "example.com");
    let refused = exchange(at, &misled).await;
    let status = StatusCode::MISDIRECTED_REQUEST.as_str();
    assert!(
        refused.starts_with(&format!("HTTP/1.1 {status} ")),
        "{refused}"
    );
    assert!(!refused.contains("shopmaster_"), "{refused}");
}

#[tokio::test]
async fn garbage_and_an_endless_head_are_cut_off() {
    let fixture = Fixture::new();
    let at = free().await;
    fixture.port.follow(Some(at)).await;
    scrape(at).await;
    let garbage = exchange(at, "\u{16}\u{3}\u{1}\r\n\r\n").await;
    assert!(!garbage.contains("200 OK"), "{garbage}");
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\n")
        .await
        .unwrap();
    let line = format!("X-Filler: {}\r\n", "x".repeat(1_000));
    let mut lines = 0;
    // Writing fails once the server has closed its end.
    while stream.write_all(line.as_bytes()).await.is_ok() {
        lines += 1;
        assert!(lines < 100_000, "the head has no limit");
    }
    assert!(scrape(at).await.contains("200 OK"));
}

/// The clock moves on whenever nothing else happens.
#[tokio::test(start_paused = true)]
async fn silent_clients_are_cut_off_and_keep_nobody_out_for_long() {
    let fixture = Fixture::new();
    let at = free().await;
    fixture.port.follow(Some(at)).await;
    scrape(at).await;
    let began = Instant::now();
    let mut silent = Vec::new();
    for _ in 0..MOST_CONNECTIONS {
        silent.push(TcpStream::connect(at).await.unwrap());
    }
    assert!(exchange(at, REQUEST).await.contains("200 OK"));
    assert!(
        began.elapsed() <= CONNECTION_TIMEOUT,
        "{:?}",
        began.elapsed()
    );
    for mut stream in silent {
        let mut rest = Vec::new();
        // It was cut off: by an end, or by a reset.
        let _ended = stream.read_to_end(&mut rest).await;
    }
    assert!(HEAD_TIMEOUT < CONNECTION_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_port_that_is_taken_is_an_issue_until_it_is_free() {
    let fixture = Fixture::new();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = taken.local_addr().unwrap();
    fixture.port.follow(Some(at)).await;
    let facts = fixture.wait_issue(true).await;
    let trouble = &facts.troubles[&Area::Metrics];
    assert!(trouble.text.contains(&at.to_string()), "{trouble:?}");
    assert_eq!(trouble.severity, Severity::Warning);
    drop(taken);
    fixture.wait_issue(false).await;
    assert!(scrape(at).await.contains("200 OK"));
}

#[tokio::test]
async fn the_port_moves_closes_and_forgets_its_issue() {
    let fixture = Fixture::new();
    let (first, second) = (free().await, free().await);
    fixture.port.follow(Some(first)).await;
    scrape(first).await;
    fixture.port.follow(Some(second)).await;
    scrape(second).await;
    // It is free at once.
    let taken = TcpListener::bind(first).await.unwrap();
    fixture.port.follow(Some(first)).await;
    fixture.wait_issue(true).await;
    TcpListener::bind(second).await.unwrap();
    fixture.port.follow(None).await;
    assert!(
        codes(&fixture.status_store.facts())
            .next()
            .is_none_or(|code| code != "METRICS_PORT")
    );
    drop(taken);
    assert!(TcpStream::connect(first).await.is_err());
}

#[tokio::test]
async fn the_port_closes_when_the_agent_stops() {
    let fixture = Fixture::new();
    let at = free().await;
    fixture.port.follow(Some(at)).await;
    scrape(at).await;
    fixture.port.ending.cancel();
    let current = fixture.port.current.lock().await.take().unwrap();
    current.task.await.unwrap();
    assert!(TcpStream::connect(at).await.is_err());
}
