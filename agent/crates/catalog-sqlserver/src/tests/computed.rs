//! Rows that the database cannot compute, over a stand-in for the wire: with the numbers of SQL Server, which not every
//! engine that speaks T-SQL gives.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use rusqlite::Connection;
use shopmaster_catalog::{Catalog, Lookup, Scanned};
use shopmaster_product::ProductId;
use shopmaster_standins::tds::{
    Answer, Model, Settings, SqlError, SqlServerSim, SqliteShop, Statement, Value,
};
use tempfile::TempDir;

use super::{shop::row_texts, stand_in};
use crate::{SqlServerCatalog, error::OF_A_ROW};

/// What the server says of the price of `P2`.
const WORDS: &str = "Divide by zero error encountered.";

/// A view in which the price of `P2` cannot be computed: the server says so with this number.
struct Broken {
    shop: SqliteShop,
    number: Arc<AtomicU32>,
}

impl Model for Broken {
    fn answer(&self, session: u64, statement: &Statement) -> Result<Answer, SqlError> {
        let answer = self.shop.answer(session, statement)?;
        let number = self.number.load(Ordering::SeqCst);
        let is_p2 = |value: &Value| matches!(value, Value::Text(text) if text == "P2");
        let gives_p2 = answer
            .results
            .iter()
            .flat_map(|result| result.rows.iter().flatten())
            .any(is_p2);
        if number != 0 && gives_p2 && statement.text.contains("[SellPrice]") {
            return Err(SqlError::number(number).message(WORDS));
        }
        Ok(answer)
    }

    fn end(&self, session: u64) {
        self.shop.end(session);
    }
}

struct Shop {
    catalog: SqlServerCatalog,
    server: SqlServerSim,
    number: Arc<AtomicU32>,
    _folder: TempDir,
}

impl Shop {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let till = Connection::open(&path).unwrap();
        till.execute_batch(
            "CREATE TABLE Goods (ProductID VARCHAR(25), ProductName VARCHAR(100), SellPrice NUMERIC(18,2));
             INSERT INTO Goods VALUES (NULL, 'Nil', 1), ('P1', 'Soap', 1), ('P2', 'Tea', 2), ('P3', 'Salt', 3);
             CREATE VIEW Products AS SELECT ProductID, ProductName, SellPrice FROM Goods;",
        )
        .unwrap();
        let number = Arc::new(AtomicU32::new(0));
        let model = Broken {
            shop: SqliteShop::open(&path).unwrap(),
            number: Arc::clone(&number),
        };
        let settings = Settings::default();
        let server = SqlServerSim::start(settings.clone(), model).await.unwrap();
        let catalog = SqlServerCatalog::new(stand_in::options(&server, &settings, "test"));
        Self {
            catalog,
            server,
            number,
            _folder: folder,
        }
    }

    async fn names(&self) -> Vec<String> {
        let rows = self.catalog.scan(None, 10).await.unwrap();
        rows.iter().map(|row| row_texts(row)[1].clone()).collect()
    }

    fn reads(&self) -> usize {
        let statements = self.server.statements();
        let reads = statements
            .iter()
            .filter(|statement| statement.name.as_deref() == Some("read"));
        reads.count()
    }
}

#[tokio::test]
async fn each_number_that_blames_a_row_stops_that_row_alone() {
    let shop = Shop::open().await;
    assert_eq!(
        shop.names().await,
        ["the key is NULL", "Soap", "Tea", "Salt"]
    );
    let problem = format!("the database cannot compute this row: {WORDS}");
    for number in OF_A_ROW {
        shop.number.store(number, Ordering::SeqCst);
        let expected = ["the key is NULL", "Soap", problem.as_str(), "Salt"];
        assert_eq!(shop.names().await, expected, "{number}");
        let asked = ["P3", "P2", "P9"].map(|id| ProductId::Text(id.to_owned()));
        let found = shop.catalog.read(&asked).await.unwrap();
        let Lookup::Found(row) = &found[1] else {
            panic!("{found:?}");
        };
        assert_eq!(row_texts(row), ["P2", &problem, &problem]);
        assert!(matches!(&found[0], Lookup::Found(row) if row.name.is_ok()));
        assert_eq!(found[2], Lookup::Gone);
    }
}

#[tokio::test]
async fn other_numbers_blame_no_row() {
    let shop = Shop::open().await;
    for (number, code) in [
        (207, "DATABASE_FAILED"),
        (208, "DATABASE_FAILED"),
        (229, "DATABASE_DENIED"),
        (1205, "DATABASE_DEADLOCK"),
        (1222, "DATABASE_BUSY"),
    ] {
        shop.number.store(number, Ordering::SeqCst);
        let error = shop.catalog.scan(None, 10).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
    assert_eq!(shop.reads(), 0);
}

/// A row that is locked is not one that cannot be computed: it waits.
#[tokio::test]
async fn a_walk_past_locks_finds_rows_that_cannot_be_computed() {
    let shop = Shop::open().await;
    shop.number.store(8134, Ordering::SeqCst);
    for after in [None, Some(ProductId::Text("P1".to_owned()))] {
        let page = shop.catalog.scan_past_locks(after.as_ref(), 10).await;
        let page = page.unwrap();
        let problems: Vec<_> = page
            .iter()
            .map(|scanned| match scanned {
                Scanned::Row(row) => (row.id.to_string(), row.name.is_err()),
                Scanned::Locked(id) => panic!("{id}"),
            })
            .filter(|(id, is_odd)| *is_odd && id != "NULL")
            .collect();
        assert_eq!(problems, [("P2".to_owned(), true)]);
    }
    shop.number.store(1222, Ordering::SeqCst);
    let page = shop.catalog.scan_past_locks(None, 10).await.unwrap();
    let p2 = Scanned::Locked(ProductId::Text("P2".to_owned()));
    assert!(page.contains(&p2), "{page:?}");
}
