//! A server on the wire that knows no T-SQL, for what a catalog does with its connections.

use rusqlite::Connection;
use shopmaster_catalog::{Columns, KeyColumns, Mapping};
use shopmaster_standins::tds::{Settings, SqlServerSim, SqliteShop};
use tds_connect::{Encryption, Login};
use tempfile::TempDir;

use crate::{SqlServerCatalog, SqlServerOptions};

/// A server with an empty product table.
pub(super) struct Server {
    pub(super) sim: SqlServerSim,
    settings: Settings,
    _folder: TempDir,
}

impl Server {
    pub(super) async fn start() -> Self {
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

    /// An agent of this name.
    pub(super) fn agent(&self, claimant: &str) -> SqlServerCatalog {
        SqlServerCatalog::new(self.options(claimant))
    }

    pub(super) fn options(&self, claimant: &str) -> SqlServerOptions {
        options(&self.sim, &self.settings, claimant)
    }
}

/// The table `Products` of a stand-in with these settings, for an agent of this name.
pub(super) fn options(sim: &SqlServerSim, settings: &Settings, claimant: &str) -> SqlServerOptions {
    SqlServerOptions {
        server: sim.server_name(),
        database: settings.database.clone(),
        mapping: Mapping::new(
            "Products",
            Columns {
                id: KeyColumns::one("ProductID"),
                name: "ProductName".to_owned(),
                price: "SellPrice".to_owned(),
            },
        ),
        login: Login::Sql {
            username: settings.username.clone(),
            password: Some(settings.password.clone().into()),
        },
        encryption: Some(Encryption::None),
        trust: None,
        claimant: claimant.to_owned(),
    }
}
