//! Connections to the configured server, and the remedies when connecting fails.

use std::borrow::Cow;

use shopmaster_catalog::{CatalogError, ConnectFailure, Passing};
use tds_connect::{ConnectError, ConnectOptions, Connection};

use super::{SqlServerOptions, error::QueryResult};

/// The program name that an administrator of the server sees.
pub(crate) const PROGRAM: &str = "shopMaster";

/// Connects and logs in.
///
/// # Errors
///
/// `CatalogError::Connect`, which contains the cause.
pub(crate) async fn open(options: &SqlServerOptions) -> QueryResult<Connection> {
    let connected = tds_connect::connect(&connect_options(options)).await;
    Ok(connected.map_err(|error| failed(options, error))?)
}

/// The error that the configured server cannot be used, with what to do about it.
pub(crate) fn failed(options: &SqlServerOptions, error: ConnectError) -> CatalogError {
    CatalogError::Connect {
        server: options.server.clone(),
        cause: failure(error),
    }
}

fn connect_options(options: &SqlServerOptions) -> ConnectOptions {
    ConnectOptions {
        server: options.server.clone(),
        database: options.database.clone(),
        login: options.login.clone(),
        encryption: options.encryption,
        trust: options.trust,
        program: PROGRAM,
    }
}

fn failure(error: ConnectError) -> ConnectFailure {
    let passing = match (error.passes_soon(), error.may_be_hiccup()) {
        (true, _) => Passing::Soon,
        (false, true) => Passing::Perhaps,
        (false, false) => Passing::Never,
    };
    let fingerprint = match &error {
        ConnectError::CertificateNotTrusted { fingerprint, .. } => Some(fingerprint.clone()),
        _ => None,
    };
    ConnectFailure {
        code: error.code(),
        remedy: remedy(&error),
        passing,
        is_away: error.is_away(),
        fingerprint,
        error: Box::new(error),
    }
}

