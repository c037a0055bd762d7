use std::env;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use shopmaster_product::ProductId;
use tokio::net::TcpListener;
use tokio::sync::{Barrier, Notify};

use super::*;
use crate::test_server::{Request, Response, TestServer};
use crate::token::tests::jwt;
use crate::{Digest, Fate};

mod dead_tokens;
mod observed;

const BODY: &str = r#"{"productName":"Soap","productPrice":"1.00","productId":"P1"}"#;

fn item() -> Item {
    Item {
        id: ProductId::Text("P1".to_owned()),
        body: BODY.as_bytes().into(),
        digest: Digest::of(BODY.as_bytes()),
    }
}

fn options(server: &TestServer) -> DigibleOptions {
    DigibleOptions {
        base_url: server.url.clone(),
        email: "shop@example.com".to_owned(),
        password: Some(SecretString::from("hunter2")),
        token: None,
        timeout: Duration::from_secs(30),
        max_in_flight: 8,
        ca_file: None,
    }
}

fn with_token(server: &TestServer, token: &str) -> DigibleOptions {
    DigibleOptions {
        token: Some(SecretString::from(token)),
        ..options(server)
    }
}

fn client(options: DigibleOptions) -> Digible {
    Digible::new(options, Box::new(|_| {}), Arc::new(()))
}

fn ok() -> Response {
    Response::new(200, "{}")
}

