//! What it means when a request gets no answer, and what you can do about it.

use std::error::Error;
use std::time::Duration;

use shopmaster_base::causes::with_causes;

use super::content::tidy;
use super::{Answer, Fate};

/// What it means that a request to `server` got no whole answer within `timeout`.
pub(super) fn answer(error: reqwest::Error, server: &str, timeout: Duration) -> Answer {
    let error = error.without_url();
    if error.is_connect() || error.is_builder() {
        return Answer::Retry {
            reason: connect_reason(&error, server),
            wait: None,
            fate: Fate::NotApplied,
        };
    }
    let reason = if error.is_timeout() {
        format!("no answer from `{server}` within {timeout:?}")
    } else {
        format!("the connection to `{server}` was cut: {}", root(&error))
    };
    Answer::Retry {
        reason,
        wait: None,
        fate: Fate::MayStillLand,
    }
}

fn connect_reason(error: &reqwest::Error, server: &str) -> String {
    if error.is_timeout() {
        return format!(
            "connecting to `{server}` timed out; check this computer's network and firewall"
        );
    }
    if error.is_dns() {
        return format!(
            "the name `{server}` was not found; check this computer's network and `digible.base_url`"
        );
    }
    let words = with_causes(error);
    match remedy(&words) {
        Some(remedy) => format!("cannot connect to `{server}`: {}; {remedy}", root(error)),
        None => format!("cannot connect to `{server}`: {}", root(error)),
    }
}

/// Finds the remedy by the words of rustls and of the operating system, because their types are not accessible.
fn remedy(words: &str) -> Option<&'static str> {
    let has = |part: &str| words.contains(part);
    if has("UnknownIssuer") || has("UnknownCA") {
        return Some(
            "a proxy or virus scanner may be inspecting encrypted connections: put its certificate \
             into `digible.ca_file`",
        );
    }
    if has("certificate expired") || has("certificate not valid yet") {
        return Some("check this computer's date and time");
    }
    if has("not valid for name") || has("NotValidForName") {
        return Some(
            "another server answers under this name: check `digible.base_url` and the proxy",
        );
    }
    if has("invalid peer certificate") {
        return Some("check this computer's date and time, and the proxy");
    }
    if has("corrupt message") || has("InvalidContentType") {
        return Some("what answers there does not use TLS: check `digible.base_url` and its port");
    }
    if has("refused") {
        return Some("nothing listens there: check `digible.base_url`, the proxy and the firewall");
    }
    if has("tunnel") || has("proxy") {
        return Some("check `HTTPS_PROXY`");
    }
    if has("unreachable") {
        return Some("check this computer's network");
    }
    None
}

/// The first cause, on one short line: the errors around it say only that a request failed.
fn root(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    tidy(&cause.to_string(), &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_have_remedies() {
        for (words, part) in [
            (
                "invalid peer certificate: UnknownIssuer",
                "`digible.ca_file`",
            ),
            (
                "invalid peer certificate: certificate expired: verification time 1 (UNIX)",
                "date and time",
            ),
            (
                "invalid peer certificate: certificate not valid yet: verification time 1",
                "date and time",
            ),
            (
                "invalid peer certificate: certificate not valid for name \"a\"; certificate is \
                 only valid for b",
                "another server",
            ),
            ("invalid peer certificate: BadEncoding", "date and time"),
            ("received corrupt message of type InvalidContentType", "TLS"),
            (
                "tcp connect error: Connection refused (os error 111)",
                "nothing listens",
            ),
            ("unsuccessful tunnel", "`HTTPS_PROXY`"),
            ("Network is unreachable (os error 101)", "network"),
        ] {
            let remedy = remedy(words).unwrap_or_default();
            assert!(remedy.contains(part), "{words}: {remedy}");
        }
        assert_eq!(remedy("something else"), None);
    }
}
