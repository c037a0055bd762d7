//! How the client logs in to a server, and how it reads a refusal.

use secrecy::ExposeSecret as _;
use tiberius::{AuthMethod, Config, EncryptionLevel, error::Error};

use super::{ConnectError, ConnectOptions, Login, address::Address};

/// The driver's form of the configured login.
///
/// # Errors
///
/// `NoPassword`, `NoWindows`.
pub(super) fn method(login: &Login) -> Result<AuthMethod, ConnectError> {
    match login {
        Login::Sql { password: None, .. } => Err(ConnectError::NoPassword),
        Login::Sql {
            username,
            password: Some(password),
        } => Ok(AuthMethod::sql_server(username, password.expose_secret())),
        #[cfg(windows)]
        Login::Windows => Ok(AuthMethod::Integrated),
        #[cfg(not(windows))]
        Login::Windows => Err(ConnectError::NoWindows),
    }
}

/// The driver's configuration. It contains no deadline and no encryption: both are handled outside the driver.
pub(super) fn config(
    options: &ConnectOptions,
    address: &Address,
    method: AuthMethod,
    port: u16,
) -> Config {
    let mut config = Config::new();
    config.host(&address.host);
    config.port(port);
    config.database(&options.database);
    config.application_name(options.program);
    if let Some(name) = this_computer() {
        config.client_name(name);
    }
    config.authentication(method);
    config.encryption(EncryptionLevel::NotSupported);
    // A name that ends in half a character, as a till may write it, must not make a whole page of rows
    // unreadable.
    config.lossy_utf16_decoding(true);
    config.handshake_timeout(None);
    config.command_timeout(None);
    config
}

/// The computer name that an administrator of the server sees; none where it is not easy to find out.
fn this_computer() -> Option<String> {
    if cfg!(windows) {
        return std::env::var("COMPUTERNAME").ok();
    }
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Why the login failed. The caller handles `Error::Routing`.
pub(super) fn refused(error: Error, options: &ConnectOptions) -> ConnectError {
    let Error::Server(token) = error else {
        return ConnectError::NoSqlServer {
            source: Box::new(error),
        };
    };
    let message = one_line(token.message());
    match token.code() {
        // The database cannot be opened; nor can the login's default database; the login has no user in it; on
        // Azure, it does not exist.
        4060 | 4064 | 911 | 916 => ConnectError::DatabaseMissing(options.database.clone()),
        // The server is starting, recovering, running upgrade scripts, paused, stopping or full; the database
        // is recovering or being moved.
        6005 | 17142 | 17187 | 17188 | 17809 | 18401 | 922 | 40613 => {
            ConnectError::NotReady { message }
        }
        number => ConnectError::LoginFailed {
            login: name(&options.login),
            number,
            state: token.state(),
            message,
        },
    }
}

fn name(login: &Login) -> String {
    if let Login::Sql { username, .. } = login {
        return username.clone();
    }
    let part = |key| std::env::var(key).unwrap_or_default();
    format!(r"{}\{}", part("USERDOMAIN"), part("USERNAME"))
}

/// A server's message, shortened to fit on a line and without control characters.
fn one_line(message: &str) -> String {
    const LONGEST: usize = 300;
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    message.trim().chars().take(LONGEST).map(plain).collect()
}
