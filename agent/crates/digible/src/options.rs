//! The options of the cloud client.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// The options of the cloud client; different options require a new client.
#[derive(Debug, Clone)]
pub struct DigibleOptions {
    /// Digible's base address: `https://api.digible.one/v1/business`; `http` for loopback addresses only.
    pub base_url: String,
    /// The email of the Digible account; empty when none is configured.
    pub email: String,
    /// The password of the Digible account.
    pub password: Option<SecretString>,
    /// The token of an earlier login, as it was passed to [`KeepToken`](crate::KeepToken).
    pub token: Option<SecretString>,
    /// The timeout of one request, from its first byte to the last byte of its answer.
    pub timeout: Duration,
    /// How many requests are sent at once; as many idle connections are kept.
    pub max_in_flight: usize,
    /// Certificates (PEM) to trust besides those of the platform.
    pub ca_file: Option<PathBuf>,
}
