//! The listener's certificate and key: given, or made by the agent.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use ::pem::{EncodeConfig, LineEnding, Pem};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose, PublicKeyData as _,
};
use shopmaster_base::atomic_file::write_atomically;
use shopmaster_proto::remote::Pin;
use tokio_rustls::rustls::{
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer, UnixTime,
        pem::{self, PemObject as _},
    },
    sign::CertifiedKey,
};
use webpki::{EndEntityCert, KeyUsage};

use crate::paths::create_private;

/// The name in a certificate that the agent makes, for clients that cannot pin a key.
pub(super) const SERVER_NAME: &str = "shopmaster";
/// How long a certificate that the agent makes is valid.
const VALID_FOR: Duration = Duration::from_secs(10 * 365 * 86_400);
/// So long before its end, the agent makes the next one over the same key.
const RENEW_BEFORE: Duration = Duration::from_secs(90 * 86_400);

/// Where certificate and key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// In the agent's own folder; made when there is none.
    Own(PathBuf),
    /// Given by the configuration.
    Given {
        /// The certificate, and what leads to its authority.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

/// A certificate that can be served.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    /// The certificates with the key.
    pub(super) certified: Arc<CertifiedKey>,
    /// The digest of the public key.
    pub(super) pin: Pin,
    /// The first certificate, as PEM.
    pub(super) pem: String,
}

