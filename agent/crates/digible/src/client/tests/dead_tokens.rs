//! A token that is no longer good is told in many forms: before anything is reported under a token
//! that nothing speaks for, there is one login and one try.

use super::*;

const REFUSED: &str = r#"{"success":false,"message":"no"}"#;

/// Answers as `dead` says under any token but `new`.
async fn expired(dead: Response) -> TestServer {
    TestServer::start(move |request: Request| {
        let response = match (request.is_login(), request.token()) {
            (true, _) => granted("new"),
            (false, "new") => ok(),
            (false, _) => dead.clone(),
        };
        async move { response }
    })
    .await
}

#[tokio::test]
async fn one_that_is_told_with_any_number_is_renewed() {
    for status in [
        200, 301, 302, 400, 401, 403, 404, 405, 410, 419, 422, 440, 498, 499,
    ] {
        let server = expired(Response::new(status, REFUSED)).await;
        let item = item();
        for is_batch in [false, true] {
            let digible = client(with_token(&server, "old"));
            let answer = match is_batch {
                true => digible.send_batch(&[&item]).await,
                false => digible.send_update(&item).await,
            };
            assert_eq!(answer, Answer::Acknowledged, "{status}");
        }
        assert_eq!(
            (server.logins(), server.requests().len()),
            (2, 6),
            "{status}"
        );
    }
}

