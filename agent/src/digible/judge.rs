//! The one function that judges answers.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};

use super::content::{Content, denial_words, tidy};
use super::wire::Endpoint;
use super::{Answer, Fate, retry_after};

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    /// Whatever its number.
    pub(super) status: StatusCode,
    /// All of them.
    pub(super) headers: HeaderMap,
    /// Read to a limit.
    pub(super) content: Content,
}

/// What an answer means, before the session has had its say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stands, whatever the token.
    Final(Answer),
    /// The token is no longer good (401).
    Unauthorized { reason: String },
    /// The token is no longer good, or what was sent is refused (403): a new token tells.
    Forbidden { reason: String },
}

/// What `reply` to a request at `endpoint` means; `hide` are the secrets that were sent and must not
/// come back in a reason.
pub(super) fn judge(endpoint: Endpoint, reply: &Reply, hide: &[&str]) -> Verdict {
    let status = reply.status;
    let reason = || reason(reply, hide);
    let retry = |fate| Answer::Retry {
        reason: reason(),
        wait: reply.wait(),
        fate,
    };
    Verdict::Final(match status.as_u16() {
        200..=299 => success(endpoint, reply, hide),
        300..=399 => Answer::Misconfigured {
            reason: redirect(reply),
        },
        401 => return Verdict::Unauthorized { reason: reason() },
        403 => return Verdict::Forbidden { reason: reason() },
        404 | 405 | 410 => Answer::Missing { reason: reason() },
        // The server gave up before it had the whole request, or before it looked at it.
        408 | 429 => retry(Fate::NotApplied),
        413 => Answer::TooLarge { reason: reason() },
        400..=499 => Answer::Refused { reason: reason() },
        // A gateway speaks for a server that may be still at it.
        502 | 504 => retry(Fate::MayStillLand),
        501 | 503 | 505..=599 => retry(Fate::Unknown),
        _ => Answer::Broken { reason: reason() },
    })
}

impl Reply {
    /// One of its headers, when it is text.
    pub(super) fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn wait(&self) -> Option<Duration> {
        retry_after::wait(self.header(RETRY_AFTER)?, self.header(DATE))
    }
}

fn success(endpoint: Endpoint, reply: &Reply, hide: &[&str]) -> Answer {
    if let Some(denial) = reply.content.denial() {
        let words = denial_words(denial).unwrap_or_else(|| "refused without a reason".to_owned());
        return Answer::Refused {
            reason: with_status(reply, &tidy(&words, hide)),
        };
    }
    let what = match &reply.content {
        Content::Json(value) if value.is_object() || value.is_array() => {
            return Answer::Acknowledged;
        }
        Content::Empty if endpoint == Endpoint::Update => return Answer::Acknowledged,
        Content::Empty => "an empty answer",
        Content::Html => "an HTML page",
        Content::Json(_) | Content::Text(_) => "something else",
    };
    Answer::Broken {
        reason: with_status(
            reply,
            &format!(
                "{what} instead of Digible's JSON; a proxy or a sign-in page may be in between"
            ),
        ),
    }
}

