//! The till never notices us: what is written, and when the file is let go.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use shopmaster_catalog::{
    CaptureStatus, Catalog as _, CatalogError, Check, Lookup, Owner, Verdict,
};
use shopmaster_product::position::{Position, PositionError, Positions};

use super::{InMemory, PRODUCTS, Shop, SqliteCatalog, of, text};
use crate::{footprint::Footprint, memory::Memory};

/// What the first version installed, with what waits in it.
async fn first_version(shop: &Shop) {
    let table = |text: &str| {
        text.replace("{affinity}", "TEXT")
            .replace("{collation}", "\"BINARY\"")
            .replace("{table}", "\"Products\"")
            .replace("{id}", "\"ProductID\"")
    };
    for text in [
        include_str!("../sql/v1/change_log_table.sql"),
        include_str!("../sql/owner_table.sql"),
        include_str!("../sql/v1/insert_trigger.sql"),
        include_str!("../sql/v1/update_trigger.sql"),
        include_str!("../sql/v1/delete_trigger.sql"),
    ] {
        shop.run(&table(text));
    }
    shop.run(
        "INSERT INTO shopmaster_Owner VALUES ('j', 7);
         INSERT INTO Products VALUES ('P1', 'Soap', 1), ('P2', 'Tea', 2), ('P3', 'Salt', 3);
         UPDATE Products SET SellPrice = 9; DELETE FROM Products WHERE ProductID = 'P3'",
    );
}

async fn settle_all(catalog: &SqliteCatalog) {
    let changes = catalog.pending(None, usize::MAX).await.unwrap();
    let identities: Vec<_> = changes.into_iter().map(|change| change.identity).collect();
    catalog.acknowledge(&identities).await.unwrap();
}

/// Waits until no connection is open.
async fn let_go(catalog: &SqliteCatalog) {
    while catalog.database.close_idle().is_some() {
        tokio::task::yield_now().await;
    }
}

/// Forgets what was found in the file, and lets the till be quiet since long ago.
fn long_quiet(catalog: &SqliteCatalog) {
    let long_ago = Instant::now().checked_sub(Duration::from_secs(60)).unwrap();
    let path = catalog.database.options.path.clone();
    let mut memory = catalog.memory();
    *memory = Memory::default();
    memory.note(Footprint::of(&path).ok(), long_ago);
}

#[tokio::test]
async fn nothing_is_written_while_changes_are_dealt_with() {
    for mode in ["WAL", "DELETE"] {
        let shop = Shop::new(&format!("PRAGMA journal_mode = {mode}; {PRODUCTS}"))
            .captured()
            .await;
        let owner = Owner {
            journal: "j".to_owned(),
            generation: 1,
        };
        shop.catalog.set_owner(&owner).await.unwrap();
        shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1), ('P2', 'Tea', 2)");
        let version = || shop.number("PRAGMA data_version");
        let before = version();
        assert_eq!(shop.pending().await.len(), 2);
        settle_all(&shop.catalog).await;
        assert_eq!(shop.pending().await, []);
        assert_eq!(shop.catalog.newest_change().await.unwrap(), None);
        assert_eq!(shop.catalog.backlog().await.unwrap().changes, 0);
        assert!(!shop.catalog.owner_is_renewed());
        shop.catalog.claim().await.unwrap();
        shop.catalog.tidy().await.unwrap();
        // It counts the commits of others.
        assert_eq!(version(), before, "{mode}");
    }
}

/// A till that reads, thinks and writes in one transaction: a write of ours in between would fail its sale.
#[tokio::test]
async fn a_sale_that_began_before_us_ends_after_us() {
    let shop = Shop::usual().captured().await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)");
    shop.till.busy_timeout(Duration::ZERO).unwrap();
    for price in 2..8 {
        shop.run("BEGIN; SELECT * FROM Products");
        settle_all(&shop.catalog).await;
        shop.run(&format!("UPDATE Products SET SellPrice = {price}; COMMIT"));
    }
    assert_eq!(shop.changes().await, ["U P1"]);
}

