//! How to reach a server and log in to it.

use std::fmt;

use secrecy::SecretString;

/// How to reach a server and log in to it.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// `host`, `host,port`, `host\instance`, `.` or `(local)`.
    pub server: String,
    /// The database that the login opens.
    pub database: String,
    /// How to log in.
    pub login: Login,
    /// What is encrypted. None: the login on a server on this computer, everything on any other server.
    pub encryption: Option<Encryption>,
    /// Which certificate is trusted. None: any certificate of a server on this computer, and what the operating
    /// system trusts for any other server.
    pub trust: Option<Trust>,
    /// The program name that an administrator of the server sees.
    pub program: &'static str,
}

/// How to log in to a server.
#[derive(Clone)]
pub enum Login {
    /// The Windows user that runs the agent; on Windows only.
    Windows,
    /// An SQL Server login.
    Sql {
        /// The login's name.
        username: String,
        /// The login's password; none when it was never set.
        password: Option<SecretString>,
    },
}

/// How much of a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Everything.
    Required,
    /// Only the login.
    LoginOnly,
    /// Nothing.
    None,
}

/// Which certificate is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// A certificate that the operating system trusts.
    System,
    /// The certificate with this SHA-256 digest.
    Pin([u8; 32]),
    /// Any certificate.
    Any,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Windows => f.write_str("Windows"),
            Self::Sql { username, .. } => write!(f, "Sql({username})"),
        }
    }
}
