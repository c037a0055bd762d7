//! Who we are to a server, and what it says to it.

use secrecy::ExposeSecret as _;
use tiberius::{AuthMethod, Config, EncryptionLevel, error::Error};

use super::{ConnectError, ConnectOptions, Login, address::Address};

/// How we log in.
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

/// What the driver is told. Deadlines and encryption are none of its business.
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
    // Half a character in a name, as a till may leave it behind, must not lose a page.
    config.lossy_utf16_decoding(true);
    config.handshake_timeout(None);
    config.command_timeout(None);
    config
}

/// What a DBA sees as the computer; where it is easy to know.
fn this_computer() -> Option<String> {
    if cfg!(windows) {
        return std::env::var("COMPUTERNAME").ok();
    }
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Why the login was not done. `Error::Routing` is not for here.
pub(super) fn refused(error: Error, options: &ConnectOptions) -> ConnectError {
    let Error::Server(token) = error else {
        return ConnectError::NoSqlServer {
            source: Box::new(error),
        };
    };
    let message = one_line(token.message());
    match token.code() {
        // Cannot open the database; nor the login's default one; no user in it; Azure, no such one.
        4060 | 4064 | 911 | 916 => ConnectError::DatabaseMissing(options.database.clone()),
        // Starting, recovering, upgrading its scripts, paused, stopping, full; the database is recovering
        // or moving.
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

/// A server's words, short enough for a line and without anything that is not text.
fn one_line(message: &str) -> String {
    const LONGEST: usize = 300;
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    message.trim().chars().take(LONGEST).map(plain).collect()
}