#[tokio::test]
async fn the_file_is_let_go_when_nothing_is_asked() {
    let shop = Shop::usual().captured().await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)");
    settle_all(&shop.catalog).await;
    let wal = shop.folder.path().join("shop.db-wal");
    let Shop {
        till,
        catalog,
        folder,
    } = shop;
    drop(till);
    // The till is not the last to close just now, but soon the file is as if it had been.
    let_go(&catalog).await;
    assert!(!wal.exists());
    let copy = folder.path().join("copy.db");
    fs::copy(folder.path().join("shop.db"), &copy).unwrap();
    let rows: i64 = Connection::open(copy)
        .unwrap()
        .query_one("SELECT count(*) FROM Products", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn a_till_that_wants_the_file_to_itself_gets_it() {
    let shop = Shop::usual().captured().await;
    shop.catalog.newest_change().await.unwrap();
    let_go(&shop.catalog).await;
    shop.till.busy_timeout(Duration::ZERO).unwrap();
    shop.run(
        "PRAGMA journal_mode = DELETE; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT",
    );
    let error = shop.catalog.read(&[text("P1")]).await.unwrap_err();
    assert!(matches!(error, CatalogError::Busy(_)), "{error}");
}

#[tokio::test]
async fn a_file_that_nobody_writes_is_not_opened() {
    let shop = Shop::usual().captured().await;
    long_quiet(&shop.catalog);
    assert_eq!(shop.catalog.newest_change().await.unwrap(), None);
    assert_eq!(
        shop.catalog.capture().await.unwrap(),
        CaptureStatus::Installed
    );
    let table = shop.catalog.table_identity().await.unwrap();
    let_go(&shop.catalog).await;
    for _ in 0..3 {
        assert_eq!(shop.catalog.newest_change().await.unwrap(), None);
        assert_eq!(shop.catalog.backlog().await.unwrap().changes, 0);
        assert_eq!(
            shop.catalog.capture().await.unwrap(),
            CaptureStatus::Installed
        );
        assert_eq!(shop.catalog.table_identity().await.unwrap(), table);
    }
    assert_eq!(
        shop.catalog.database.close_idle(),
        None,
        "a connection is open"
    );
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)");
    assert!(shop.catalog.newest_change().await.unwrap().is_some());
}

/// Else a change that is dealt with would be found for as long as the till does not write.
#[tokio::test]
async fn what_is_dealt_with_while_it_is_asked_for_is_not_remembered_as_waiting() {
    let shop = Shop::usual().captured().await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)");
    shop.catalog.position().await.unwrap();
    long_quiet(&shop.catalog);
    let ask = async {
        let newest = shop.pending().await[0].identity.change;
        settle_all(&shop.catalog).await;
        Ok(Some(newest))
    };
    let asked = shop
        .catalog
        .unless_unchanged(|memory| &mut memory.newest, ask);
    assert!(asked.await.unwrap().is_some());
    assert_eq!(shop.catalog.newest_change().await.unwrap(), None);
}

#[tokio::test]
async fn the_first_version_is_told_and_changed_over_without_losing_what_waits() {
    let (by_hand, by_itself) = (Shop::usual(), Shop::usual());
    for shop in [&by_hand, &by_itself] {
        first_version(shop).await;
        let status = shop.catalog.capture().await.unwrap();
        assert!(matches!(status, CaptureStatus::Outdated(_)), "{status:?}");
        // It works as it is.
        assert_eq!(
            shop.changes().await,
            ["I P1", "I P2", "I P3", "U P1", "U P2", "U P3", "D P3"]
        );
        let kinds = shop.catalog.changes_of(&[text("P3")]).await.unwrap();
        assert_eq!(kinds.len(), 3);
        let first = shop.pending().await;
        let done: Vec<_> = ["P1", "P2"].map(text).to_vec();
        let done: Vec<_> = first
            .into_iter()
            .map(|change| change.identity)
            .filter(|identity| identity.key == done[0])
            .collect();
        assert_eq!(shop.catalog.acknowledge(&done).await.unwrap(), 2);
        assert_eq!(
            shop.changes().await,
            ["I P2", "I P3", "U P2", "U P3", "D P3"]
        );
    }
    assert!(by_hand.catalog.install().await.unwrap());
    // Not while the till sells.
    by_itself.catalog.tidy().await.unwrap();
    assert_eq!(by_itself.changes().await.len(), 5);
    long_quiet(&by_itself.catalog);
    by_itself.catalog.tidy().await.unwrap();
    assert_eq!(by_hand.schema(), by_itself.schema());
    for shop in [&by_hand, &by_itself] {
        assert_eq!(
            shop.catalog.capture().await.unwrap(),
            CaptureStatus::Installed
        );
        assert_eq!(shop.changes().await, ["U P2", "D P3"]);
        assert_eq!(shop.catalog.owner().await.unwrap().unwrap().generation, 7);
        shop.run("UPDATE Products SET SellPrice = 10");
        assert_eq!(shop.changes().await, ["D P3", "U P1", "U P2"]);
        assert_eq!(shop.number("SELECT count(*) FROM shopmaster_ChangeLog"), 3);
    }
}

