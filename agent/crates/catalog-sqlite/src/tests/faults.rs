//! Files that are missing, foreign, replaced, or held by the till.

use std::fs;

use rusqlite::Connection;
use shopmaster_catalog::{Catalog as _, CatalogError, ChangeIdentity};

use super::{PRODUCTS, Shop, of, text};
use crate::open::Access;

#[tokio::test]
async fn a_missing_file_is_never_made() {
    let shop = Shop::usual();
    fs::remove_file(shop.path()).unwrap();
    let error = shop.catalog.count().await.unwrap_err();
    assert!(
        matches!(&error, CatalogError::NoFile(path) if *path == shop.path()),
        "{error}"
    );
    assert!(matches!(
        shop.catalog.install().await,
        Err(CatalogError::NoFile(_))
    ));
    assert!(!shop.path().exists());
}

/// A look finds it without opening it.
#[tokio::test]
async fn a_file_that_is_there_again_is_seen() {
    let shop = Shop::usual();
    assert!(shop.catalog.answers().await);
    let elsewhere = shop.path().with_extension("away");
    fs::rename(shop.path(), &elsewhere).unwrap();
    assert!(!shop.catalog.answers().await);
    let error = shop.catalog.count().await.unwrap_err();
    assert!(error.is_away(), "{error}");
    fs::rename(&elsewhere, shop.path()).unwrap();
    assert!(shop.catalog.answers().await);
    shop.catalog.count().await.unwrap();
}

