//! Who serves the shop, over a stand-in for the wire.

use rusqlite::Connection;
use shopmaster_testkit::tds::{Settings, SqlServerSim, SqliteShop};
use tempfile::TempDir;

use super::super::{Encryption, Login, SqlServerCatalog, SqlServerOptions};
use crate::catalog::{Catalog, CatalogError, Columns};

struct Server {
    sim: SqlServerSim,
    settings: Settings,
    _folder: TempDir,
}

impl Server {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let till = Connection::open(&path).unwrap();
        till.execute_batch(
            "CREATE TABLE Products (ProductID VARCHAR(25) NOT NULL PRIMARY KEY,
                ProductName VARCHAR(100), SellPrice NUMERIC(18,2))",
        )
        .unwrap();
        let settings = Settings::default();
        let model = SqliteShop::open(&path).unwrap();
        Self {
            sim: SqlServerSim::start(settings.clone(), model).await.unwrap(),
            settings,
            _folder: folder,
        }
    }

    fn agent(&self, claimant: &str) -> SqlServerCatalog {
        SqlServerCatalog::new(SqlServerOptions {
            server: self.sim.server_name(),
            database: self.settings.database.clone(),
            table: "Products".to_owned(),
            columns: Columns {
                id: "ProductID".to_owned(),
                name: "ProductName".to_owned(),
                price: "SellPrice".to_owned(),
            },
            price_digits: None,
            login: Login::Sql {
                username: self.settings.username.clone(),
                password: Some(self.settings.password.clone().into()),
            },
            encryption: Some(Encryption::None),
            trust: None,
            claimant: claimant.to_owned(),
        })
    }
}

/// The server has not noticed yet that the first connection is of no use to anybody.
#[tokio::test]
async fn our_own_earlier_connection_is_not_another_agent() {
    let server = Server::start().await;
    let broken = server.agent("till");
    broken.claim().await.unwrap();
    let agent = server.agent("till");
    for _ in 0..3 {
        let error = agent.claim().await.unwrap_err();
        assert!(matches!(error, CatalogError::OwnConnection(_)), "{error}");
        assert!(error.is_passing() && error.may_be_hiccup());
        assert_ne!(error.code(), "CATALOG_CLAIMED");
    }
    // Now it has.
    drop(broken);
    while let Err(error) = agent.claim().await {
        assert!(matches!(error, CatalogError::OwnConnection(_)), "{error}");
    }
    agent.claim().await.unwrap();
}

#[tokio::test]
async fn another_agent_is_named_at_once_and_every_time() {
    let server = Server::start().await;
    let first = server.agent("till");
    let second = server.agent("office");
    first.claim().await.unwrap();
    for _ in 0..3 {
        let error = second.claim().await.unwrap_err();
        assert!(matches!(error, CatalogError::Claimed(_)), "{error}");
        assert!(!error.is_passing());
    }
    // Not even its own earlier tries stand in its way.
    drop(first);
    while let Err(error) = second.claim().await {
        assert!(matches!(error, CatalogError::Claimed(_)), "{error}");
    }
}
