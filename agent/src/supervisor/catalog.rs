//! The catalog that the configuration names.

use std::{path::PathBuf, sync::Arc};

use secrecy::SecretString;
use shopmaster_catalog::{Catalog, Columns, KeyColumns, Mapping};
use shopmaster_catalog_sqlite::{SqliteCatalog, SqliteOptions};
use shopmaster_catalog_sqlserver::{Encryption, Login, SqlServerCatalog, SqlServerOptions, Trust};
use shopmaster_product::position::Positions;

use crate::{
    config::{self, CaptureMode, CatalogConfig, CatalogKind},
    secrets::{SecretError, SecretName, SecretStore},
};

/// The catalog. It does not connect yet: a database that cannot be reached, or a password that is not set, becomes an
/// issue at the first query. `claimant` is this agent's unique name among all agents.
pub(super) async fn of(
    config: &CatalogConfig,
    secrets: &SecretStore,
    claimant: String,
    positions: Arc<dyn Positions>,
) -> Result<Arc<dyn Catalog>, SecretError> {
    let mapping = mapping(config);
    if config.kind != Some(CatalogKind::SqlServer) {
        let options = SqliteOptions {
            path: PathBuf::from(&config.path),
            mapping,
            scan: config.capture == CaptureMode::Scan,
        };
        return Ok(Arc::new(SqliteCatalog::new(options, positions)));
    }
    let password = match config.auth {
        config::Auth::Windows => None,
        config::Auth::Sql => secrets.get(SecretName::SqlPassword).await?,
    };
    Ok(Arc::new(SqlServerCatalog::new(SqlServerOptions {
        server: config.server.clone(),
        database: config.database.clone(),
        mapping,
        login: login(config, password),
        encryption: config.encryption.map(encryption),
        trust: config.trust.map(trust),
        claimant,
    })))
}

fn mapping(config: &CatalogConfig) -> Mapping {
    let columns = Columns {
        id: KeyColumns::one(config.columns.id.clone()),
        name: config.columns.name.clone(),
        price: config.columns.price.clone(),
    };
    Mapping {
        price_digits: config.price_digits,
        ..Mapping::new(config.table.clone(), columns)
    }
}

fn login(config: &CatalogConfig, password: Option<SecretString>) -> Login {
    match config.auth {
        config::Auth::Windows => Login::Windows,
        config::Auth::Sql => Login::Sql {
            username: config.username.clone(),
            password,
        },
    }
}

fn encryption(encryption: config::Encryption) -> Encryption {
    match encryption {
        config::Encryption::Required => Encryption::Required,
        config::Encryption::LoginOnly => Encryption::LoginOnly,
        config::Encryption::None => Encryption::None,
    }
}

fn trust(trust: config::Trust) -> Trust {
    match trust {
        config::Trust::System => Trust::System,
        config::Trust::Pin(digest) => Trust::Pin(digest),
        config::Trust::Any => Trust::Any,
    }
}
