//! The SQL Server catalog, for shops whose till keeps its products in SQL Server.
//!
//! The till comes first: statements are short, every one has a deadline, and we are the ones who give way.
//! T-SQL lives in `sql/`, as constant texts: their first line names them for whoever looks at the server.

use std::fmt;

use secrecy::SecretString;

use super::Columns;

mod connect;
mod facts;
mod fault;
mod key;
mod names;
mod price;
mod quote;
mod session;

/// Which products, and how to reach them.
#[derive(Clone)]
pub struct SqlServerOptions {
    /// `host`, `host,port`, `host\instance`, `.` or `(local)`.
    pub server: String,
    /// The database's name.
    pub database: String,
    /// The product table, with its schema where it has one: `Products`, `dbo.Products`, `[a b].[c.d]`.
    pub table: String,
    /// The shop's names for the columns.
    pub columns: Columns,
    /// Who we are.
    pub login: Login,
    /// What of a connection is encrypted; none for the default of the server.
    pub encryption: Option<Encryption>,
    /// Which certificate is trusted; none for the default of the server.
    pub trust: Option<Trust>,
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
