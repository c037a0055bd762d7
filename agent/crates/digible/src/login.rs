//! The login: what it needs, and what its answer means.

use secrecy::{ExposeSecret, SecretString};

use super::content::{Content, tidy};
use super::judge::{Reply, Verdict, judge};
use super::wire::{self, Endpoint};
use super::{Answer, Fate};

/// The email and password of the account.
pub(super) struct Credentials {
    pub(super) email: String,
    pub(super) password: SecretString,
}

/// Why a login returned no token.
#[derive(Debug)]
pub(super) enum LoginError {
    /// The same credentials will not work another time either.
    Refused { reason: String },
    /// The login may work later, or after the configuration is fixed.
    Failed(Answer),
}

/// The token in the answer to a login with `password`.
///
/// # Errors
///
/// Why there is no token.
pub(super) fn token<'a>(reply: &'a Reply, password: &SecretString) -> Result<&'a str, LoginError> {
    let hide = [password.expose_secret()];
    match judge(Endpoint::Login, &[], reply, &hide) {
        Verdict::Said(Answer::Acknowledged) => {}
        Verdict::Said(answer) => return Err(LoginError::new(answer)),
        Verdict::Unauthorized { reason } => return Err(LoginError::Refused { reason }),
    }
    match &reply.content {
        Content::Json(value) => wire::token(value),
        _ => None,
    }
    .ok_or_else(|| LoginError::no_token(reply, &hide))
}

impl Credentials {
    /// None when the email or the password is missing.
    pub(super) fn new(email: String, password: Option<SecretString>) -> Option<Self> {
        let password = password.filter(|password| !password.expose_secret().is_empty())?;
        if email.trim().is_empty() {
            return None;
        }
        Some(Self { email, password })
    }
}

impl LoginError {
    /// What the answer to a login means.
    pub(super) fn new(answer: Answer) -> Self {
        match answer {
            Answer::Refused { reason } | Answer::TooLarge { reason } => Self::Refused { reason },
            Answer::Broken { reason, .. } => Self::retry(reason),
            // Whether a login is still applied later does not matter.
            Answer::Retry { reason, wait, .. } => Self::Failed(Answer::Retry {
                reason,
                wait,
                fate: Fate::NotApplied,
            }),
            answer => Self::Failed(answer),
        }
    }

    /// The answer looks like a success but contains no token. Only its message is shown: the rest may contain a
    /// token in another place.
    pub(super) fn no_token(reply: &Reply, hide: &[&str]) -> Self {
        let status = reply.status.as_u16();
        let message = match &reply.content {
            Content::Json(node) => ["message", "error"]
                .iter()
                .find_map(|key| node.get(key)?.text()),
            _ => None,
        };
        let words = message.map(|message| format!(": {}", tidy(message, hide)));
        let words = words.unwrap_or_default();
        Self::retry(format!("{status}: no token in the login's answer{words}"))
    }

    fn retry(reason: String) -> Self {
        Self::Failed(Answer::Retry {
            reason,
            wait: None,
            fate: Fate::NotApplied,
        })
    }
}