fn remedy(error: &ConnectError) -> Cow<'static, str> {
    let text = match error {
        ConnectError::CertificateNotTrusted { fingerprint, .. } => {
            return format!(
                "Compare the fingerprint with the server's own certificate; if they match, run `shopmasterctl configure --trust pin:{fingerprint}`"
            )
            .into();
        }
        ConnectError::BadServer(_) => {
            r"Enter the server as `host`, `host,port` or `host\instance` with `shopmasterctl configure --server NAME`"
        }
        ConnectError::NameNotFound(_) => {
            "Check the name with `shopmasterctl configure --server HOST`, or use the computer's address"
        }
        ConnectError::PortClosed { .. } => {
            "Check that SQL Server is running. SQL Server Express is installed with TCP/IP disabled: in SQL Server Configuration Manager, enable TCP/IP under \"Protocols\" of the instance, give it a port, and restart the instance"
        }
        ConnectError::Silent(_) | ConnectError::NoRoute { .. } => {
            "Check that the computer is on, that its firewall allows SQL Server's port, and that the name is right"
        }
        ConnectError::BrowserSilent { .. } => {
            "Start the service \"SQL Server Browser\" on that computer and allow UDP port 1434 through its firewall, or configure the port: `shopmasterctl configure --server HOST,PORT`"
        }
        ConnectError::InstanceUnknown { .. } => {
            "Check the instance's name, and that TCP/IP is enabled for it in SQL Server Configuration Manager"
        }
        ConnectError::EncryptionRefused => {
            "Install a certificate on the server; if the network is trusted, run `shopmasterctl configure --encryption none`"
        }
        ConnectError::EncryptionDemanded => "Run `shopmasterctl configure --encryption required`",
        ConnectError::TlsRefused { .. } => {
            "Update the server: TLS 1.2 with forward secrecy needs SQL Server 2016 or later (or the last service pack of 2008 to 2014) on Windows 10 or Windows Server 2016 or later; if the network is trusted, run `shopmasterctl configure --encryption none`"
        }
        ConnectError::LoginFailed { number: 18470, .. }
        | ConnectError::LoginFailed {
            number: 18456,
            state: 7,
            ..
        } => "The login is disabled: enable it on the server",
        ConnectError::LoginFailed { number: 18486, .. } => {
            "The login is locked after too many wrong passwords: unlock it on the server, then set the right password with `shopmasterctl configure --sql-password-stdin`"
        }
        ConnectError::LoginFailed { number: 18452, .. }
        | ConnectError::LoginFailed {
            number: 18456,
            state: 58,
            ..
        } => {
            "The server accepts only Windows logins: allow SQL logins (\"SQL Server and Windows Authentication mode\"), or use a Windows login"
        }
        ConnectError::LoginFailed {
            number: 18456,
            state: 38 | 40 | 46,
            ..
        } => "The login may not open the database: create a user for it there",
        ConnectError::LoginFailed {
            number: 18488 | 18487,
            ..
        } => {
            "The password has expired or must be changed: set a new one on the server, then run `shopmasterctl configure --sql-password-stdin`"
        }
        ConnectError::LoginFailed { .. } => {
            "Check the name and password with `shopmasterctl configure --username NAME --sql-password-stdin`; the server's own error log says why"
        }
        ConnectError::DatabaseMissing(_) => {
            "Check the name with `shopmasterctl configure --database NAME`, and create a user for the login in that database"
        }
        ConnectError::NotReady { .. } => {
            "If this happened only once, ignore it: shopMaster retries automatically; otherwise check the server's own error log"
        }
        ConnectError::SentOn(_) => {
            "Configure that server with `shopmasterctl configure --server NAME`, or run `shopmasterctl configure --encryption required`: shopMaster follows one redirect when everything is encrypted"
        }
        ConnectError::NoWindows => {
            "Use a SQL login: `shopmasterctl configure --auth sql --username NAME --sql-password-stdin`"
        }
        ConnectError::NoPassword => "Run `shopmasterctl configure --sql-password-stdin`",
        ConnectError::NoSqlServer { .. } => {
            "Check the port. A server that enforces strict encryption (TDS 8.0) is not supported"
        }
    };
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_of_a_refused_login_names_its_cause() {
        for (number, state, word) in [
            (18456, 1, "password"),
            (18456, 7, "disabled"),
            (18456, 38, "database"),
            (18456, 58, "Windows"),
            (18452, 1, "Windows"),
            (18470, 1, "disabled"),
            (18486, 1, "locked"),
            (18487, 1, "expired"),
            (18488, 1, "expired"),
        ] {
            let failure = failure(ConnectError::LoginFailed {
                login: "shop".to_owned(),
                number,
                state,
                message: "no".to_owned(),
            });
            assert!(
                failure.remedy.contains(word),
                "{number}: {}",
                failure.remedy
            );
            assert_eq!(failure.passing, Passing::Never);
        }
    }

    #[test]
    fn the_remedy_of_a_certificate_names_its_fingerprint() {
        let fingerprint = "5e".repeat(32);
        let failure = failure(ConnectError::CertificateNotTrusted {
            fingerprint: fingerprint.clone(),
            reason: "it is self-signed".to_owned(),
        });
        assert!(failure.remedy.contains(&format!("pin:{fingerprint}")));
        assert_eq!(failure.fingerprint, Some(fingerprint));
    }

    #[test]
    fn a_server_that_is_started_again_is_back_soon() {
        let closed = failure(ConnectError::PortClosed {
            host: "shop".to_owned(),
            port: 1433,
        });
        assert_eq!((closed.passing, closed.is_away), (Passing::Soon, true));
        let silent = failure(ConnectError::Silent("shop".to_owned()));
        assert_eq!((silent.passing, silent.is_away), (Passing::Perhaps, true));
        let missing = failure(ConnectError::DatabaseMissing("shop".to_owned()));
        assert_eq!((missing.passing, missing.is_away), (Passing::Never, false));
    }
}
