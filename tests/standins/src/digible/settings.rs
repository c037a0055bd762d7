//! How the stand-in behaves when nothing goes wrong.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use crate::duration;

/// The password of the account, unless another is set: no word, so that it can be looked for in what an agent writes.
pub const PASSWORD: &str = "correct-horse-4711";

/// How to start.
#[derive(Debug, Clone, Default)]
pub struct SimOptions {
    /// The port on 127.0.0.1; 0 lets the system choose.
    pub port: u16,
    /// The seed of the random generator.
    pub seed: u64,
    /// What is kept of requests.
    pub remember: Remember,
    /// The settings, which can also be changed later.
    pub settings: Settings,
}

/// What is kept of requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Remember {
    /// Every request, and every state that a product went through.
    #[default]
    Everything,
    /// Sums, and the newest state of each product: for uploads of a million products.
    Counts,
}

/// Settings that can be changed at any time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The only account's email.
    pub email: String,
    /// Its password.
    pub password: String,
    /// How long each request takes before it has an effect.
    #[serde(with = "duration")]
    pub latency: Duration,
    /// How long a token is valid, in whole seconds.
    #[serde(with = "duration")]
    pub token_lifetime: Duration,
    /// Whether a token has the claim `exp`.
    pub token_tells_end: bool,
    /// How many seconds the stand-in's clock is ahead: `Date`, `exp`, and when a token expires.
    pub clock_offset: i64,
    /// The status of the answer to an invalid token; with 200 only the body reports it.
    #[serde(default = "unauthorized")]
    pub token_refusal: u16,
    /// Whether an update of an unknown product creates it; otherwise it is answered with 404.
    pub upsert: bool,
}

const fn unauthorized() -> u16 {
    401
}

impl Settings {
    /// The stand-in's own time.
    pub(super) fn now(&self) -> SystemTime {
        let offset = Duration::from_secs(self.clock_offset.unsigned_abs());
        if self.clock_offset < 0 {
            SystemTime::now() - offset
        } else {
            SystemTime::now() + offset
        }
    }

    /// The status of a refused token.
    pub(super) fn token_refusal(&self) -> StatusCode {
        StatusCode::from_u16(self.token_refusal).unwrap_or(StatusCode::UNAUTHORIZED)
    }

    /// The stand-in's own time in seconds of Unix time.
    pub(super) fn unix_now(&self) -> i64 {
        let since = self.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        since.as_secs().cast_signed()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            email: "shop@example.com".to_owned(),
            password: PASSWORD.to_owned(),
            latency: Duration::ZERO,
            token_lifetime: Duration::from_secs(3_600),
            token_tells_end: true,
            clock_offset: 0,
            token_refusal: unauthorized(),
            upsert: false,
        }
    }
}