#[tokio::test]
async fn a_file_that_was_restored_is_told_by_its_change_log() {
    let shop = Shop::usual().captured().await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1), ('P2', 'Tea', 2)");
    settle_all(&shop.catalog).await;
    let copy = shop.folder.path().join("copy.db");
    shop.run(&format!("VACUUM INTO '{}'", copy.display()));
    assert!(!shop.catalog.was_restored().await.unwrap());
    shop.run("UPDATE Products SET SellPrice = 3 WHERE ProductID = 'P2'");
    settle_all(&shop.catalog).await;
    assert!(!shop.catalog.was_restored().await.unwrap());
    // What is newer than what is dealt with is no sign of a restore.
    shop.run("UPDATE Products SET SellPrice = 4 WHERE ProductID = 'P2'");
    assert!(!shop.catalog.was_restored().await.unwrap());
    settle_all(&shop.catalog).await;

    let Shop {
        till,
        catalog,
        folder,
    } = shop;
    drop(till);
    let_go(&catalog).await;
    fs::rename(&copy, folder.path().join("shop.db")).unwrap();
    assert!(
        catalog.newest_change().await.unwrap().is_some(),
        "nobody looks closer"
    );
    assert!(catalog.was_restored().await.unwrap());
    let owner = Owner {
        journal: "j".to_owned(),
        generation: 1,
    };
    catalog.set_owner(&owner).await.unwrap();
    assert!(!catalog.was_restored().await.unwrap());
    // All that it has is looked at again.
    assert_eq!(catalog.pending(None, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_table_that_was_made_anew_has_another_identity() {
    let shop = Shop::usual().captured().await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1), ('P2', 'Tea', 2)");
    let triggers = || {
        shop.schema()
            .into_iter()
            .filter(|(name, _)| name.starts_with("shopmaster_capture"))
            .filter_map(|(_, sql)| sql)
            .collect::<Vec<_>>()
            .join(";")
    };
    let (text, mut before) = (triggers(), shop.catalog.table_identity().await.unwrap());
    assert!(before.is_some());
    shop.run("UPDATE Products SET SellPrice = 3; REPLACE INTO Products VALUES ('P3', 'Salt', 3)");
    assert_eq!(shop.catalog.table_identity().await.unwrap(), before);
    for rebuild in [
        "CREATE TABLE Other (ProductID VARCHAR(25) NOT NULL PRIMARY KEY, ProductName VARCHAR(100), SellPrice NUMERIC(18,2));
         INSERT INTO Other VALUES ('P1', 'Soap', 9); DROP TABLE Products;
         ALTER TABLE Other RENAME TO Products",
        "CREATE TEMP TABLE Kept AS SELECT * FROM Products; DROP TABLE Products;
         CREATE TABLE Products (ProductID VARCHAR(25) NOT NULL PRIMARY KEY, ProductName VARCHAR(100), SellPrice NUMERIC(18,2));
         INSERT INTO Products SELECT * FROM Kept; DROP TABLE Kept",
        "CREATE TEMP TABLE Kept AS SELECT * FROM Products; DROP TABLE Products;
         CREATE TABLE Products (ProductID VARCHAR(25) NOT NULL PRIMARY KEY, ProductName VARCHAR(100), SellPrice NUMERIC(18,2));
         INSERT INTO Products SELECT * FROM Kept; DROP TABLE Kept",
    ] {
        shop.run(&format!("BEGIN; {rebuild}; {text}; COMMIT"));
        assert_eq!(shop.catalog.capture().await.unwrap(), CaptureStatus::Installed);
        let after = shop.catalog.table_identity().await.unwrap();
        assert_ne!(after, before, "{rebuild}");
        before = after;
    }
}

#[tokio::test]
async fn keys_that_are_gone_are_trimmed_when_the_till_is_quiet() {
    let shop = Shop::usual().captured().await;
    shop.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
         INSERT INTO Products SELECT printf('P%05d', i), 'Soap', 1 FROM n;
         DELETE FROM Products WHERE ProductID > 'P00010'",
    );
    let rows = || shop.number("SELECT count(*) FROM shopmaster_ChangeLog");
    let tidy = async || {
        long_quiet(&shop.catalog);
        shop.catalog.tidy().await.unwrap();
    };
    tidy().await;
    assert_eq!(rows(), 3_000, "what waits stays");
    settle_all(&shop.catalog).await;
    shop.catalog.tidy().await.unwrap();
    assert_eq!(rows(), 3_000, "not while the till sells");
    for _ in 0..4 {
        tidy().await;
    }
    assert!(rows() < 1_100, "{}", rows());
    assert!(!shop.catalog.was_restored().await.unwrap());
    assert_eq!(shop.catalog.newest_change().await.unwrap(), None);
}

