//! What the triggers see, and what the till does not.

use shopmaster_catalog::{Catalog as _, CatalogError};

use super::Shop;

#[tokio::test]
async fn an_upsert_is_what_it_did() {
    let shop = Shop::usual().captured().await;
    let upsert = "INSERT INTO Products VALUES ('P1', 'Soap', 1)
                  ON CONFLICT (ProductID) DO UPDATE SET SellPrice = excluded.SellPrice + 1";
    shop.run(upsert);
    assert_eq!(shop.changes().await, ["I P1"]);
    shop.run(upsert);
    assert_eq!(shop.changes().await, ["U P1"]);
    let before = shop.pending().await;
    shop.run("INSERT INTO Products VALUES ('P1', 'x', 9) ON CONFLICT DO NOTHING");
    shop.run("INSERT OR IGNORE INTO Products VALUES ('P1', 'x', 9)");
    assert_eq!(shop.pending().await, before);
}

#[tokio::test]
async fn a_replaced_row_is_found_again() {
    let shop = Shop::usual().captured().await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)");
    let mut before = shop.pending().await;
    for (sql, change) in [
        ("REPLACE INTO Products VALUES ('P1', 'Soap', 2)", "I P1"),
        (
            "PRAGMA recursive_triggers = ON; REPLACE INTO Products VALUES ('P1', 'Soap', 3)",
            "I P1",
        ),
        (
            "UPDATE OR REPLACE Products SET ProductID = ProductID",
            "U P1",
        ),
    ] {
        shop.run(sql);
        assert_eq!(shop.changes().await, [change]);
        let after = shop.pending().await;
        assert!(after[0].identity.change > before[0].identity.change);
        before = after;
    }
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
    assert_eq!(changes, ["U P1"]);
    shop.run("UPDATE Groups SET GroupID = 7 WHERE GroupID = 1");
    assert_eq!(shop.changes().await, ["U P1"]);
    shop.run("DELETE FROM Groups WHERE GroupID = 7");
    assert_eq!(shop.changes().await, ["D P1"]);
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
    assert_eq!(shop.changes().await, ["D 42", "I 7", "D 41", "I 9"]);
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

/// `REPLACE` deletes the row with the other spelling, and SQLite tells no trigger of a deletion by it.
#[tokio::test]
async fn a_spelling_that_is_replaced_is_gone() {
    let shop = Shop::new(
        "CREATE TABLE Products (ProductID TEXT COLLATE NOCASE PRIMARY KEY, ProductName, SellPrice);
         INSERT INTO Products VALUES ('abc', 'Soap', 1), ('x', 'Tea', 2)",
    )
    .captured()
    .await;
    shop.run("INSERT OR REPLACE INTO Products VALUES ('ABC', 'Soap', 1)");
    assert_eq!(shop.changes().await, ["D abc", "I ABC"]);
    shop.run("UPDATE OR REPLACE Products SET ProductID = 'Abc' WHERE ProductID = 'x'");
    assert_eq!(shop.changes().await, ["D abc", "D ABC", "D x", "I Abc"]);
    // Where it only looks so, the row is there for whoever reads it.
    shop.run("INSERT OR IGNORE INTO Products VALUES ('aBC', 'Soap', 1)");
    shop.run(
        "INSERT INTO Products VALUES ('abC', 'Soap', 1)
         ON CONFLICT DO UPDATE SET SellPrice = 9",
    );
    assert_eq!(
        shop.changes().await.last().map(String::as_str),
        Some("U Abc")
    );
    assert_eq!(shop.number("SELECT count(*) FROM shopmaster_ChangeLog"), 4);
}

/// One row for each key that ever changed, in either spelling and type.
#[tokio::test]
async fn the_change_log_has_no_more_rows_than_there_are_keys() {
    let shop =
        Shop::new("CREATE TABLE Products (ProductID NOT NULL PRIMARY KEY, ProductName, SellPrice)")
            .captured()
            .await;
    for _ in 0..5 {
        shop.run(
            "INSERT INTO Products VALUES ('P1', 'a', 1), (1, 'b', 1), ('1', 'c', 1);
             UPDATE Products SET SellPrice = SellPrice + 1;
             UPDATE Products SET ProductID = 'P2' WHERE ProductID = 'P1';
             REPLACE INTO Products VALUES ('P2', 'd', 1); DELETE FROM Products",
        );
    }
    assert_eq!(shop.number("SELECT count(*) FROM shopmaster_ChangeLog"), 4);
    assert_eq!(shop.changes().await, ["D P1", "D 1", "D 1", "D P2"]);
}

/// So that what comes after a restore is never taken for what was dealt with before it.
#[tokio::test]
async fn change_ids_never_come_again() {
    let shop = Shop::usual().captured().await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)");
    let backup = std::fs::read(shop.path()).unwrap();
    let wal = std::fs::read(shop.folder.path().join("shop.db-wal")).unwrap();
    shop.run("UPDATE Products SET SellPrice = 2");
    let newest = shop.pending().await[0].identity.change;
    let restored = Shop::usual();
    std::fs::write(restored.folder.path().join("copy.db"), backup).unwrap();
    std::fs::write(restored.folder.path().join("copy.db-wal"), wal).unwrap();
    let till = rusqlite::Connection::open(restored.folder.path().join("copy.db")).unwrap();
    till.execute_batch("UPDATE Products SET SellPrice = 3")
        .unwrap();
    let again: i64 = till
        .query_one(
            "SELECT max(ChangeID) FROM shopmaster_ChangeLog",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert!(again > newest);
}

/// However long the ChangeLog is, a sale pays the same.
#[tokio::test]
async fn a_change_costs_the_same_whatever_the_length_of_the_change_log() {
    let shop = Shop::usual().captured().await;
    let fill = |from: u32, to: u32| {
        shop.run(&format!(
            "WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {to})
             INSERT INTO Products SELECT printf('P%05d', i), 'Soap', 1 FROM n"
        ));
    };
    let steps = |sql: &str| {
        let mut statement = shop.till.prepare(sql).unwrap();
        statement.execute([]).unwrap();
        statement.get_status(rusqlite::StatementStatus::VmStep)
    };
    let costs = || {
        [
            "UPDATE Products SET SellPrice = 2 WHERE ProductID = 'P00003'",
            "UPDATE Products SET ProductID = 'Q1' WHERE ProductID = 'P00003'",
            "DELETE FROM Products WHERE ProductID = 'Q1'",
            "INSERT INTO Products VALUES ('P00003', 'Soap', 1)",
        ]
        .map(steps)
    };
    fill(1, 20);
    // The first round notes keys for the first time.
    costs();
    let before = costs();
    fill(21, 3_000);
    for (before, after) in before.into_iter().zip(costs()) {
        assert!(after <= before + before / 2, "{before} became {after}");
    }
}

#[tokio::test]
async fn tables_without_rowids_are_captured() {
    let shop = Shop::new(
        "CREATE TABLE Products (ProductID TEXT PRIMARY KEY, ProductName, SellPrice) WITHOUT ROWID",
    )
    .captured()
    .await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)");
    assert_eq!(shop.changes().await, ["I P1"]);
    shop.run("UPDATE Products SET SellPrice = 2");
    assert_eq!(shop.changes().await, ["U P1"]);
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
