//! How the stand-in behaves when nothing goes wrong.

use super::tls::Certificate;

/// What can be changed at any time. Connections that are there stay as they are.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The only login's name.
    pub username: String,
    /// Its password.
    pub password: String,
    /// The only database.
    pub database: String,
    /// What the stand-in says about encryption.
    pub encryption: Encryption,
    /// What it encrypts with. Without one a handshake fails, as with a server whose TLS is too old.
    pub certificate: Option<Certificate>,
}

/// What the stand-in says about encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// It can do none: a client that wants it goes away.
    NotSupported,
    /// As the client likes.
    Offered,
    /// Only all of it.
    Required,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            username: "shopmaster".to_owned(),
            password: "Secret-1".to_owned(),
            database: "ProductsDB".to_owned(),
            encryption: Encryption::NotSupported,
            certificate: None,
        }
    }
}
