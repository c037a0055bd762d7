//! Why a database server does not let us in, in a small set of causes with their remedies.

use std::error;

/// Why a connection to a server could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The configured text is no server.
    #[error("`{0}` is no server's name")]
    BadServer(String),
    /// No computer has this name.
    #[error("no computer of the name `{0}` is known")]
    NameNotFound(String),
    /// The computer answers, but nothing listens there.
    #[error("nothing listens on port {port} of `{host}`")]
    PortClosed {
        /// The computer.
        host: String,
        /// The TCP port.
        port: u16,
    },
    /// The computer did not answer in time.
    #[error("`{0}` does not answer")]
    Silent(String),
    /// The network says no.
    #[error("there is no way to `{host}`")]
    NoRoute {
        /// The computer.
        host: String,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// SQL Server Browser, which knows the instances' ports, did not answer.
    #[error(
        "SQL Server Browser on `{host}` does not answer, so that the port of instance `{instance}` is not known"
    )]
    BrowserSilent {
        /// The computer.
        host: String,
        /// The instance.
        instance: String,
    },
    /// SQL Server Browser answered, but does not know the instance, or it has no TCP port.
    #[error("SQL Server Browser on `{host}` knows no TCP port of an instance `{instance}`")]
    InstanceUnknown {
        /// The computer.
        host: String,
        /// The instance.
        instance: String,
    },
    /// The server does not encrypt, and we insist.
    #[error("the server does not offer encryption")]
    EncryptionRefused,
    /// The server insists on encryption, and we are told not to.
    #[error("the server insists on encryption")]
    EncryptionDemanded,
    /// The TLS handshake failed.
    #[error("the server and this program have no way to encrypt in common")]
    TlsRefused {
        /// What the TLS library said.
        #[source]
        source: Box<dyn error::Error + Send + Sync>,
    },
    /// The server shows a certificate that is not trusted.
    #[error(
        "the server's certificate is not trusted: {reason}; its SHA-256 fingerprint is {fingerprint}"
    )]
    CertificateNotTrusted {
        /// Of the certificate, as 64 hexadecimal digits.
        fingerprint: String,
        /// Why not, for people.
        reason: String,
    },
    /// The login was refused (error 18456 and its kin).
    #[error("the login `{login}` was refused (error {number}, state {state}): {message}")]
    LoginFailed {
        /// Its name; of Windows logins, of the user that runs the agent.
        login: String,
        /// The server's error number.
        number: u32,
        /// The server's state; most servers hide the cause behind 1.
        state: u8,
        /// What the server said.
        message: String,
    },
    /// The database does not exist, or the login may not open it (error 4060).
    #[error("the server has no database `{0}` that this login may open")]
    DatabaseMissing(String),
    /// The server answers, but takes nobody in just now.
    #[error("the server is not ready: {message}")]
    NotReady {
        /// What the server said.
        message: String,
    },
    /// The server sends us to another one, where we do not go.
    #[error("the server sends us on to `{0}`")]
    SentOn(String),
    /// Windows logins from a computer without Windows.
    #[error("a Windows login needs an agent that runs on Windows")]
    NoWindows,
    /// The SQL login's password is not set.
    #[error("the password of the SQL login is not set")]
    NoPassword,
    /// What answered is no SQL Server, or the connection broke before the login was done.
    #[error("what answers there does not talk like SQL Server")]
    NoSqlServer {
        /// What the driver said.
        #[source]
        source: Box<dyn error::Error + Send + Sync>,
    },
}

impl ConnectError {
    /// A stable code, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadServer(_) => "SERVER_NAME_INVALID",
            Self::NameNotFound(_) => "SERVER_NOT_FOUND",
            Self::PortClosed { .. } => "SERVER_PORT_CLOSED",
            Self::Silent(_) | Self::NoRoute { .. } => "SERVER_SILENT",
            Self::BrowserSilent { .. } => "BROWSER_SILENT",
            Self::InstanceUnknown { .. } => "INSTANCE_UNKNOWN",
            Self::EncryptionRefused => "ENCRYPTION_REFUSED",
            Self::EncryptionDemanded => "ENCRYPTION_DEMANDED",
            Self::TlsRefused { .. } => "TLS_REFUSED",
            Self::CertificateNotTrusted { .. } => "CERTIFICATE_NOT_TRUSTED",
            Self::LoginFailed { .. } => "LOGIN_FAILED",
            Self::DatabaseMissing(_) => "DATABASE_MISSING",
            Self::NotReady { .. } => "SERVER_NOT_READY",
            Self::SentOn(_) => "SERVER_SENDS_ON",
            Self::NoWindows => "WINDOWS_LOGIN_UNAVAILABLE",
            Self::NoPassword => "SQL_PASSWORD_MISSING",
            Self::NoSqlServer { .. } => "NOT_SQL_SERVER",
        }
    }

    /// Whether it may be gone by itself at the next try.
    #[must_use]
    pub fn may_be_hiccup(&self) -> bool {
        matches!(
            self,
            Self::PortClosed { .. }
                | Self::Silent(_)
                | Self::NoRoute { .. }
                | Self::NameNotFound(_)
                | Self::BrowserSilent { .. }
                | Self::NoSqlServer { .. }
                | Self::NotReady { .. }
        )
    }

    /// Whether nothing was there to talk to. What talks and fails is asked by logging in, and so not often.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(
            self,
            Self::NameNotFound(_)
                | Self::PortClosed { .. }
                | Self::Silent(_)
                | Self::NoRoute { .. }
                | Self::BrowserSilent { .. }
                | Self::InstanceUnknown { .. }
        )
    }

    /// Whether a server that is being started again says so, and quickly.
    #[must_use]
    pub fn passes_soon(&self) -> bool {
        matches!(
            self,
            Self::PortClosed { .. } | Self::NoSqlServer { .. } | Self::NotReady { .. }
        )
    }
}