/// Why there is no certificate to serve.
#[derive(Debug, thiserror::Error)]
pub(super) enum CertificateError {
    /// Other users can read the key.
    #[error("other users can read the key file `{0}`")]
    Exposed(PathBuf),
    /// A file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A file contains something else.
    #[error("`{path}` is not PEM, or does not contain what it should")]
    NotPem {
        path: PathBuf,
        #[source]
        source: pem::Error,
    },
    /// The certificate is not one.
    #[error("`{path}` is not a valid certificate")]
    NotACertificate {
        path: PathBuf,
        #[source]
        source: webpki::Error,
    },
    /// The certificate has expired, or is not valid yet.
    #[error("the certificate `{0}` is not valid today")]
    Expired(PathBuf),
    /// The key does not belong to the certificate, or is of a kind that cannot be used.
    #[error("`{key}` is not the key of `{certificate}`, or of a kind that cannot be used")]
    WrongKey {
        certificate: PathBuf,
        key: PathBuf,
        #[source]
        source: tokio_rustls::rustls::Error,
    },
    /// The agent is stopping.
    #[error("the agent is stopping")]
    Stopping,
    /// No certificate can be made.
    #[error("cannot make a certificate")]
    Make(#[source] rcgen::Error),
    /// What was made cannot be written.
    #[error("cannot write `{path}`")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Source {
    fn files(&self) -> (PathBuf, PathBuf) {
        match self {
            Self::Own(folder) => (folder.join("certificate.pem"), folder.join("key.pem")),
            Self::Given { certificate, key } => (certificate.clone(), key.clone()),
        }
    }

    /// What changes when one of the files does.
    pub(super) fn version(&self) -> [Option<SystemTime>; 2] {
        let (certificate, key) = self.files();
        [certificate, key].map(|path| fs::metadata(path).and_then(|file| file.modified()).ok())
    }

    /// Reads certificate and key; makes the agent's own where they are missing, and another certificate over the same key
    /// before the old one ends.
    pub(super) fn load(&self, provider: &CryptoProvider) -> Result<Identity, CertificateError> {
        let (certificate, key) = self.files();
        if let Self::Own(folder) = self {
            prepare(folder, &certificate, &key)?;
        }
        read(&certificate, &key, provider)
    }
}

fn read(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<Identity, CertificateError> {
    let chain = chain(certificate)?;
    // `chain` has at least one.
    let leaf = &chain[0];
    if ends_before(leaf, UnixTime::now(), certificate)? {
        return Err(CertificateError::Expired(certificate.to_owned()));
    }
    let (pin, pem) = (pin(leaf, certificate)?, pem_of(leaf));
    let private = private_key(key)?;
    let certified = CertifiedKey::from_der(chain, private, provider).map_err(|source| {
        CertificateError::WrongKey {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            source,
        }
    })?;
    Ok(Identity {
        certified: Arc::new(certified),
        pin,
        pem,
    })
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let text = read_file(path)?;
    let not_pem = |source| CertificateError::NotPem {
        path: path.to_owned(),
        source,
    };
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let all = all.map_err(not_pem)?;
    match all.is_empty() {
        true => Err(not_pem(pem::Error::NoItemsFound)),
        false => Ok(all),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    if is_exposed(path) {
        return Err(CertificateError::Exposed(path.to_owned()));
    }
    let text = read_file(path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|source| CertificateError::NotPem {
        path: path.to_owned(),
        source,
    })
}

fn read_file(path: &Path) -> Result<Vec<u8>, CertificateError> {
    fs::read(path).map_err(|source| CertificateError::Read {
        path: path.to_owned(),
        source,
    })
}

/// Whether users besides the owner may read or write the file.
#[cfg(unix)]
fn is_exposed(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;

    fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

/// On Windows the folder's access list decides, which a user's profile has tight by itself.
#[cfg(not(unix))]
fn is_exposed(_path: &Path) -> bool {
    false
}

fn pin(certificate: &CertificateDer<'_>, path: &Path) -> Result<Pin, CertificateError> {
    Pin::of_certificate(certificate).map_err(|source| CertificateError::NotACertificate {
        path: path.to_owned(),
        source,
    })
}

/// Whether the certificate is not valid at `time`. The check of its dates comes before that of its authority, of which
/// there is none here.
fn ends_before(
    certificate: &CertificateDer<'_>,
    time: UnixTime,
    path: &Path,
) -> Result<bool, CertificateError> {
    let parsed = EndEntityCert::try_from(certificate).map_err(|source| {
        CertificateError::NotACertificate {
            path: path.to_owned(),
            source,
        }
    })?;
    let checked = parsed.verify_for_usage(&[], &[], &[], time, KeyUsage::server_auth(), None, None);
    Ok(matches!(
        checked.err(),
        Some(webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. })
    ))
}

fn pem_of(certificate: &CertificateDer<'_>) -> String {
    let block = Pem::new("CERTIFICATE", certificate.as_ref());
    ::pem::encode_config(&block, EncodeConfig::new().set_line_ending(LineEnding::LF))
}

/// Makes what is missing of the agent's own key and certificate.
fn prepare(folder: &Path, certificate: &Path, key: &Path) -> Result<(), CertificateError> {
    create_private(folder).map_err(|source| CertificateError::Write {
        path: folder.to_owned(),
        source,
    })?;
    if !key.exists() {
        let pair = KeyPair::generate().map_err(CertificateError::Make)?;
        write(key, &pair.serialize_pem())?;
        tracing::info!("made the key of the remote listener");
    }
    if !certificate.exists() || is_due(certificate)? {
        let text = read_file(key)?;
        let text = String::from_utf8_lossy(&text);
        let pair = KeyPair::from_pem(&text).map_err(CertificateError::Make)?;
        write(certificate, &make(&pair)?)?;
        let pin = Pin::of_key(&pair.subject_public_key_info());
        tracing::info!(key = %pin, "made the certificate of the remote listener");
    }
    Ok(())
}

/// Whether the agent's own certificate ends soon.
fn is_due(path: &Path) -> Result<bool, CertificateError> {
    let soon = UnixTime::now().as_secs() + RENEW_BEFORE.as_secs();
    let soon = UnixTime::since_unix_epoch(Duration::from_secs(soon));
    ends_before(&chain(path)?[0], soon, path)
}

fn make(pair: &KeyPair) -> Result<String, CertificateError> {
    let mut params =
        CertificateParams::new([SERVER_NAME.to_owned()]).map_err(CertificateError::Make)?;
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, SERVER_NAME);
    params.distinguished_name = name;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // The clock of a shop's computer, or of the client's, may be off by a day.
    let now = SystemTime::now();
    params.not_before = (now - Duration::from_secs(86_400)).into();
    params.not_after = (now + VALID_FOR).into();
    let certificate = params.self_signed(pair).map_err(CertificateError::Make)?;
    Ok(certificate.pem())
}

fn write(path: &Path, text: &str) -> Result<(), CertificateError> {
    write_atomically(path, text.as_bytes()).map_err(|source| CertificateError::Write {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::{super::tls::provider, *};

    fn load(source: &Source) -> Result<Identity, CertificateError> {
        source.load(&provider())
    }

    fn given(folder: &Path) -> Source {
        let (certificate, key) = Source::Own(folder.to_owned()).files();
        Source::Given { certificate, key }
    }

    #[test]
    fn the_first_use_makes_what_later_ones_read() {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::Own(folder.path().join("remote"));
        let first = load(&source).unwrap();
        let second = load(&source).unwrap();
        assert_eq!((first.pin, &first.pem), (second.pin, &second.pem));
        let (certificate, _) = source.files();
        assert_eq!(
            fs::read_to_string(certificate)
                .unwrap()
                .replace("\r\n", "\n"),
            first.pem
        );
    }

    #[test]
    fn another_certificate_over_the_same_key_has_the_same_pin() {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::Own(folder.path().to_owned());
        let first = load(&source).unwrap();
        fs::remove_file(folder.path().join("certificate.pem")).unwrap();
        let second = load(&source).unwrap();
        assert_eq!(first.pin, second.pin);
        assert_ne!(first.pem, second.pem);
    }

    #[test]
    fn a_certificate_that_ends_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::Own(folder.path().to_owned());
        load(&source).unwrap();
        let (path, key) = source.files();
        assert!(!is_due(&path).unwrap());
        let pair = KeyPair::from_pem(&fs::read_to_string(&key).unwrap()).unwrap();
        let mut params = CertificateParams::new([SERVER_NAME.to_owned()]).unwrap();
        let now = SystemTime::now();
        params.not_after = (now + RENEW_BEFORE / 2).into();
        fs::write(&path, params.clone().self_signed(&pair).unwrap().pem()).unwrap();
        assert!(is_due(&path).unwrap());
        assert!(load(&given(folder.path())).is_ok());
        let pin = load(&source).unwrap().pin;
        assert!(!is_due(&path).unwrap());
        params.not_after = (now - Duration::from_secs(60)).into();
        fs::write(&path, params.self_signed(&pair).unwrap().pem()).unwrap();
        let ended = load(&given(folder.path())).unwrap_err();
        assert!(matches!(ended, CertificateError::Expired(_)), "{ended}");
        assert_eq!(load(&source).unwrap().pin, pin);
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for folder in [&one, &other] {
            load(&Source::Own(folder.path().to_owned())).unwrap();
        }
        let (own, foreign) = (given(one.path()).files(), given(other.path()).files());
        let pair = |certificate: &Path, key: &Path| Source::Given {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        let error = load(&pair(&own.0, &foreign.1)).unwrap_err();
        assert!(
            matches!(error, CertificateError::WrongKey { .. }),
            "{error}"
        );
        let error = load(&pair(&own.1, &own.1)).unwrap_err();
        assert!(matches!(error, CertificateError::NotPem { .. }), "{error}");
        let error = load(&pair(&own.0, &one.path().join("none"))).unwrap_err();
        assert!(matches!(error, CertificateError::Read { .. }), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let source = Source::Own(folder.path().to_owned());
        load(&source).unwrap();
        let key = folder.path().join("key.pem");
        for mode in [0o640, 0o604, 0o660] {
            fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
            let error = load(&source).unwrap_err();
            assert!(
                matches!(error, CertificateError::Exposed(_)),
                "{mode:o}: {error}"
            );
        }
    }
}
