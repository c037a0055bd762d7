//! The one line that a client is invited with.

use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use prost::Message as _;

use super::{Pin, Secret, SecretKind};

/// How an invitation begins. Behind it is a [`Wire`] in base64url.
const PREFIX: &str = "shopmaster-invitation-1.";
/// Longer ones are not read, in bytes.
const LONGEST: usize = 4_096;

/// What a client needs to become one: where the agent is, how to recognize it, and a secret that works once.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// Where the agent is, `HOST:PORT`, best first.
    pub addresses: Vec<String>,
    /// The agent's key.
    pub pin: Pin,
    /// The secret of the kind [`SecretKind::Invitation`].
    pub secret: Secret,
    /// The name under which the client is invited.
    pub name: String,
}

/// A text is not an invitation. The text itself is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not an invitation, or not all of it: it is one line that starts with `{PREFIX}`")]
pub struct InvitationError;

/// An invitation on the wire.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Wire {
    #[prost(string, repeated, tag = "1")]
    addresses: Vec<String>,
    #[prost(bytes = "vec", tag = "2")]
    pin: Vec<u8>,
    #[prost(string, tag = "3")]
    secret: String,
    #[prost(string, tag = "4")]
    name: String,
}

/// The invitation as its line: the secret is in it.
impl fmt::Display for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wire = Wire {
            addresses: self.addresses.clone(),
            pin: self.pin.as_bytes().to_vec(),
            secret: self.secret.expose().to_owned(),
            name: self.name.clone(),
        };
        let text = BASE64_URL_SAFE_NO_PAD.encode(wire.encode_to_vec());
        write!(f, "{PREFIX}{text}")
    }
}

impl FromStr for Invitation {
    type Err = InvitationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let encoded = text.trim().strip_prefix(PREFIX).ok_or(InvitationError)?;
        if encoded.len() > LONGEST {
            return Err(InvitationError);
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(encoded);
        let wire = Wire::decode(&*bytes.map_err(|_| InvitationError)?);
        let wire = wire.map_err(|_| InvitationError)?;
        let secret: Secret = wire.secret.parse().map_err(|_| InvitationError)?;
        let pin = Pin::from_bytes(&wire.pin).ok_or(InvitationError)?;
        if secret.kind() != SecretKind::Invitation || wire.addresses.is_empty() {
            return Err(InvitationError);
        }
        Ok(Self {
            addresses: wire.addresses,
            pin,
            secret,
            name: wire.name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation() -> Invitation {
        Invitation {
            addresses: vec![
                "shop-7.example.org:7443".to_owned(),
                "10.0.0.7:7443".to_owned(),
            ],
            pin: Pin::of_key(b"key"),
            secret: Secret::generate(SecretKind::Invitation).unwrap(),
            name: "support-7".to_owned(),
        }
    }

    #[test]
    fn the_line_and_back() {
        let invitation = invitation();
        let line = invitation.to_string();
        assert!(!line.contains(char::is_whitespace), "{line}");
        let read: Invitation = format!(" {line}\r\n").parse().unwrap();
        assert_eq!(read.addresses, invitation.addresses);
        assert_eq!(read.pin, invitation.pin);
        assert_eq!(read.secret.digest(), invitation.secret.digest());
        assert_eq!(read.name, invitation.name);
    }

    #[test]
    fn half_a_line_is_no_invitation() {
        let line = invitation().to_string();
        for wrong in [
            "",
            PREFIX,
            &line[1..],
            &line[..line.len() - 40],
            &format!("{line}{}", "A".repeat(LONGEST)),
        ] {
            assert!(wrong.parse::<Invitation>().is_err(), "{wrong}");
        }
        let token = Invitation {
            secret: Secret::generate(SecretKind::Token).unwrap(),
            ..invitation()
        };
        assert!(token.to_string().parse::<Invitation>().is_err());
        let nowhere = Invitation {
            addresses: Vec::new(),
            ..invitation()
        };
        assert!(nowhere.to_string().parse::<Invitation>().is_err());
    }
}
