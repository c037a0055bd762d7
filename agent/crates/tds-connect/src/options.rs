//! How to reach a server, and who we are to it.

use std::fmt;

use secrecy::SecretString;

/// How to reach a server, and who we are to it.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// `host`, `host,port`, `host\instance`, `.` or `(local)`.
    pub server: String,
    /// The database that the login opens.
    pub database: String,
    /// Who we are.
    pub login: Login,
    /// What of a connection is encrypted; none for the login of a server on this computer and all of any other.
    pub encryption: Option<Encryption>,
    /// Which certificate is trusted; none for any of a server on this computer and the system's for any other.
    pub trust: Option<Trust>,
    /// What an administrator sees as the program.
    pub program: &'static str,
}

/// Who we are.
#[derive(Clone)]
pub enum Login {
    /// The user that runs the agent; on Windows only.
    Windows,
    /// A login of the server's own.
    Sql {
        /// Its name.
        username: String,
        /// Its password; none when it was never set.
        password: Option<SecretString>,
    },
}

/// What of a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// All of it.
    Required,
    /// The login.
    LoginOnly,
    /// Nothing.
    None,
}

/// Which certificate is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// What the operating system trusts.
    System,
    /// The one with this SHA-256 digest.
    Pin([u8; 32]),
    /// Any.
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
