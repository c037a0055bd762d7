//! The gate in front of everything that is served on the network: who calls, whether that client may, and the log of what it
//! changes.
//!
//! For each call, in this order: the path is looked up in the table of rpcs; the caller is identified by its token or its
//! certificate; its role is compared; the request is read whole; a change is written to the log; the call goes on. All of it
//! ends when the client's access does. It is a layer around all services, so no handler can be reached without it, and no
//! interceptor, because those do not see the path.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response, header::AUTHORIZATION};
use http_body_util::{BodyExt as _, Full};
use jiff::Timestamp;
use prost::bytes::Bytes;
use shopmaster_access::{Caller, Outcome, Role};
use shopmaster_health::RemoteChange;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};

use super::{
    access::{self, Access, entry},
    authenticate::{identify, unknown},
    body,
    connection::Peer,
    describe::describe,
    metrics,
    share::Share,
};
use crate::control::{
    failure::failure,
    rpcs::{self, Kind, Rpc},
    until::until,
};

/// How long a call waits while its client has as many as it may.
const PATIENCE: Duration = Duration::from_secs(10);

/// The layer around all services.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    access: Arc<Access>,
    /// Canceled when the listener closes: then every call ends.
    closing: CancellationToken,
}

/// The services inside the gate.
#[derive(Debug, Clone)]
pub(super) struct Guarded<S> {
    inner: S,
    gate: Gate,
}

/// A call that may go on.
struct Admitted {
    rpc: &'static Rpc,
    caller: Caller,
    peer: Peer,
    request: Request<Body>,
}

