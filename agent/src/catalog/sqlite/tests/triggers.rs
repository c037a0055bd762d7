//! What the triggers see, and what the till does not.

use super::Shop;
use crate::catalog::{Catalog as _, CatalogError};

#[tokio::test]
async fn an_upsert_is_what_it_did() {
    let shop = Shop::usual().captured().await;
    let upsert = "INSERT INTO Products VALUES ('P1', 'Soap', 1)
                  ON CONFLICT (ProductID) DO UPDATE SET SellPrice = excluded.SellPrice + 1";
    shop.run(upsert);
    shop.run(upsert);
    assert_eq!(shop.changes().await, ["I P1", "U P1"]);
    shop.run("INSERT INTO Products VALUES ('P1', 'x', 9) ON CONFLICT DO NOTHING");
    shop.run("INSERT OR IGNORE INTO Products VALUES ('P1', 'x', 9)");
    assert_eq!(shop.changes().await.len(), 2);
}

#[tokio::test]
async fn a_replaced_row_is_found_again() {
    let shop = Shop::usual().captured().await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)");
    shop.run("REPLACE INTO Products VALUES ('P1', 'Soap', 2)");
    assert_eq!(shop.changes().await, ["I P1", "I P1"]);
    shop.run("PRAGMA recursive_triggers = ON; REPLACE INTO Products VALUES ('P1', 'Soap', 3)");
    assert_eq!(shop.changes().await[2..], ["D P1", "I P1"]);
    shop.run("UPDATE OR REPLACE Products SET ProductID = ProductID");
    assert_eq!(shop.changes().await[4..], ["U P1"]);
}

#[tokio::test]
async fn a_savepoint_that_is_rolled_back_leaves_the_rest() {
    let shop = Shop::usual().captured().await;
    shop.run(
        "BEGIN; INSERT INTO Products VALUES ('P1', 'Soap', 1);
         SAVEPOINT s; INSERT INTO Products VALUES ('P2', 'Tea', 1); ROLLBACK TO s; COMMIT",
    );
    assert_eq!(shop.changes().await, ["I P1"]);
}

#[tokio::test]
async fn a_statement_that_fails_halfway_is_no_change() {
    let shop = Shop::usual().captured().await;
    shop.run("INSERT INTO Products VALUES ('P2', 'Tea', 1)");
    shop.till
        .execute_batch("INSERT INTO Products VALUES ('P1', 'a', 1), ('P2', 'b', 1)")
        .unwrap_err();
    assert_eq!(shop.changes().await, ["I P2"]);
}

#[tokio::test]
async fn writes_of_the_shops_own_triggers_and_foreign_keys_are_captured() {
    let shop = Shop::new(
        "CREATE TABLE Groups (GroupID INTEGER PRIMARY KEY);
         CREATE TABLE Products (
             ProductID TEXT NOT NULL PRIMARY KEY, ProductName TEXT, SellPrice NUMERIC(18,2),
             GroupID INTEGER REFERENCES Groups ON DELETE CASCADE ON UPDATE CASCADE
         );
         CREATE TRIGGER tidy AFTER INSERT ON Products BEGIN
             UPDATE Products SET ProductName = trim(NEW.ProductName) WHERE ProductID = NEW.ProductID;
         END;
         INSERT INTO Groups VALUES (1), (2)",
    )
    .captured()
    .await;
    shop.run("PRAGMA foreign_keys = ON; INSERT INTO Products VALUES ('P1', ' Soap ', 1, 1)");
    let mut changes = shop.changes().await;
    changes.sort();
    assert_eq!(changes, ["I P1", "U P1"]);
    shop.run(
        "UPDATE Groups SET GroupID = 7 WHERE GroupID = 1; DELETE FROM Groups WHERE GroupID = 7",
    );
    assert_eq!(shop.changes().await[2..], ["U P1", "D P1"]);
}

#[tokio::test]
async fn what_the_writer_is_told_does_not_change() {
    let shop = Shop::new(
        "CREATE TABLE Products (ProductID INTEGER PRIMARY KEY, ProductName TEXT, SellPrice REAL)",
    )
    .captured()
    .await;
    let told = |sql: &str| {
        let before = shop.till.total_changes();
        let rows = shop.till.execute(sql, []).unwrap();
        assert_eq!(shop.till.changes(), rows as u64);
        // SQLite counts the trigger's own rows in the total, and nowhere else.
        assert!(shop.till.total_changes() >= before + rows as u64);
        (rows, shop.till.last_insert_rowid())
    };
    assert_eq!(
        told("INSERT INTO Products VALUES (41, 'a', 1), (42, 'b', 1)"),
        (2, 42)
    );
    assert_eq!(told("UPDATE Products SET SellPrice = 2"), (2, 42));
    assert_eq!(
        told("UPDATE Products SET ProductID = 7 WHERE ProductID = 42"),
        (1, 42)
    );
    assert_eq!(told("DELETE FROM Products WHERE ProductID = 41"), (1, 42));
    let returned = shop.till.query_one(
        "INSERT INTO Products VALUES (9, 'c', 1) RETURNING ProductID",
        [],
        |row| row.get::<_, i64>(0),
    );
    assert_eq!(returned, Ok(9));
    assert_eq!(shop.till.last_insert_rowid(), 9);
    assert_eq!(
        shop.changes().await,
        ["I 41", "I 42", "U 41", "U 42", "D 42", "I 7", "D 41", "I 9"]
    );
}

#[tokio::test]
async fn the_case_of_a_key_and_its_type_are_part_of_it() {
    let shop = Shop::new(
        "CREATE TABLE Products (ProductID NOT NULL PRIMARY KEY COLLATE NOCASE, ProductName, SellPrice);
         INSERT INTO Products VALUES ('abc', 'Soap', 1), (5, 'Tea', 2)",
    )
    .captured()
    .await;
    shop.run("UPDATE Products SET ProductID = 'ABC' WHERE ProductName = 'Soap'");
    shop.run("UPDATE Products SET ProductID = '5' WHERE ProductName = 'Tea'");
    assert_eq!(shop.changes().await, ["D abc", "I ABC", "D 5", "I 5"]);
}

#[tokio::test]
async fn tables_without_rowids_are_captured() {
    let shop = Shop::new(
        "CREATE TABLE Products (ProductID TEXT PRIMARY KEY, ProductName, SellPrice) WITHOUT ROWID",
    )
    .captured()
    .await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1); UPDATE Products SET SellPrice = 2");
    assert_eq!(shop.changes().await, ["I P1", "U P1"]);
}

#[tokio::test]
async fn a_till_that_trusts_no_schema_sells() {
    let shop = Shop::usual().captured().await;
    shop.run("PRAGMA trusted_schema = OFF; INSERT INTO Products VALUES ('P1', 'Soap', 1)");
    assert_eq!(shop.changes().await, ["I P1"]);
}

/// Why the ChangeLog must never be dropped alone, as the plan says.
#[tokio::test]
async fn a_dropped_change_log_is_seen_and_mended() {
    let shop = Shop::usual().captured().await;
    shop.run("DROP TABLE shopmaster_ChangeLog");
    shop.till
        .execute("INSERT INTO Products VALUES ('P1', 'Soap', 1)", [])
        .unwrap_err();
    let error = shop.catalog.pending(None, 1).await.unwrap_err();
    assert!(matches!(error, CatalogError::NotInstalled), "{error}");
    assert!(shop.catalog.install().await.unwrap());
    // SQLite looks for a trigger's table in the schema that the connection last read.
    shop.number("SELECT count(*) FROM Products");
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)");
    assert_eq!(shop.changes().await, ["I P1"]);
}
