//! The key that a client pins.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

/// How a pin begins as text.
const SCHEME: &str = "sha256:";

/// The SHA-256 of a public key, as a certificate has it (SubjectPublicKeyInfo, RFC 5280 section 4.1): a renewed
/// certificate over the same key has the same pin.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pin([u8; 32]);

/// A text is not a pin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a key's digest: it is `sha256:` and 64 hexadecimal digits")]
pub struct PinError(String);

impl Pin {
    /// The pin of a public key, given as the DER of its SubjectPublicKeyInfo.
    #[must_use]
    pub fn of_key(spki: &[u8]) -> Self {
        Self(Sha256::digest(spki).into())
    }

    /// The pin of a certificate's key.
    ///
    /// # Errors
    ///
    /// When it is not a certificate of version 3.
    pub fn of_certificate(certificate: &CertificateDer<'_>) -> Result<Self, webpki::Error> {
        let certificate = EndEntityCert::try_from(certificate)?;
        Ok(Self::of_key(&certificate.subject_public_key_info()))
    }

    /// The pin with these bytes; none when there are not 32.
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

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEME)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({self})")
    }
}

impl FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || PinError(text.to_owned());
        let digits = text.strip_prefix(SCHEME).ok_or_else(refused)?.as_bytes();
        if digits.len() != 64 {
            return Err(refused());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| refused())?;
            if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(refused());
            }
            *byte = u8::from_str_radix(pair, 16).map_err(|_| refused())?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let pin = Pin::of_key(b"a key");
        assert_eq!(pin.to_string().parse(), Ok(pin));
        assert_eq!(
            pin.to_string().to_uppercase().replace("SHA", "sha").parse(),
            Ok(pin)
        );
        for wrong in [
            "",
            "sha256:",
            "sha1:00",
            &"0".repeat(64),
            &format!("{pin}0"),
            &format!("sha256:{}", "+1".repeat(32)),
            &format!("sha256:{}", "é".repeat(32)),
        ] {
            assert!(wrong.parse::<Pin>().is_err(), "{wrong}");
        }
        assert_eq!(Pin::from_bytes(pin.as_bytes()), Some(pin));
        assert_eq!(Pin::from_bytes(b"short"), None);
    }
}