#[tokio::test]
async fn what_is_no_database_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Shop::usual().catalog.database.options.clone();
    options.path = folder.path().join("notes.txt");
    fs::write(
        &options.path,
        "these are only notes, and not a database at all ".repeat(100),
    )
    .unwrap();
    let error = of(options.clone()).count().await.unwrap_err();
    assert!(matches!(error, CatalogError::Damaged { .. }), "{error}");

    options.path = folder.path().to_path_buf();
    let error = of(options).count().await.unwrap_err();
    assert!(matches!(error, CatalogError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_file_is_told() {
    let shop = Shop::new(PRODUCTS);
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)");
    let mut bytes = fs::read(shop.path()).unwrap();
    bytes[4096..].fill(0xA5);
    fs::write(shop.path(), bytes).unwrap();
    let error = shop.catalog.scan(None, 10).await.unwrap_err();
    assert!(matches!(error, CatalogError::Damaged { .. }), "{error}");
    // One that was cut off.
    let shop = Shop::new(PRODUCTS);
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)");
    let file = fs::OpenOptions::new()
        .write(true)
        .open(shop.path())
        .unwrap();
    file.set_len(5_000).unwrap();
    let error = shop.catalog.scan(None, 10).await.unwrap_err();
    assert!(matches!(error, CatalogError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn a_missing_table_and_a_missing_column_are_named() {
    let shop = Shop::usual();
    shop.run("ALTER TABLE Products DROP COLUMN SellPrice");
    for error in [
        shop.catalog.scan(None, 1).await.unwrap_err(),
        shop.catalog.read(&[text("P1")]).await.unwrap_err(),
        shop.catalog.install().await.unwrap_err(),
    ] {
        assert!(
            matches!(&error, CatalogError::NoColumn { column, .. } if column == "SellPrice"),
            "{error}"
        );
    }
    shop.run("DROP TABLE Products");
    for error in [
        shop.catalog.scan(None, 1).await.unwrap_err(),
        shop.catalog.read(&[text("P1")]).await.unwrap_err(),
        shop.catalog.count().await.unwrap_err(),
        shop.catalog.plan().await.unwrap_err(),
        shop.catalog.install().await.unwrap_err(),
    ] {
        assert!(
            matches!(&error, CatalogError::NoTable(table) if table == "Products"),
            "{error}"
        );
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_replaced_file_is_opened_anew() {
    for mode in ["WAL", "DELETE"] {
        let shop = Shop::new(&format!("PRAGMA journal_mode = {mode}; {PRODUCTS}"));
        shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)");
        assert_eq!(shop.catalog.count().await.unwrap(), 1);
        let Shop {
            till,
            catalog,
            folder,
        } = shop;
        drop(till);
        let (path, newer) = (
            folder.path().join("shop.db"),
            folder.path().join("newer.db"),
        );
        let till = Connection::open(&newer).unwrap();
        till.execute_batch(PRODUCTS).unwrap();
        drop(till);
        // As everyone must who replaces a database that has them.
        for beside in ["shop.db-wal", "shop.db-shm"] {
            fs::remove_file(folder.path().join(beside)).ok();
        }
        fs::rename(newer, path).unwrap();
        assert_eq!(catalog.count().await.unwrap(), 0, "{mode}");
    }
}

#[tokio::test]
async fn a_till_that_writes_keeps_nobody_from_going_on() {
    let shop = Shop::usual().captured().await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)");
    let changes = shop.pending().await;
    shop.run("BEGIN IMMEDIATE; UPDATE Products SET SellPrice = 2");
    // In WAL mode readers see what was before.
    assert_eq!(shop.pending().await, changes);
    let identity = [changes[0].identity.clone()];
    assert_eq!(shop.catalog.acknowledge(&identity).await.unwrap(), 1);
    assert_eq!(shop.changes().await, [""; 0]);
    shop.run("COMMIT");
    assert_eq!(shop.changes().await, ["U P1"]);
}

#[tokio::test]
async fn a_till_that_holds_the_file_is_waited_for_and_then_given_way() {
    let shop = Shop::usual();
    shop.run("BEGIN IMMEDIATE");
    let error = shop.catalog.install().await.unwrap_err();
    assert!(matches!(error, CatalogError::Busy(_)), "{error}");
    shop.run("COMMIT");
    assert!(shop.catalog.install().await.unwrap());
}

#[tokio::test]
async fn a_file_that_is_locked_whole_is_busy() {
    let shop = Shop::new(PRODUCTS).captured().await;
    shop.run("BEGIN EXCLUSIVE");
    let error = shop.catalog.read(&[text("P1")]).await.unwrap_err();
    assert!(matches!(error, CatalogError::Busy(_)), "{error}");
    shop.run("COMMIT");
    assert_eq!(shop.catalog.count().await.unwrap(), 0);
}

/// A reader that is at work does not keep the till from selling, and leaves no lock behind.
#[tokio::test]
async fn the_till_sells_between_our_calls_in_either_mode() {
    for mode in ["WAL", "DELETE"] {
        let shop = Shop::new(&format!("PRAGMA journal_mode = {mode}; {PRODUCTS}"))
            .captured()
            .await;
        shop.till.busy_timeout(std::time::Duration::ZERO).unwrap();
        for round in 0..20 {
            shop.run(&format!(
                "INSERT INTO Products VALUES ('P{round}', 'Soap', {round})"
            ));
            shop.catalog.scan(None, 5).await.unwrap();
            let changes = shop.pending().await;
            let keys = changes
                .iter()
                .map(|change| change.identity.key.clone())
                .collect::<Vec<_>>();
            shop.catalog.changes_of(&keys).await.unwrap();
            shop.catalog.read(&keys).await.unwrap();
            shop.catalog.backlog().await.unwrap();
            let done = changes
                .into_iter()
                .map(|change| change.identity)
                .collect::<Vec<ChangeIdentity>>();
            assert_eq!(shop.catalog.acknowledge(&done).await.unwrap(), 1, "{mode}");
        }
    }
}

/// Whatever the till and we do at once: each change is seen, none is lost.
#[tokio::test]
async fn a_till_and_a_drainer_lose_nothing() {
    let shop = Shop::usual().captured().await;
    let path = shop.path();
    let till = std::thread::spawn(move || {
        let till = Connection::open(path).unwrap();
        till.busy_timeout(std::time::Duration::from_secs(60))
            .unwrap();
        for turn in 0..500 {
            till.execute(
                "INSERT INTO Products VALUES (?1, 'Soap', 1)
                 ON CONFLICT DO UPDATE SET SellPrice = SellPrice + 1",
                [format!("P{}", turn % 7)],
            )
            .unwrap();
        }
    });
    let mut newest = 0;
    while !till.is_finished() || shop.catalog.newest_change().await.unwrap().is_some() {
        let page = shop.catalog.pending(None, 50).await.unwrap();
        let done = page
            .into_iter()
            .map(|change| change.identity)
            .collect::<Vec<_>>();
        for identity in &done {
            newest = newest.max(identity.change);
        }
        shop.catalog.acknowledge(&done).await.unwrap();
    }
    till.join().unwrap();
    // The last one was seen, and the till has the ChangeLog no longer than its keys.
    assert_eq!(
        newest,
        shop.number("SELECT max(ChangeID) FROM shopmaster_ChangeLog")
    );
    assert_eq!(shop.number("SELECT count(*) FROM shopmaster_ChangeLog"), 7);
}

#[tokio::test]
async fn a_schema_that_changes_under_us_is_followed() {
    let shop = Shop::usual();
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)");
    assert_eq!(
        shop.rows().await[0].price.as_ref().unwrap().to_string(),
        "1.00"
    );
    shop.run(
        "DROP TABLE Products;
         CREATE TABLE Products (ProductID TEXT NOT NULL PRIMARY KEY, ProductName, SellPrice NUMERIC(18,3));
         INSERT INTO Products VALUES ('P1', 'Soap', 1)",
    );
    assert_eq!(
        shop.rows().await[0].price.as_ref().unwrap().to_string(),
        "1.000"
    );
}

#[tokio::test]
async fn a_full_disk_changes_nothing_and_is_told() {
    let shop = Shop::usual();
    let before = shop.schema();
    let full = |connection: &Connection, _: &_| {
        let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        Ok(connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?)
    };
    let database = &shop.catalog.database;
    database.with(Access::Write, "fill the disk", full).unwrap();
    let error = shop.catalog.install().await.unwrap_err();
    assert!(
        matches!(
            &error,
            CatalogError::Statement {
                operation: "install capture",
                ..
            }
        ),
        "{error}"
    );
    assert!(
        std::error::Error::source(&error)
            .unwrap()
            .to_string()
            .contains("full")
    );
    assert_eq!(shop.schema(), before);
    // The connection that failed is not used again.
    assert!(shop.catalog.install().await.unwrap());
}

#[tokio::test]
async fn what_may_not_be_written_is_told() {
    let shop = Shop::usual().captured().await;
    let write =
        |connection: &Connection, _: &_| Ok(connection.execute_batch("DELETE FROM Products")?);
    // A connection for reads can never change the shop's file.
    let error = shop
        .catalog
        .database
        .with(Access::Read, "delete", write)
        .unwrap_err();
    assert!(matches!(error, CatalogError::NoRights { .. }), "{error}");
}
