//! As much of a certificate as is needed to check that the server holds its key (X.509, RFC 5280 section 4.1).
//!
//! Strict parsers reject the certificates that SQL Server generates for itself, because of version 1, a
//! negative serial number or a short key. None of that matters for comparing a fingerprint or checking a
//! signature.

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const VERSION: u8 = 0xa0;

/// The fields of a certificate that are needed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Certificate<'a> {
    /// The issuer, as encoded in the certificate.
    pub issuer: &'a [u8],
    /// The subject, as encoded in the certificate.
    pub subject: &'a [u8],
    /// The kind of key: the content of an AlgorithmIdentifier.
    pub algorithm: &'a [u8],
    /// The public key's bits.
    pub key: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Parses a certificate; none when `der` is not one.
    pub(super) fn parse(der: &'a [u8]) -> Option<Self> {
        let mut certificate = take(&mut &*der, SEQUENCE)?;
        let mut body = take(&mut certificate, SEQUENCE)?;
        if body.first() == Some(&VERSION) {
            take(&mut body, VERSION)?;
        }
        let _serial_number = take(&mut body, INTEGER)?;
        let _signature = take(&mut body, SEQUENCE)?;
        let issuer = take(&mut body, SEQUENCE)?;
        let _validity = take(&mut body, SEQUENCE)?;
        let subject = take(&mut body, SEQUENCE)?;
        let mut key_info = take(&mut body, SEQUENCE)?;
        let algorithm = take(&mut key_info, SEQUENCE)?;
        let [0, key @ ..] = take(&mut key_info, BIT_STRING)? else {
            return None;
        };
        Some(Self {
            issuer,
            subject,
            algorithm,
            key,
        })
    }

    /// Whether its issuer and its subject are the same.
    pub(super) fn is_self_signed(&self) -> bool {
        self.issuer == self.subject
    }
}

/// Takes the content of the next element, which must have this tag.
fn take<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (found, rest) = input.split_first()?;
    if *found != tag {
        return None;
    }
    let (first, mut rest) = rest.split_first()?;
    let mut length = usize::from(*first);
    if *first >= 0x80 {
        let bytes;
        // Two bytes are enough: no certificate of a server that shopMaster connects to is longer.
        (bytes, rest) = match first {
            0x81 => rest.split_at_checked(1)?,
            0x82 => rest.split_at_checked(2)?,
            _ => return None,
        };
        length = bytes
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
    }
    let (content, rest) = rest.split_at_checked(length)?;
    *input = rest;
    Some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_read_and_its_pieces_are_not() {
        let made = rcgen::generate_simple_self_signed(["shop".to_owned()]).unwrap();
        let der = made.cert.der();
        let certificate = Certificate::parse(der).unwrap();
        assert!(certificate.is_self_signed());
        assert_eq!(certificate.key, made.signing_key.public_key_raw());

        for end in 0..der.len() {
            assert_eq!(Certificate::parse(&der[..end]), None, "{end}");
        }
    }

    #[test]
    fn garbage_is_no_certificate() {
        for garbage in [
            &[][..],
            &[SEQUENCE],
            &[SEQUENCE, 0],
            &[SEQUENCE, 0x80, 0, 0],
            &[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[
                SEQUENCE, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
            ],
            b"-----BEGIN CERTIFICATE-----",
        ] {
            assert_eq!(Certificate::parse(garbage), None);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_fall_over(bytes: Vec<u8>) {
            let _ = Certificate::parse(&bytes);
        }
    }
}
