//! The table of answers. A row: who answers, with which status, headers and body, and what it means for
//! the products that were sent: `P1`, `P2` and `P3` in a batch, `P1` in an update.

use reqwest::header::HeaderValue;

use super::super::content::Limits;
use super::*;

mod carriers;
mod logins;
mod successes;

/// What a row of the table expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    Yes,
    /// Accepted, except at these positions.
    But(&'static [usize]),
    No,
    TooLarge,
    Missing,
    Broken(Fate),
    Later(Fate),
    /// The configuration.
    Person,
    /// The token's end.
    Token,
}

use super::Endpoint::{Batch, Login, Update};
use super::Fate::{MayStillLand, NotApplied, Unknown};
use Want::{Broken, But, Later, Missing, No, Person, Token, TooLarge, Yes};

type Row = (
    Endpoint,
    u16,
    &'static [(&'static str, &'static str)],
    &'static str,
    Want,
);

const NONE: &[(&str, &str)] = &[];
const JSON: &str = r#"{"message":"words"}"#;

fn check(rows: &[Row]) {
    for (endpoint, status, headers, body, want) in rows {
        let verdict = verdict(*endpoint, *status, headers, body);
        assert_eq!(
            meaning_of(&verdict),
            *want,
            "{endpoint:?} {status} {headers:?} {body}: {verdict:?}"
        );
    }
}

fn verdict(
    endpoint: Endpoint,
    status: u16,
    headers: &[(&'static str, &str)],
    body: &str,
) -> Verdict {
    let ids = ["P1", "P2", "P3"].map(|id| ProductId::Text(id.to_owned()));
    let count = match endpoint {
        Login => 0,
        Batch => 3,
        Update => 1,
    };
    let sent: Vec<_> = ids.iter().take(count).collect();
    of_these(endpoint, &sent, status, headers, body)
}

fn of_these(
    endpoint: Endpoint,
    sent: &[&ProductId],
    status: u16,
    headers: &[(&'static str, &str)],
    body: &str,
) -> Verdict {
    let mut reply = Reply {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        content: Content::read(body.as_bytes(), Limits::of(sent.len())),
    };
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).unwrap();
        reply.headers.insert(HeaderName::from_static(name), value);
    }
    judge(endpoint, sent, &reply, &["hunter2"])
}

fn meaning_of(verdict: &Verdict) -> Want {
    let answer = match verdict {
        Verdict::Unauthorized { .. } => return Token,
        Verdict::Said(answer) => answer,
    };
    match answer {
        Answer::Acknowledged => Yes,
        Answer::Partly { refused, .. } => {
            let places: Vec<_> = refused.iter().map(|rejection| rejection.index).collect();
            match places.as_slice() {
                [0] => But(&[0]),
                [1] => But(&[1]),
                [2] => But(&[2]),
                [0, 1] => But(&[0, 1]),
                [0, 2] => But(&[0, 2]),
                [1, 2] => But(&[1, 2]),
                _ => panic!("{answer:?}"),
            }
        }
        Answer::Refused { .. } => No,
        Answer::TooLarge { .. } => TooLarge,
        Answer::Missing { .. } => Missing,
        Answer::Broken { fate, .. } => Broken(*fate),
        Answer::Retry { fate, .. } => Later(*fate),
        Answer::Misconfigured { .. } => Person,
        Answer::LoggedOut { .. } => panic!("no answer says so by itself"),
    }
}

fn reason_of(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Unauthorized { reason } => reason.clone(),
        Verdict::Said(answer) => match answer {
            Answer::Acknowledged => String::new(),
            Answer::Partly { reason, .. }
            | Answer::Refused { reason }
            | Answer::TooLarge { reason }
            | Answer::Missing { reason }
            | Answer::Broken { reason, .. }
            | Answer::Retry { reason, .. }
            | Answer::Misconfigured { reason }
            | Answer::LoggedOut { reason } => reason.clone(),
        },
    }
}

fn wait_of(verdict: &Verdict) -> Option<u64> {
    match verdict {
        Verdict::Said(Answer::Retry { wait, .. }) => wait.map(|wait| wait.as_secs()),
        _ => None,
    }
}
