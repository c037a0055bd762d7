//! Which certificate is trusted, and whether the server holds its key.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::signature::{
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
    UnparsedPublicKey,
};
use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::Trust;
use super::{ConnectError, der::Certificate};

/// Verifies a server's certificate, and remembers what was wrong with it.
#[derive(Debug)]
pub(super) struct Verifier {
    rule: Rule,
    provider: Arc<CryptoProvider>,
    distrusted: OnceLock<Distrusted>,
}

/// A certificate that was not trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Distrusted {
    fingerprint: String,
    reason: String,
}

#[derive(Debug)]
enum Rule {
    /// None where the operating system has no list of trusted authorities.
    System(Option<rustls_platform_verifier::Verifier>),
    Pin([u8; 32]),
    Any,
}

impl Verifier {
    pub(super) fn new(trust: Trust, provider: Arc<CryptoProvider>) -> Self {
        let rule = match trust {
            Trust::System => {
                let platform = rustls_platform_verifier::Verifier::new(provider.clone());
                Rule::System(platform.ok())
            }
            Trust::Pin(digest) => Rule::Pin(digest),
            Trust::Any => Rule::Any,
        };
        Self {
            rule,
            provider,
            distrusted: OnceLock::new(),
        }
    }

    /// What was wrong with the server's certificate, if that is why the handshake failed.
    pub(super) fn distrusted(&self) -> Option<ConnectError> {
        let found = self.distrusted.get()?.clone();
        Some(ConnectError::CertificateNotTrusted {
            fingerprint: found.fingerprint,
            reason: found.reason,
        })
    }

