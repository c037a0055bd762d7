//! What the cloud client needs to know.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// What the cloud client needs to know; another set makes another client.
#[derive(Debug, Clone)]
pub struct DigibleOptions {
    /// Where Digible is: `https://api.digible.one/v1/business`; `http` for loopback addresses only.
    pub base_url: String,
    /// Of the Digible account; empty when none is configured.
    pub email: String,
    /// Of the Digible account.
    pub password: Option<SecretString>,
    /// The token of an earlier login, as it was handed to be kept.
    pub token: Option<SecretString>,
    /// The deadline of one request, from its first byte to the last of its answer.
    pub timeout: Duration,
    /// How many requests go out at once; as many idle connections are kept.
    pub max_in_flight: usize,
    /// Certificates (PEM) to trust besides those of the platform.
    pub ca_file: Option<PathBuf>,
}