/// What may have been applied is not sent again behind the engine's back.
#[tokio::test]
async fn one_that_is_told_like_a_fault_is_renewed_for_the_next_request() {
    for (response, fate) in [
        (Response::new(500, "{}"), Fate::Unknown),
        (Response::new(503, "{}"), Fate::MayStillLand),
        (Response::new(200, "<html>Sign in"), Fate::MayStillLand),
    ] {
        let server = expired(response).await;
        let digible = client(with_token(&server, "old"));
        let item = item();
        let first = digible.send_update(&item).await;
        match &first {
            Answer::Broken { fate: told, .. } | Answer::Retry { fate: told, .. } => {
                assert_eq!(*told, fate, "{first:?}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(digible.send_update(&item).await, Answer::Acknowledged);
        assert_eq!((server.logins(), server.requests().len()), (1, 3));
    }
}

#[tokio::test]
async fn what_is_refused_under_a_new_token_too_is_refused() {
    for status in [200, 400, 404, 419, 500, 503] {
        let server = server("new", Response::new(status, REFUSED)).await;
        let digible = client(with_token(&server, "old"));
        let item = item();
        for _ in 0..20 {
            let answer = digible.send_update(&item).await;
            assert!(reason(&answer).contains("no"), "{answer:?}");
        }
        assert_eq!(server.logins(), 1, "{status}");
    }
}

#[tokio::test]
async fn many_refusals_at_once_make_one_login() {
    let all = Arc::new(Barrier::new(50));
    let server = TestServer::start(move |request: Request| {
        let all = all.clone();
        async move {
            match (request.is_login(), request.token()) {
                (true, _) => granted("new"),
                (false, "new") => ok(),
                (false, _) => {
                    all.wait().await;
                    Response::new(400, REFUSED)
                }
            }
        }
    })
    .await;
    let digible = client(with_token(&server, "old"));
    let item = item();
    let answers = join_all((0..50).map(|_| digible.send_update(&item))).await;
    let passed = answers
        .iter()
        .filter(|answer| **answer == Answer::Acknowledged);
    assert_eq!((passed.count(), server.logins()), (50, 1));
}

/// Refuses what is sent to a path with `poisoned` in it while `is_on`, but not under one token.
async fn poisoned(
    poisoned: &'static str,
    refusal: &'static str,
    is_on: &Arc<AtomicBool>,
    passes_under: &'static str,
) -> TestServer {
    let is_on = is_on.clone();
    TestServer::start(move |request: Request| {
        let is_refused = is_on.load(Ordering::SeqCst)
            && request.path.contains(poisoned)
            && request.token() != passes_under;
        let response = match (request.is_login(), is_refused) {
            (true, _) => granted("new"),
            (false, true) => Response::new(400, refusal),
            (false, false) => ok(),
        };
        async move { response }
    })
    .await
}

#[tokio::test]
async fn a_product_that_is_refused_under_a_token_that_works_makes_no_login() {
    let item = item();
    for path in ["update", "sync"] {
        let on = Arc::new(AtomicBool::new(true));
        let server = poisoned(path, REFUSED, &on, "none").await;
        let digible = client(with_token(&server, "old"));
        for _ in 0..20 {
            let (passed, refused) = match path {
                "update" => {
                    let passed = digible.send_batch(&[&item]).await;
                    (passed, digible.send_update(&item).await)
                }
                _ => {
                    let passed = digible.send_update(&item).await;
                    (passed, digible.send_batch(&[&item]).await)
                }
            };
            assert_eq!(passed, Answer::Acknowledged);
            assert!(matches!(refused, Answer::Refused { .. }), "{refused:?}");
        }
        assert_eq!(server.logins(), 0, "{path}");
    }
}

#[tokio::test]
async fn products_that_are_refused_in_a_row_make_one_login() {
    let on = Arc::new(AtomicBool::new(false));
    let server = poisoned("sync", REFUSED, &on, "none").await;
    let digible = client(with_token(&server, "old"));
    let item = item();
    assert_eq!(digible.send_batch(&[&item]).await, Answer::Acknowledged);
    on.store(true, Ordering::SeqCst);
    for _ in 0..20 {
        let answer = digible.send_batch(&[&item]).await;
        assert!(matches!(answer, Answer::Refused { .. }), "{answer:?}");
    }
    assert_eq!(server.logins(), 1);
}

/// What was refused under a token that had ended must not be set aside because the next one passes.
#[tokio::test]
async fn one_that_ends_right_after_an_acknowledgement_proves_nothing_against_products() {
    let on = Arc::new(AtomicBool::new(false));
    let server = poisoned("stores", REFUSED, &on, "new").await;
    let digible = client(with_token(&server, "old"));
    let item = item();
    assert_eq!(digible.send_batch(&[&item]).await, Answer::Acknowledged);
    on.store(true, Ordering::SeqCst);
    for answer in [
        digible.send_update(&item).await,
        digible.send_batch(&[&item]).await,
    ] {
        assert!(matches!(answer, Answer::Refused { .. }), "{answer:?}");
    }
    let canary = digible.send_batch(&[&item]).await;
    assert!(is_retry(&canary, Fate::Unknown), "{canary:?}");
    assert_eq!(digible.send_batch(&[&item]).await, Answer::Acknowledged);
    assert_eq!(server.logins(), 1);
}

#[tokio::test]
async fn one_that_is_told_in_words_is_renewed_at_once() {
    for words in [
        r#"{"message":"jwt malformed"}"#,
        r#"{"message":"Session has ended"}"#,
        r#"{"success":false,"message":"Please log in"}"#,
    ] {
        let on = Arc::new(AtomicBool::new(false));
        let server = poisoned("stores", words, &on, "new").await;
        let digible = client(with_token(&server, "old"));
        let item = item();
        assert_eq!(digible.send_batch(&[&item]).await, Answer::Acknowledged);
        on.store(true, Ordering::SeqCst);
        assert_eq!(digible.send_update(&item).await, Answer::Acknowledged);
        assert_eq!(server.logins(), 1, "{words}");
    }
}

#[tokio::test]
async fn when_no_login_can_be_had_the_first_answer_stands() {
    for (login, is_final) in [(503, false), (404, false), (401, true)] {
        let server = TestServer::start(move |request: Request| {
            let status = if request.is_login() { login } else { 400 };
            async move { Response::new(status, REFUSED) }
        })
        .await;
        let digible = client(with_token(&server, "old"));
        let answer = digible.send_update(&item()).await;
        match is_final {
            true => assert!(matches!(answer, Answer::LoggedOut { .. }), "{answer:?}"),
            false => assert_eq!(reason(&answer), "400: no"),
        }
        assert_eq!(server.logins(), 1);
    }
}

/// Who ends each session at once, as another program at the same account may, makes no storm.
#[tokio::test]
async fn a_token_that_works_once_is_not_renewed_for_ever() {
    let number = Arc::new(AtomicUsize::new(0));
    let used = Arc::new(Mutex::new(HashSet::new()));
    let server = TestServer::start(move |request: Request| {
        let response = match request.is_login() {
            true => granted(&format!("t{}", number.fetch_add(1, Ordering::SeqCst))),
            false => match used.lock().unwrap().insert(request.token().to_owned()) {
                true => ok(),
                false => Response::new(401, "{}"),
            },
        };
        async move { response }
    })
    .await;
    let digible = client(options(&server));
    let item = item();
    let mut answer = Answer::Acknowledged;
    for _ in 0..100 {
        answer = digible.send_update(&item).await;
    }
    assert!(matches!(answer, Answer::LoggedOut { .. }), "{answer:?}");
    assert!(server.logins() <= 30, "{}", server.logins());
}

#[tokio::test]
async fn some_of_a_group_that_was_refused_may_have_been_applied() {
    let server = TestServer::start(|request: Request| {
        let response = match (request.is_login(), request.token()) {
            (true, _) => granted("new"),
            (false, "new") => Response::new(429, "{}"),
            (false, _) => Response::new(200, r#"{"count":1}"#),
        };
        async move { response }
    })
    .await;
    let digible = client(with_token(&server, "old"));
    let item = item();
    let answer = digible.send_batch(&[&item, &item]).await;
    assert!(is_retry(&answer, Fate::Unknown), "{answer:?}");
}

#[tokio::test]
async fn a_batch_may_be_acknowledged_in_part() {
    let body = r#"{"data":{"failed":[{"productId":"P1","error":"too high"}]}}"#;
    let server = server("new", Response::new(200, body)).await;
    let digible = client(with_token(&server, "old"));
    let (one, mut two) = (item(), item());
    two.id = ProductId::Text("P2".to_owned());
    let Answer::Partly { refused, .. } = digible.send_batch(&[&two, &one]).await else {
        panic!("not in part");
    };
    let [rejection] = refused.as_slice() else {
        panic!("{refused:?}");
    };
    assert_eq!(
        (rejection.index, rejection.reason.as_str()),
        (1, "200: too high")
    );
    assert_eq!(digible.session().state, SessionState::Active);
}
