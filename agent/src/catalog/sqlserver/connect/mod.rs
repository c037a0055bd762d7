//! From a configured server to a connection that has logged in.

use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};

use super::{Login, SqlServerOptions, fault::Work};
use crate::catalog::{CatalogError, ConnectError};
use secrecy::ExposeSecret as _;

/// What a connection goes over.
pub(super) type Stream = TcpStream;

/// Connects and logs in.
pub(super) async fn open(options: &SqlServerOptions) -> Work<Client<Compat<Stream>>> {
    let failed = |cause| CatalogError::Connect {
        server: options.server.clone(),
        cause,
    };
    let Login::Sql {
        username,
        password: Some(password),
    } = &options.login
    else {
        return Err(failed(ConnectError::NoPassword).into());
    };
    let mut config = Config::new();
    let (host, port) = options
        .server
        .split_once(',')
        .unwrap_or((&options.server, "1433"));
    let port = port
        .parse()
        .map_err(|_| failed(ConnectError::BadServer(options.server.clone())))?;
    config.host(host);
    config.port(port);
    config.database(&options.database);
    config.encryption(EncryptionLevel::NotSupported);
    // Half a character in a name, as a till may leave it behind, must not lose a page.
    config.lossy_utf16_decoding(true);
    config.authentication(AuthMethod::sql_server(username, password.expose_secret()));
    let stream = TcpStream::connect((host, port)).await.map_err(|_| {
        failed(ConnectError::PortClosed {
            host: host.to_owned(),
            port,
        })
    })?;
    Ok(Client::connect(config, stream.compat_write()).await?)
}