fn redirect(reply: &Reply) -> String {
    let Some(location) = reply.header(LOCATION) else {
        return with_status(
            reply,
            "a redirect to nowhere; check `digible.base_url` and the proxy",
        );
    };
    // What follows may be anybody's secret.
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

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::Endpoint::{Batch, Login, Update};
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            content: Content::read(body.as_bytes()),
        }
    }

    fn answer(endpoint: Endpoint, status: u16, body: &str) -> Answer {
        match judge(endpoint, &reply(status, body), &[]) {
            Verdict::Final(answer) => answer,
            other => panic!("{status} {body}: {other:?}"),
        }
    }

    fn retry(reason: &str, fate: Fate) -> Answer {
        Answer::Retry {
            reason: reason.to_owned(),
            wait: None,
            fate,
        }
    }

    #[test]
    fn a_json_object_or_array_acknowledges() {
        for endpoint in [Login, Batch, Update] {
            for status in [200, 201, 202, 207, 299] {
                for body in ["{}", "[]", r#"{"message":"ok","data":null}"#, " [ {} ] "] {
                    assert_eq!(
                        answer(endpoint, status, body),
                        Answer::Acknowledged,
                        "{endpoint:?} {status} {body}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_empty_success_acknowledges_an_update_only() {
        for status in [200, 204] {
            for body in ["", " \r\n"] {
                assert_eq!(answer(Update, status, body), Answer::Acknowledged);
                for endpoint in [Login, Batch] {
                    let answer = answer(endpoint, status, body);
                    assert!(matches!(answer, Answer::Broken { .. }), "{answer:?}");
                }
            }
        }
    }

    #[test]
    fn any_other_success_is_broken() {
        for endpoint in [Login, Batch, Update] {
            for body in [
                "<html>Sign in</html>",
                "OK",
                "null",
                "true",
                "7",
                "\"ok\"",
                "{\"a\":",
            ] {
                let Answer::Broken { reason } = answer(endpoint, 200, body) else {
                    panic!("{endpoint:?} {body}");
                };
                assert!(reason.starts_with("200: "), "{reason}");
                assert!(reason.contains("proxy"), "{reason}");
            }
        }
    }

    #[test]
    fn a_success_that_says_no_is_refused_in_its_own_words() {
        for (body, reason) in [
            (
                r#"{"success":false,"message":"no such store"}"#,
                "200: no such store",
            ),
            (r#"{"success":false}"#, "200: refused without a reason"),
            (
                r#"{"message":"done","errors":["P7: price"]}"#,
                "200: P7: price",
            ),
            (r#"[{},{"success":false,"message":"P7"}]"#, "200: P7"),
        ] {
            for endpoint in [Login, Batch, Update] {
                assert_eq!(
                    answer(endpoint, 200, body),
                    Answer::Refused {
                        reason: reason.to_owned()
                    }
                );
            }
        }
    }

    #[test]
    fn the_token_is_the_sessions_business() {
        let refused = reply(401, r#"{"message":"jwt expired"}"#);
        assert_eq!(
            judge(Batch, &refused, &[]),
            Verdict::Unauthorized {
                reason: "401: jwt expired".to_owned()
            }
        );
        assert_eq!(
            judge(Update, &reply(403, ""), &[]),
            Verdict::Forbidden {
                reason: "403: Forbidden".to_owned()
            }
        );
    }

    #[test]
    fn every_other_status_has_its_meaning() {
        let body = r#"{"message":"words"}"#;
        let said = |status: u16| format!("{status}: words");
        for endpoint in [Batch, Update] {
            for status in [404, 405, 410] {
                let reason = said(status);
                assert_eq!(answer(endpoint, status, body), Answer::Missing { reason });
            }
            for status in [
                400, 402, 406, 407, 409, 411, 412, 414, 415, 422, 426, 451, 499,
            ] {
                let reason = said(status);
                assert_eq!(answer(endpoint, status, body), Answer::Refused { reason });
            }
            let reason = said(413);
            assert_eq!(answer(endpoint, 413, body), Answer::TooLarge { reason });
            let reason = said(500);
            assert_eq!(answer(endpoint, 500, body), Answer::Broken { reason });
            for (fate, statuses) in [
                (Fate::NotApplied, [408, 429].as_slice()),
                (Fate::MayStillLand, &[502, 504]),
                (Fate::Unknown, &[501, 503, 505, 507, 511, 520, 524, 599]),
            ] {
                for &status in statuses {
                    assert_eq!(
                        answer(endpoint, status, body),
                        retry(&said(status), fate),
                        "{status}"
                    );
                }
            }
            let beyond = answer(endpoint, 999, body);
            assert_eq!(beyond, Answer::Broken { reason: said(999) });
        }
    }

    #[test]
    fn reasons_are_for_people() {
        for (body, reason) in [
            ("", "503: Service Unavailable"),
            ("<html><h1>Oops</h1></html>", "503: an HTML page"),
            ("try\nlater", "503: try later"),
            ("{}", "503: Service Unavailable"),
        ] {
            assert_eq!(answer(Batch, 503, body), retry(reason, Fate::Unknown));
        }
        assert_eq!(
            answer(Batch, 499, ""),
            Answer::Refused {
                reason: "499: no reason given".to_owned()
            }
        );
    }

    #[test]
    fn a_redirect_names_its_target_and_no_query() {
        for status in [301, 302, 303, 307, 308] {
            let mut reply = reply(status, "<html>moved</html>");
            reply.headers.insert(
                LOCATION,
                HeaderValue::from_static("https://portal.example/in?token=hunter2#x"),
            );
            let Verdict::Final(Answer::Misconfigured { reason }) = judge(Batch, &reply, &[]) else {
                panic!("{status}");
            };
            assert!(reason.starts_with(&format!("{status}: ")), "{reason}");
            assert!(reason.contains("`https://portal.example/in`"), "{reason}");
            assert!(!reason.contains("hunter2"), "{reason}");
        }
        assert!(matches!(
            answer(Batch, 304, ""),
            Answer::Misconfigured { .. }
        ));
    }

    #[test]
    fn the_wait_is_handed_on() {
        for status in [408, 429, 502, 503, 504] {
            let mut reply = reply(status, "");
            reply.headers.insert(
                RETRY_AFTER,
                HeaderValue::from_static("Sun, 06 Nov 1994 08:50:07 GMT"),
            );
            reply.headers.insert(
                DATE,
                HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"),
            );
            let Verdict::Final(Answer::Retry { wait, .. }) = judge(Batch, &reply, &[]) else {
                panic!("{status}");
            };
            assert_eq!(wait, Some(Duration::from_secs(30)), "{status}");
        }
    }

    #[test]
    fn a_secret_does_not_come_back() {
        let reply = reply(400, r#"{"message":"bad password \"hunter2\""}"#);
        assert_eq!(
            judge(Login, &reply, &["hunter2"]),
            Verdict::Final(Answer::Refused {
                reason: "400: bad password \"(hidden)\"".to_owned()
            })
        );
    }
}
