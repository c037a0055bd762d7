//! How the stand-in behaves when nothing goes wrong.

use super::tls::Certificate;

/// Settings that can be changed at any time. Existing connections are not affected.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The only login's name.
    pub username: String,
    /// Its password.
    pub password: String,
    /// The shop's only database. Besides it there is `tempdb`.
    pub database: String,
    /// The state of that database.
    pub state: DatabaseState,
    /// The logins that it accepts.
    pub access: UserAccess,
    /// Whether it is closed while no connection uses it.
    pub auto_close: bool,
    /// How the login opens it.
    pub way: Way,
    /// Whether the login sees it only while it uses it, because it lacks `VIEW ANY DATABASE`.
    pub hidden: bool,
    /// What the stand-in says about encryption.
    pub encryption: Encryption,
    /// Its certificate. Without one a handshake fails, as with a server whose TLS is too old.
    pub certificate: Option<Certificate>,
}

/// The state of a database: `sys.databases.state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseState {
    /// Online.
    Online,
    /// Restoring, from a backup.
    Restoring,
    /// Recovering, as after a start of the server.
    Recovering,
    /// Recovery pending: recovery cannot begin.
    RecoveryPending,
    /// Suspect: recovery failed.
    Suspect,
    /// Emergency, for repair.
    Emergency,
    /// Offline.
    Offline,
}

/// The logins that a database accepts: `sys.databases.user_access`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserAccess {
    /// All of them.
    Multi,
    /// The first one only.
    Single,
    /// Administrators only, and the login is not one.
    Restricted,
}

/// How the login opens the shop's database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From any other database, with `USE`.
    Use,
    /// Only at login: the user is contained in the database.
    Contained,
    /// Only at login: the server has no `USE`, like Azure SQL Database.
    OwnConnection,
}

/// What the stand-in says about encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// None is available: a client that requires it disconnects.
    NotSupported,
    /// As the client chooses.
    Offered,
    /// Everything must be encrypted.
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
