//! The cloud client: request bodies, the session, and the one function that interprets answers.
//!
//! Nothing outside this crate uses reqwest. `wire.rs` is the only file that changes when Digible's interface
//! does.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

mod address;
mod client;
mod content;
mod item;
mod judge;
mod login;
mod node;
mod observer;
mod options;
mod retry_after;
mod session;
mod setup;
#[cfg(test)]
mod test_server;
mod token;
mod transport;
mod transport_error;
mod wire;

pub use client::{Digible, KeepToken};
pub use item::{Digest, Item};
pub use observer::{RequestObserver, RequestOutcome};
pub use options::DigibleOptions;
pub use wire::Endpoint;

/// The two calls that carry products, and the login.
#[async_trait]
pub trait Cloud: Send + Sync {
    /// Sends products through the batch endpoint, at most the configured batch size. Only this call may accept
    /// some products and refuse others ([`Answer::Partly`]).
    async fn send_batch(&self, items: &[&Item]) -> Answer;

    /// Sends one product that was acknowledged before through the update endpoint.
    async fn send_update(&self, item: &Item) -> Answer;

    /// Logs in, whatever the state of the session, and returns the result.
    async fn log_in(&self) -> Answer;

    /// What is known about the login now.
    fn session(&self) -> Session;

    /// How many logins have ended so far, successful or not: a refusal before a login and a success after it
    /// say nothing about each other.
    fn logins(&self) -> u64;
}

/// What an answer, or the lack of one, means for every product of its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Digible accepted all of them.
    Acknowledged,
    /// A success that names products of the request that it refuses: some of them, not all. Digible has the
    /// others. A success that refuses products without naming them is [`Answer::Refused`]; then none of the
    /// request is acknowledged.
    Partly {
        /// In the order of the request, each product at most once.
        refused: Vec<Rejection>,
        /// The reason for all of them together, for people.
        reason: String,
    },
    /// Refused because of what was sent (4xx other than the ones below).
    Refused {
        /// The reason, for people, with the status: `400: the price is too high`.
        reason: String,
    },
    /// The request is too large (413): split it; alone, it counts as refused.
    TooLarge {
        /// The reason, for people.
        reason: String,
    },
    /// The endpoint itself refuses, whatever is sent (404, 405, 410).
    Missing {
        /// The reason, for people.
        reason: String,
    },
    /// 500, or an answer that cannot be read: one product of the request may be the cause.
    Broken {
        /// The reason, for people, with the answer's own words.
        reason: String,
        /// What may have become of the request.
        fate: Fate,
    },
    /// Retry later; no product is to blame.
    Retry {
        /// The reason, for people.
        reason: String,
        /// What Digible asked for (`Retry-After`), capped.
        wait: Option<Duration>,
        /// What may have become of the request.
        fate: Fate,
    },
    /// The configuration has to be fixed: a redirect, an unusable address, a client that cannot be built.
    Misconfigured {
        /// The reason, for people.
        reason: String,
    },
    /// The login is refused, and the client does not retry until the credentials change.
    LoggedOut {
        /// A sentence for people: which [`SessionState`] it is, and why.
        reason: String,
    },
}

/// One product that a success refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Its position among the request's products, from 0.
    pub index: usize,
    /// The reason, for people, with the status: `200: the price is too high`.
    pub reason: String,
}

/// What may have happened to a request that was not acknowledged, the worst case last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Never sent, or clearly rejected: nothing changed at Digible.
    NotApplied,
    /// Answered, but the answer does not say whether it was applied.
    Unknown,
    /// Not answered by the server that applies it (timeout, broken connection, 408, any 5xx that a gateway may
    /// send, a page in place of an answer): it may still be applied later.
    MayStillLand,
}

impl SessionState {
    /// Whether Digible refuses the login, so that nothing can be sent.
    #[must_use]
    pub fn is_refused(self) -> bool {
        matches!(self, Self::Expired | Self::Refused)
    }

    /// The text for people: a password that was never accepted differs from a session that has ended.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Unknown => "Not logged in to Digible yet",
            Self::Active => "Logged in to Digible",
            Self::Expired => "The Digible session has ended",
            Self::Refused => "Digible does not accept the password",
        }
    }
}

impl Answer {
    /// The status of the answer that `reason` describes; none when nothing answered.
    #[must_use]
    pub fn status_in(reason: &str) -> Option<u16> {
        judge::status_in(reason)
    }
}

/// What is known about the login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whether it works.
    pub state: SessionState,
    /// When the token expires, by this computer's clock.
    pub expires_at: Option<Timestamp>,
}

/// Whether the login works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// Not tried yet.
    Unknown,
    /// Logged in.
    Active,
    /// The login worked earlier, and Digible refuses it now.
    Expired,
    /// Digible refuses the password and, as far as is known, never accepted it.
    Refused,
}