    fn distrust(&self, certificate: &[u8], reason: String, error: Error) -> Error {
        let digest = Sha256::digest(certificate);
        let fingerprint = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let found = Distrusted {
            fingerprint,
            reason,
        };
        let _ = self.distrusted.set(found);
        error
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.rule {
            Rule::Any => Ok(ServerCertVerified::assertion()),
            Rule::Pin(digest) => {
                if Sha256::digest(end_entity).as_slice() == digest {
                    return Ok(ServerCertVerified::assertion());
                }
                let reason = "it differs from the pinned certificate".to_owned();
                let error = CertificateError::ApplicationVerificationFailure.into();
                Err(self.distrust(end_entity, reason, error))
            }
            Rule::System(Some(platform)) => platform
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map_err(|error| {
                    let reason = reason(&error, end_entity, server_name);
                    self.distrust(end_entity, reason, error)
                }),
            Rule::System(None) => {
                let reason = "this computer has no list of certificate authorities".to_owned();
                let error = CertificateError::UnknownIssuer.into();
                Err(self.distrust(end_entity, reason, error))
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.rule {
            Rule::System(Some(platform)) => platform.verify_tls12_signature(message, cert, dss),
            _ => verify_by_key(&self.provider, message, cert, dss.scheme, dss.signature()),
        }
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.3 was not offered".to_owned()))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        match &self.rule {
            Rule::System(Some(platform)) => platform.supported_verify_schemes(),
            // RSA-PSS is left out: it does not work with short keys, and any server that supports it supports
            // PKCS #1 as well. SHA-1 is offered for the sake of old certificates, which some servers do not
            // present to a client that does not offer it; a handshake that is signed with SHA-1 is refused.
            _ => vec![
                SignatureScheme::ECDSA_NISTP256_SHA256,
                SignatureScheme::ECDSA_NISTP384_SHA384,
                SignatureScheme::RSA_PKCS1_SHA256,
                SignatureScheme::RSA_PKCS1_SHA512,
                SignatureScheme::RSA_PKCS1_SHA1,
            ],
        }
    }
}

/// Checks that the handshake was signed with the certificate's key, whatever else is wrong with the
/// certificate.
fn verify_by_key(
    provider: &CryptoProvider,
    message: &[u8],
    certificate: &[u8],
    scheme: SignatureScheme,
    signature: &[u8],
) -> Result<HandshakeSignatureValid, Error> {
    let Certificate { algorithm, key, .. } =
        Certificate::parse(certificate).ok_or(CertificateError::BadEncoding)?;
    let mapping = provider.signature_verification_algorithms.mapping;
    let known = mapping.iter().find(|(known, _)| *known == scheme);
    let modern = known.is_some_and(|(_, verifiers)| {
        verifiers.iter().any(|verifier| {
            verifier.public_key_alg_id().as_ref() == algorithm
                && verifier.verify_signature(key, message, signature).is_ok()
        })
    });
    // SQL Server 2016 and older generate their own certificates with RSA keys of 1024 bits.
    let short = match scheme {
        SignatureScheme::RSA_PKCS1_SHA256 => Some(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
        SignatureScheme::RSA_PKCS1_SHA512 => Some(&RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
        _ => None,
    };
    let short = || {
        short.is_some_and(|verifier| {
            let key = UnparsedPublicKey::new(verifier, key);
            key.verify(message, signature).is_ok()
        })
    };
    if modern || short() {
        return Ok(HandshakeSignatureValid::assertion());
    }
    Err(match scheme {
        SignatureScheme::RSA_PKCS1_SHA1 => {
            Error::General("the server signs with SHA-1 only".to_owned())
        }
        _ => CertificateError::BadSignature.into(),
    })
}

/// Why a certificate is not trusted, for people.
fn reason(error: &Error, certificate: &[u8], name: &ServerName<'_>) -> String {
    use CertificateError as Bad;
    let self_signed = Certificate::parse(certificate).is_some_and(|found| found.is_self_signed());
    let Error::InvalidCertificate(bad) = error else {
        return format!("this computer could not verify it ({error})");
    };
    match bad {
        Bad::Expired | Bad::ExpiredContext { .. } => "it has expired".to_owned(),
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
            "it is not valid yet; is this computer's clock right?".to_owned()
        }
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
            format!("it is for a name other than `{}`", name.to_str())
        }
        Bad::Revoked => "it was revoked".to_owned(),
        _ if self_signed => "it is self-signed".to_owned(),
        Bad::UnknownIssuer => "this computer does not know who issued it".to_owned(),
        Bad::InvalidPurpose | Bad::InvalidPurposeContext { .. } => {
            "it is not intended for servers".to_owned()
        }
        other => format!("this computer does not accept it ({other})"),
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use tokio_rustls::rustls::crypto::aws_lc_rs;

    use super::*;

    /// A certificate as SQL Server 2016 and older make for themselves: version 1, a negative serial number,
    /// signed with SHA-1, an RSA key of 1024 bits.
    const OLD: &str = "MIIBtzCCASACAfswDQYJKoZIhvcNAQEFBQAwIzEhMB8GA1UEAwwYU1NMX1NlbGZfU2lnbmVkX0ZhbGxiYWNrMCAXDTI2MTEyMjAxNDQ0OVoYDzIwNTQwNDA5MDE0NDQ5WjAjMSEwHwYDVQQDDBhTU0xfU2VsZl9TaWduZWRfRmFsbGJhY2swgZ8wDQYJKoZIhvcNAQEBBQADgY0AMIGJAoGBAOWxvVeEI+nJTil8d44nc1zANFdV5zvfZ2zBKEMs1fLbafAj0q4wqKixj9igZVgQdkEvBp96a1ISb7HsWdKgm1i2VfT4SrVMyw9e6sQf9alKPgxTQ1OhlegTVZ93IeztFyzeIW7ESn7SP/c4l0vlc05TRnUXZ4OavVKl3A6gwBH7AgMBAAEwDQYJKoZIhvcNAQEFBQADgYEA2y8tRxTadyJ+EvxijdPPqjSeKMo7mggINoKDmjDErQ3SthgYGQ7Acstx0C+FOX7OtvLXHYFnulMExRYeScucueJgPXKY/2swP8fjd0jFGr4puopsvfX24sCXVV5gpw/+6zwRMIpDFnNYsLh/reHXD5LEcd1A2aEWLA4ZdO8BSIk=";

    /// What its key signed.
    const MESSAGE: &[u8] = b"a handshake";
    const SHA256: &str = "FXT9IEkODCSWLs7q3k5GoG5Y5B+JhP2pSRw+wdzUfNo89vRTNOql2si1iFdgszv7UU5qWEi5wy+mdSWfAvWOB70jLiJ+rHwDLLoNJJ/AbSFHCHwnOIAuqe3Mpv0jSYP2Q6pWhj3WlFgQxFKJc0HRvX14KqeDJE2xkwJ/VybB73I=";
    const SHA512: &str = "Dqhc+ng3pH7zCiQrdHa4PNa1/uUGtd6LLVO8GPP73sGpMmj6cWxtQeURsFf07EerPEgdmsmtL8hOgQwXZ4fqkJ2Tt7tHj2H1wC2iBaKS39oNA577oBrpzp6fqBsGbkzmuxdF2bsBvSiB87JfQVNyp4ZllRtncCLfXuGtFeit12U=";
    const SHA1: &str = "ZKV89kTqFLSTHSSSN+O23pZBCEaX0zNdt4QH2skgYlSE/EewLKvB0dx6uWQQDfXuHRsLAYK0VVhV5+QDyfzM9b2Ll88g4S2YFlYBYYworP9g5tXQcuh5uTPwlk+o22uf9bzKl+Id9xjgdAM+eJFiT0uTDaVnwG/R3AHilBK3Obo=";

    fn is_signed(message: &[u8], scheme: SignatureScheme, signature: &str) -> bool {
        let certificate = STANDARD.decode(OLD).unwrap();
        let signature = STANDARD.decode(signature).unwrap();
        let provider = aws_lc_rs::default_provider();
        verify_by_key(&provider, message, &certificate, scheme, &signature).is_ok()
    }

    #[test]
    fn an_old_servers_key_is_checked() {
        for (scheme, signature) in [
            (SignatureScheme::RSA_PKCS1_SHA256, SHA256),
            (SignatureScheme::RSA_PKCS1_SHA512, SHA512),
        ] {
            assert!(is_signed(MESSAGE, scheme, signature));
            assert!(!is_signed(b"another", scheme, signature));
            assert!(!is_signed(MESSAGE, scheme, SHA1));
            assert!(!is_signed(
                MESSAGE,
                SignatureScheme::RSA_PSS_SHA256,
                signature
            ));
        }
        assert!(!is_signed(MESSAGE, SignatureScheme::RSA_PKCS1_SHA1, SHA1));
    }

    /// What is said about a certificate for `shop` on a computer that trusts one authority. Other systems
    /// say it in other words.
    #[cfg(target_os = "linux")]
    fn said(change: impl FnOnce(&mut rcgen::CertificateParams), name: &str, own: bool) -> String {
        let authority = |name: &str| {
            let mut params = rcgen::CertificateParams::new([]).unwrap();
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            params
                .distinguished_name
                .push(rcgen::DnType::CommonName, name);
            let key = rcgen::KeyPair::generate().unwrap();
            rcgen::CertifiedIssuer::self_signed(params, key).unwrap()
        };
        let (trusted, other) = (authority("trusted"), authority("other"));
        let issuer = if own { &other } else { &trusted };
        let mut params = rcgen::CertificateParams::new(["shop".to_owned()]).unwrap();
        change(&mut params);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, issuer).unwrap();

        let provider = Arc::new(aws_lc_rs::default_provider());
        let platform = rustls_platform_verifier::Verifier::new_with_extra_roots(
            [trusted.der().clone()],
            provider.clone(),
        );
        let verifier = Verifier {
            rule: Rule::System(Some(platform.unwrap())),
            provider,
            distrusted: OnceLock::new(),
        };
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let now = UnixTime::now();
        let verdict = verifier.verify_server_cert(certificate.der(), &[], &name, &[], now);
        match verifier.distrusted() {
            None => {
                verdict.unwrap();
                "trusted".to_owned()
            }
            Some(ConnectError::CertificateNotTrusted { reason, .. }) => reason,
            Some(other) => panic!("{other}"),
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_wrong_with_a_certificate_is_told() {
        assert_eq!(said(|_| {}, "shop", false), "trusted");
        let reason = said(|_| {}, "bank", false);
        assert_eq!(reason, "it is for a name other than `bank`");
        let reason = said(|_| {}, "10.0.0.7", false);
        assert_eq!(reason, "it is for a name other than `10.0.0.7`");
        let past = |params: &mut rcgen::CertificateParams| {
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        };
        assert_eq!(said(past, "shop", false), "it has expired");
        let future = |params: &mut rcgen::CertificateParams| {
            params.not_before = rcgen::date_time_ymd(2090, 1, 1);
        };
        assert!(said(future, "shop", false).starts_with("it is not valid yet"));
        let reason = said(|_| {}, "shop", true);
        assert_eq!(reason, "this computer does not know who issued it");
    }
}
