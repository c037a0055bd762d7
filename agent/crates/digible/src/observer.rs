//! What other crates count of the requests.

use std::time::Duration;

use super::{Answer, judge::Verdict, wire::Endpoint};

/// Counts requests. It is called between requests, so it must return at once.
pub trait RequestObserver: Send + Sync {
    /// A request has ended, with or without an answer, after so long.
    fn request_ended(&self, endpoint: Endpoint, outcome: RequestOutcome, took: Duration);
}

/// Counts nothing.
impl RequestObserver for () {
    fn request_ended(&self, _endpoint: Endpoint, _outcome: RequestOutcome, _took: Duration) {}
}

/// How one request ended, whatever the client does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestOutcome {
    /// Digible accepted everything in it.
    Accepted,
    /// Digible accepted some of its products.
    PartlyAccepted,
    /// Digible refused it.
    Refused,
    /// Digible refused the token, or the login.
    Unauthorized,
    /// It was too large.
    TooLarge,
    /// Digible has no such call.
    Missing,
    /// Digible redirected it to another address.
    Redirected,
    /// Digible asked to wait, or a server in front of it could not pass it on.
    Postponed,
    /// Digible failed, or its answer cannot be read.
    Failed,
    /// No whole answer arrived.
    NoAnswer,
}

impl RequestOutcome {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Accepted,
        Self::PartlyAccepted,
        Self::Refused,
        Self::Unauthorized,
        Self::TooLarge,
        Self::Missing,
        Self::Redirected,
        Self::Postponed,
        Self::Failed,
        Self::NoAnswer,
    ];

    /// In one word, for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::PartlyAccepted => "partly_accepted",
            Self::Refused => "refused",
            Self::Unauthorized => "unauthorized",
            Self::TooLarge => "too_large",
            Self::Missing => "missing",
            Self::Redirected => "redirected",
            Self::Postponed => "postponed",
            Self::Failed => "failed",
            Self::NoAnswer => "no_answer",
        }
    }

    pub(super) fn of_verdict(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Said(answer) => Self::of_answer(answer),
            Verdict::Unauthorized { .. } => Self::Unauthorized,
        }
    }

    /// What an answer that arrived says of its request.
    pub(super) fn of_answer(answer: &Answer) -> Self {
        match answer {
            Answer::Acknowledged => Self::Accepted,
            Answer::Partly { .. } => Self::PartlyAccepted,
            Answer::Refused { .. } => Self::Refused,
            Answer::LoggedOut { .. } => Self::Unauthorized,
            Answer::TooLarge { .. } => Self::TooLarge,
            Answer::Missing { .. } => Self::Missing,
            Answer::Misconfigured { .. } => Self::Redirected,
            Answer::Retry { .. } => Self::Postponed,
            Answer::Broken { .. } => Self::Failed,
        }
    }
}
