//! The stand-in as a client sees it, over real connections.

use std::time::{Duration, SystemTime};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, StatusCode,
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
    header::{DATE, HeaderMap, LOCATION, RETRY_AFTER},
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::*;

/// One connection to the stand-in, with a token once it has logged in.
struct Client {
    connection: SendRequest<Full<Bytes>>,
    token: Option<String>,
}

/// An answer.
#[derive(Debug)]
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Client {
    async fn of(sim: &DigibleSim) -> Self {
        let stream = TcpStream::connect(sim.address()).await.unwrap();
        let (connection, driver) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(driver);
        Self {
            connection,
            token: None,
        }
    }

    async fn logged_in(sim: &DigibleSim) -> Self {
        let mut client = Self::of(sim).await;
        let got = client.login("shop@example.com", PASSWORD).await.unwrap();
        assert_eq!(got.status, 200);
        client.token = got.json()["data"]["token"].as_str().map(str::to_owned);
        client
    }

    async fn send(&mut self, method: &str, path: &str, body: String) -> hyper::Result<Got> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "digible")
            .header("content-type", "application/json");
        if let Some(token) = &self.token {
            request = request.header("x-access-token", token);
        }
        let request = request.body(Full::from(body)).unwrap();
        self.exchange(request).await
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Got> {
        self.connection.ready().await?;
        let (parts, body) = self.connection.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Got {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        })
    }

    async fn login(&mut self, email: &str, password: &str) -> hyper::Result<Got> {
        let body = json!({ "email": email, "password": password }).to_string();
        self.send("POST", "/v1/business/account/auth/login", body)
            .await
    }

    async fn batch(&mut self, products: &[(&str, &str)]) -> hyper::Result<Got> {
        let body: Vec<_> = products
            .iter()
            .map(|each| product(each.0, each.1))
            .collect();
        let body = Value::from(body).to_string();
        self.send("POST", "/v1/business/stores/product/sync", body)
            .await
    }

    async fn update(&mut self, id: &str, price: &str) -> hyper::Result<Got> {
        let body = product(id, price).to_string();
        self.send("PUT", "/v1/business/stores/product/external/update", body)
            .await
    }

    async fn admin(&mut self, method: &str, place: &str, body: Value) -> Got {
        self.send(method, &format!("/_sim/{place}"), body.to_string())
            .await
            .unwrap()
    }
}

fn product(id: &str, price: &str) -> Value {
    json!({ "productName": format!("Name of {id}"), "productPrice": price, "productId": id })
}

async fn sim() -> DigibleSim {
    DigibleSim::start(SimOptions::default()).await.unwrap()
}

fn prices(sim: &DigibleSim, id: &str) -> Vec<String> {
    let history = sim.history(id);
    history.into_iter().map(|each| each.listing.price).collect()
}

fn date(got: &Got, header: hyper::header::HeaderName) -> SystemTime {
    httpdate::parse_http_date(got.headers[header].to_str().unwrap()).unwrap()
}

