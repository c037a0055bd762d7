//! How much waits, over a stand-in for the wire: how often it is counted.

use rusqlite::Connection;
use shopmaster_catalog::{Backlog, Catalog};
use shopmaster_standins::tds::{Fault, Settings, SqlServerSim, SqliteShop};
use tempfile::TempDir;

use super::stand_in;
use crate::SqlServerCatalog;

/// A captured shop, and its till.
struct Captured {
    catalog: SqlServerCatalog,
    server: SqlServerSim,
    till: Connection,
    _folder: TempDir,
}

impl Captured {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let till = Connection::open(&path).unwrap();
        till.execute_batch(
            "CREATE TABLE Products (ProductID VARCHAR(25) NOT NULL PRIMARY KEY,
                ProductName VARCHAR(100), SellPrice NUMERIC(18,2));",
        )
        .unwrap();
        let settings = Settings::default();
        let model = SqliteShop::open(&path).unwrap();
        let server = SqlServerSim::start(settings.clone(), model).await.unwrap();
        let catalog = SqlServerCatalog::new(stand_in::options(&server, &settings, "test"));
        assert!(catalog.install().await.unwrap());
        Self {
            catalog,
            server,
            till,
            _folder: folder,
        }
    }

    fn sell(&self, statement: &str) {
        self.till.execute_batch(statement).unwrap();
    }

    /// Changes and products that wait, and how often they were counted until now.
    async fn waiting(&self) -> (u64, u64, usize) {
        let backlog = self.catalog.backlog().await.unwrap();
        let statements = self.server.statements();
        let counted = statements
            .iter()
            .filter(|statement| statement.name.as_deref() == Some("backlog"));
        (backlog.changes, backlog.products, counted.count())
    }
}

#[tokio::test]
async fn what_waits_is_counted_only_when_it_may_have_changed() {
    let shop = Captured::open().await;
    assert_eq!(shop.catalog.backlog().await.unwrap(), Backlog::default());
    assert_eq!(shop.waiting().await, (0, 0, 0));
    shop.sell("INSERT INTO Products VALUES ('P1', 'Soap', 1), ('P2', 'Tea', 2)");
    assert_eq!(shop.waiting().await, (2, 2, 1));
    assert_eq!(shop.waiting().await, (2, 2, 1));
    shop.sell("UPDATE Products SET SellPrice = 3 WHERE ProductID = 'P1'");
    assert_eq!(shop.waiting().await, (3, 2, 2));
    // What we delete ourselves need not be the newest.
    let pending = shop.catalog.pending(None, 10).await.unwrap();
    let first = [pending[0].identity.clone()];
    assert_eq!(shop.catalog.acknowledge(&first).await.unwrap(), 1);
    assert_eq!(shop.waiting().await, (2, 2, 3));
    assert_eq!(shop.waiting().await, (2, 2, 3));
    let rest: Vec<_> = pending.into_iter().map(|change| change.identity).collect();
    shop.catalog.acknowledge(&rest).await.unwrap();
    assert_eq!(shop.waiting().await, (0, 0, 3));
}

#[tokio::test]
async fn the_change_log_has_a_size_where_the_server_tells() {
    let shop = Captured::open().await;
    shop.sell("INSERT INTO Products VALUES ('P1', 'Soap', 1)");
    let backlog = shop.catalog.backlog().await.unwrap();
    assert_eq!(backlog.bytes, Some(8_192));
    assert!(backlog.oldest_age.is_some());
    shop.sell("DELETE FROM Products");
    shop.server.inject(Fault::error("change_log_size", 208));
    let backlog = shop.catalog.backlog().await.unwrap();
    assert_eq!((backlog.changes, backlog.bytes), (2, None));
}