fn granted(token: &str) -> Response {
    Response::new(
        200,
        format!(r#"{{"message":"ok","data":{{"token":"{token}"}}}}"#),
    )
}

/// Logs everyone in with `token` and answers everything else with `response`.
async fn server(token: &'static str, response: Response) -> TestServer {
    TestServer::start(move |request: Request| {
        let response = if request.is_login() {
            granted(token)
        } else {
            response.clone()
        };
        async move { response }
    })
    .await
}

fn http_date(ahead: i64) -> String {
    let now = SystemTime::now();
    let offset = Duration::from_secs(ahead.unsigned_abs());
    httpdate::fmt_http_date(if ahead < 0 {
        now - offset
    } else {
        now + offset
    })
}

fn expiring(seconds: i64) -> String {
    let end = Timestamp::now().as_second() + seconds;
    jwt(&format!(r#"{{"exp": {end}}}"#))
}

fn is_retry(answer: &Answer, expected: Fate) -> bool {
    matches!(answer, Answer::Retry { fate, .. } if *fate == expected)
}

fn reason(answer: &Answer) -> &str {
    match answer {
        Answer::Acknowledged => "",
        Answer::Refused { reason }
        | Answer::Partly { reason, .. }
        | Answer::TooLarge { reason }
        | Answer::Missing { reason }
        | Answer::Broken { reason, .. }
        | Answer::Retry { reason, .. }
        | Answer::Misconfigured { reason }
        | Answer::LoggedOut { reason } => reason,
    }
}

#[tokio::test]
async fn requests_are_the_documented_ones() {
    let server = server("new", ok()).await;
    let kept = Arc::new(Mutex::new(Vec::new()));
    let digible = Digible::new(
        options(&server),
        Box::new({
            let kept = kept.clone();
            move |token| kept.lock().unwrap().push(token.expose_secret().to_owned())
        }),
        Arc::new(()),
    );
    let item = item();
    assert_eq!(digible.session().state, SessionState::Unknown);
    let batch = digible.send_batch(&[&item, &item]).await;
    assert_eq!(batch, Answer::Acknowledged);
    assert_eq!(digible.send_update(&item).await, Answer::Acknowledged);
    assert_eq!(digible.session().state, SessionState::Active);
    assert_eq!(*kept.lock().unwrap(), ["new"]);

    let requests = server.requests();
    let shown: Vec<_> = requests
        .iter()
        .map(|request| {
            (
                request.method.as_str(),
                request.path.as_str(),
                request.token(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("POST", "/account/auth/login", ""),
            ("POST", "/stores/product/sync", "new"),
            ("PUT", "/stores/product/external/update", "new"),
        ]
    );
    assert_eq!(
        requests[0].body,
        r#"{"email":"shop@example.com","password":"hunter2"}"#
    );
    assert_eq!(requests[1].body, format!("[{BODY},{BODY}]"));
    assert_eq!(requests[2].body, BODY);
    for request in &requests {
        assert_eq!(request.header("content-type"), Some("application/json"));
        let agent = request.header("user-agent").unwrap();
        assert!(agent.starts_with("shopmaster/"), "{agent}");
    }
}

#[tokio::test]
async fn fifty_requests_turned_away_at_once_make_one_login() {
    let all = Arc::new(Barrier::new(50));
    let server = TestServer::start(move |request: Request| {
        let all = all.clone();
        async move {
            if request.is_login() {
                return granted("new");
            }
            if request.token() == "new" {
                return ok();
            }
            all.wait().await;
            Response::new(401, "{}")
        }
    })
    .await;
    let digible = client(with_token(&server, "old"));
    let item = item();
    let answers = join_all((0..50).map(|_| digible.send_update(&item))).await;
    assert!(answers.iter().all(|answer| *answer == Answer::Acknowledged));
    assert_eq!(server.logins(), 1);
    assert_eq!(server.requests().len(), 101);
}

#[tokio::test]
async fn a_redirect_gets_nothing() {
    let other = server("stolen", ok()).await;
    let target = other.url.clone();
    let to_other = Response::new(307, "").header("location", target.clone());
    let server = TestServer::start(move |_| {
        let response = to_other.clone();
        async move { response }
    })
    .await;
    let item = item();
    let known = client(with_token(&server, "old"));
    let unknown = client(options(&server));
    for answer in [
        known.send_batch(&[&item]).await,
        known.send_update(&item).await,
        known.log_in().await,
        unknown.send_batch(&[&item]).await,
    ] {
        assert!(matches!(answer, Answer::Misconfigured { .. }), "{answer:?}");
        assert!(reason(&answer).contains(&target), "{answer:?}");
    }
    // A redirect to a login page is one of the ways to tell of a dead token: one login was tried.
    assert_eq!(server.requests().len(), 5);
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn a_refused_login_is_not_repeated_until_asked() {
    let is_right = Arc::new(AtomicBool::new(false));
    let server = TestServer::start({
        let is_right = is_right.clone();
        move |request: Request| {
            let response = match (request.is_login(), is_right.load(Ordering::SeqCst)) {
                (true, true) => granted("new"),
                (true, false) => Response::new(422, r#"{"message":"not hunter2"}"#),
                (false, _) => ok(),
            };
            async move { response }
        }
    })
    .await;
    let digible = client(options(&server));
    let item = item();
    for _ in 0..3 {
        let answer = digible.send_batch(&[&item]).await;
        assert!(matches!(answer, Answer::LoggedOut { .. }), "{answer:?}");
        let reason = reason(&answer);
        assert_eq!(
            reason,
            "Digible does not accept the password: 422: not (hidden)"
        );
    }
    assert_eq!(digible.session().state, SessionState::Refused);
    assert_eq!(server.logins(), 1);

    assert!(matches!(digible.log_in().await, Answer::LoggedOut { .. }));
    assert_eq!(server.logins(), 2);
    is_right.store(true, Ordering::SeqCst);
    assert_eq!(digible.log_in().await, Answer::Acknowledged);
    assert_eq!(digible.send_batch(&[&item]).await, Answer::Acknowledged);
    assert_eq!(server.logins(), 3);
}

#[tokio::test]
async fn every_refusal_of_a_login_counts_but_not_a_delay() {
    for (status, is_final) in [
        (400, true),
        (401, true),
        (403, true),
        (408, false),
        (429, false),
        (500, false),
        (503, false),
        (504, false),
    ] {
        let server = TestServer::start(move |_| async move { Response::new(status, "") }).await;
        let digible = client(options(&server));
        let item = item();
        for _ in 0..2 {
            let answer = digible.send_update(&item).await;
            let expected = match is_final {
                true => matches!(answer, Answer::LoggedOut { .. }),
                false => is_retry(&answer, Fate::NotApplied),
            };
            assert!(expected, "{status}: {answer:?}");
        }
        assert_eq!(server.logins(), if is_final { 1 } else { 2 }, "{status}");
    }
}

#[tokio::test]
async fn a_login_that_is_not_there_says_nothing_of_the_credentials() {
    let server = TestServer::start(move |_| async move { Response::new(404, "") }).await;
    let digible = client(options(&server));
    for logins in [1, 2] {
        let answer = digible.send_update(&item()).await;
        assert!(matches!(answer, Answer::Missing { .. }), "{answer:?}");
        assert_eq!(server.logins(), logins);
    }
    assert_eq!(digible.session().state, SessionState::Unknown);
}

#[tokio::test]
async fn a_login_without_a_token_is_tried_again() {
    for body in ["<html>", "", "{}", r#"{"data":{"token":"a b"}}"#] {
        let server = TestServer::start(move |_| async move { Response::new(200, body) }).await;
        let digible = client(options(&server));
        for _ in 0..2 {
            let answer = digible.log_in().await;
            assert!(is_retry(&answer, Fate::NotApplied), "{answer:?}");
        }
        assert_eq!(server.logins(), 2);
    }
}

#[tokio::test]
async fn whatever_form_a_refused_login_has_its_words_are_shown() {
    for (status, body, is_final) in [
        (419, r#"{"message":"account locked"}"#, true),
        (200, r#"{"success":false,"message":"account locked"}"#, true),
        (200, r#"{"message":"account locked"}"#, false),
        (
            200,
            r#"{"token":"s3cret","message":"account locked"}"#,
            false,
        ),
        (200, "<title>account locked</title>", false),
    ] {
        let server = TestServer::start(move |_| async move { Response::new(status, body) }).await;
        let digible = client(options(&server));
        for _ in 0..2 {
            let answer = digible.send_update(&item()).await;
            assert!(reason(&answer).contains("account locked"), "{answer:?}");
            assert!(!reason(&answer).contains("s3cret"), "{answer:?}");
        }
        assert_eq!(server.logins(), if is_final { 1 } else { 2 }, "{body}");
    }
}

#[tokio::test]
async fn who_asks_for_a_login_during_another_shares_it() {
    let arrived = Arc::new(Notify::new());
    let go_on = Arc::new(Notify::new());
    let server = TestServer::start({
        let (arrived, go_on) = (arrived.clone(), go_on.clone());
        move |request: Request| {
            let (arrived, go_on) = (arrived.clone(), go_on.clone());
            async move {
                if !request.is_login() {
                    return ok();
                }
                arrived.notify_one();
                go_on.notified().await;
                granted("new")
            }
        }
    })
    .await;
    let digible = client(options(&server));
    let item = item();
    let (first, second, third) =
        tokio::join!(digible.log_in(), digible.send_update(&item), async {
            arrived.notified().await;
            // By now this one waits behind the other two, or before the login's answer at least.
            tokio::join!(digible.log_in(), async { go_on.notify_one() }).0
        });
    for answer in [first, second, third] {
        assert_eq!(answer, Answer::Acknowledged);
    }
    assert_eq!(server.logins(), 1);
}

#[tokio::test]
async fn without_credentials_nothing_is_sent() {
    let server = server("new", ok()).await;
    let item = item();
    for (email, password) in [("", Some("x")), ("a@b.c", None), ("a@b.c", Some(""))] {
        let digible = client(DigibleOptions {
            email: email.to_owned(),
            password: password.map(SecretString::from),
            ..options(&server)
        });
        for answer in [digible.log_in().await, digible.send_batch(&[&item]).await] {
            assert!(matches!(answer, Answer::LoggedOut { .. }), "{answer:?}");
            assert!(reason(&answer).contains("`shopmasterctl configure`"));
        }
        assert_eq!(digible.session().state, SessionState::Expired);
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_kept_token_works_without_a_password() {
    let server = server("new", ok()).await;
    let digible = client(DigibleOptions {
        password: None,
        ..with_token(&server, "old")
    });
    let item = item();
    assert!(matches!(digible.log_in().await, Answer::LoggedOut { .. }));
    assert_eq!(digible.send_update(&item).await, Answer::Acknowledged);
    assert_eq!(server.requests()[0].token(), "old");
}

#[tokio::test]
async fn a_token_is_renewed_before_its_end() {
    let server = server("new", ok().header("date", http_date(0))).await;
    let digible = client(with_token(&server, &expiring(30)));
    let item = item();
    // The first answer tells the server's time.
    assert_eq!(digible.send_update(&item).await, Answer::Acknowledged);
    assert_eq!(server.logins(), 0);
    assert_eq!(digible.send_update(&item).await, Answer::Acknowledged);
    assert_eq!(server.logins(), 1);
    assert_eq!(server.requests().last().unwrap().token(), "new");
}

#[tokio::test]
async fn a_wrong_clock_makes_no_login_loop() {
    const HOURS: i64 = 5 * 3600;
    // The server's clock against this computer's, and the token's end by this computer's.
    for (date, end) in [
        (Some(-HOURS), 3600 - HOURS),
        (Some(HOURS), 3600 + HOURS),
        // The server's `Date` and its tokens do not agree.
        (Some(HOURS), 3600),
        (Some(-HOURS), 3600),
        // No `Date` at all.
        (None, 3600 - HOURS),
        (None, 3600 + HOURS),
    ] {
        let token = expiring(end);
        let server = TestServer::start(move |request: Request| {
            let response = match request.is_login() {
                true => granted(&token),
                false => ok(),
            };
            let response = match date {
                Some(ahead) => response.header("date", http_date(ahead)),
                None => response,
            };
            async move { response }
        })
        .await;
        let digible = client(options(&server));
        let item = item();
        for _ in 0..10 {
            assert_eq!(digible.send_update(&item).await, Answer::Acknowledged);
        }
        assert_eq!(server.logins(), 1, "{date:?} {end}");
        assert_eq!(digible.session().state, SessionState::Active, "{date:?}");
    }
}

#[tokio::test]
async fn the_end_is_shown_by_this_computers_clock() {
    let ahead = 5 * 3600;
    let token = expiring(ahead + 3600);
    let server = TestServer::start(move |_| {
        let response = granted(&token).header("date", http_date(ahead));
        async move { response }
    })
    .await;
    let digible = client(options(&server));
    assert_eq!(digible.log_in().await, Answer::Acknowledged);
    let left = digible.session().expires_at.unwrap().as_second() - Timestamp::now().as_second();
    assert!((3000..4200).contains(&left), "{left}");
}

#[tokio::test]
async fn a_new_token_that_is_turned_away_is_no_reason_for_another() {
    let server = server("new", Response::new(401, r#"{"message":"no"}"#)).await;
    let digible = client(with_token(&server, "old"));
    let item = item();
    for _ in 0..3 {
        let answer = digible.send_update(&item).await;
        assert!(matches!(answer, Answer::LoggedOut { .. }), "{answer:?}");
    }
    assert_eq!(server.logins(), 1);
    assert_eq!(server.requests().len(), 3);
    assert_eq!(digible.session().state, SessionState::Expired);
}

#[tokio::test]
async fn forbidden_is_refused_under_a_fresh_token_only() {
    let server = server("new", Response::new(403, r#"{"message":"not yours"}"#)).await;
    let digible = client(with_token(&server, "old"));
    let item = item();
    for _ in 0..3 {
        assert_eq!(
            digible.send_update(&item).await,
            Answer::Refused {
                reason: "403: not yours".to_owned()
            }
        );
    }
    assert_eq!(server.logins(), 1);
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn a_request_without_an_answer_may_still_land() {
    for response in [Response::Hang, Response::Cut, Response::Torn] {
        let server = server("new", response.clone()).await;
        let digible = client(DigibleOptions {
            timeout: Duration::from_millis(300),
            ..with_token(&server, "old")
        });
        let item = item();
        let answer = digible.send_update(&item).await;
        assert!(
            is_retry(&answer, Fate::MayStillLand),
            "{response:?}: {answer:?}"
        );
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_login_without_an_answer_leaves_the_products_alone() {
    let server = TestServer::start(|_| async { Response::Cut }).await;
    let item = item();
    let answer = client(options(&server)).send_update(&item).await;
    assert!(is_retry(&answer, Fate::NotApplied), "{answer:?}");
}

#[tokio::test]
async fn a_refused_connection_applies_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let server = server("new", ok()).await;
    let digible = client(DigibleOptions {
        base_url: format!("http://{address}/v1"),
        ..with_token(&server, "old")
    });
    let item = item();
    let answer = digible.send_batch(&[&item]).await;
    assert!(is_retry(&answer, Fate::NotApplied), "{answer:?}");
    let reason = reason(&answer);
    assert!(reason.contains(&address.to_string()), "{reason}");
    assert!(reason.contains("nothing listens there"), "{reason}");
}

#[tokio::test]
async fn a_page_is_broken_and_an_empty_update_is_fine() {
    let page = server("new", Response::new(200, "<html>Welcome</html>")).await;
    let item = item();
    let answer = client(options(&page)).send_batch(&[&item]).await;
    assert!(matches!(answer, Answer::Broken { .. }), "{answer:?}");

    for status in [200, 204] {
        let empty = server("new", Response::new(status, "")).await;
        let digible = client(options(&empty));
        assert_eq!(digible.send_update(&item).await, Answer::Acknowledged);
        let answer = digible.send_batch(&[&item]).await;
        assert!(matches!(answer, Answer::Broken { .. }), "{answer:?}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_read_to_a_limit() {
    let long = format!("[\"{}\"]", "x".repeat(2 << 20));
    let server = server("new", Response::new(200, long)).await;
    let item = item();
    let answer = client(options(&server)).send_update(&item).await;
    assert!(matches!(answer, Answer::Broken { .. }), "{answer:?}");
    assert!(reason(&answer).len() < 300);
}

#[tokio::test]
async fn both_forms_of_retry_after_are_handed_on() {
    let in_seconds = Response::new(429, "").header("retry-after", "30");
    // By a server that lives five hours in the past.
    let as_date = Response::new(429, "")
        .header("date", "Sun, 06 Nov 1994 08:49:37 GMT")
        .header("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT");
    for response in [in_seconds, as_date] {
        let server = server("new", response).await;
        let item = item();
        let answer = client(options(&server)).send_update(&item).await;
        assert_eq!(
            answer,
            Answer::Retry {
                reason: "429: Too Many Requests".to_owned(),
                wait: Some(Duration::from_secs(30)),
                fate: Fate::NotApplied
            }
        );
    }
}

#[tokio::test]
async fn a_dropped_login_is_made_by_the_next_request() {
    let arrived = Arc::new(Notify::new());
    let logins = Arc::new(AtomicUsize::new(0));
    let server = TestServer::start({
        let arrived = arrived.clone();
        move |request: Request| {
            let is_first = request.is_login() && logins.fetch_add(1, Ordering::SeqCst) == 0;
            if is_first {
                arrived.notify_one();
            }
            async move {
                match (request.is_login(), is_first) {
                    (true, true) => Response::Hang,
                    (true, false) => granted("new"),
                    (false, _) => ok(),
                }
            }
        }
    })
    .await;
    let digible = Arc::new(client(options(&server)));
    let dropped = tokio::spawn({
        let digible = digible.clone();
        async move { digible.send_update(&item()).await }
    });
    arrived.notified().await;
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());

    assert_eq!(digible.send_update(&item()).await, Answer::Acknowledged);
    assert_eq!(server.logins(), 2);
}

#[tokio::test]
async fn what_cannot_work_says_so_at_every_call() {
    let server = server("new", ok()).await;
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage.pem");
    std::fs::write(&garbage, "not a certificate").unwrap();
    let with_base = |base_url: &str| DigibleOptions {
        base_url: base_url.to_owned(),
        ..options(&server)
    };
    let with_ca = |path| DigibleOptions {
        ca_file: Some(path),
        ..options(&server)
    };
    let item = item();
    for (options, part) in [
        (with_base(""), "`digible.base_url`"),
        (with_base("http://digible.example/v1"), "`https`"),
        (with_ca(folder.path().join("none.pem")), "none.pem"),
        (with_ca(garbage), "garbage.pem"),
    ] {
        let digible = client(options);
        for answer in [
            digible.log_in().await,
            digible.send_batch(&[&item]).await,
            digible.send_update(&item).await,
        ] {
            assert!(matches!(answer, Answer::Misconfigured { .. }), "{answer:?}");
            assert!(reason(&answer).contains(part), "{answer:?}");
        }
        assert_eq!(digible.session().state, SessionState::Unknown);
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn nothing_prints_a_secret() {
    let server = server("s3cret", ok()).await;
    let options = with_token(&server, "0ld");
    let shown = format!("{options:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("0ld"),
        "{shown}"
    );
    let digible = client(options);
    assert_eq!(digible.log_in().await, Answer::Acknowledged);
    let shown = format!("{digible:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("s3cret"),
        "{shown}"
    );
}

/// In a process of its own, because the environment belongs to all tests.
#[test]
fn loopback_needs_neither_proxy_nor_certificates() {
    let name = "client::tests::loopback_on_an_odd_computer";
    let output = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", name])
        .envs(["http_proxy", "HTTP_PROXY", "all_proxy"].map(|key| (key, "http://127.0.0.1:1")))
        .envs(["SSL_CERT_FILE", "SSL_CERT_DIR"].map(|key| (key, "/no/certificates")))
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("1 passed"), "{shown}");
}

#[tokio::test]
#[ignore = "started by `loopback_needs_neither_proxy_nor_certificates`"]
async fn loopback_on_an_odd_computer() {
    assert!(env::var_os("http_proxy").is_some());
    let server = server("new", ok()).await;
    let item = item();
    let answer = client(options(&server)).send_update(&item).await;
    assert_eq!(answer, Answer::Acknowledged);
}
