//! The metrics, for a scraper with a viewer's token. It reads a page and calls no rpc, so it is told in HTTP's own words what is
//! wrong.

use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE},
    request::Parts,
};
use http_body_util::{BodyExt as _, Full};
use shopmaster_access::Role;
use tonic::{Code, body::Body};

use super::{access::Access, authenticate::identify, connection::Peer, gate::too_many};

/// Where a scraper reads them.
pub(super) const PATH: &str = "/metrics";

/// The answer to a scraper.
pub(super) async fn page(access: &Access, peer: &Peer, request: &Parts) -> Response<Body> {
    if request.method != Method::GET {
        access.counters.refuse();
        let mut refused = refusal(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here");
        let headers = refused.headers_mut();
        headers.insert(ALLOW, HeaderValue::from_static("GET"));
        if request.method == Method::HEAD {
            *refused.body_mut() = Body::empty();
        }
        return refused;
    }
    let caller = match identify(access, peer, &request.headers).await {
        Ok(caller) => caller,
        Err(status) if status.code() == Code::ResourceExhausted => {
            return refusal(StatusCode::TOO_MANY_REQUESTS, status.message());
        }
        Err(status) => {
            let mut refused = refusal(StatusCode::UNAUTHORIZED, status.message());
            let headers = refused.headers_mut();
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return refused;
        }
    };
    if caller.role() < Role::Viewer {
        access.counters.refuse();
        return refusal(StatusCode::FORBIDDEN, "this takes a viewer");
    }
    if !peer.admit(&caller, &access.shares) {
        access.counters.refuse();
        return refusal(
            StatusCode::TOO_MANY_REQUESTS,
            too_many("connections").message(),
        );
    }
    access.record_call(&caller).await;
    let text = access.metrics.text();
    answer(StatusCode::OK, shopmaster_metrics::CONTENT_TYPE, text)
}

fn refusal(status: StatusCode, why: &str) -> Response<Body> {
    answer(status, "text/plain; charset=utf-8", format!("{why}\n"))
}

fn answer(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let body = Full::from(text).map_err(|never| match never {});
    let mut answer = Response::new(Body::new(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
