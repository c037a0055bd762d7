//! Rows that somebody else holds, over a stand-in for the wire: it locks as SQL Server does, which not every
//! engine that speaks T-SQL does.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use rusqlite::Connection;
use shopmaster_catalog::{Catalog, CatalogError, Lookup, Scanned};
use shopmaster_product::ProductId;
use shopmaster_standins::tds::{
    Answer, Fault, Model, Settings, SqlError, SqlServerSim, SqliteShop, Statement, Value,
};
use tempfile::TempDir;

use super::stand_in;
use crate::SqlServerCatalog;

const FREE: u8 = 0;
const ROW: u8 = 1;
const PAGE: u8 = 2;
/// The row is deleted, and may come back.
const DELETED: u8 = 3;
/// Beside it there is the key of a row that is taken back before anybody asks for it.
const TAKEN_BACK: u8 = 4;

/// A shop in which somebody holds `P2`, or the page that it is on.
struct Holding {
    shop: SqliteShop,
    held: Arc<AtomicU8>,
}

impl Model for Holding {
    fn answer(&self, session: u64, statement: &Statement) -> Result<Answer, SqlError> {
        let held = self.held.load(Ordering::SeqCst);
        let is_p2 = |value: &Value| matches!(value, Value::Text(text) if text == "P2");
        let name = statement.name.as_deref().unwrap_or_default();
        if name == "gap" && matches!(held, ROW | DELETED) && has_p2_between(statement) {
            return Err(SqlError::number(1222));
        }
        let is_read = name == "read";
        let asks_for_it = is_read && statement.parameters.iter().any(is_p2);
        let reads_past = statement.text.contains("READPAST");
        if asks_for_it && (held == PAGE || held == ROW && !reads_past) {
            return Err(SqlError::number(1222));
        }
        let mut answer = self.shop.answer(session, statement)?;
        let gives_p2 = |answer: &Answer| {
            let mut rows = answer.results.iter().flat_map(|result| &result.rows);
            rows.any(|row| row.iter().any(is_p2))
        };
        if name.starts_with("scan_") && held != FREE && gives_p2(&answer) {
            return Err(SqlError::number(1222));
        }
        if name.starts_with("keys_") && held == DELETED {
            for result in &mut answer.results {
                result.rows.retain(|row| !row.iter().any(is_p2));
            }
        }
        if name == "keys_start" && held == TAKEN_BACK {
            let rows = &mut answer.results[0].rows;
            rows.insert(1, vec![Value::Text("P1x".to_owned())]);
            rows.pop();
        }
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

/// Whether `P2` is between the ends that a statement names.
fn has_p2_between(statement: &Statement) -> bool {
    let mut ends = statement.parameters.iter().map(|value| match value {
        Value::Text(text) => text.as_str(),
        other => panic!("{other:?}"),
    });
    let has = |sign: &str| statement.text.contains(&format!("] {sign} "));
    (!has(">") || ends.next().is_some_and(|from| "P2" > from))
        && (!has("<") || ends.next().is_some_and(|end| "P2" < end))
        && (!has("<=") || ends.next().is_some_and(|end| "P2" <= end))
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
        let catalog = SqlServerCatalog::new(stand_in::options(&server, &settings, "test"));
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
                Lookup::LeftOut(_) => "left out",
                Lookup::Locked => "locked",
            });
        said.collect::<Vec<_>>().try_into().unwrap()
    }

    /// What a page behind a key has.
    async fn page(&self, after: Option<&str>, limit: usize) -> Vec<String> {
        let after = after.map(|key| ProductId::Text(key.to_owned()));
        let page = self.catalog.scan_past_locks(after.as_ref(), limit).await;
        let shown = page.unwrap().into_iter().map(|scanned| match scanned {
            Scanned::Row(row) => row.id.to_string(),
            Scanned::Locked(id) => format!("{id} is locked"),
        });
        shown.collect()
    }

    /// The texts that had this name.
    fn texts(&self, name: &str) -> Vec<String> {
        let statements = self.server.statements();
        let named = statements
            .into_iter()
            .filter(|statement| statement.name.as_deref() == Some(name));
        named.map(|statement| statement.text).collect()
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

/// A form that somebody left open costs its own row, on whatever page it is.
#[tokio::test]
async fn a_locked_row_costs_a_walk_that_row_alone() {
    let shop = Held::open().await;
    let all = ["P1", "P2", "P3"];
    assert_eq!(shop.page(None, 10).await, all);
    for held in [ROW, PAGE] {
        shop.held.store(held, Ordering::SeqCst);
        assert_eq!(shop.page(None, 10).await, ["P1", "P2 is locked", "P3"]);
        assert_eq!(shop.page(None, 1).await, ["P1"]);
        assert_eq!(shop.page(Some("P1"), 1).await, ["P2 is locked"]);
        assert_eq!(shop.page(Some("P1"), 2).await, ["P2 is locked", "P3"]);
        assert_eq!(shop.page(Some("P2"), 2).await, ["P3"]);
    }
    shop.held.store(FREE, Ordering::SeqCst);
    assert_eq!(shop.page(None, 10).await, all);
}

/// Its key is not to be seen, and so nobody could look at it later: the walk waits.
#[tokio::test]
async fn a_row_that_is_being_deleted_is_not_passed_by() {
    let shop = Held::open().await;
    shop.held.store(DELETED, Ordering::SeqCst);
    let error = shop.catalog.scan_past_locks(None, 10).await.unwrap_err();
    assert!(matches!(error, CatalogError::Busy(_)), "{error}");
    let p2 = ProductId::Text("P2".to_owned());
    let behind = shop.catalog.scan_past_locks(Some(&p2), 10).await.unwrap();
    assert_eq!(behind.len(), 1);
}

/// A short page is the end of the table, and nothing else is.
#[tokio::test]
async fn a_page_is_filled_up_when_keys_turn_out_to_be_none() {
    let shop = Held::open().await;
    shop.held.store(TAKEN_BACK, Ordering::SeqCst);
    assert_eq!(shop.page(None, 2).await, ["P1", "P2"]);
}

#[tokio::test]
async fn a_server_that_finds_no_way_to_seek_is_not_told_to_again() {
    let shop = Held::open().await;
    let fault = Fault::error("scan_behind", 8622).once();
    shop.server.inject(fault);
    assert_eq!(shop.page(Some("P1"), 1).await, ["P2"]);
    assert_eq!(shop.page(Some("P2"), 1).await, ["P3"]);
    let seeks: Vec<_> = shop
        .texts("scan_behind")
        .iter()
        .map(|text| text.contains("FORCESEEK"))
        .collect();
    assert_eq!(seeks, [true, false, false]);
    assert_eq!(shop.page(None, 1).await, ["P1"]);
    assert_eq!(shop.page(Some("P1"), 1).await, ["P2"]);
    assert!(shop.texts("scan_behind")[3].contains("FORCESEEK"));
}

/// How many there are is only shown.
#[tokio::test]
async fn nobody_counts_rows_where_the_server_keeps_count() {
    let shop = Held::open().await;
    assert_eq!(shop.catalog.count().await.unwrap(), 3);
    assert_eq!(shop.texts("count"), Vec::<String>::new());
}
