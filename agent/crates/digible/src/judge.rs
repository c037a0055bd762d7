//! The one function that interprets answers.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use shopmaster_product::ProductId;

use super::content::{Content, denial_words, tidy};
use super::node::Node;
use super::wire::Endpoint;
use super::{Answer, Fate, Rejection, retry_after};
use keys::{Meaning, meaning};
use success::Told;

mod keys;
mod says;
mod success;

/// The headers in which a server that limits requests says how many are left.
const REMAINING: [HeaderName; 2] = [
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("ratelimit-remaining"),
];

/// A server's answer to one request.
#[derive(Debug)]
pub(super) struct Reply {
    /// The status, whatever it is.
    pub(super) status: StatusCode,
    /// All headers.
    pub(super) headers: HeaderMap,
    /// The body, read within limits.
    pub(super) content: Content,
}

/// What an answer means, before the state of the session is considered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// What the answer says; the session decides whether the token may be the cause.
    Said(Answer),
    /// The token is no longer valid (401).
    Unauthorized { reason: String },
}

/// What `reply` means for a request to `endpoint` with the products `sent`. `hide` lists the secrets that were
/// sent and must not appear in a reason.
pub(super) fn judge(
    endpoint: Endpoint,
    sent: &[&ProductId],
    reply: &Reply,
    hide: &[&str],
) -> Verdict {
    let status = reply.status.as_u16();
    if status == 401 {
        let reason = reason(reply, hide);
        return Verdict::Unauthorized { reason };
    }
    let verdict = match status {
        200..=299 => success(endpoint, sent, reply, hide),
        300..=399 => Verdict::Said(Answer::Misconfigured {
            reason: redirect(reply),
        }),
        _ => failure(status, reply, hide),
    };
    match verdict {
        Verdict::Said(answer) => Verdict::Said(postponed(answer, reply)),
        unauthorized => unauthorized,
    }
}

impl Reply {
    /// The value of a header, if it is text.
    pub(super) fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long the answer asks the client to wait, in its headers or in its body.
    fn wait(&self) -> Option<Duration> {
        let header = self.header(RETRY_AFTER);
        match (header, &self.content) {
            (Some(header), _) => retry_after::wait(header, self.header(DATE)),
            (None, Content::Json(node)) => says::own_wait(node)
                .and_then(|seconds| retry_after::wait(&seconds.to_string(), None)),
            (None, _) => None,
        }
    }

    /// Whether the answer asks the client to wait, for any time.
    fn asks_to_wait(&self) -> bool {
        let is_spent = |name: &HeaderName| self.header(name.clone()).map(str::trim) == Some("0");
        self.headers.contains_key(RETRY_AFTER)
            || REMAINING.iter().any(is_spent)
            || self.wait().is_some()
    }
}

/// Interprets an answer with a 4xx or 5xx status, or with an unknown status.
fn failure(status: u16, reply: &Reply, hide: &[&str]) -> Verdict {
    let reason = reason(reply, hide);
    let own_status = match &reply.content {
        Content::Json(node) if status < 500 => says::own_status(node),
        _ => None,
    };
    if own_status == Some(401) {
        return Verdict::Unauthorized { reason };
    }
    let retry = |reason, fate| Answer::Retry {
        reason,
        wait: reply.wait(),
        fate,
    };
    Verdict::Said(match own_status.unwrap_or(status) {
        // The request was rejected before it was processed.
        420 | 423 | 425 | 429 | 430 => retry(reason, Fate::NotApplied),
        // The server does not implement the request, so it will not be applied later either.
        501 => retry(reason, Fate::Unknown),
        500 => Answer::Broken {
            reason,
            fate: Fate::Unknown,
        },
        // A gateway often sends these while the server behind it is still working on the request.
        408 | 502..=599 => retry(reason, Fate::MayStillLand),
        404 | 405 | 410 => Answer::Missing { reason },
        413 => Answer::TooLarge { reason },
        400..=499 => Answer::Refused { reason },
        _ => Answer::Broken {
            reason,
            fate: Fate::MayStillLand,
        },
    })
}

/// Turns a refusal that asks the client to wait into a retry: it is not about what was sent.
fn postponed(answer: Answer, reply: &Reply) -> Answer {
    if !reply.asks_to_wait() {
        return answer;
    }
    // Some of the request may have been applied if the status is a success.
    let fate_of_refusal = match reply.status.is_success() {
        true => Fate::Unknown,
        false => Fate::NotApplied,
    };
    let (reason, fate) = match answer {
        Answer::Refused { reason } | Answer::TooLarge { reason } | Answer::Missing { reason } => {
            (reason, fate_of_refusal)
        }
        Answer::Partly { reason, .. } => (reason, Fate::Unknown),
        Answer::Broken { reason, fate } => (reason, fate),
        other => return other,
    };
    Answer::Retry {
        reason,
        wait: reply.wait(),
        fate,
    }
}

