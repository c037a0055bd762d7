//! How the stand-in behaves when nothing goes wrong.

use super::tls::Certificate;

/// What can be changed at any time. Connections that are there stay as they are.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The only login's name.
    pub username: String,
    /// Its password.
    pub password: String,
    /// The only database of the shop's own. Beside it there is `tempdb`.
    pub database: String,
    /// How that database is.
    pub state: DatabaseState,
    /// Whom it lets in.
    pub access: UserAccess,
    /// Whether it is closed while nobody is in it.
    pub auto_close: bool,
    /// How the login gets into it.
    pub way: Way,
    /// Whether the login sees it only from inside: it lacks `VIEW ANY DATABASE`.
    pub hidden: bool,
    /// What the stand-in says about encryption.
    pub encryption: Encryption,
    /// What it encrypts with. Without one a handshake fails, as with a server whose TLS is too old.
    pub certificate: Option<Certificate>,
}

/// How a database is: `sys.databases.state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseState {
    /// As ever.
    Online,
    /// From a backup.
    Restoring,
    /// As after a start of the server.
    Recovering,
    /// That cannot begin.
    RecoveryPending,
    /// That failed.
    Suspect,
    /// For its repair.
    Emergency,
    /// Somebody took it off.
    Offline,
}

/// Whom a database lets in: `sys.databases.user_access`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserAccess {
    /// Everybody.
    Multi,
    /// One, whoever comes first.
    Single,
    /// Its administrators, and the login is none.
    Restricted,
}

/// How the login gets into the shop's database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From every other one, with `USE`.
    Use,
    /// With its login alone: the user is contained in the database.
    Contained,
    /// With its login alone: the server has no `USE`, as Azure SQL Database.
    OwnConnection,
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
            state: DatabaseState::Online,
            access: UserAccess::Multi,
            auto_close: false,
            way: Way::Use,
            hidden: false,
            encryption: Encryption::NotSupported,
            certificate: None,
        }
    }
}