#[tokio::test]
async fn the_three_calls_work_and_are_remembered() {
    let sim = sim().await;
    let mut client = Client::logged_in(&sim).await;
    assert_eq!(
        client
            .batch(&[("1", "10.00"), ("2", "5.00")])
            .await
            .unwrap()
            .status,
        200
    );
    let got = client.update("1", "20.00").await.unwrap();
    assert_eq!(
        (got.status, got.json()["success"].clone()),
        (StatusCode::OK, json!(true))
    );

    assert_eq!(sim.count(), 2);
    assert_eq!(sim.product("1").unwrap().price, "20.00");
    assert_eq!(prices(&sim, "1"), ["10.00", "20.00"]);
    let requests = sim.requests();
    let seen: Vec<_> = requests
        .iter()
        .map(|each| {
            (
                each.sequence,
                each.endpoint.unwrap(),
                each.token,
                each.status,
                each.applied,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (1, Endpoint::Login, TokenSeen::Absent, Some(200), true),
            (2, Endpoint::Batch, TokenSeen::Valid, Some(200), true),
            (3, Endpoint::Update, TokenSeen::Valid, Some(200), true),
        ]
    );
    assert_eq!(requests[1].product_ids, ["1".into(), ProductId::from("2")]);
    assert_eq!(requests[2].connection, 1);
    assert_eq!(
        sim.counts(),
        Counts {
            requests: 3,
            logins: 1,
            batches: 1,
            updates: 1,
            applied: 3,
            products_applied: 3,
            most_in_flight: 1,
        }
    );
}

#[tokio::test]
async fn what_is_not_documented_is_refused() {
    let sim = sim().await;
    let mut client = Client::logged_in(&sim).await;
    let sync = "/v1/business/stores/product/sync";
    let good = || Value::from(vec![product("1", "1.00")]).to_string();

    for (method, path, body, status) in [
        ("POST", "/v1/business/stores/products/sync", good(), 404),
        ("POST", "/stores/product/sync", good(), 404),
        ("POST", "/v1/business/stores/product/sync?x=1", good(), 404),
        ("PUT", sync, good(), 405),
        ("POST", sync, product("1", "1.00").to_string(), 400),
        ("POST", sync, "not json".to_owned(), 400),
    ] {
        let got = client.send(method, path, body).await.unwrap();
        assert_eq!(got.status, status, "{method} {path}");
        assert_eq!(got.json()["success"], false);
    }

    let request = Request::post(sync).header("x-access-token", client.token.clone().unwrap());
    let got = client
        .exchange(request.body(Full::from(good())).unwrap())
        .await
        .unwrap();
    assert_eq!(got.status, 415);

    assert_eq!(client.update("9", "1.00").await.unwrap().status, 404);
    assert_eq!(sim.count(), 0);
    sim.configure(|settings| settings.upsert = true);
    assert_eq!(client.update("9", "1.00").await.unwrap().status, 200);
}

#[tokio::test]
async fn only_a_token_that_was_issued_and_lives_counts() {
    let sim = sim().await;
    let mut client = Client::of(&sim).await;
    assert_eq!(
        client
            .login("shop@example.com", "wrong")
            .await
            .unwrap()
            .status,
        401
    );
    assert_eq!(client.batch(&[("1", "1.00")]).await.unwrap().status, 401);
    client.token = Some("a.b.c".to_owned());
    assert_eq!(client.batch(&[("1", "1.00")]).await.unwrap().status, 401);

    let mut client = Client::logged_in(&sim).await;
    sim.configure(|settings| settings.clock_offset = 3_601);
    assert_eq!(client.batch(&[("1", "1.00")]).await.unwrap().status, 401);
    assert_eq!(sim.requests().last().unwrap().token, TokenSeen::Expired);

    sim.inject(Fault::revoke_tokens());
    let mut client = Client::logged_in(&sim).await;
    assert_eq!(client.batch(&[("1", "1.00")]).await.unwrap().status, 401);
    assert_eq!(client.batch(&[("1", "1.00")]).await.unwrap().status, 401);
    assert_eq!(sim.requests().last().unwrap().token, TokenSeen::Unknown);
    assert_eq!(sim.count(), 0);
}

#[tokio::test]
async fn the_whole_clock_can_be_wrong() {
    const AHEAD: u64 = 86_400;
    let sim = sim().await;
    sim.configure(|settings| settings.clock_offset = AHEAD.cast_signed());
    let before = SystemTime::now();
    let mut client = Client::of(&sim).await;
    let got = client.login("shop@example.com", PASSWORD).await.unwrap();
    let ahead = date(&got, DATE).duration_since(before).unwrap().as_secs();
    assert!((AHEAD - 1..AHEAD + 600).contains(&ahead), "{ahead}");

    let claims = |got: &Got| -> Value {
        let token = got.json()["data"]["token"].as_str().unwrap().to_owned();
        let claims = token.split('.').nth(1).unwrap();
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
    };
    let told = claims(&got);
    assert_eq!(
        told["exp"].as_i64().unwrap() - told["iat"].as_i64().unwrap(),
        3_600
    );
    sim.configure(|settings| settings.token_tells_end = false);
    let got = client.login("shop@example.com", PASSWORD).await.unwrap();
    assert_eq!(claims(&got).get("exp"), None);
}

#[tokio::test]
async fn refusals_carry_status_and_retry_after() {
    let sim = sim().await;
    let mut client = Client::logged_in(&sim).await;
    sim.inject(Fault::refuse_for(429, RetryAfter::Seconds(7)).once());
    sim.inject(Fault::refuse_for(503, RetryAfter::Date(60)).once());
    sim.inject(Fault::refuse(403).once());

    let got = client.batch(&[("1", "1.00")]).await.unwrap();
    assert_eq!(
        (got.status.as_u16(), &got.headers[RETRY_AFTER]),
        (429, &"7".parse().unwrap())
    );
    let got = client.batch(&[("1", "1.00")]).await.unwrap();
    let wait = date(&got, RETRY_AFTER)
        .duration_since(date(&got, DATE))
        .unwrap();
    assert_eq!(got.status, 503);
    assert!((60..=61).contains(&wait.as_secs()), "{wait:?}");
    assert_eq!(client.batch(&[("1", "1.00")]).await.unwrap().status, 403);
    assert_eq!(sim.count(), 0);
    assert_eq!(client.batch(&[("1", "1.00")]).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_fault_on_one_endpoint_leaves_the_others_alone() {
    let sim = sim().await;
    let mut client = Client::logged_in(&sim).await;
    client.batch(&[("1", "1.00")]).await.unwrap();
    sim.inject(Fault::poison(400, ["1"]).on(Endpoint::Update));

    assert_eq!(client.update("1", "2.00").await.unwrap().status, 400);
    assert_eq!(client.batch(&[("1", "3.00")]).await.unwrap().status, 200);
    assert_eq!(prices(&sim, "1"), ["1.00", "3.00"]);
}

#[tokio::test]
async fn poison_and_size_refuse_the_whole_batch() {
    let sim = sim().await;
    let mut client = Client::logged_in(&sim).await;
    sim.inject(Fault::poison(500, ["2"]));
    sim.inject(Fault::too_large(2));

    let got = client.batch(&[("1", "1.00"), ("2", "1.00")]).await.unwrap();
    assert_eq!(got.status, 500);
    let three = [("1", "1.00"), ("3", "1.00"), ("4", "1.00")];
    assert_eq!(client.batch(&three).await.unwrap().status, 413);
    assert_eq!(sim.count(), 0);
    assert_eq!(client.batch(&three[..2]).await.unwrap().status, 200);
}

#[tokio::test]
async fn two_hundred_need_not_mean_yes() {
    let sim = sim().await;
    let mut client = Client::logged_in(&sim).await;
    sim.inject(Fault::html().once());
    sim.inject(Fault::empty().once());
    sim.inject(Fault::unsuccessful().once());
    sim.inject(Fault::errors().once());

    let mut bodies = Vec::new();
    for _ in 0..4 {
        let got = client.batch(&[("1", "1.00")]).await.unwrap();
        assert_eq!(got.status, 200);
        bodies.push(got.body);
    }
    assert!(bodies[0].starts_with("<!DOCTYPE html>"));
    assert_eq!(bodies[1], "");
    assert!(bodies[2].contains(r#""success":false"#));
    assert!(bodies[3].contains(r#""errors":["#));
    assert_eq!(sim.count(), 0);
}

#[tokio::test]
async fn a_redirect_names_its_target() {
    let sim = sim().await;
    let mut client = Client::of(&sim).await;
    sim.inject(Fault::redirect("http://127.0.0.1:9/elsewhere"));
    let got = client.login("shop@example.com", PASSWORD).await.unwrap();
    assert_eq!(got.status, 307);
    assert_eq!(got.headers[LOCATION], "http://127.0.0.1:9/elsewhere");
}

#[tokio::test]
async fn a_cut_connection_has_or_has_not_an_effect() {
    for (at, effect) in [
        (CutAt::BeforeApplying, 0),
        (CutAt::AfterApplying, 1),
        (CutAt::InAnswer, 1),
    ] {
        let sim = sim().await;
        let mut client = Client::logged_in(&sim).await;
        sim.inject(Fault::cut(at).once());
        assert!(client.batch(&[("1", "1.00")]).await.is_err(), "{at:?}");
        assert_eq!(sim.count(), effect, "{at:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_has_begun() {
    let sim = sim().await;
    let mut client = Client::logged_in(&sim).await;
    sim.inject(Fault::cut(CutAt::InAnswer));
    let body = Value::from(vec![product("1", "1.00")]).to_string();
    let request = Request::post("/v1/business/stores/product/sync")
        .header("content-type", "application/json")
        .header("x-access-token", client.token.clone().unwrap())
        .body(Full::from(body))
        .unwrap();
    let answer = client.connection.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.into_body().collect().await.is_err());
}

#[tokio::test]
async fn a_request_that_hangs_can_land_long_after_its_client_left() {
    let sim = sim().await;
    let mut client = Client::logged_in(&sim).await;
    sim.inject(
        Fault::hang(HangEffect::OnRelease)
            .once()
            .on(Endpoint::Batch),
    );
    let impatient = tokio::spawn(async move { client.batch(&[("1", "10.00")]).await });
    sim.wait_for(|sim| sim.counts().batches == 1).await;
    impatient.abort();
    assert!(impatient.await.unwrap_err().is_cancelled());

    let mut client = Client::logged_in(&sim).await;
    client.batch(&[("1", "20.00")]).await.unwrap();
    sim.release();
    sim.wait_for(|sim| sim.history("1").len() == 2).await;
    assert_eq!(prices(&sim, "1"), ["20.00", "10.00"]);
}

#[tokio::test]
async fn released_requests_are_answered_when_they_took_effect() {
    for (effect, hanging, answered) in
        [(HangEffect::AtOnce, 1, true), (HangEffect::Never, 0, false)]
    {
        let sim = sim().await;
        let mut client = Client::logged_in(&sim).await;
        sim.inject(Fault::hang(effect).once());
        let request = tokio::spawn(async move { client.batch(&[("1", "1.00")]).await });
        sim.wait_for(|sim| sim.counts().batches == 1 && sim.count() == hanging)
            .await;
        assert!(!request.is_finished());
        sim.release();
        assert_eq!(request.await.unwrap().is_ok(), answered);
        assert_eq!(sim.count(), hanging);
    }
}

#[tokio::test]
async fn latency_comes_before_the_effect() {
    let sim = sim().await;
    let mut client = Client::logged_in(&sim).await;
    sim.configure(|settings| settings.latency = Duration::from_secs(3_600));
    let request = tokio::spawn(async move { client.batch(&[("1", "1.00")]).await });
    sim.wait_for(|sim| sim.counts().batches == 1).await;
    assert_eq!(sim.count(), 0);
    request.abort();
}

#[tokio::test]
async fn it_goes_away_and_comes_back_with_its_memory() {
    let sim = sim().await;
    let mut client = Client::logged_in(&sim).await;
    client.batch(&[("1", "1.00")]).await.unwrap();
    sim.go_offline().await;
    assert!(client.batch(&[("1", "2.00")]).await.is_err());
    assert!(TcpStream::connect(sim.address()).await.is_err());

    sim.go_online().await.unwrap();
    let token = client.token;
    let mut client = Client::of(&sim).await;
    client.token = token;
    assert_eq!(client.batch(&[("1", "3.00")]).await.unwrap().status, 200);
    assert_eq!(prices(&sim, "1"), ["1.00", "3.00"]);
}

#[tokio::test]
async fn it_stops_with_its_last_handle() {
    let sim = sim().await;
    let address = sim.address();
    let other = sim.clone();
    drop(sim);
    let mut client = Client::logged_in(&other).await;
    drop(other);
    // The task ends when the runtime gets to it; the connection's end is the sign.
    while client.batch(&[("1", "1.00")]).await.is_ok() {}
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn counting_keeps_neither_requests_nor_history() {
    let options = SimOptions {
        remember: Remember::Counts,
        ..SimOptions::default()
    };
    let sim = DigibleSim::start(options).await.unwrap();
    let mut client = Client::logged_in(&sim).await;
    client.batch(&[("1", "1.00"), ("2", "1.00")]).await.unwrap();
    client.update("1", "2.00").await.unwrap();
    assert_eq!(sim.requests(), []);
    assert_eq!(sim.history("1"), []);
    assert_eq!((sim.count(), sim.counts().products_applied), (2, 3));
}

#[tokio::test]
async fn other_tools_script_it_over_http() {
    let sim = sim().await;
    let mut client = Client::logged_in(&sim).await;
    client.batch(&[("1", "1.00")]).await.unwrap();

    let products = client.admin("GET", "products", Value::Null).await.json();
    assert_eq!(products, json!([product("1", "1.00")]));
    let requests = client.admin("GET", "requests", Value::Null).await.json();
    let requests: Vec<RequestRecord> = serde_json::from_value(requests).unwrap();
    assert_eq!(requests, sim.requests());

    let faults = json!([{ "kind": "poison", "ids": ["1", 2], "status": 400, "on": "update" }]);
    assert_eq!(client.admin("POST", "faults", faults).await.status, 200);
    let built = Fault::poison(400, ["1".into(), ProductId::Number(2)]).on(Endpoint::Update);
    assert_eq!(sim.faults(), [built]);
    let bad = client
        .admin("POST", "faults", json!([{ "kind": "flood" }]))
        .await;
    assert_eq!(bad.status, 400);

    let settings = json!({ "latency": "5ms", "upsert": true });
    assert_eq!(client.admin("POST", "settings", settings).await.status, 200);
    assert_eq!(sim.settings().latency, Duration::from_millis(5));
    assert_eq!(sim.settings().email, "shop@example.com");
    let bad = client
        .admin("POST", "settings", json!({ "latencey": "5ms" }))
        .await;
    assert_eq!(bad.status, 400);

    assert_eq!(client.admin("POST", "reset", Value::Null).await.status, 200);
    assert_eq!(
        (sim.count(), sim.requests().len(), sim.faults().len()),
        (0, 0, 0)
    );
    assert_eq!(
        client.admin("GET", "nothing", Value::Null).await.status,
        404
    );
}

#[tokio::test]
async fn a_late_request_takes_effect_after_its_client_was_told_or_gave_up() {
    let sim = sim().await;
    let mut first = Client::logged_in(&sim).await;
    first.batch(&[("1", "1.00")]).await.unwrap();
    sim.inject(Fault::late(Told::Status(504), Duration::from_millis(100)).once());
    assert_eq!(first.update("1", "2.00").await.unwrap().status, 504);
    sim.wait_for(|sim| sim.product("1").unwrap().price == "2.00")
        .await;

    sim.inject(Fault::late(Told::Cut, Duration::ZERO).once());
    assert!(first.update("1", "3.00").await.is_err());
    sim.wait_for(|sim| sim.product("1").unwrap().price == "3.00")
        .await;

    sim.inject(Fault::late(Told::Nothing, Duration::ZERO).once());
    let mut second = Client::logged_in(&sim).await;
    let silent = tokio::spawn(async move { second.update("1", "4.00").await.map(drop) });
    sim.wait_for(|sim| !sim.still_to_land().is_empty()).await;
    assert_eq!(sim.still_to_land()[0].price, "4.00");
    // A newer one overtakes it.
    let mut third = Client::logged_in(&sim).await;
    assert_eq!(third.update("1", "5.00").await.unwrap().status, 200);
    silent.abort();
    sim.wait_for(|sim| sim.still_to_land().is_empty()).await;
    assert_eq!(prices(&sim, "1"), ["1.00", "2.00", "3.00", "5.00", "4.00"]);
}

#[tokio::test]
async fn half_of_a_batch_takes_effect_and_a_single_product_is_no_batch() {
    let sim = sim().await;
    let mut client = Client::logged_in(&sim).await;
    sim.inject(Fault::half(Told::Status(500)));
    let got = client.batch(&[("1", "1.00"), ("2", "1.00"), ("3", "1.00")]);
    assert_eq!(got.await.unwrap().status, 500);
    assert_eq!((sim.count(), sim.product("1").is_some()), (1, true));
    assert_eq!(client.batch(&[("2", "1.00")]).await.unwrap().status, 200);
    assert_eq!(client.update("2", "2.00").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_success_names_what_it_left_out() {
    for (naming, status, pointer, named) in [
        (Naming::Failed, 200, "/data/failed/0/productId", "2"),
        (Naming::Errors, 200, "/data/errors/2", "price too high"),
        (Naming::MultiStatus, 207, "/results/1/productId", "2"),
        (Naming::Unsuccessful, 200, "/data/failed/0/productId", "2"),
    ] {
        let sim = sim().await;
        let mut client = Client::logged_in(&sim).await;
        sim.inject(Fault::except(naming, ["2"]));
        let got = client.batch(&[("1", "1.00"), ("2", "1.00")]).await.unwrap();
        assert_eq!(got.status, status, "{naming:?}");
        assert_eq!(got.json().pointer(pointer), Some(&json!(named)), "{got:?}");
        assert_eq!((sim.count(), sim.product("1").is_some()), (1, true));
        let got = client.update("2", "2.00").await.unwrap();
        assert_eq!((got.status.as_u16(), sim.count()), (status, 1));
    }
    let sim = sim().await;
    let mut client = Client::logged_in(&sim).await;
    sim.inject(Fault::except(Naming::Count, ["2"]));
    let got = client.batch(&[("1", "1.00"), ("2", "1.00")]).await.unwrap();
    assert_eq!(
        got.json(),
        json!({"message": "success", "data": {"count": 1}})
    );
}

#[tokio::test]
async fn a_dead_token_is_told_in_another_way_and_a_login_as_ever() {
    let sim = sim().await;
    let mut client = Client::logged_in(&sim).await;
    sim.inject(Fault::dead_token(440));
    assert_eq!(client.batch(&[("1", "1.00")]).await.unwrap().status, 200);
    sim.revoke_tokens();
    assert_eq!(client.update("1", "2.00").await.unwrap().status, 440);
    let refused = client.login("shop@example.com", "wrong").await.unwrap();
    assert_eq!(refused.status, 401);
    let mut again = Client::logged_in(&sim).await;
    assert_eq!(again.update("1", "2.00").await.unwrap().status, 200);
}
