//! What a single value of an answer means: a status, a code, or a value that stands for a fault.

use super::super::content::plain;
use super::super::node::{Members, Node};
use super::keys::{Meaning, meaning};

/// What the value of a status, a code or a fault means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    Yes,
    No,
    /// Retry later.
    Later,
    /// The token is no longer valid.
    Unauthorized,
    /// Nothing known.
    Nothing,
}

const YES: [&str; 10] = [
    "ok",
    "success",
    "successful",
    "succeeded",
    "true",
    "created",
    "updated",
    "saved",
    "synced",
    "yes",
];

const PLAIN_NO: [&str; 4] = ["error", "fail", "failed", "failure"];

const NO: [&str; 18] = [
    "false",
    "no",
    "rejected",
    "refused",
    "invalid",
    "skipped",
    "denied",
    "ignored",
    "duplicate",
    "notfound",
    "unprocessed",
    "conflict",
    "partial",
    "partialsuccess",
    "partiallysuccessful",
    "incomplete",
    "errors",
    "unsuccessful",
];

const LATER: [&str; 12] = [
    "toomanyrequests",
    "ratelimit",
    "ratelimited",
    "ratelimitexceeded",
    "ratelimiterror",
    "ratelimitreached",
    "throttled",
    "throttling",
    "throttlingexception",
    "serviceunavailable",
    "slowdown",
    "tryagainlater",
];

const UNAUTHORIZED: [&str; 12] = [
    "unauthorized",
    "unauthorised",
    "unauthenticated",
    "tokenexpired",
    "jwtexpired",
    "expiredtoken",
    "invalidtoken",
    "tokeninvalid",
    "tokenexpirederror",
    "jsonwebtokenerror",
    "sessionexpired",
    "invalidjwt",
];

/// Values that stand for "no fault".
const NOTHING: [&str; 13] = [
    "",
    "0",
    "ok",
    "none",
    "null",
    "nil",
    "no",
    "false",
    "na",
    "success",
    "noerror",
    "noerrors",
    "undefined",
];

impl Says {
    /// Whether the value means anything but success.
    pub(super) fn is_bad(self) -> bool {
        !matches!(self, Self::Yes | Self::Nothing)
    }
}

/// What a status, a code or a fault means. Only HTTP's own numbers count: some services use 20000 as their code
/// for success.
pub(super) fn says(value: &Node) -> Says {
    if let Some(number) = value.number() {
        return match number {
            200..300 => Says::Yes,
            401 => Says::Unauthorized,
            _ if is_wait(number) => Says::Later,
            400..600 => Says::No,
            _ => Says::Nothing,
        };
    }
    match value {
        Node::Bool(true) => Says::Yes,
        Node::Bool(false) => Says::No,
        Node::Text(text) => match plain(text).as_str() {
            word if YES.contains(&word) => Says::Yes,
            word if PLAIN_NO.contains(&word) || NO.contains(&word) => Says::No,
            word if LATER.contains(&word) => Says::Later,
            word if UNAUTHORIZED.contains(&word) => Says::Unauthorized,
            _ => Says::Nothing,
        },
        Node::Object(_) => match own_status(value) {
            Some(401) => Says::Unauthorized,
            Some(_) => Says::Later,
            None => Says::Nothing,
        },
        _ => Says::Nothing,
    }
}

/// The status that an object gives for itself, if it is 401 or one that means to wait.
pub(super) fn own_status(node: &Node) -> Option<u16> {
    let Node::Object(members) = node else {
        return None;
    };
    let direct = members
        .iter()
        .find_map(|(key, value)| status_of(key, value));
    direct.or_else(|| {
        members.iter().find_map(|(key, value)| {
            let (Meaning::Fault { .. } | Meaning::Other, Node::Object(members)) =
                (meaning(key), value)
            else {
                return None;
            };
            members
                .iter()
                .find_map(|(key, value)| status_of(key, value))
        })
    })
}

