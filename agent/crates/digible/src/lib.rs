//! The cloud client: wire bodies, session, and the one function that judges answers.
//!
//! Nothing outside this folder names reqwest. `wire.rs` is the one file that changes when Digible does.

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
pub use options::DigibleOptions;

/// The two calls that carry products, and the login.
#[async_trait]
pub trait Cloud: Send + Sync {
    /// Sends products through the batch endpoint: at most the configured batch size. Only here an
    /// answer may be a yes for some of them and a no for the others ([`Answer::Partly`]).
    async fn send_batch(&self, items: &[&Item]) -> Answer;

    /// Sends one product that was acknowledged before through the update endpoint.
    async fn send_update(&self, item: &Item) -> Answer;

    /// Logs in, whatever the state of the session, and says what came of it.
    async fn log_in(&self) -> Answer;

    /// What is known of the login now.
    fn session(&self) -> Session;

    /// How many logins have ended so far, well or not: what was refused before one and what passed after it
    /// say nothing of each other.
    fn logins(&self) -> u64;
}

/// What an answer, or the lack of one, means for every product of its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Digible has them.
    Acknowledged,
    /// A success that names products of the request which it refuses: some of them and not all. Digible
    /// has the others. A success that refuses products without naming them is [`Answer::Refused`], and
    /// then none of the request is acknowledged.
    Partly {
        /// In the order of the request, each product at most once.
        refused: Vec<Rejection>,
        /// Of all of them, for people.
        reason: String,
    },
    /// Refused because of what was sent (4xx other than the ones below).
    Refused {
        /// For people, with the status: `400: the price is too high`.
        reason: String,
    },
    /// The request is too large (413): split it; alone, it counts as refused.
    TooLarge {
        /// For people.
        reason: String,
    },
    /// The endpoint itself says no, whatever is sent (404, 405, 410).
    Missing {
        /// For people.
        reason: String,
    },
    /// 500, or an answer that cannot be read: may be the fault of one product in it.
    Broken {
        /// For people, with the answer's own words.
        reason: String,
        /// What may have become of the request.
        fate: Fate,
    },
    /// Try again later; no product is to blame.
    Retry {
        /// For people.
        reason: String,
        /// What Digible asked for (`Retry-After`), capped.
        wait: Option<Duration>,
        /// What may have become of the request.
        fate: Fate,
    },
    /// A person has to mend the configuration: a redirect, an unusable address, a client that cannot be built.
    Misconfigured {
        /// For people.
        reason: String,
    },
    /// The login is refused and is not repeated until the credentials change.
    LoggedOut {
        /// For people, as a sentence of its own: which [`SessionState`] it is, and why.
        reason: String,
    },
}

/// One product that a success refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Its place among the request's products, from 0.
    pub index: usize,
    /// For people, with the status: `200: the price is too high`.
    pub reason: String,
}

/// What may have become of a request that was not acknowledged, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Never handed over, or clearly turned away: nothing changed at Digible.
    NotApplied,
    /// Answered, but not whether it was applied.
    Unknown,
    /// Not answered by who applies it (time-out, cut connection, 408, any 5xx that a gateway may send, a
    /// page in place of an answer): it may be applied even later.
    MayStillLand,
}

impl SessionState {
    /// Whether Digible refuses the login, so that nothing can be sent.
    #[must_use]
    pub fn is_refused(self) -> bool {
        matches!(self, Self::Expired | Self::Refused)
    }

    /// What people are told: a password that was never accepted is another thing than a session that
    /// has ended.
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
    /// The status of the answer that `reason` tells of; none when nothing answered.
    #[must_use]
    pub fn status_in(reason: &str) -> Option<u16> {
        judge::status_in(reason)
    }
}

/// What is known of the login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whether it works.
    pub state: SessionState,
    /// When the token ends, by this computer's clock.
    pub expires_at: Option<Timestamp>,
}

/// Whether the login works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// Not tried yet.
    Unknown,
    /// Logged in.
    Active,
    /// It worked once, and Digible refuses it now.
    Expired,
    /// Digible refuses the password, and never accepted it as far as is known.
    Refused,
}
