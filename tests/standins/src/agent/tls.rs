//! TLS as an agent has it, and as other servers have it.

use std::{io, sync::Arc, time::SystemTime};

use rcgen::{Certificate, CertificateParams, KeyPair, PublicKeyData as _};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig, SupportedProtocolVersion,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
        version::{TLS12, TLS13},
    },
};

/// A key, of which any number of certificates can be made.
#[derive(Debug)]
pub struct Identity(KeyPair);

/// What a server offers.
#[derive(Debug, Clone)]
pub struct Tls {
    identity: Arc<Identity>,
    /// Another key that the server signs handshakes with; none for its own.
    signs_with: Option<Arc<Identity>>,
    version: &'static SupportedProtocolVersion,
    alpn: Vec<Vec<u8>>,
}

impl Identity {
    /// A new key.
    pub fn generate() -> io::Result<Arc<Self>> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        Ok(Arc::new(Self(key)))
    }

    /// The public key (SubjectPublicKeyInfo, DER).
    pub fn public_key(&self) -> Vec<u8> {
        self.0.subject_public_key_info()
    }

    /// A new certificate of this key.
    pub fn certificate(&self) -> io::Result<Certificate> {
        let params = CertificateParams::new(["agent.test".to_owned()]);
        let made = params.and_then(|params| params.self_signed(&self.0));
        made.map_err(io::Error::other)
    }

    /// A new certificate of this key, which is valid between these times.
    pub fn certificate_between(
        &self,
        from: SystemTime,
        until: SystemTime,
    ) -> io::Result<Certificate> {
        let mut params =
            CertificateParams::new(["agent.test".to_owned()]).map_err(io::Error::other)?;
        (params.not_before, params.not_after) = (from.into(), until.into());
        params.self_signed(&self.0).map_err(io::Error::other)
    }

    /// The private key.
    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.0.serialize_der()).into()
    }

    /// The private key, as PEM.
    pub fn private_key_pem(&self) -> String {
        self.0.serialize_pem()
    }
}

impl Tls {
    /// As an agent: TLS 1.3 and HTTP/2.
    pub fn of(identity: &Arc<Identity>) -> Self {
        Self {
            identity: Arc::clone(identity),
            signs_with: None,
            version: &TLS13,
            alpn: vec![b"h2".to_vec()],
        }
    }

    /// A server that shows the certificate of a key that it does not have.
    pub fn signing_with(mut self, other: &Arc<Identity>) -> Self {
        self.signs_with = Some(Arc::clone(other));
        self
    }

    /// A server that only knows TLS 1.2.
    pub fn with_tls12(mut self) -> Self {
        self.version = &TLS12;
        self
    }

    /// A server that offers these protocols inside of TLS.
    pub fn with_alpn(mut self, protocols: &[&str]) -> Self {
        let protocols = protocols.iter().map(|it| it.as_bytes().to_vec());
        self.alpn = protocols.collect();
        self
    }

    pub(super) fn acceptor(&self) -> io::Result<TlsAcceptor> {
        let certificate = self.identity.certificate()?;
        let signer = self.signs_with.as_ref().unwrap_or(&self.identity);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let key = provider
            .key_provider
            .load_private_key(signer.private_key())
            .map_err(io::Error::other)?;
        let certified =
            tokio_rustls::rustls::sign::CertifiedKey::new(vec![certificate.der().clone()], key);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[self.version])
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(
                tokio_rustls::rustls::sign::SingleCertAndKey::from(certified),
            ));
        config.alpn_protocols = self.alpn.clone();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
