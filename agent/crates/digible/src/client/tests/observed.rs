//! What other crates count.

use super::*;

type Ended = (Endpoint, RequestOutcome, Duration);

/// What the client reported.
#[derive(Default)]
struct Observed(Mutex<Vec<Ended>>);

impl Observed {
    fn outcomes(&self) -> Vec<(Endpoint, RequestOutcome)> {
        let ended = std::mem::take(&mut *self.0.lock().unwrap());
        ended.into_iter().map(|(at, how, _)| (at, how)).collect()
    }
}

impl RequestObserver for Observed {
    fn request_ended(&self, endpoint: Endpoint, outcome: RequestOutcome, took: Duration) {
        self.0.lock().unwrap().push((endpoint, outcome, took));
    }
}

fn observed(options: DigibleOptions) -> (Digible, Arc<Observed>) {
    let observed = Arc::new(Observed::default());
    let digible = Digible::new(options, Box::new(|_| {}), Arc::clone(&observed) as _);
    (digible, observed)
}

#[tokio::test]
async fn each_request_is_counted_once_with_its_outcome() {
    use RequestOutcome::*;
    let refused_one = r#"{"data":{"failed":[{"productId":"P1","message":"no"}]}}"#;
    for (response, expected) in [
        (Response::new(200, "{}"), Accepted),
        (Response::new(200, refused_one), PartlyAccepted),
        (Response::new(422, r#"{"message":"too dear"}"#), Refused),
        (Response::new(413, ""), TooLarge),
        (Response::new(404, ""), Missing),
        (Response::new(302, ""), Redirected),
        (Response::new(429, ""), Postponed),
        (Response::new(503, ""), Postponed),
        (Response::new(500, ""), Failed),
        (Response::new(200, "<html></html>"), Failed),
        (Response::Cut, NoAnswer),
        (Response::Torn, NoAnswer),
    ] {
        let server = server("new", response.clone()).await;
        let (digible, observed) = observed(options(&server));
        let other = Item {
            id: ProductId::Text("P2".to_owned()),
            ..item()
        };
        let _answer = digible.send_batch(&[&item(), &other]).await;
        let outcomes = observed.outcomes();
        assert_eq!(outcomes.len(), server.requests().len(), "{response:?}");
        assert_eq!(outcomes[0], (Endpoint::Login, Accepted), "{response:?}");
        assert_eq!(outcomes[1], (Endpoint::Batch, expected), "{response:?}");
    }
}

#[tokio::test]
async fn a_refused_token_and_a_refused_login_are_counted() {
    use RequestOutcome::*;
    let server = TestServer::start(|_| async { Response::new(401, "{}") }).await;
    let (digible, observed) = observed(with_token(&server, "old"));
    let _answer = digible.send_update(&item()).await;
    assert_eq!(
        observed.outcomes(),
        [
            (Endpoint::Update, Unauthorized),
            (Endpoint::Login, Unauthorized)
        ]
    );
}

#[tokio::test]
async fn a_request_takes_as_long_as_its_answer() {
    let (reached, wait) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let server = TestServer::start({
        let (reached, wait) = (reached.clone(), wait.clone());
        move |_| {
            let (reached, wait) = (reached.clone(), wait.clone());
            async move {
                reached.notify_one();
                wait.notified().await;
                ok()
            }
        }
    })
    .await;
    let (digible, observed) = observed(with_token(&server, "new"));
    let item = item();
    let began = Instant::now();
    let at_least = async {
        reached.notified().await;
        let reached_at = Instant::now();
        // The clock has moved before the answer is sent.
        while reached_at.elapsed() < Duration::from_millis(1) {
            tokio::task::yield_now().await;
        }
        wait.notify_one();
    };
    let (answer, ()) = tokio::join!(digible.send_update(&item), at_least);
    assert_eq!(answer, Answer::Acknowledged);
    let took = observed.0.lock().unwrap()[0].2;
    assert!(took >= Duration::from_millis(1) && took <= began.elapsed());
}

#[test]
fn words_are_unlike_each_other() {
    let mut words: Vec<_> = RequestOutcome::ALL.map(RequestOutcome::word).to_vec();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), RequestOutcome::ALL.len());
}
