//! Who calls: the token or the certificate of a call, and what slows down those who guess.

use std::time::Instant;

use http::{HeaderMap, header::AUTHORIZATION};
use jiff::Timestamp;
use shopmaster_access::{Caller, Outcome, Refusal, Throttled};
use shopmaster_proto::remote::Secret;
use shopmaster_view::upper_first;
use tonic::{Code, Status};

use super::{
    access::{Access, entry},
    connection::Peer,
};
use crate::control::failure::failure;

/// The scheme of a token (RFC 6750).
const SCHEME: &str = "Bearer";

/// The token that a call has.
enum Token {
    None,
    Given(Secret),
    Malformed,
}

/// The client that calls.
///
/// A credential is looked up first: it is one digest among a few, and nobody guesses 256 bits. So whoever is known gets in, also
/// from a network in which somebody else guesses; only failures have to wait.
pub(super) async fn identify(
    access: &Access,
    peer: &Peer,
    headers: &HeaderMap,
) -> Result<Caller, Status> {
    let now = Timestamp::now();
    let found = match (token(headers), &peer.key) {
        (Token::Given(secret), _) => access.clients.by_secret(&secret, now),
        (Token::None, Some(key)) => access.clients.by_key(key, now),
        (Token::Malformed, _) => Err(Refusal::Unknown),
        (Token::None, None) => {
            access.counters.refuse();
            return Err(failure(
                Code::Unauthenticated,
                "UNAUTHENTICATED",
                "This agent answers only clients that it knows, and the call has no token"
                    .to_owned(),
                "Ask for an invitation, which `shopmasterctl remote invite` prints on the agent's computer, and redeem it with `shopmasterctl remote add`",
            ));
        }
    };
    match found {
        Ok(caller) => {
            access.throttle.succeeded(peer.address.ip());
            Ok(caller)
        }
        Err(refusal) => Err(fails(access, peer, refusal).await),
    }
}

/// Counts a login that failed, and writes it to the log unless its network has to wait. Returns the answer to it.
pub(super) async fn fails(access: &Access, peer: &Peer, refusal: Refusal) -> Status {
    access.counters.refuse();
    let address = peer.address.ip();
    // This credential is a real one, so nobody is guessing.
    if refusal == Refusal::Expired {
        let entry = entry(peer, None, "", &refusal.to_string(), Outcome::Refused);
        access.note(entry).await;
        return unknown(refusal);
    }
    if let Err(throttled) = access.throttle.check(address, Instant::now()) {
        return wait(throttled);
    }
    let failures = access.throttle.failed(address, Instant::now());
    let text = format!("{refusal}; {failures} failures in a row");
    let entry = entry(peer, None, "", &text, Outcome::Refused);
    access.note(entry).await;
    unknown(refusal)
}

/// The answer to a client that may not use the agent, or no longer.
pub(super) fn unknown(refusal: Refusal) -> Status {
    failure(
        Code::Unauthenticated,
        refusal.code(),
        upper_first(&refusal.to_string()),
        match refusal {
            Refusal::Redeemed => {
                "Ask for a new invitation; if you did not redeem this one, somebody else did: have the client revoked"
            }
            Refusal::Unknown | Refusal::Expired => {
                "Ask for a new invitation, which `shopmasterctl remote invite` prints on the agent's computer, and redeem it with `shopmasterctl remote add`"
            }
        },
    )
}

fn wait(throttled: Throttled) -> Status {
    failure(
        Code::ResourceExhausted,
        "TOO_MANY_FAILURES",
        format!(
            "Too many calls from this network had a wrong token; try again in {} s",
            throttled.remaining.as_secs() + 1
        ),
        "Use the right token: a client that is known does not have to wait",
    )
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
