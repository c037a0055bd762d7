//! What is answered to a request.

use std::net::IpAddr;

use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderName},
    uri::Authority,
};
use http_body_util::Full;
use hyper::body::Bytes;
use shopmaster_metrics as metrics;

const PATH: &str = "/metrics";

/// Answers a request; `text` makes the metrics.
pub(super) fn answer<B>(
    request: &Request<B>,
    text: impl FnOnce() -> String,
) -> Response<Full<Bytes>> {
    if !is_for_loopback(request) {
        return plain(
            StatusCode::MISDIRECTED_REQUEST,
            "ask for localhost or a loopback address such as 127.0.0.1\n",
        );
    }
    if request.uri().path() != PATH {
        return plain(StatusCode::NOT_FOUND, "the metrics are at /metrics\n");
    }
    if request.method() != Method::GET {
        let refused = plain(StatusCode::METHOD_NOT_ALLOWED, "use GET\n");
        return with(refused, ALLOW, HeaderValue::from_static("GET"));
    }
    let response = Response::new(Full::from(text()));
    let response = with(
        response,
        CONTENT_TYPE,
        HeaderValue::from_static(metrics::CONTENT_TYPE),
    );
    with(
        response,
        CACHE_CONTROL,
        HeaderValue::from_static("no-store"),
    )
}

/// Whether the client asked for this computer by an address. A browser that shows another site's page can be led here by
/// that site's name (DNS rebinding); it then asks for that name, and would let the page read the answer.
fn is_for_loopback<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let host: Option<Authority> = host.to_str().ok().and_then(|host| host.parse().ok());
    host.is_some_and(|host| is_loopback(&host)) && request.uri().authority().is_none_or(is_loopback)
}

fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    with(
        response,
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    )
}

fn with(
    mut response: Response<Full<Bytes>>,
    name: HeaderName,
    value: HeaderValue,
) -> Response<Full<Bytes>> {
    response.headers_mut().insert(name, value);
    response
}