/// Ready when the call has to end, and why.
type End = Pin<Box<dyn Future<Output = Status> + Send>>;
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
            return Status::internal("the connection does not name its other end").into_http();
        };
        peer.called();
        // Held until the answer is there: a call that its client resets goes on, and counts.
        let Some(_running) = peer.begin() else {
            self.access.counters.refuse();
            return Status::resource_exhausted("too many calls at once").into_http();
        };
        if request.uri().path() == metrics::PATH {
            let (head, _) = request.into_parts();
            return metrics::page(&self.access, &peer, &head).await;
        }
        match self.admitted(peer, request).await {
            Ok(admitted) => {
                let served = self.call(admitted, inner).await;
                served.unwrap_or_else(Status::into_http)
            }
            Err(status) => status.into_http(),
        }
    }

    /// The call, if it may go on.
    async fn admitted(&self, peer: Peer, mut request: Request<Body>) -> Result<Admitted, Status> {
        let access = &self.access;
        let Some(rpc) = rpcs::find(request.uri().path()) else {
            access.counters.refuse();
            return Err(Status::unimplemented("there is no such call"));
        };
        let caller = identify(access, &peer, request.headers()).await?;
        // What comes behind needs no secret.
        request.headers_mut().remove(AUTHORIZATION);
        if !rpc.admits(caller.role()) {
            access.counters.refuse();
            let why = format!("called `{}`, which its role does not allow", rpc.path);
            let refused = entry(&peer, Some(&caller), rpc.path, &why, Outcome::Refused);
            access.note(refused).await;
            return Err(forbidden(&caller, rpc));
        }
        if !peer.admit(&caller, &access.shares) {
            access.counters.refuse();
            return Err(too_many("connections"));
        }
        access.record_call(&caller).await;
        request.extensions_mut().insert(caller.clone());
        Ok(Admitted {
            rpc,
            caller,
            peer,
            request,
        })
    }

    async fn call<S>(&self, admitted: Admitted, mut inner: S) -> Result<Response<Body>, Status>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Send,
        S::Future: Send,
    {
        let Admitted {
            rpc,
            caller,
            peer,
            request,
        } = admitted;
        let end = over(caller.clone(), self.closing.clone());
        let share = self.access.shares.of(&caller.name);
        let held = match rpc.kind {
            Kind::Streams | Kind::Foreign => Arc::clone(&share.streams).try_acquire_owned().ok(),
            Kind::Reads | Kind::Changes => {
                let next = Arc::clone(&share.calls).acquire_owned();
                timeout(PATIENCE, next).await.ok().and_then(Result::ok)
            }
        };
        let Some(held) = held else {
            self.access.counters.refuse();
            return Err(too_many("calls"));
        };
        // The answer has it until the client has read it, or has gone.
        let mut end: End = Box::pin(async move {
            let _held = held;
            end.await
        });
        if rpc.kind == Kind::Foreign {
            // A call of reflection is a stream of requests.
            let Ok(answer) = inner.call(request).await;
            return Ok(answer.map(|body| until(end, body)));
        }
        let (head, body) = request.into_parts();
        // Whoever keeps a request open finds that it has ended with the access.
        let request = tokio::select! {
            biased;
            status = &mut end => Err(status),
            read = body::read(body, &share.large_requests) => read,
        };
        let request = request.inspect_err(|_| self.access.counters.refuse())?;
        let change = self.written(rpc, &caller, &peer, &request, &share).await?;
        let body = Body::new(Full::new(request).map_err(|never| match never {}));
        let Ok(answer) = inner.call(Request::from_parts(head, body)).await;
        if let Some(change) = change {
            let status = Status::from_header_map(answer.headers());
            self.is_over(change, rpc, &caller, &peer, status).await;
        }
        Ok(answer.map(|body| until(end, body)))
    }

    /// Writes a change to the log before it begins.
    async fn written(
        &self,
        rpc: &Rpc,
        caller: &Caller,
        peer: &Peer,
        request: &Bytes,
        share: &Share,
    ) -> Result<Option<RemoteChange>, Status> {
        // What redeems an invitation is written by its service, which knows whether it changes anything.
        if rpc.kind != Kind::Changes || rpc.role == Role::Invited {
            return Ok(None);
        }
        if !share.may_change(Timestamp::now()) {
            self.access.counters.refuse();
            return Err(too_many("changes in this minute"));
        }
        let text = describe(rpc.path, request).map_err(|error| {
            Status::invalid_argument(format!("the request cannot be read: {error}"))
        })?;
        let begun = self.access.begin(peer, caller, rpc.path, &text).await?;
        Ok(Some(begun))
    }

    /// Shows a change that was made, and writes to the log when it was not.
    async fn is_over(
        &self,
        change: RemoteChange,
        rpc: &Rpc,
        caller: &Caller,
        peer: &Peer,
        status: Option<Status>,
    ) {
        match status.filter(|status| status.code() != Code::Ok) {
            None => self.access.show(change),
            Some(status) => {
                let text = format!("{}: {}", change.text, status.message());
                let failed = entry(peer, Some(caller), rpc.path, &text, Outcome::Failed);
                self.access.note(failed).await;
            }
        }
    }
}

/// Waits until the client may no longer use the agent, or the listener closes.
async fn over(caller: Caller, closing: CancellationToken) -> Status {
    tokio::select! {
        refusal = access::end(caller) => unknown(refusal),
        () = closing.cancelled() => Status::unavailable("the agent no longer listens on the network"),
    }
}

/// The answer to a client, or to all of a network, that has too much at once.
pub(super) fn too_many(what: &str) -> Status {
    failure(
        Code::ResourceExhausted,
        "TOO_MANY_AT_ONCE",
        format!("This client, or its network, has too many {what}"),
        "Wait, or end some, then try again",
    )
}

fn forbidden(caller: &Caller, rpc: &Rpc) -> Status {
    let message = match (caller.role(), rpc.role) {
        (Role::Invited, _) => "An invitation can only be redeemed".to_owned(),
        (_, Role::Invited) => "Only an invitation can be redeemed".to_owned(),
        (role, least) => format!(
            "The client `{}` has the role {}, and this takes the role {}",
            caller.name,
            role.as_str(),
            least.as_str()
        ),
    };
    failure(
        Code::PermissionDenied,
        "ROLE_TOO_LOW",
        message,
        "Ask for an invitation with another role: `shopmasterctl remote invite --role`",
    )
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
