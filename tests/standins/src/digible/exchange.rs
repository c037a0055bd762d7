//! One request from its arrival to its answer, with the fault that applies to it.

use std::{sync::Arc, time::Duration};

use http_body_util::{BodyExt as _, Limited};
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderName, LOCATION, RETRY_AFTER},
};
use tokio::sync::watch;

use super::{
    admin,
    answer::{Answer, AnswerBody, Cut},
    fault::{CutAt, FaultKind, HangEffect, RetryAfter, Told},
    late::{Client, Late},
    memory::{Arrival, Head},
    part,
    settings::Settings,
    shared::{Gate, Shared},
    wire::{Call, Refusal},
};

/// The header that carries the session's token.
const ACCESS_TOKEN: HeaderName = HeaderName::from_static("x-access-token");
/// The largest body in bytes: much more than 200 products need.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// Answers one request. It continues when its client disconnects, as on a real server.
pub(super) async fn exchange(
    shared: Arc<Shared>,
    connection: u64,
    request: Request<Incoming>,
    client: Client,
) -> Result<Response<AnswerBody>, Cut> {
    // Before the request is recorded, so that a test that sees it can release it.
    let gate = shared.gate();
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, LARGEST_BODY).collect().await;
    let body = body.map_err(|_| Cut)?.to_bytes();
    if let Some(place) = admin::place(parts.uri.path()) {
        return admin::answer(&shared, &parts.method, place, &body).send(&Settings::default());
    }

    let target = parts
        .uri
        .path_and_query()
        .map_or("", |target| target.as_str());
    let head = Head {
        target: target.to_owned(),
        content_type: text(&parts.headers, &CONTENT_TYPE),
        token: text(&parts.headers, &ACCESS_TOKEN),
        method: parts.method,
        connection,
    };
    let arrival = shared.arrive(head, &body);
    wait(arrival.latency).await;
    let sequence = arrival.sequence;
    let result = settle(&shared, arrival, gate, client).await;
    let status = result.as_ref().ok().map(Response::status);
    shared.change(|memory| memory.end(sequence, status));
    result
}

/// Carries the request out, or applies the fault.
async fn settle(
    shared: &Arc<Shared>,
    arrival: Arrival,
    gate: watch::Receiver<Gate>,
    client: Client,
) -> Result<Response<AnswerBody>, Cut> {
    let settings = shared.read().settings.clone();
    let perform = |call| perform(shared, arrival.sequence, call);
    let Some(fault) = arrival.fault else {
        return perform(arrival.call).send(&settings);
    };
    match fault {
        FaultKind::Refuse {
            status,
            retry_after,
            ..
        } => refuse(status, retry_after, &settings).send(&settings),
        FaultKind::RevokeTokens => {
            shared.change(|memory| memory.tokens.revoke_all());
            refuse(401, None, &settings).send(&settings)
        }
        FaultKind::TooLarge { .. } => refuse(413, None, &settings).send(&settings),
        FaultKind::Poison { status, .. } => refuse(status, None, &settings).send(&settings),
        FaultKind::Hang { effect } => {
            let at_once = match effect {
                HangEffect::AtOnce => Some(perform(arrival.call)),
                HangEffect::Never => None,
                HangEffect::OnRelease => {
                    released(gate).await?;
                    return perform(arrival.call).send(&settings);
                }
            };
            released(gate).await?;
            at_once.ok_or(Cut)?.send(&settings)
        }
        FaultKind::Cut { at } => match at {
            CutAt::BeforeApplying => Err(Cut),
            CutAt::AfterApplying => {
                perform(arrival.call);
                Err(Cut)
            }
            CutAt::InAnswer => perform(arrival.call).send_half(&settings),
        },
        FaultKind::Reply {
            status,
            content_type,
            body,
            applied,
        } => {
            if applied {
                perform(arrival.call);
            }
            Answer::raw(code(status), content_type, body).send(&settings)
        }
        FaultKind::Late {
            told,
            after,
            on_time_only,
        } => {
            let late = Late {
                sequence: arrival.sequence,
                call: arrival.call,
                after,
                on_time_only,
            };
            late.land(shared, told, client).await;
            fail(told, &settings)
        }
        FaultKind::Half { told } => {
            perform(arrival.call.map(part::first_half));
            if told == Told::Nothing {
                client.gone().await;
            }
            fail(told, &settings)
        }
        FaultKind::Except { ids, naming } => {
            let (kept, left_out) = part::split(arrival.call, &ids);
            if let Some(kept) = kept {
                perform(Ok(kept));
            }
            naming.answer(&left_out).send(&settings)
        }
        FaultKind::DeadToken { status } => {
            Answer::failure(code(status), "the session has ended").send(&settings)
        }
        FaultKind::Redirect { location } => {
            Answer::failure(StatusCode::TEMPORARY_REDIRECT, "look elsewhere")
                .with(LOCATION, location)
                .send(&settings)
        }
    }
}

/// Reports to a client that its request failed.
fn fail(told: Told, settings: &Settings) -> Result<Response<AnswerBody>, Cut> {
    match told {
        Told::Nothing | Told::Cut => Err(Cut),
        Told::Status(status) => refuse(status, None, settings).send(settings),
    }
}

pub(super) fn perform(shared: &Shared, sequence: u64, call: Result<Call, Refusal>) -> Answer {
    match call {
        Ok(call) => shared.change(|memory| memory.perform(sequence, &call)),
        Err(refusal) => refusal.into(),
    }
}

fn refuse(status: u16, retry_after: Option<RetryAfter>, settings: &Settings) -> Answer {
    let answer = Answer::failure(code(status), "refused by a fault");
    match retry_after {
        None => answer,
        Some(RetryAfter::Seconds(seconds)) => answer.with(RETRY_AFTER, seconds.to_string()),
        Some(RetryAfter::Date(seconds)) => {
            let date = settings.now() + Duration::from_secs(seconds);
            answer.with(RETRY_AFTER, httpdate::fmt_http_date(date))
        }
    }
}

/// Waits for the next release.
async fn released(mut gate: watch::Receiver<Gate>) -> Result<(), Cut> {
    gate.changed().await.map_err(|_| Cut)?;
    if *gate.borrow() == Gate::Stopped {
        return Err(Cut);
    }
    Ok(())
}

async fn wait(latency: Duration) {
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}
