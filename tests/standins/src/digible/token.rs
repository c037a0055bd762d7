//! Sessions: tokens in the form of JWTs, without a real signature.

use std::{collections::HashMap, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What a request had in `x-access-token`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenSeen {
    /// No header.
    Absent,
    /// A valid token.
    Valid,
    /// A token that has expired.
    Expired,
    /// A token that was revoked or never issued.
    Unknown,
}

/// The issued tokens, each with its expiry in seconds of Unix time.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    ends: HashMap<String, i64>,
    issued: u64,
}

impl Tokens {
    /// A new token (RFC 7519). With `tells_end`, its claim `exp` contains its expiry.
    pub(super) fn issue(
        &mut self,
        email: &str,
        now: i64,
        lifetime: Duration,
        tells_end: bool,
    ) -> String {
        self.issued += 1;
        let end = now.saturating_add_unsigned(lifetime.as_secs());
        let mut claims = json!({ "sub": email, "iat": now, "jti": self.issued.to_string() });
        if tells_end {
            claims["exp"] = end.into();
        }
        let part = |text: String| BASE64_URL_SAFE_NO_PAD.encode(text);
        let token = format!(
            "{}.{}.{}",
            part(json!({ "alg": "HS256", "typ": "JWT" }).to_string()),
            part(claims.to_string()),
            part(format!("signature of a stand-in, {}", self.issued)),
        );
        self.ends.insert(token.clone(), end);
        token
    }

    /// Whether a token is valid.
    pub(super) fn judge(&self, token: Option<&str>, now: i64) -> TokenSeen {
        let Some(token) = token else {
            return TokenSeen::Absent;
        };
        match self.ends.get(token) {
            None => TokenSeen::Unknown,
            Some(end) if *end <= now => TokenSeen::Expired,
            Some(_) => TokenSeen::Valid,
        }
    }

    /// Makes all tokens invalid.
    pub(super) fn revoke_all(&mut self) {
        self.ends.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_when_it_says() {
        let mut tokens = Tokens::default();
        let token = tokens.issue("a@b", 1_000, Duration::from_secs(60), true);
        assert_eq!(tokens.judge(Some(&token), 1_059), TokenSeen::Valid);
        assert_eq!(tokens.judge(Some(&token), 1_060), TokenSeen::Expired);

        let claims = token.split('.').nth(1).unwrap();
        let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["exp"], 1_060);
    }

    #[test]
    fn revoked_and_foreign_tokens_are_unknown() {
        let mut tokens = Tokens::default();
        let token = tokens.issue("a@b", 0, Duration::from_secs(60), true);
        tokens.revoke_all();
        assert_eq!(tokens.judge(Some(&token), 0), TokenSeen::Unknown);
        assert_eq!(tokens.judge(None, 0), TokenSeen::Absent);
    }

    #[test]
    fn two_tokens_differ_within_one_second() {
        let mut tokens = Tokens::default();
        let mut issue = || tokens.issue("a@b", 0, Duration::ZERO, false);
        assert_ne!(issue(), issue());
    }
}
