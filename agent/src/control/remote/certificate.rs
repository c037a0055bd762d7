//! The listener's certificate and key: given, or made by the agent.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use ::pem::{EncodeConfig, LineEnding, Pem};
use jiff::Timestamp;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose, PublicKeyData as _,
};
use shopmaster_base::atomic_file::write_atomically;
use shopmaster_proto::remote::Pin;
use tokio_rustls::rustls::{
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
    sign::CertifiedKey,
};

use super::{
    key_file::{FileVersion, read_private},
    validity::Validity,
};
use crate::paths::create_private;

/// The name in a certificate that the agent makes, for clients that cannot pin a key.
pub(super) const SERVER_NAME: &str = "shopmaster";
/// How long a certificate that the agent makes is valid.
const VALID_FOR: Duration = Duration::from_secs(10 * 365 * 86_400);
/// So long before its end, the agent makes the next one over the same key.
const RENEW_BEFORE: Duration = Duration::from_secs(90 * 86_400);

/// Held while the agent's own key and certificate are made, so that two callers do not make one each.
static MAKING: Mutex<()> = Mutex::new(());

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
    /// From when until when the first certificate is valid; none when its dates cannot be read.
    pub(super) validity: Option<Validity>,
    /// How the files were just before they were read.
    pub(super) version: Version,
}

/// What changes when the certificate's or the key's file does.
pub(super) type Version = [Option<FileVersion>; 2];