fn success(endpoint: Endpoint, sent: &[&ProductId], reply: &Reply, hide: &[&str]) -> Verdict {
    let said = |words: &str| with_status(reply, &tidy(words, hide));
    let node = match &reply.content {
        Content::Json(node @ (Node::Object(_) | Node::List(_))) => node,
        Content::Empty
            if endpoint == Endpoint::Update && reply.status != StatusCode::MULTI_STATUS =>
        {
            return Verdict::Said(Answer::Acknowledged);
        }
        content => {
            return Verdict::Said(Answer::Broken {
                reason: said(&unreadable(content)),
                // It is unknown what answered, and whether it forwarded the request.
                fate: Fate::MayStillLand,
            });
        }
    };
    let told = match endpoint {
        Endpoint::Login => login_told(node),
        Endpoint::Batch | Endpoint::Update => {
            success::told(node, sent, reply.status == StatusCode::MULTI_STATUS)
        }
    };
    Verdict::Said(match told {
        Told::Everything => Answer::Acknowledged,
        Told::Refused(words) => Answer::Refused {
            reason: said(&words),
        },
        Told::Partly(refused) => partly(refused, sent.len(), &said),
        Told::Later(words) => Answer::Retry {
            reason: said(&words),
            wait: reply.wait(),
            fate: Fate::Unknown,
        },
        Told::Unauthorized(words) => {
            return Verdict::Unauthorized {
                reason: said(&words),
            };
        }
    })
}

fn partly(refused: Vec<Rejection>, sent: usize, said: &impl Fn(&str) -> String) -> Answer {
    let refused: Vec<_> = refused
        .into_iter()
        .map(|rejection| Rejection {
            reason: said(&rejection.reason),
            ..rejection
        })
        .collect();
    let first = refused.first().map_or("", |first| &first.reason);
    Answer::Partly {
        reason: format!("{} of {sent} products refused: {first}", refused.len()),
        refused,
    }
}

/// Interprets the answer to a login. It may contain anything about the account, so only its top level counts.
fn login_told(node: &Node) -> Told {
    let Node::Object(members) = node else {
        return Told::Everything;
    };
    if let Some(status) = says::own_status(node) {
        let words = denial_words(node).unwrap_or_default();
        return match status {
            401 => Told::Unauthorized(words),
            _ => Told::Later(words),
        };
    }
    let denies = members.iter().any(|(key, value)| match meaning(key) {
        Meaning::Fault { is_plain: true } => !says::is_nothing(value),
        Meaning::Success | Meaning::Status | Meaning::Code => says::says(value).is_bad(),
        _ => false,
    });
    match denies {
        true => Told::Refused(denial_words(node).unwrap_or_default()),
        false => Told::Everything,
    }
}

/// A description of what arrived in place of an answer, in its own words.
fn unreadable(content: &Content) -> String {
    let what = match content {
        Content::Empty => "an empty answer".to_owned(),
        Content::TooLong(_) => "an answer that is too long".to_owned(),
        Content::Html(_) => content.words().unwrap_or_default(),
        Content::Json(node) => format!("`{node}`"),
        Content::Text(text) => format!("`{text}`"),
    };
    // The quoted text comes last, because a long text is truncated.
    let hint = "a proxy or a sign-in page may have answered in Digible's place";
    format!("{hint}: {what}")
}

fn redirect(reply: &Reply) -> String {
    let Some(location) = reply.header(LOCATION) else {
        return with_status(
            reply,
            "a redirect without a target; check `digible.base_url` and the proxy",
        );
    };
    // What follows may be a secret.
    let target = location.split(['?', '#']).next().unwrap_or_default();
    with_status(
        reply,
        &format!(
            "redirected to `{}`, which is not followed; sign in to this network if it asks for it, \
             or correct `digible.base_url`",
            tidy(target, &[])
        ),
    )
}

fn reason(reply: &Reply, hide: &[&str]) -> String {
    let words = match reply.content.words() {
        Some(words) => tidy(&words, hide),
        None => reply
            .status
            .canonical_reason()
            .unwrap_or("no reason given")
            .to_owned(),
    };
    with_status(reply, &words)
}

fn with_status(reply: &Reply, words: &str) -> String {
    format!("{}: {words}", reply.status.as_u16())
}

/// Whether an answer's reason is about sessions, judging by its words or by a status that has no other use.
pub(super) fn is_about_sessions(reason: &str) -> bool {
    let words = reason.to_lowercase();
    matches!(status_in(reason), Some(419 | 440 | 498))
        || [
            "token",
            "jwt",
            "session",
            "unauthor",
            "unauthent",
            "authenticat",
            "log in",
            "login",
            "sign in",
            "signin",
        ]
        .iter()
        .any(|word| words.contains(word))
}

/// The status with which a reason begins; none when the reason is not that of an answer.
pub(super) fn status_in(reason: &str) -> Option<u16> {
    let (status, _) = reason.split_once(": ")?;
    let is_status = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
    status.parse().ok().filter(|_| is_status)
}

#[cfg(test)]
mod tests;
