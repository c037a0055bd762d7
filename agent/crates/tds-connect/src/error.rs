//! Why a connection to a database server failed, in a small set of causes.

use std::error;

/// Why a connection to a server could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The configured text is not a valid server name.
    #[error("`{0}` is not a valid server name")]
    BadServer(String),
    /// No computer has this name.
    #[error("no computer named `{0}` was found")]
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
    /// The operating system found no route.
    #[error("no network route to `{host}`")]
    NoRoute {
        /// The computer.
        host: String,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// SQL Server Browser, which knows the instances' ports, did not answer.
    #[error(
        "SQL Server Browser on `{host}` does not answer, so the port of instance `{instance}` is unknown"
    )]
    BrowserSilent {
        /// The computer.
        host: String,
        /// The instance.
        instance: String,
    },
    /// SQL Server Browser answered, but does not know the instance, or it has no TCP port.
    #[error("SQL Server Browser on `{host}` knows no TCP port for instance `{instance}`")]
    InstanceUnknown {
        /// The computer.
        host: String,
        /// The instance.
        instance: String,
    },
    /// The server does not offer encryption, and the configuration requires it.
    #[error("the server does not offer encryption")]
    EncryptionRefused,
    /// The server requires encryption, and the configuration turns it off.
    #[error("the server requires encryption")]
    EncryptionDemanded,
    /// The TLS handshake failed.
    #[error("the server and the agent have no TLS version or cipher in common")]
    TlsRefused {
        /// What the TLS library said.
        #[source]
        source: Box<dyn error::Error + Send + Sync>,
    },
    /// The server presents a certificate that is not trusted.
    #[error(
        "the server's certificate is not trusted: {reason}; its SHA-256 fingerprint is {fingerprint}"
    )]
    CertificateNotTrusted {
        /// The certificate's SHA-256 fingerprint, as 64 hexadecimal digits.
        fingerprint: String,
        /// Why not, for people.
        reason: String,
    },
    /// The login was refused (error 18456 and its kin).
    #[error("the login `{login}` was refused (error {number}, state {state}): {message}")]
    LoginFailed {
        /// The login's name; for a Windows login, the name of the user that runs the agent.
        login: String,
        /// The server's error number.
        number: u32,
        /// The server's state; most servers report 1, which hides the cause.
        state: u8,
        /// What the server said.
        message: String,
    },
    /// The database does not exist, or the login may not open it (error 4060).
    #[error("the server has no database `{0}` that this login may open")]
    DatabaseMissing(String),
    /// The server answers, but accepts no logins at the moment.
    #[error("the server accepts no logins yet: {message}")]
    NotReady {
        /// What the server said.
        message: String,
    },
    /// The server redirects to another server, and the redirect is not followed.
    #[error("the server redirects to `{0}`")]
    SentOn(String),
    /// A Windows login was configured on a computer that does not run Windows.
    #[error("a Windows login works only if the agent runs on Windows")]
    NoWindows,
    /// The SQL login's password is not set.
    #[error("the password of the SQL login is not set")]
    NoPassword,
    /// What answered is not SQL Server, or the connection broke before the login was complete.
    #[error("what answers on that port is not SQL Server")]
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

    /// Whether the next attempt may succeed without help.
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

    /// Whether no server answered at all. A server that answers but fails can be tested only by logging in, and
    /// so not often.
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

    /// Whether this is how a server fails while it restarts, which is soon over.
    #[must_use]
    pub fn passes_soon(&self) -> bool {
        matches!(
            self,
            Self::PortClosed { .. } | Self::NoSqlServer { .. } | Self::NotReady { .. }
        )
    }
}