/// A position that cannot be kept: nothing counts as dealt with.
#[derive(Debug)]
struct Full;

#[async_trait::async_trait]
impl Positions for Full {
    async fn load(&self) -> Result<Option<Position>, PositionError> {
        Ok(Some(Position::default()))
    }

    async fn store(&self, _: &Position) -> Result<(), PositionError> {
        Err("the disk is full".into())
    }
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_dealt_with() {
    let shop = Shop::usual().captured().await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)");
    let catalog = SqliteCatalog::new(shop.catalog.database.options.clone(), Arc::new(Full));
    let changes = catalog.pending(None, 10).await.unwrap();
    let error = catalog
        .acknowledge(&[changes[0].identity.clone()])
        .await
        .unwrap_err();
    assert!(matches!(error, CatalogError::Position(_)), "{error}");
    assert_eq!(catalog.pending(None, 10).await.unwrap(), changes);
}

#[tokio::test]
async fn what_is_dealt_with_outlives_the_catalog() {
    let shop = Shop::usual().captured().await;
    let positions = Arc::new(InMemory::default());
    let catalog = || {
        SqliteCatalog::new(
            shop.catalog.database.options.clone(),
            Arc::clone(&positions) as Arc<dyn Positions>,
        )
    };
    assert_eq!(catalog().newest_change().await.unwrap(), None);
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1), ('P2', 'Tea', 2), ('P3', 'Salt', 3)");
    let changes = catalog().pending(None, 10).await.unwrap();
    catalog()
        .acknowledge(&[changes[0].identity.clone(), changes[2].identity.clone()])
        .await
        .unwrap();
    assert_eq!(catalog().pending(None, 10).await.unwrap(), changes[1..2]);
    assert_eq!(
        catalog().newest_change().await.unwrap(),
        Some(changes[1].identity.change)
    );
    // A change that was replaced leaves no gap behind.
    shop.run("UPDATE Products SET SellPrice = 5 WHERE ProductID = 'P2'");
    settle_all(&catalog()).await;
    let position = positions.load().await.unwrap().unwrap();
    assert_eq!(position.done.ranges().count(), 1, "{position:?}");
}

fn scanning(path: &Path) -> SqliteCatalog {
    let mut options = Shop::usual().catalog.database.options.clone();
    options.path = path.to_owned();
    options.scan = true;
    of(options)
}

