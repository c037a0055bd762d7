//! One client.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shopmaster_proto::remote::{Pin, TokenDigest};

use super::Role;

/// The most characters of a name.
const LONGEST_NAME: usize = 64;

/// A client that may use the agent over the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its name.
    pub name: ClientName,
    /// What it may do.
    pub role: Role,
    /// How it authenticates.
    pub credential: Credential,
    /// When it was added or invited.
    pub created_at: Timestamp,
    /// When its access ends; none for no end.
    pub expires_at: Option<Timestamp>,
    /// When it last called, to the hour; none when it never did.
    pub last_seen_at: Option<Timestamp>,
}

/// How a client authenticates. Secrets are stored as digests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Credential {
    /// Its invitation is not redeemed yet.
    Invitation {
        /// The digest of the invitation's secret.
        #[serde(with = "digest")]
        secret: TokenDigest,
        /// Until when it can be redeemed.
        redeem_by: Timestamp,
    },
    /// With a token.
    Token {
        /// The token's digest.
        #[serde(with = "digest")]
        token: TokenDigest,
        /// The invitation that it came from; none for a token that was made without one.
        #[serde(default)]
        redeemed: Option<Redeemed>,
    },
    /// With a TLS certificate.
    Certificate {
        /// The certificate's key.
        #[serde(with = "key")]
        key: Pin,
    },
}

/// An invitation that was redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redeemed {
    /// The digest of its secret.
    #[serde(with = "digest")]
    pub secret: TokenDigest,
    /// When it was redeemed.
    pub at: Timestamp,
}

/// A client's name: letters, digits, `-`, `_` and `.`, at most 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientName(String);

/// A text is not a client's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot be a client's name: use letters, digits, `-`, `_` and `.`, at most {LONGEST_NAME}"
)]
pub struct ClientNameError(String);

impl Client {
    /// When its access, or its open invitation, ends; none for no end.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        let invitation = match &self.credential {
            Credential::Invitation { redeem_by, .. } => Some(*redeem_by),
            Credential::Token { .. } | Credential::Certificate { .. } => None,
        };
        earlier(self.expires_at, invitation)
    }

    /// Whether its access, or its open invitation, has ended at `now`.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.ends_at().is_some_and(|end| end <= now)
    }
}

impl Credential {
    /// The digest of the secret of the invitation that it is, or came from; none without one.
    pub(super) fn invitation(&self) -> Option<&TokenDigest> {
        match self {
            Self::Invitation { secret, .. } => Some(secret),
            Self::Token { redeemed, .. } => redeemed.as_ref().map(|it| &it.secret),
            Self::Certificate { .. } => None,
        }
    }
}

/// The earlier of two ends; none when there is none.
pub(super) fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ClientName {
    type Err = ClientNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        match !text.is_empty() && text.len() <= LONGEST_NAME && text.chars().all(is_allowed) {
            true => Ok(Self(text.to_owned())),
            false => Err(ClientNameError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for ClientName {
    type Error = ClientNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ClientName> for String {
    fn from(name: ClientName) -> Self {
        name.0
    }
}

/// A digest as base64.
mod digest {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    use shopmaster_proto::remote::TokenDigest;

    pub(super) fn serialize<S: Serializer>(digest: &TokenDigest, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64_STANDARD.encode(digest.as_bytes()))
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<TokenDigest, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = BASE64_STANDARD.decode(text).map_err(D::Error::custom)?;
        TokenDigest::from_bytes(&bytes).ok_or_else(|| D::Error::custom("a digest has 32 bytes"))
    }
}

/// A key's digest as its text.
mod key {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    use shopmaster_proto::remote::Pin;

    pub(super) fn serialize<S: Serializer>(key: &Pin, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(key)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Pin, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for name in ["a", "support-7", "Ben_2.local", &"x".repeat(64)] {
            assert_eq!(name.parse::<ClientName>().unwrap().to_string(), name);
        }
        for name in ["", "a b", "a/b", "ä", "a\n", "a\"", &"x".repeat(65)] {
            assert!(name.parse::<ClientName>().is_err(), "{name:?}");
        }
    }
}
