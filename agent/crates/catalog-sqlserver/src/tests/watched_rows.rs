//! Rows of a view that are locked or cannot be computed when a watched table's change is followed to them, over a
//! stand-in for the wire: it locks as SQL Server does, which not every engine that speaks T-SQL does.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use rusqlite::Connection;
use shopmaster_catalog::{Catalog, Change, Verdict, Watch};
use shopmaster_standins::tds::{
    Answer, ColumnType, Model, ResultSet, Settings, SqlError, SqlServerSim, SqliteShop, Statement,
    Value,
};
use tempfile::TempDir;

use super::{staged::Staged, stand_in};
use crate::SqlServerCatalog;

const SCHEMA: &str = "CREATE TABLE Goods (ProductID VARCHAR(25) NOT NULL PRIMARY KEY,
        ProductName VARCHAR(100), SellPrice NUMERIC(18,2));
    CREATE VIEW Products AS SELECT ProductID, ProductName, SellPrice FROM Goods;";
const KEYS: [&str; 3] = ["P1", "P2", "P3"];

fn goods() -> Watch {
    Watch {
        table: "Goods".to_owned(),
        key: "ProductID".to_owned(),
        column: "ProductID".to_owned(),
    }
}

/// A change of each of three products waits; the row of `P2` makes a statement fail with this number.
struct Failing {
    shop: SqliteShop,
    number: Arc<AtomicU32>,
}

impl Model for Failing {
    fn answer(&self, session: u64, statement: &Statement) -> Result<Answer, SqlError> {
        match statement.name.as_deref() {
            Some("pending") => Ok(pending(statement)),
            Some("concerned") => self.concerned(statement),
            _ => self.shop.answer(session, statement),
        }
    }

    fn end(&self, session: u64) {
        self.shop.end(session);
    }
}

impl Failing {
    /// Each key is the key of its own row. The values come in pairs, behind whether they are there.
    fn concerned(&self, statement: &Statement) -> Result<Answer, SqlError> {
        let mut result = ResultSet::new([("", ColumnType::Int), ("", ColumnType::Text)]);
        for (n, pair) in (1..).zip(statement.parameters.chunks(2)) {
            let [Value::Int(1), Value::Text(key)] = pair else {
                continue;
            };
            let number = self.number.load(Ordering::SeqCst);
            if key == "P2" && number != 0 {
                return Err(SqlError::number(number));
            }
            result = result.row([Value::Int(n), Value::Text(key.clone())]);
        }
        Ok(result.into())
    }
}

/// The records behind one, as many as are asked for.
fn pending(statement: &Statement) -> Answer {
    let number = |at: usize| match &statement.parameters[at] {
        Value::BigInt(number) => *number,
        other => panic!("{other:?}"),
    };
    let (after, limit) = (number(0), number(3));
    let mut result = ResultSet::new([
        ("", ColumnType::Binary),
        ("", ColumnType::Int),
        ("", ColumnType::Text),
        ("", ColumnType::DateTime),
    ]);
    let records = (1_i64..).zip(KEYS).filter(|(change, _)| *change > after);
    for (change, key) in records.take(usize::try_from(limit).unwrap()) {
        result = result.row([
            Value::Binary(change.to_be_bytes().into()),
            Value::Int(GOODS),
            Value::Text(key.to_owned()),
            Value::DateTime(0),
        ]);
    }
    result.into()
}

/// The number of the first table of the stand-in.
const GOODS: i32 = 1_001;

struct Shop {
    catalog: SqlServerCatalog,
    number: Arc<AtomicU32>,
    _server: SqlServerSim,
    _folder: TempDir,
}

impl Shop {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        Connection::open(&path)
            .unwrap()
            .execute_batch(SCHEMA)
            .unwrap();
        let number = Arc::new(AtomicU32::new(0));
        let model = Failing {
            shop: SqliteShop::open(&path).unwrap(),
            number: Arc::clone(&number),
        };
        let settings = Settings::default();
        let server = SqlServerSim::start(settings.clone(), model).await.unwrap();
        let mut options = stand_in::options(&server, &settings, "test");
        options.mapping.watches.push(goods());
        Self {
            catalog: SqlServerCatalog::new(options),
            number,
            _server: server,
            _folder: folder,
        }
    }

    async fn keys(&self, limit: usize) -> Vec<String> {
        let (mut keys, mut after) = (Vec::new(), None);
        loop {
            let page = self.catalog.pending(after.as_ref(), limit).await.unwrap();
            let is_end = page.len() < limit;
            after = page.last().map(|change| change.identity.clone());
            let key = |change: Change| change.identity.key.to_string();
            keys.extend(page.into_iter().map(key));
            if is_end {
                return keys;
            }
        }
    }
}

#[tokio::test]
async fn a_change_whose_row_is_locked_waits_and_holds_up_no_other() {
    let shop = Shop::open().await;
    for limit in [1, 2, 10] {
        shop.number.store(0, Ordering::SeqCst);
        assert_eq!(shop.keys(limit).await, KEYS, "{limit}");
        shop.number.store(1222, Ordering::SeqCst);
        assert_eq!(shop.keys(limit).await, ["P1", "P3"], "{limit}");
    }
}

#[tokio::test]
async fn a_change_whose_row_cannot_be_computed_is_still_one_of_its_own_key() {
    let shop = Shop::open().await;
    shop.number.store(8134, Ordering::SeqCst);
    assert_eq!(shop.keys(10).await, KEYS);
    shop.number.store(208, Ordering::SeqCst);
    let error = shop.catalog.pending(None, 10).await.unwrap_err();
    assert_eq!(error.code(), "CAPTURE_NOT_INSTALLED", "{error}");
}

#[tokio::test]
async fn a_watched_table_that_cannot_have_a_trigger_is_named() {
    for property in ["is_memory_optimized", "temporal_type"] {
        let mut shop = Staged::with(SCHEMA).await;
        shop.maps(|mapping| mapping.watches.push(goods()));
        let good = shop.check("catalog.table_kind").await;
        assert_eq!(good.verdict, Verdict::Ok, "{good:?}");
        shop.shows("table_options", [property], vec![[Value::Int(1)]]);
        let check = shop.check("catalog.table_kind").await;
        assert_eq!(
            (check.verdict, check.code),
            (Verdict::Failed, "WATCH_UNFIT"),
            "{check:?}"
        );
        assert!(check.text.contains("`dbo.Goods`"), "{check:?}");
        assert_eq!(
            shop.catalog.install().await.unwrap_err().code(),
            "WATCH_UNFIT"
        );
    }
}
