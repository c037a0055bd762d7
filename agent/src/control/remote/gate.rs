//! The gate in front of everything that is served on the network: who calls, whether that client may, and the log of what it
//! changes.
//!
//! For each call, in this order: the path is looked up in the table of rpcs; the caller is identified by its token or its
//! certificate, unless its network has to wait after failures; its role is compared; a change is written to the log; the
//! call goes on, and its answer ends when the access does. It is a layer around all services, so no handler can be reached
//! without it, and no interceptor, because those do not see the path.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE},
};
use http_body_util::{BodyExt as _, Full, Limited};
use jiff::Timestamp;
use shopmaster_access::{Caller, Entry, Outcome, Refusal, Role};
use shopmaster_health::RemoteChange;
use shopmaster_proto::remote::Secret;
use shopmaster_view::upper_first;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};

use super::{
    access::{self, Access},
    connection::Peer,
    says::says,
};
use crate::control::{
    LARGEST_REQUEST,
    failure::failure,
    rpcs::{self, Kind, Rpc},
    until::until,
};

/// Where a scraper reads the metrics.
const METRICS: &str = "/metrics";
const PLAIN: &str = "text/plain; charset=utf-8";
/// The scheme of a token (RFC 6750).
const SCHEME: &str = "Bearer";
/// What a message has in front of it on the wire, in bytes.
const FRAME_HEAD: usize = 5;

/// The layer around all services.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    access: Arc<Access>,
    /// Canceled when the listener closes: then every answer ends.
    closing: CancellationToken,
}

