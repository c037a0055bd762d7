//! A client that only sends: the least that the same requests cost, and what they cost one by one on new connections,
//! as the program before shopMaster sent them.

use std::{
    error::Error,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, StatusCode,
    body::Bytes,
    client::conn::http1::{self, SendRequest},
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use shopmaster_standins::{
    digible::{BATCH_LIMIT, DigibleSim},
    shop::{Expected, Shop},
};
use tokio::{net::TcpStream, task::JoinSet};

use super::BenchError;

type Failure = Box<dyn Error + Send + Sync>;
type Sender = SendRequest<Full<Bytes>>;

/// The client, after its login.
#[derive(Debug, Clone)]
pub(super) struct Bare {
    address: SocketAddr,
    token: String,
}

/// A request to be sent.
#[derive(Debug, Clone)]
pub(super) struct Call {
    method: Method,
    path: &'static str,
    body: Bytes,
}

impl Call {
    /// All products of the shop, in full batches.
    pub(super) fn batches(shop: &Shop) -> Result<Vec<Self>, BenchError> {
        let mut products = shop.all()?.into_iter().map(product);
        let batches = std::iter::from_fn(|| {
            let batch: Vec<Value> = products.by_ref().take(BATCH_LIMIT).collect();
            (!batch.is_empty()).then_some(batch)
        });
        let calls = batches.map(|batch| Self {
            method: Method::POST,
            path: "/v1/business/stores/product/sync",
            body: Value::from(batch).to_string().into(),
        });
        Ok(calls.collect())
    }

    /// Products of the shop, each in a request of its own.
    pub(super) fn updates(shop: &Shop, count: usize) -> Result<Vec<Self>, BenchError> {
        let products = shop.all()?.into_iter().map(product).take(count);
        let calls = products.map(|product| Self {
            method: Method::PUT,
            path: "/v1/business/stores/product/external/update",
            body: product.to_string().into(),
        });
        Ok(calls.collect())
    }

    fn login(digible: &DigibleSim) -> Self {
        let settings = digible.settings();
        let body = json!({ "email": settings.email, "password": settings.password });
        Self {
            method: Method::POST,
            path: "/v1/business/account/auth/login",
            body: body.to_string().into(),
        }
    }
}

/// A product in the form that Digible receives.
fn product((id, product): (String, Expected)) -> Value {
    json!({ "productName": product.name, "productPrice": product.price, "productId": id })
}

impl Bare {
    pub(super) async fn log_in(digible: &DigibleSim) -> Result<Self, BenchError> {
        let mut bare = Self {
            address: digible.address(),
            token: String::new(),
        };
        let log_in = async {
            let mut connection = bare.connect().await?;
            let answer = bare.send(&mut connection, &Call::login(digible)).await?;
            let answer: Value = serde_json::from_slice(&answer)?;
            let token = answer.pointer("/data/token").and_then(Value::as_str);
            token.map(str::to_owned).ok_or_else(|| "no token".into())
        };
        bare.token = log_in.await.map_err(BenchError::Bare)?;
        Ok(bare)
    }

    /// Sends all calls, `in_flight` at once over as many connections that are already open, and returns the time.
    pub(super) async fn all_at_once(
        &self,
        calls: Vec<Call>,
        in_flight: usize,
    ) -> Result<Duration, BenchError> {
        let bare = self.clone();
        apart(async move || {
            let mut connections = Vec::new();
            for _ in 0..in_flight {
                connections.push(bare.connect().await?);
            }
            let calls: Arc<[Call]> = calls.into();
            let next = Arc::new(AtomicUsize::new(0));
            let started = Instant::now();
            let mut senders = JoinSet::new();
            for mut connection in connections {
                let (bare, calls, next) = (bare.clone(), Arc::clone(&calls), Arc::clone(&next));
                senders.spawn(async move {
                    while let Some(call) = calls.get(next.fetch_add(1, Ordering::Relaxed)) {
                        bare.send(&mut connection, call).await?;
                    }
                    Ok::<_, Failure>(())
                });
            }
            while let Some(sender) = senders.join_next().await {
                sender??;
            }
            Ok(started.elapsed())
        })
        .await
    }

    /// Sends the calls one after the other, each over a new connection, and returns the time.
    pub(super) async fn one_by_one(&self, calls: Vec<Call>) -> Result<Duration, BenchError> {
        let bare = self.clone();
        apart(async move || {
            let started = Instant::now();
            for call in &calls {
                let mut connection = bare.connect().await?;
                bare.send(&mut connection, call).await?;
            }
            Ok(started.elapsed())
        })
        .await
    }

    async fn connect(&self) -> Result<Sender, Failure> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn send(&self, connection: &mut Sender, call: &Call) -> Result<Bytes, Failure> {
        let request = Request::builder()
            .method(&call.method)
            .uri(call.path)
            .header(HOST, self.address.to_string())
            .header(CONTENT_TYPE, "application/json")
            .header("x-access-token", &self.token)
            .body(Full::new(call.body.clone()))?;
        connection.ready().await?;
        let answer = connection.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        if status != StatusCode::OK {
            return Err(format!("answered with {status}").into());
        }
        Ok(body)
    }
}

/// Runs `work` on threads of its own, which it does not share with the stand-in, like the agent.
async fn apart<T: Send + 'static>(
    work: impl AsyncFnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, BenchError> {
    let thread = thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(work())
    });
    let joined = tokio::task::spawn_blocking(move || thread.join()).await;
    let result = match joined {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err("its thread panicked".into()),
        Err(error) => Err(error.into()),
    };
    result.map_err(BenchError::Bare)
}
