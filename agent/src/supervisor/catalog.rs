//! The catalog that the configuration names.

use std::{path::PathBuf, sync::Arc};

use secrecy::SecretString;
use shopmaster_catalog::{Catalog, Columns, Condition, Mapping, Scalar, Test, Watch};
use shopmaster_catalog_sqlite::{SqliteCatalog, SqliteOptions};
use shopmaster_catalog_sqlserver::{Encryption, Login, SqlServerCatalog, SqlServerOptions, Trust};
use shopmaster_product::position::Positions;
use shopmaster_secrets::{SecretError, SecretName, SecretStore};
use shopmaster_view::names;

use crate::config::{
    self, CaptureMode, CatalogConfig, CatalogKind, ConditionConfig, ScalarConfig, TestConfig,
    WatchConfig,
};

/// The password of the SQL login, where there is one and it needs one.
pub(super) async fn password(
    config: &CatalogConfig,
    secrets: &SecretStore,
) -> Result<Option<SecretString>, SecretError> {
    match needs_password(config) {
        true => secrets.get(SecretName::SqlPassword).await,
        false => Ok(None),
    }
}

/// Whether the database is entered with a password.
pub(super) fn needs_password(config: &CatalogConfig) -> bool {
    config.kind == Some(CatalogKind::SqlServer) && config.auth == config::Auth::Sql
}

/// The catalog. It does not connect yet: a database that cannot be reached, or a password that is not set, becomes an
/// issue at the first query. `claimant` is this agent's unique name among all agents.
pub(super) fn of(
    config: &CatalogConfig,
    password: Option<SecretString>,
    claimant: String,
    positions: Arc<dyn Positions>,
) -> Arc<dyn Catalog> {
    let mapping = mapping(config);
    if config.kind != Some(CatalogKind::SqlServer) {
        let options = SqliteOptions {
            path: PathBuf::from(&config.path),
            mapping,
            scan: config.capture == CaptureMode::Scan,
        };
        return Arc::new(SqliteCatalog::new(options, positions));
    }
    Arc::new(SqlServerCatalog::new(SqlServerOptions {
        server: config.server.clone(),
        database: config.database.clone(),
        mapping,
        login: login(config, password),
        encryption: config.encryption.map(encryption),
        trust: config.trust.map(trust),
        claimant,
    }))
}

fn mapping(config: &CatalogConfig) -> Mapping {
    let columns = Columns {
        id: config.columns.id.columns(&config.columns.separator),
        name: config.columns.name.clone(),
        price: config.columns.price.clone(),
    };
    let sold_when = (!config.sold_when.is_empty()).then(|| Condition {
        column: config.columns.status.clone(),
        test: Test::Is(scalars(&config.sold_when)),
    });
    Mapping {
        table: table(config.kind, &config.table),
        columns,
        only: sold_when
            .into_iter()
            .chain(config.only.iter().map(condition))
            .collect(),
        watches: config
            .watch
            .iter()
            .map(|it| watch(config.kind, it))
            .collect(),
        price_digits: config.price_digits,
        price_text: config.price_text.map(|text| text.0),
    }
}

fn condition(condition: &ConditionConfig) -> Condition {
    Condition {
        column: condition.column.clone(),
        test: match &condition.test {
            TestConfig::Is(values) => Test::Is(scalars(values)),
            TestConfig::IsNot(values) => Test::IsNot(scalars(values)),
            TestConfig::IsNull => Test::IsNull,
            TestConfig::NotNull => Test::NotNull,
        },
    }
}

fn scalars(values: &[ScalarConfig]) -> Vec<Scalar> {
    let scalar = |value: &ScalarConfig| match value {
        ScalarConfig::Integer(number) => Scalar::Integer(*number),
        ScalarConfig::Flag(flag) => Scalar::Flag(*flag),
        ScalarConfig::Text(text) => Scalar::Text(text.clone()),
    };
    values.iter().map(scalar).collect()
}

/// A table as its kind of catalog takes it. SQLite's tables have no schema: their name is what stands there, or what
/// stands in quotes, behind `main` or alone.
fn table(kind: Option<CatalogKind>, text: &str) -> String {
    if kind == Some(CatalogKind::SqlServer) {
        return text.to_owned();
    }
    let is_quoted =
        |text: &str| names::quoted_at_start(text.trim()).is_some_and(|it| it.1.is_empty());
    let name = text.strip_prefix("main.").unwrap_or(text);
    match is_quoted(name) {
        true => names::single(name),
        false => text.to_owned(),
    }
}

fn watch(kind: Option<CatalogKind>, watch: &WatchConfig) -> Watch {
    Watch {
        table: table(kind, &watch.table),
        key: watch.key.clone(),
        column: watch.column.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_sqlite_may_stand_in_quotes_and_one_of_sql_server_stays() {
        for (text, name) in [
            ("Products", "Products"),
            ("my.tab", "my.tab"),
            ("[my.tab]", "my.tab"),
            ("\"my.tab\"", "my.tab"),
            ("main.[a;b]", "a;b"),
            ("main.Products", "main.Products"),
            ("[a].[b]", "[a].[b]"),
        ] {
            assert_eq!(table(Some(CatalogKind::Sqlite), text), name, "{text}");
            assert_eq!(table(Some(CatalogKind::SqlServer), text), text, "{text}");
        }
    }
}
