//! From a configured SQL Server to a connection that has logged in.
//!
//! A client of the TDS protocol for programs whose servers have no administrator at hand: it finds the server
//! (by name, port, instance and SQL Server Browser, or a local named pipe), negotiates encryption, checks the
//! certificate, logs in, and says which of some twenty causes applies when that fails ([`ConnectError`]).
//!
//! It works in this order:
//!
//! 1. `address` parses the configured name: `host`, `host,port`, `host\instance`, `.`, `(local)`.
//! 2. `wire` reaches the server: over TCP, after asking `browser` for an instance's port, or over a pipe on
//!    this computer.
//! 3. `prelogin` negotiates what is encrypted: everything, the login, or nothing.
//! 4. `handshake` does TLS inside the packets of the protocol (`packet`), and `trust` judges the certificate
//!    (`der`): by the system's store, by its fingerprint, or not at all.
//! 5. `login` logs in, and reads why the server refuses a login.
//!
//! The driver, tiberius, is told that there is no encryption: its own can neither pin a certificate nor say
//! what is wrong with one. Encryption is negotiated and done below the driver, as MS-TDS specifies it:
//! <https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-tds>.
//!
//! Nothing here knows what the connection is for: no table, no statement, no product.

use std::time::Duration;

use tiberius::Client;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};

use self::{
    address::{Address, DEFAULT_PORT, Door},
    browser::Browser,
    deadline::{Deadline, TooLate},
    prelogin::Scope,
};

mod address;
mod ado;
mod browser;
mod deadline;
mod der;
mod error;
mod handshake;
mod login;
mod options;
mod packet;
mod prelogin;
mod stream;
#[cfg(test)]
mod tests;
mod trust;
mod wire;

pub use error::ConnectError;
pub use options::{ConnectOptions, Encryption, Login, Trust};
pub use stream::Stream;

/// A connection that has logged in.
pub type Connection = Client<Compat<Stream>>;

/// How long connecting may take, from a name to a connection that has logged in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// How long [`answers`] may take to find out whether the server can be reached.
const REACHABILITY_TIMEOUT: Duration = Duration::from_secs(3);

/// How long connecting may take, and how SQL Server Browser is asked.
struct Limits {
    whole: Duration,
    browser: Browser,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            whole: CONNECT_TIMEOUT,
            browser: Browser::default(),
        }
    }
}

/// The result of a login.
enum Entry {
    /// The server accepted the login.
    In(Box<Connection>),
    /// The server redirects to another server.
    SentTo(Address),
}

/// Connects and logs in. This takes at most 15 seconds.
///
/// # Errors
///
/// [`ConnectError`], which names the cause.
pub async fn connect(options: &ConnectOptions) -> Result<Connection, ConnectError> {
    enter(options, &Limits::default()).await
}

/// Whether the server can be reached. Sends nothing to it and does not log in: failed logins lock accounts.
pub async fn answers(server: &str) -> bool {
    let Ok(address) = Address::parse(server) else {
        return false;
    };
    let deadline = Deadline::after(REACHABILITY_TIMEOUT);
    let reached = wire::reach(&address, &Browser::default(), deadline).await;
    reached.is_ok()
}

async fn enter(options: &ConnectOptions, limits: &Limits) -> Result<Connection, ConnectError> {
    // A login that cannot work fails before anything is sent.
    login::method(&options.login)?;
    let address = Address::parse(&options.server)?;
    let deadline = Deadline::after(limits.whole);
    let other = match enter_at(options, &address, &limits.browser, deadline).await? {
        Entry::In(client) => return Ok(*client),
        Entry::SentTo(other) => other,
    };
    match enter_at(options, &other, &limits.browser, deadline).await? {
        Entry::In(client) => Ok(*client),
        Entry::SentTo(third) => Err(ConnectError::SentOn(third.host)),
    }
}

async fn enter_at(
    options: &ConnectOptions,
    address: &Address,
    browser: &Browser,
    deadline: Deadline,
) -> Result<Entry, ConnectError> {
    let reached = wire::reach(address, browser, deadline).await?;
    let (mut wire, here) = (reached.wire, reached.here);
    let (encryption, trust) = effective(options, here);

    let mute = || ConnectError::NoSqlServer {
        source: Box::new(TooLate),
    };
    let negotiation = prelogin::negotiate(&mut wire, encryption);
    let scope = deadline.within(mute, negotiation).await??;

    let stream = match scope {
        Scope::Nothing => Stream::plain(wire),
        Scope::All | Scope::Login => {
            let stuck = || ConnectError::TlsRefused {
                source: Box::new(TooLate),
            };
            let handshake = handshake::encrypt(wire, &address.host, trust);
            let encrypted = deadline.within(stuck, handshake).await??;
            Stream::encrypted(encrypted, scope == Scope::Login)
        }
    };

    let port = match address.door {
        Door::Port(port) => port,
        Door::Default | Door::Instance(_) => DEFAULT_PORT,
    };
    let method = login::method(&options.login)?;
    let config = login::config(options, address, method, port);
    let silent = || ConnectError::Silent(address.host.clone());
    let login = Client::connect(config, stream.compat_write());
    match deadline.within(silent, login).await? {
        Ok(client) => Ok(Entry::In(Box::new(client))),
        Err(tiberius::error::Error::Routing { host, port }) => sent_to(&host, port, scope),
        Err(error) => Err(login::refused(error, options)),
    }
}

/// What is encrypted, and which certificate is trusted: as configured, or else depending on where the server
/// is.
fn effective(options: &ConnectOptions, here: bool) -> (Encryption, Trust) {
    let (encryption, trust) = match here {
        true => (Encryption::LoginOnly, Trust::Any),
        false => (Encryption::Required, Trust::System),
    };
    (
        options.encryption.unwrap_or(encryption),
        options.trust.unwrap_or(trust),
    )
}

/// The address to which a server redirects, if the redirect is followed. After a login whose answer came in
/// clear text, anyone on the network may have forged the redirect, and would receive the password at a server
/// of their own.
fn sent_to(host: &str, port: u16, scope: Scope) -> Result<Entry, ConnectError> {
    match Address::parse(&format!("tcp:{host},{port}")) {
        Ok(address) if scope != Scope::Login => Ok(Entry::SentTo(address)),
        _ => Err(ConnectError::SentOn(host.to_owned())),
    }
}
