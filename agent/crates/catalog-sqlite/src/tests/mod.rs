//! The SQLite catalog, tried as a whole.

use std::{path::PathBuf, sync::Arc};

use rusqlite::Connection;
use shopmaster_catalog::{
    Catalog, Change, ChangeKind, Columns, KeyColumns, Mapping, conformance, conforms,
};
use shopmaster_product::{
    ProductId, Row,
    position::{Position, PositionError, Positions},
};
use tempfile::TempDir;

use super::{SqliteCatalog, SqliteOptions};

mod claim;
mod composite;
mod conditions;
mod faults;
mod keys;
mod plan;
mod preflight;
mod quiet;
mod suggestions;
mod triggers;
mod values;
mod views;
mod watching;

const PRODUCTS: &str = "CREATE TABLE Products (
    ProductID VARCHAR(25) NOT NULL PRIMARY KEY, ProductName VARCHAR(100), SellPrice NUMERIC(18,2)
)";

/// A shop's file, its till, and the catalog over it.
struct Shop {
    till: Connection,
    catalog: SqliteCatalog,
    folder: TempDir,
}

impl Shop {
    /// With the usual table, in WAL mode.
    fn usual() -> Self {
        Self::new(&format!("PRAGMA journal_mode = WAL; {PRODUCTS}"))
    }

    /// With a table `Products` of its own.
    fn new(schema: &str) -> Self {
        Self::named(
            schema,
            "Products",
            ["ProductID", "ProductName", "SellPrice"],
        )
    }

    fn named(schema: &str, table: &str, columns: [&str; 3]) -> Self {
        Self::with_digits(schema, table, columns, None)
    }

    /// With as many digits behind the decimal point of a price.
    fn with_digits(
        schema: &str,
        table: &str,
        columns: [&str; 3],
        price_digits: Option<u8>,
    ) -> Self {
        let mapping = mapping(table, columns);
        Self::mapped(
            schema,
            Mapping {
                price_digits,
                ..mapping
            },
        )
    }

    /// With the rows mapped to products in this way.
    fn mapped(schema: &str, mapping: Mapping) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let till = Connection::open(&path).unwrap();
        till.execute_batch(schema).unwrap();
        let catalog = of(SqliteOptions {
            scan: false,
            path,
            mapping,
        });
        Self {
            till,
            catalog,
            folder,
        }
    }

    /// With capture installed.
    async fn captured(self) -> Self {
        assert!(self.catalog.install().await.unwrap());
        self
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("shop.db")
    }

    fn run(&self, sql: &str) {
        self.till.execute_batch(sql).unwrap();
    }

    /// All pending changes, as `I P1`.
    async fn changes(&self) -> Vec<String> {
        self.pending()
            .await
            .iter()
            .map(|change| {
                let kind = match change.kind {
                    ChangeKind::Insert => 'I',
                    ChangeKind::Update | ChangeKind::Unlocated => 'U',
                    ChangeKind::Delete => 'D',
                };
                format!("{kind} {}", change.identity.key)
            })
            .collect()
    }

    async fn pending(&self) -> Vec<Change> {
        self.catalog.pending(None, usize::MAX).await.unwrap()
    }

    async fn rows(&self) -> Vec<Row> {
        self.catalog.scan(None, usize::MAX).await.unwrap()
    }

    /// The whole schema, for comparing.
    fn schema(&self) -> Vec<(String, Option<String>)> {
        let mut statement = self
            .till
            .prepare(
                "SELECT name, sql FROM sqlite_schema WHERE name <> 'sqlite_sequence' ORDER BY name",
            )
            .unwrap();
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn number(&self, sql: &str) -> i64 {
        self.till.query_one(sql, [], |row| row.get(0)).unwrap()
    }
}

/// A table with these columns, and nothing else set.
fn mapping(table: &str, [id, name, price]: [&str; 3]) -> Mapping {
    Mapping::new(
        table,
        Columns {
            id: KeyColumns::one(id),
            name: name.to_owned(),
            price: price.to_owned(),
        },
    )
}

/// Positions in memory.
#[derive(Debug, Default)]
struct InMemory(std::sync::Mutex<Option<Position>>);

#[async_trait::async_trait]
impl Positions for InMemory {
    async fn load(&self) -> Result<Option<Position>, PositionError> {
        Ok(self.0.lock().unwrap().clone())
    }

    async fn store(&self, position: &Position) -> Result<(), PositionError> {
        *self.0.lock().unwrap() = Some(position.clone());
        Ok(())
    }
}

/// With a position of its own.
fn of(options: SqliteOptions) -> SqliteCatalog {
    SqliteCatalog::new(options, Arc::new(InMemory::default()))
}

fn text(key: &str) -> ProductId {
    ProductId::Text(key.to_owned())
}

/// Behind a lock, because a connection is not `Sync`.
struct Conforming {
    shop: std::sync::Mutex<Shop>,
    catalog: SqliteCatalog,
}

struct AnotherTill(Connection);

impl conformance::Till for AnotherTill {
    async fn run(&mut self, sql: &str) {
        self.0.execute_batch(sql).unwrap();
    }
}

impl conformance::Shop for Conforming {
    const KEEPS_EACH_CHANGE: bool = false;

    async fn open() -> Self {
        let shop = Shop::usual();
        Self {
            catalog: shop.catalog.clone(),
            shop: shop.into(),
        }
    }

    fn another(&self) -> Box<dyn Catalog> {
        Box::new(of(self.catalog.database.options.clone()))
    }

    fn mapped(&self, change: impl FnOnce(&mut Mapping)) -> Box<dyn Catalog> {
        let mut options = self.catalog.database.options.clone();
        change(&mut options.mapping);
        Box::new(of(options))
    }

    fn catalog(&self) -> &dyn Catalog {
        &self.catalog
    }

    async fn another_till(&self) -> impl conformance::Till {
        let path = self.shop.lock().unwrap().path();
        AnotherTill(Connection::open(path).unwrap())
    }

    async fn till(&self, sql: &str) {
        self.shop.lock().unwrap().run(sql);
    }

    async fn fill(&self, products: usize) {
        self.till(&format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {products})
             INSERT INTO Products SELECT printf('P%05d', i), 'Soap', 1500 FROM n"
        ))
        .await;
    }
}

conforms!(Conforming);