/// Why there is no certificate to serve.
#[derive(Debug, thiserror::Error)]
pub(super) enum CertificateError {
    /// Other users can read the key.
    #[error("other users can read the key file `{0}`")]
    #[cfg_attr(not(unix), allow(dead_code))]
    Exposed(PathBuf),
    /// The key belongs to another user, who can read it, or give it to others.
    #[error("the key file `{0}` belongs to another user")]
    #[cfg_attr(not(unix), allow(dead_code))]
    ForeignKey(PathBuf),
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
    /// The key does not belong to the certificate, or is of a kind that cannot be used.
    #[error("`{key}` is not the key of `{certificate}`, or of a kind that cannot be used")]
    WrongKey {
        certificate: PathBuf,
        key: PathBuf,
        #[source]
        source: tokio_rustls::rustls::Error,
    },
    /// TLS does not take the certificate.
    #[error("the certificate cannot be used for TLS")]
    Tls(#[source] tokio_rustls::rustls::Error),
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

    /// How the files are now.
    pub(super) fn version(&self) -> Version {
        let (certificate, key) = self.files();
        [FileVersion::of(&certificate), FileVersion::of(&key)]
    }

    /// Whether the agent should make its next certificate.
    pub(super) fn is_due(&self, identity: &Identity) -> bool {
        match self {
            Self::Own(_) => is_due(identity.validity),
            Self::Given { .. } => false,
        }
    }

    /// Reads certificate and key; makes the agent's own where they are missing, and another certificate over the same key
    /// before the old one ends. A certificate that was given is read whatever its dates are, because clients of shopMaster
    /// know the agent by its key.
    pub(super) fn load(&self, provider: &CryptoProvider) -> Result<Identity, CertificateError> {
        let (certificate, key) = self.files();
        if let Self::Own(folder) = self {
            prepare(folder, &certificate, &key)?;
        }
        // Before they are read: if they are replaced meanwhile, the next look finds another version.
        let version = self.version();
        let chain = chain(&certificate)?;
        // `chain` has at least one.
        let leaf = &chain[0];
        let (pin, pem) = (pin(leaf, &certificate)?, pem_of(leaf));
        let validity = Validity::of(leaf);
        let private = private_key(&key)?;
        let certified = CertifiedKey::from_der(chain, private, provider).map_err(|source| {
            CertificateError::WrongKey {
                certificate,
                key,
                source,
            }
        })?;
        Ok(Identity {
            certified: Arc::new(certified),
            pin,
            pem,
            validity,
            version,
        })
    }
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
    let text = read_private(path)?;
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

fn pin(certificate: &CertificateDer<'_>, path: &Path) -> Result<Pin, CertificateError> {
    Pin::of_certificate(certificate).map_err(|source| CertificateError::NotACertificate {
        path: path.to_owned(),
        source,
    })
}

fn pem_of(certificate: &CertificateDer<'_>) -> String {
    let block = Pem::new("CERTIFICATE", certificate.as_ref());
    ::pem::encode_config(&block, EncodeConfig::new().set_line_ending(LineEnding::LF))
}

/// Makes what is missing of the agent's own key and certificate.
fn prepare(folder: &Path, certificate: &Path, key: &Path) -> Result<(), CertificateError> {
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    create_private(folder).map_err(|source| CertificateError::Write {
        path: folder.to_owned(),
        source,
    })?;
    if !key.exists() {
        let pair = KeyPair::generate().map_err(CertificateError::Make)?;
        write(key, &pair.serialize_pem())?;
        tracing::info!("made the key of the remote listener");
    }
    if !certificate.exists() || is_due(Validity::of(&chain(certificate)?[0])) {
        let text = read_private(key)?;
        let text = String::from_utf8_lossy(&text);
        let pair = KeyPair::from_pem(&text).map_err(CertificateError::Make)?;
        write(certificate, &make(&pair)?)?;
        let pin = Pin::of_key(&pair.subject_public_key_info());
        tracing::info!(key = %pin, "made the certificate of the remote listener");
    }
    Ok(())
}

/// Whether the agent's own certificate ends soon.
fn is_due(validity: Option<Validity>) -> bool {
    validity.is_none_or(|dates| dates.is_due(RENEW_BEFORE, Timestamp::now()))
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
    fn one_that_ends_is_replaced_by_the_agent_and_served_where_it_was_given() {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::Own(folder.path().to_owned());
        let first = load(&source).unwrap();
        assert!(!source.is_due(&first));
        let (path, key) = source.files();
        let pair = KeyPair::from_pem(&fs::read_to_string(&key).unwrap()).unwrap();
        let mut params = CertificateParams::new([SERVER_NAME.to_owned()]).unwrap();
        let (now, minute) = (SystemTime::now(), Duration::from_secs(60));
        for (from, until) in [
            (now - minute, now + RENEW_BEFORE / 2),
            (now - 2 * minute, now - minute),
            (now + minute, now + 2 * minute),
        ] {
            (params.not_before, params.not_after) = (from.into(), until.into());
            let text = params.clone().self_signed(&pair).unwrap().pem();
            fs::write(&path, &text).unwrap();
            let (given, found) = (given(folder.path()), load(&given(folder.path())).unwrap());
            assert!(source.is_due(&found) && !given.is_due(&found));
            assert_eq!(found.pin, first.pin);
            let renewed = load(&source).unwrap();
            assert!(!source.is_due(&renewed));
            assert_eq!(renewed.pin, first.pin);
            assert_ne!(renewed.pem, found.pem);
        }
    }

    /// The listener and an invitation may ask at the same time.
    #[test]
    fn all_who_ask_first_get_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::Own(folder.path().to_owned());
        let pins: Vec<_> = std::thread::scope(|scope| {
            let loads: Vec<_> = (0..8).map(|_| scope.spawn(|| load(&source))).collect();
            loads
                .into_iter()
                .map(|it| it.join().unwrap().unwrap().pin)
                .collect()
        });
        let last = load(&source).unwrap().pin;
        assert_eq!(pins, [last; 8]);
    }

    #[test]
    fn what_is_replaced_while_it_is_read_is_found_by_the_next_look() {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::Own(folder.path().to_owned());
        let first = load(&source).unwrap();
        assert_eq!(first.version, source.version());
        let given = given(folder.path());
        assert_eq!(load(&given).unwrap().version, given.version());
        fs::remove_file(folder.path().join("certificate.pem")).unwrap();
        load(&source).unwrap();
        assert_ne!(first.version, given.version());
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
