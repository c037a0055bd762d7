//! Secrets of remote management: a client's token, and the secret of an invitation.

use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

/// The random bytes of a secret.
const BYTES: usize = 32;

/// What a secret is for, and so how it begins: by its prefix, scanners find a secret that leaked into a file or a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    /// A client's token: `smt_`.
    Token,
    /// An invitation's secret, which works once: `smi_`.
    Invitation,
}

/// 256 random bits as text, with the prefix of their kind. Not shown by `Debug`.
#[derive(Clone)]
pub struct Secret {
    kind: SecretKind,
    text: SecretString,
}

/// The SHA-256 of a secret's text, which is all that an agent stores of it. With 256 random bits, a slow hash would add
/// nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenDigest([u8; 32]);

/// A text is not a secret of shopMaster, or none could be made. The text itself is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The text has another form.
    #[error(
        "this is not a token of shopMaster: a token starts with `smt_`, and 43 letters and digits follow"
    )]
    Malformed,
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    NoRandomness,
}

impl SecretKind {
    const ALL: [Self; 2] = [Self::Token, Self::Invitation];

    fn prefix(self) -> &'static str {
        match self {
            Self::Token => "smt_",
            Self::Invitation => "smi_",
        }
    }
}

impl Secret {
    /// A new secret.
    ///
    /// # Errors
    ///
    /// When the operating system gives no random numbers.
    pub fn generate(kind: SecretKind) -> Result<Self, SecretError> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(|_| SecretError::NoRandomness)?;
        let text = format!("{}{}", kind.prefix(), BASE64_URL_SAFE_NO_PAD.encode(bytes));
        Ok(Self {
            kind,
            text: text.into(),
        })
    }

    /// What it is for.
    #[must_use]
    pub fn kind(&self) -> SecretKind {
        self.kind
    }

    /// The text, to be sent or shown once.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// Its digest.
    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        TokenDigest(Sha256::digest(self.expose()).into())
    }
}

impl TokenDigest {
    /// The digest with these bytes; none when there are not 32.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let kinds = SecretKind::ALL.into_iter();
        let found = kinds.filter_map(|kind| Some((kind, text.strip_prefix(kind.prefix())?)));
        for (kind, random) in found {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(random);
            if bytes.is_ok_and(|bytes| bytes.len() == BYTES) {
                let text = text.into();
                return Ok(Self { kind, text });
            }
        }
        Err(SecretError::Malformed)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[hidden]", self.kind.prefix())
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_back_with_its_kind() {
        for kind in SecretKind::ALL {
            let secret = Secret::generate(kind).unwrap();
            let read: Secret = secret.expose().parse().unwrap();
            assert_eq!((read.kind(), read.digest()), (kind, secret.digest()));
            assert_eq!(secret.expose().len(), 47);
            let other = Secret::generate(kind).unwrap();
            assert!(other.digest() != secret.digest());
            assert!(!format!("{secret:?}").contains(&secret.expose()[4..]));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let secret = Secret::generate(SecretKind::Token).unwrap();
        let text = secret.expose();
        let random = &text[4..];
        for wrong in [
            "",
            "smt_",
            random,
            &format!("smx_{random}"),
            &text[..46],
            &format!("{text}A"),
            &format!(" {text}"),
            &format!("smt_{}", "=".repeat(43)),
        ] {
            assert_eq!(wrong.parse::<Secret>().unwrap_err(), SecretError::Malformed);
        }
    }
}
