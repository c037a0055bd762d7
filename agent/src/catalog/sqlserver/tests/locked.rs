//! Rows that somebody else holds, over a stand-in for the wire: it locks as SQL Server does, which not every
//! engine that speaks T-SQL does.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use rusqlite::Connection;
use shopmaster_testkit::tds::{
    Answer, Fault, Model, Settings, SqlError, SqlServerSim, SqliteShop, Statement, Value,
};
use tempfile::TempDir;

use super::super::{Encryption, Login, SqlServerCatalog, SqlServerOptions};
use crate::{
    catalog::{Catalog, CatalogError, Columns, Lookup},
    product::ProductId,
};

const FREE: u8 = 0;
const ROW: u8 = 1;
const PAGE: u8 = 2;

/// A shop in which somebody holds `P2`, or the page that it is on.
struct Holding {
    shop: SqliteShop,
    held: Arc<AtomicU8>,
}

impl Model for Holding {
    fn answer(&self, session: u64, statement: &Statement) -> Result<Answer, SqlError> {
        let held = self.held.load(Ordering::SeqCst);
        let is_p2 = |value: &Value| matches!(value, Value::Text(text) if text == "P2");
        let is_read = statement.name.as_deref() == Some("read");
        let asks_for_it = is_read && statement.parameters.iter().any(is_p2);
        let reads_past = statement.text.contains("READPAST");
        if asks_for_it && (held == PAGE || held == ROW && !reads_past) {
            return Err(SqlError::number(1222));
        }
        let mut answer = self.shop.answer(session, statement)?;
        if asks_for_it && held == ROW {
            for result in &mut answer.results {
                result.rows.retain(|row| !row.iter().any(is_p2));
            }
        }
        Ok(answer)
    }

    fn end(&self, session: u64) {
        self.shop.end(session);
    }
}

struct Held {
    catalog: SqlServerCatalog,
    server: SqlServerSim,
    held: Arc<AtomicU8>,
    _folder: TempDir,
}

impl Held {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let till = Connection::open(&path).unwrap();
        till.execute_batch(
            "CREATE TABLE Products (ProductID VARCHAR(25) NOT NULL PRIMARY KEY,
                ProductName VARCHAR(100), SellPrice NUMERIC(18,2));
             INSERT INTO Products VALUES ('P1', 'Soap', 1), ('P2', 'Tea', 2), ('P3', 'Salt', 3);",
        )
        .unwrap();
        let held = Arc::new(AtomicU8::new(FREE));
        let model = Holding {
            shop: SqliteShop::open(&path).unwrap(),
            held: Arc::clone(&held),
        };
        let settings = Settings::default();
        let server = SqlServerSim::start(settings.clone(), model).await.unwrap();
        let catalog = SqlServerCatalog::new(SqlServerOptions {
            server: server.server_name(),
            database: settings.database,
            table: "Products".to_owned(),
            columns: Columns {
                id: "ProductID".to_owned(),
                name: "ProductName".to_owned(),
                price: "SellPrice".to_owned(),
            },
            price_digits: None,
            login: Login::Sql {
                username: settings.username,
                password: Some(settings.password.into()),
            },
            encryption: Some(Encryption::None),
            trust: None,
            claimant: "test".to_owned(),
        });
        Self {
            catalog,
            server,
            held,
            _folder: folder,
        }
    }

    /// What is said of three products and of one that there is not.
    async fn said(&self) -> [&'static str; 4] {
        let asked = ["P1", "P2", "none", "P3"].map(|key| ProductId::Text(key.to_owned()));
        let answers = self.catalog.read(&asked).await.unwrap();
        let said = asked
            .iter()
            .zip(answers)
            .map(|(asked, answer)| match answer {
                Lookup::Found(row) if row.id == *asked => "found",
                Lookup::Found(_) => "another",
                Lookup::Gone => "gone",
                Lookup::Locked => "locked",
            });
        said.collect::<Vec<_>>().try_into().unwrap()
    }

    /// The connection of each read so far.
    fn reads(&self) -> Vec<u64> {
        let statements = self.server.statements();
        let reads = statements
            .iter()
            .filter(|statement| statement.name.as_deref() == Some("read"));
        reads.map(|statement| statement.connection).collect()
    }
}

#[tokio::test]
async fn a_locked_row_is_locked_and_the_others_are_read_past_it() {
    let shop = Held::open().await;
    assert_eq!(shop.said().await, ["found", "found", "gone", "found"]);
    shop.held.store(ROW, Ordering::SeqCst);
    assert_eq!(shop.said().await, ["found", "locked", "gone", "found"]);
    // All, past what is locked, and the two that were missing then.
    assert_eq!(shop.reads().len(), 1 + 1 + 1 + 2);
    shop.held.store(FREE, Ordering::SeqCst);
    assert_eq!(shop.said().await, ["found", "found", "gone", "found"]);
    let reads = shop.reads();
    assert_ne!(reads[5], reads[4], "its lock time-out is another one");
}

#[tokio::test]
async fn a_locked_page_hides_nobody_else() {
    let shop = Held::open().await;
    shop.held.store(PAGE, Ordering::SeqCst);
    assert_eq!(shop.said().await, ["found", "locked", "gone", "found"]);
    assert_eq!(shop.reads().len(), 2 + 4);
}

#[tokio::test]
async fn a_scan_says_that_it_met_a_lock() {
    let shop = Held::open().await;
    shop.server.inject(Fault::error("scan_start", 1222).once());
    let error = shop.catalog.scan(None, 10).await.unwrap_err();
    assert!(matches!(error, CatalogError::Busy(_)), "{error}");
    assert_eq!(shop.catalog.scan(None, 10).await.unwrap().len(), 3);
}