/// After how many seconds an object asks the client to retry.
pub(super) fn own_wait(node: &Node) -> Option<u64> {
    let Node::Object(members) = node else {
        return None;
    };
    members.iter().find_map(|(key, value)| match meaning(key) {
        Meaning::RetryAfter => u64::try_from(value.number()?).ok(),
        Meaning::Fault { .. } => own_wait(value),
        _ => None,
    })
}

/// Whether an object says that it succeeded.
pub(super) fn says_yes(members: &Members) -> bool {
    members.iter().any(|(key, value)| match meaning(key) {
        Meaning::Success | Meaning::Status | Meaning::Code => says(value) == Says::Yes,
        _ => false,
    })
}

/// Whether an error number stands for an error.
pub(super) fn is_fault_code(value: &Node) -> bool {
    !is_nothing(value) && says(value) != Says::Yes
}

/// Whether a status means failure, and cannot be a product's own state.
pub(super) fn is_plain_failure(value: &Node) -> bool {
    value
        .text()
        .is_some_and(|text| PLAIN_NO.contains(&plain(text).as_str()))
}

/// Whether the value of a fault says that there is no fault.
pub(super) fn is_nothing(value: &Node) -> bool {
    match value {
        Node::Null => true,
        Node::Bool(is_fault) => !is_fault,
        Node::Integer(count) => *count == 0,
        Node::Float(count) => *count == 0.0,
        Node::Text(text) => NOTHING.contains(&plain(text).as_str()),
        Node::List(list) => list.iter().all(|element| *element == Node::Null),
        Node::Object(members) => members.iter().all(|(_, value)| is_nothing(value)),
    }
}

fn status_of(key: &str, value: &Node) -> Option<u16> {
    let is_status = matches!(
        meaning(key),
        Meaning::Status | Meaning::Code | Meaning::FaultCode | Meaning::Fault { is_plain: true }
    );
    if !is_status || value.is_collection() {
        return None;
    }
    match says(value) {
        Says::Unauthorized => Some(401),
        Says::Later => Some(
            value
                .number()
                .and_then(|code| u16::try_from(code).ok())
                .unwrap_or(429),
        ),
        _ => None,
    }
}

fn is_wait(code: i64) -> bool {
    matches!(code, 408 | 423 | 425 | 429 | 503)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str) -> Node {
        Node::parse(text.as_bytes(), 100).unwrap()
    }

    #[test]
    fn values_say_what_they_say() {
        for (wanted, values) in [
            (Says::Yes, r#"200 "201" true "OK" "Success""#),
            (
                Says::No,
                r#"400 "422" 599 false "Failed" "not_found" "partial""#,
            ),
            (
                Says::Later,
                r#"429 "503" 408 423 425 "RATE_LIMITED" "Too Many Requests" {"code":429}"#,
            ),
            (
                Says::Unauthorized,
                r#"401 "401" "jwt expired" {"error":{"status":401}}"#,
            ),
            (
                Says::Nothing,
                r#"0 1 20000 1.5 null "active" "E42" [] {} {"code":400}"#,
            ),
        ] {
            let mut stream =
                serde_json::Deserializer::from_str(values).into_iter::<serde_json::Value>();
            while let Some(value) = stream.next().transpose().unwrap() {
                assert_eq!(says(&node(&value.to_string())), wanted, "{value}");
            }
        }
    }

    #[test]
    fn no_fault_is_told_in_many_ways() {
        for nothing in [
            "null",
            "false",
            "0",
            "0.0",
            r#""""#,
            r#"" ""#,
            r#""None""#,
            r#""OK""#,
            "[]",
            "[null]",
            "{}",
            r#"{"count":0,"items":[]}"#,
        ] {
            assert!(is_nothing(&node(nothing)), "{nothing}");
        }
        for fault in [
            "true",
            "1",
            "-1",
            r#""bad""#,
            "[0]",
            "[{}]",
            r#"{"P1":"bad"}"#,
        ] {
            assert!(!is_nothing(&node(fault)), "{fault}");
        }
    }
}