/// The services inside the gate.
#[derive(Debug, Clone)]
pub(super) struct Guarded<S> {
    inner: S,
    gate: Gate,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl Gate {
    pub(super) fn new(access: Arc<Access>, closing: CancellationToken) -> Self {
        Self { access, closing }
    }

    async fn serve<S>(&self, request: Request<Body>, inner: S) -> Response<Body>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Send,
        S::Future: Send,
    {
        let Some(peer) = request.extensions().get::<Peer>().cloned() else {
            return Status::internal("the connection says nothing of its other end").into_http();
        };
        peer.called();
        if request.uri().path() == METRICS {
            return self.metrics(&peer, request).await;
        }
        match self.admitted(peer, request).await {
            Ok(admitted) => self.call(admitted, inner).await,
            Err(status) => status.into_http(),
        }
    }

    /// The metrics, for a scraper with a viewer's token. It reads a page and calls no rpc, so it is told in HTTP's own words
    /// what is wrong.
    async fn metrics(&self, peer: &Peer, request: Request<Body>) -> Response<Body> {
        if request.method() != Method::GET {
            self.access.counters.refuse();
            return page(
                StatusCode::METHOD_NOT_ALLOWED,
                PLAIN,
                "only GET is answered here\n".to_owned(),
            );
        }
        let caller = match self.identify(peer, request.headers()).await {
            Ok(caller) if caller.role() >= Role::Viewer => caller,
            Ok(_) => {
                self.access.counters.refuse();
                let text = "this takes a viewer\n".to_owned();
                return page(StatusCode::FORBIDDEN, PLAIN, text);
            }
            Err(status) => {
                let code = match status.code() {
                    Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
                    _ => StatusCode::UNAUTHORIZED,
                };
                return page(code, PLAIN, format!("{}\n", status.message()));
            }
        };
        peer.admit(&caller);
        self.access.saw(&caller).await;
        let text = self.access.metrics.text();
        page(StatusCode::OK, shopmaster_metrics::CONTENT_TYPE, text)
    }

    /// The call, if it may go on.
    async fn admitted(&self, peer: Peer, mut request: Request<Body>) -> Result<Admitted, Status> {
        let access = &self.access;
        let Some(rpc) = rpcs::find(request.uri().path()) else {
            access.counters.refuse();
            return Err(Status::unimplemented("there is no such call"));
        };
        let caller = self.identify(&peer, request.headers()).await?;
        // What comes behind needs no secret.
        request.headers_mut().remove(AUTHORIZATION);
        if caller.role() < rpc.role {
            self.refuse(&peer, Some(&caller), rpc, "its role does not allow it")
                .await;
            return Err(forbidden(&caller, rpc));
        }
        peer.admit(&caller);
        access.saw(&caller).await;
        request.extensions_mut().insert(caller.clone());
        let admitted = Admitted {
            rpc,
            caller,
            peer,
            text: String::new(),
            request,
        };
        match rpc.kind {
            Kind::Changes => self.written(admitted).await,
            Kind::Reads | Kind::Streams | Kind::Foreign => Ok(admitted),
        }
    }

    async fn identify(&self, peer: &Peer, headers: &HeaderMap) -> Result<Caller, Status> {
        let access = &self.access;
        let token = token(headers);
        if matches!(token, Token::None) && peer.key.is_none() {
            access.counters.refuse();
            return Err(failure(
                Code::Unauthenticated,
                "UNAUTHENTICATED",
                "This agent answers only clients that it knows: the call has no token".to_owned(),
                "Ask for an invitation, which `shopmasterctl remote invite` prints on the agent's computer, and redeem it with `shopmasterctl remote add`",
            ));
        }
        let address = peer.address.ip();
        if let Err(throttled) = access.throttle.check(address, Instant::now()) {
            access.counters.refuse();
            return Err(failure(
                Code::ResourceExhausted,
                "TOO_MANY_FAILURES",
                format!(
                    "Too many calls from this network had a wrong token; the next one is looked at in {} s",
                    throttled.remaining.as_secs() + 1
                ),
                "Wait, then try again with the right token",
            ));
        }
        let now = Timestamp::now();
        let found = match (&token, &peer.key) {
            (Token::Given(secret), _) => access.clients.by_secret(secret, now),
            (Token::Malformed, _) | (Token::None, None) => Err(Refusal::Unknown),
            (Token::None, Some(key)) => access.clients.by_key(key, now),
        };
        match found {
            Ok(caller) => {
                access.throttle.succeeded(address);
                Ok(caller)
            }
            Err(refusal) => {
                let failures = access.throttle.failed(address, Instant::now());
                access.counters.refuse();
                // However long somebody tries, the log stays short.
                if failures.is_power_of_two() {
                    let text = format!("{refusal}; {failures} failures in a row");
                    let entry = entry(peer, None, "", &text, Outcome::Refused);
                    access.note(entry).await;
                }
                Err(unknown(refusal))
            }
        }
    }

    /// The call of a change, once the log says that it begins.
    async fn written(&self, admitted: Admitted) -> Result<Admitted, Status> {
        let Admitted {
            rpc,
            caller,
            peer,
            request,
            ..
        } = admitted;
        let (head, body) = request.into_parts();
        let body = Limited::new(body, LARGEST_REQUEST + FRAME_HEAD)
            .collect()
            .await;
        let body = body.map_err(|error| {
            self.access.counters.refuse();
            Status::resource_exhausted(format!("the request cannot be read: {error}"))
        })?;
        let body = body.to_bytes();
        let text = says(rpc.path, &body);
        let entry = entry(&peer, Some(&caller), rpc.path, &text, Outcome::Began);
        let at = entry.at;
        if let Err(error) = self.access.write(entry).await {
            tracing::error!(%error, "the log of remote changes cannot be written");
            return Err(failure(
                Code::Unavailable,
                "REMOTE_LOG_UNAVAILABLE",
                "Nothing was changed, because the log of remote changes cannot be written"
                    .to_owned(),
                "Check the disk of the agent's computer, or make the change there",
            ));
        }
        tracing::info!(client = %caller.name, address = %peer.address, "a remote client {text}");
        self.access.status_store.update(|facts| {
            facts.last_remote_change = Some(RemoteChange {
                client: caller.name.to_string(),
                text: text.clone(),
                at,
            });
        });
        Ok(Admitted {
            rpc,
            caller,
            peer,
            text,
            request: Request::from_parts(head, Body::new(Full::new(body).map_err(|e| match e {}))),
        })
    }

    async fn call<S>(&self, admitted: Admitted, mut inner: S) -> Response<Body>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Send,
        S::Future: Send,
    {
        let Admitted {
            rpc,
            caller,
            peer,
            text,
            request,
        } = admitted;
        let Ok(answer) = inner.call(request).await;
        if rpc.kind == Kind::Changes
            && let Some(status) = Status::from_header_map(answer.headers())
            && status.code() != Code::Ok
        {
            let text = format!("{text}: {}", status.message());
            let entry = entry(&peer, Some(&caller), rpc.path, &text, Outcome::Failed);
            self.access.note(entry).await;
        }
        let end = over(caller, self.closing.clone());
        answer.map(|body| until(end, body))
    }

    async fn refuse(&self, peer: &Peer, caller: Option<&Caller>, rpc: &Rpc, why: &str) {
        self.access.counters.refuse();
        let entry = entry(peer, caller, rpc.path, why, Outcome::Refused);
        self.access.note(entry).await;
    }
}

fn page(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut page = Response::new(Body::new(Full::from(text).map_err(|e| match e {})));
    *page.status_mut() = status;
    let headers = page.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    page
}

/// A call that may go on.
struct Admitted {
    rpc: &'static Rpc,
    caller: Caller,
    peer: Peer,
    /// What it does, if it changes something.
    text: String,
    request: Request<Body>,
}

/// The token that a call has.
enum Token {
    None,
    Given(Secret),
    Malformed,
}

fn token(headers: &HeaderMap) -> Token {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = all.next() else {
        return Token::None;
    };
    let text = header.to_str().ok().filter(|_| all.next().is_none());
    let token = text.and_then(|text| text.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(SCHEME));
    match token.map(|(_, token)| token.trim().parse()) {
        Some(Ok(secret)) => Token::Given(secret),
        _ => Token::Malformed,
    }
}

/// Waits until the client may no longer use the agent, or the listener closes.
async fn over(caller: Caller, closing: CancellationToken) -> Status {
    tokio::select! {
        refusal = access::end(caller) => unknown(refusal),
        () = closing.cancelled() => Status::unavailable("the agent no longer listens on the network"),
    }
}

fn unknown(refusal: Refusal) -> Status {
    failure(
        Code::Unauthenticated,
        refusal.code(),
        upper_first(&refusal.to_string()),
        "Ask for a new invitation, which `shopmasterctl remote invite` prints on the agent's computer, and redeem it with `shopmasterctl remote add`",
    )
}

fn forbidden(caller: &Caller, rpc: &Rpc) -> Status {
    let message = match caller.role() {
        Role::Invited => "An invitation can only be redeemed".to_owned(),
        role => format!(
            "The client `{}` has the role {}, and this takes the role {}",
            caller.name,
            role.as_str(),
            rpc.role.as_str()
        ),
    };
    failure(
        Code::PermissionDenied,
        "ROLE_TOO_LOW",
        message,
        "Ask for an invitation with another role: `shopmasterctl remote invite --role`",
    )
}

fn entry(peer: &Peer, caller: Option<&Caller>, call: &str, text: &str, outcome: Outcome) -> Entry {
    Entry {
        at: Timestamp::now(),
        client: caller
            .map(|caller| caller.name.to_string())
            .unwrap_or_default(),
        role: caller.map(Caller::role),
        address: peer.address.to_string(),
        call: call.to_owned(),
        text: text.to_owned(),
        outcome,
    }
}

impl<S> Layer<S> for Gate {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            inner,
            gate: self.clone(),
        }
    }
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        let next = self.inner.clone();
        // The one that is ready.
        let inner = std::mem::replace(&mut self.inner, next);
        let gate = self.gate.clone();
        Box::pin(async move { Ok(gate.serve(request, inner).await) })
    }
}