#[tokio::test]
async fn scan_mode_leaves_nothing_beside_the_file() {
    let shop = Shop::new(PRODUCTS);
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)");
    let files = || fs::read_dir(shop.folder.path()).unwrap().count();
    let before = files();
    let catalog = scanning(&shop.path());
    catalog.claim().await.unwrap();
    assert_eq!(catalog.scan(None, 10).await.unwrap().len(), 1);
    let checks = catalog.inspect().await.unwrap();
    assert!(
        checks.iter().all(|check| check.verdict != Verdict::Failed),
        "{checks:?}"
    );
    assert_eq!(files(), before);
    // Whoever would capture changes of the same file is another agent.
    let another = scanning(&shop.path());
    let error = another.claim().await.unwrap_err();
    assert!(matches!(error, CatalogError::Claimed(_)), "{error}");
    drop(catalog);
    another.claim().await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_may_only_be_read_is_walked() {
    use std::os::unix::fs::PermissionsExt as _;

    let shop = Shop::new(PRODUCTS);
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)");
    fs::set_permissions(shop.path(), fs::Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(shop.folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let catalog = scanning(&shop.path());
    catalog.claim().await.unwrap();
    assert_eq!(catalog.scan(None, 10).await.unwrap().len(), 1);
    let found = catalog.read(&[text("P1")]).await.unwrap();
    assert!(matches!(found[..], [Lookup::Found(_)]));
    fs::set_permissions(shop.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_in_wal_mode_is_walked_where_nothing_may_be_made_beside_it() {
    let shop = Shop::new(PRODUCTS);
    shop.run("PRAGMA journal_mode = WAL");
    let (file, path) = (shop.path(), shop.folder.path().join("closed.db"));
    Connection::open(file)
        .unwrap()
        .execute("VACUUM INTO ?1", [path.to_str().unwrap()])
        .unwrap();
    let till = || Connection::open(&path).unwrap();
    till()
        .execute_batch("PRAGMA journal_mode = WAL; INSERT INTO Products VALUES ('P1', 'Soap', 1)")
        .unwrap();
    // As root, a folder can always be written to: what is in the way of the shared memory is a link, which
    // SQLite does not follow.
    let shared = shop.folder.path().join("closed.db-shm");
    let block = || std::os::unix::fs::symlink("nowhere", &shared).unwrap();
    block();
    let catalog = scanning(&path);
    assert_eq!(catalog.scan(None, 10).await.unwrap().len(), 1);
    fs::remove_file(&shared).unwrap();
    till()
        .execute_batch("INSERT INTO Products VALUES ('P2', 'Tea', 1)")
        .unwrap();
    block();
    assert_eq!(catalog.scan(None, 10).await.unwrap().len(), 2);
    let checks = catalog.inspect().await.unwrap();
    let is_good = |check: &Check| matches!(check.verdict, Verdict::Ok | Verdict::Skipped);
    assert!(checks.iter().all(is_good), "{checks:?}");
}

#[tokio::test]
async fn a_key_that_is_null_is_parked_and_loses_nobody() {
    let shop = Shop::new(
        "CREATE TABLE Products (ProductID TEXT PRIMARY KEY, ProductName TEXT, SellPrice NUMERIC(18,2))",
    )
    .captured()
    .await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1), (NULL, 'Tea', 2), (NULL, 'Salt', 3)");
    assert_eq!(shop.changes().await, ["I P1", "I NULL"]);
    let found = shop
        .catalog
        .read(&[text("NULL"), text("P1")])
        .await
        .unwrap();
    let problems: Vec<_> = found
        .iter()
        .map(|found| matches!(found, Lookup::Found(row) if row.name.is_err()))
        .collect();
    assert_eq!(problems, [true, false]);
    settle_all(&shop.catalog).await;
    shop.run("DELETE FROM Products WHERE ProductID IS NULL");
    assert_eq!(shop.changes().await, ["D NULL"]);
    assert_eq!(
        shop.catalog.read(&[text("NULL")]).await.unwrap(),
        [Lookup::Gone]
    );
}
