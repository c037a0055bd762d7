//! What the trigger writes down, and what the till notices of it.

use shopmaster_catalog::{CaptureStatus, Catalog as _, Drift};
use tds_connect::Login;

use super::{
    changes, number,
    shop::{Shop, Till},
    text,
};

async fn captured(shop: Shop) -> Shop {
    assert!(shop.catalog().install().await.unwrap());
    shop
}

/// What collations call equal is another key to the cloud.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_new_spelling_of_a_key_is_a_delete_and_an_insert() {
    for (data_type, mark) in [("VARCHAR(25)", ""), ("NVARCHAR(25)", "N")] {
        let shop = Shop::new(&format!(
            "CREATE TABLE Products (
                ProductID {data_type} COLLATE Latin1_General_CI_AS NOT NULL PRIMARY KEY,
                ProductName VARCHAR(100), SellPrice NUMERIC(18,2)
            )"
        ))
        .await;
        shop.run("INSERT INTO Products VALUES ('abc', 'Soap', 1), ('x', 'Tea', 2)")
            .await;
        let shop = captured(shop).await;
        for spelling in ["ABC", "ABC ", "ABC "] {
            shop.run(&format!(
                "UPDATE Products SET ProductID = {mark}'{spelling}' WHERE ProductID = 'abc'"
            ))
            .await;
        }
        assert_eq!(
            changes(&shop).await,
            [
                "DELETE abc",
                "INSERT ABC",
                "DELETE ABC",
                "INSERT ABC ",
                "UPDATE ABC "
            ]
        );
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn keys_of_other_types_are_captured() {
    for (data_type, first, second) in [
        ("INT", "1", "-7"),
        ("BIGINT", "9007199254740993", "2"),
        (
            "UNIQUEIDENTIFIER",
            "6F9619FF-8B86-D011-B42D-00C04FC964FF",
            "00000000-0000-0000-0000-000000000001",
        ),
        ("CHAR(5)", "ab   ", "cd   "),
        ("DECIMAL(9,0)", "12", "13"),
    ] {
        let shop = Shop::new(&format!(
            "CREATE TABLE Products (
                ProductID {data_type} NOT NULL PRIMARY KEY, ProductName VARCHAR(100), SellPrice NUMERIC(18,2)
            )"
        ))
        .await;
        let shop = captured(shop).await;
        shop.run(&format!(
            "INSERT INTO Products VALUES ('{first}', 'Soap', 1)"
        ))
        .await;
        shop.run("UPDATE Products SET SellPrice = 2").await;
        shop.run(&format!("UPDATE Products SET ProductID = '{second}'"))
            .await;
        let expected = [
            format!("INSERT {first}"),
            format!("UPDATE {first}"),
            format!("DELETE {first}"),
            format!("INSERT {second}"),
        ];
        assert_eq!(changes(&shop).await, expected, "{data_type}");
        assert!(!shop.catalog().install().await.unwrap(), "{data_type}");
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn what_the_shops_own_trigger_writes_back_is_captured() {
    let shop = Shop::usual().await;
    shop.run(
        "CREATE TRIGGER trg_names ON Products AFTER INSERT AS
         BEGIN
            SET NOCOUNT ON;
            UPDATE p SET ProductName = UPPER(p.ProductName)
            FROM Products AS p INNER JOIN inserted AS i ON i.ProductID = p.ProductID;
         END",
    )
    .await;
    let shop = captured(shop).await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)")
        .await;
    let mut found = changes(&shop).await;
    found.sort_unstable();
    assert_eq!(found, ["INSERT P1", "UPDATE P1"]);
    let rows = shop.run("SELECT ProductName FROM Products").await;
    assert_eq!(text(&rows[0], 0), "SOAP");
}

/// With capture and without, a program sees the same.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn the_tills_results_stay_as_they_are() {
    let schema = "CREATE TABLE Products (
        ProductID VARCHAR(25) NOT NULL PRIMARY KEY, ProductName VARCHAR(100), SellPrice NUMERIC(18,2),
        Number INT IDENTITY(100, 1) NOT NULL
    )";
    let (with, without) = (
        captured(Shop::new(schema).await).await,
        Shop::new(schema).await,
    );
    let mut seen = Vec::new();
    for shop in [&with, &without] {
        let mut till = shop.another_till().await;
        let mut of_this = Vec::new();
        for statement in [
            "INSERT INTO Products (ProductID, ProductName, SellPrice) VALUES ('P1', 'a', 1), ('P2', 'b', 2)",
            "UPDATE Products SET SellPrice = 3",
            "UPDATE Products SET SellPrice = 3 WHERE ProductID = 'none'",
            "UPDATE Products SET ProductID = 'P3' WHERE ProductID = 'P2'",
            "DELETE FROM Products WHERE ProductID = 'P1'",
        ] {
            of_this.push(format!("{:?}", till.counts(statement).await));
        }
        for statement in [
            "INSERT INTO Products (ProductID, ProductName, SellPrice) VALUES ('P4', 'a', 1), ('P5', 'b', 2)",
            "UPDATE Products SET SellPrice = 4",
            "DELETE FROM Products WHERE ProductID = 'P4'",
        ] {
            let results = till
                .results(&format!(
                    "{statement}; SELECT @@ROWCOUNT, CAST(@@IDENTITY AS int), CAST(SCOPE_IDENTITY() AS int)"
                ))
                .await;
            let rows: Vec<Vec<i32>> = results
                .iter()
                .flatten()
                .map(|row| (0..3).map(|column| number(row, column)).collect())
                .collect();
            of_this.push(format!("{} results: {rows:?}", results.len()));
        }
        seen.push(of_this);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(changes(&with).await.len(), 13);
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn the_tills_limit_of_rows_is_not_the_triggers() {
    let shop = Shop::usual().await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1), ('P2', 'Tea', 2)")
        .await;
    let shop = captured(shop).await;
    shop.run("SET ROWCOUNT 1").await;
    shop.run("UPDATE Products SET ProductID = 'P9' WHERE ProductID = 'P1'")
        .await;
    let rows = shop.run("SELECT ProductID FROM Products").await;
    assert_eq!(rows.len(), 1, "the till's own limit is gone");
    shop.run("SET ROWCOUNT 0").await;
    assert_eq!(changes(&shop).await, ["DELETE P1", "INSERT P9"]);
}

/// The view keeps the ChangeLog as it is.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn the_change_log_cannot_be_dropped_or_altered_by_accident() {
    let shop = captured(Shop::usual().await).await;
    let mut till = shop.another_till().await;
    for statement in [
        "DROP TABLE shopmaster.ChangeLog",
        "ALTER TABLE shopmaster.ChangeLog DROP COLUMN ChangeType",
        "ALTER TABLE shopmaster.ChangeLog ALTER COLUMN ProductID INT",
    ] {
        till.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)")
            .await;
        assert!(till.try_run(statement).await.is_err(), "{statement}");
        till.run("DELETE FROM Products").await;
    }
    assert_eq!(changes(&shop).await.len(), 6);
    assert_eq!(
        shop.catalog().capture().await.unwrap(),
        CaptureStatus::Installed
    );
}

/// A change is worth less than a sale: an upload sends it. Only an engine that lets a trigger catch an error can
/// show it.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_sale_goes_through_when_its_change_is_refused() {
    let shop = captured(Shop::usual().await).await;
    for statement in [
        "CREATE TABLE Seen (a INT)",
        "CREATE TABLE Refusing (a INT, CHECK (a < 0))",
        "CREATE TRIGGER trg_seen ON Seen AFTER INSERT AS
         BEGIN
            SET XACT_ABORT OFF;
            BEGIN TRY INSERT INTO Refusing SELECT a FROM inserted; END TRY
            BEGIN CATCH RETURN; END CATCH;
         END",
    ] {
        shop.run(statement).await;
    }
    let mut till = shop.another_till().await;
    let seen = till.try_run("INSERT INTO Seen VALUES (1)").await;
    assert!(
        seen.is_ok(),
        "no trigger of this engine catches an error: this takes SQL Server itself"
    );
    shop.run(
        "ALTER TABLE shopmaster.ChangeLog ADD CONSTRAINT no_updates CHECK (ChangeType <> N'UPDATE')",
    )
    .await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)")
        .await;
    shop.run("UPDATE Products SET SellPrice = 7").await;
    shop.run(
        "BEGIN TRANSACTION; UPDATE Products SET SellPrice = SellPrice + 1; COMMIT TRANSACTION",
    )
    .await;
    let rows = shop
        .run("SELECT CAST(SellPrice AS int) FROM Products")
        .await;
    assert_eq!(number(&rows[0], 0), 8);
    assert_eq!(changes(&shop).await, ["INSERT P1"]);
}

/// Whatever may refuse a change is none of ours.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn what_hangs_on_the_change_log_is_seen() {
    let shop = captured(Shop::usual().await).await;
    shop.run(
        "ALTER TABLE shopmaster.ChangeLog ADD CONSTRAINT no_updates CHECK (ChangeType <> N'UPDATE')",
    )
    .await;
    let CaptureStatus::Drifted(Drift { lines, .. }) = shop.catalog().capture().await.unwrap()
    else {
        panic!("nobody saw it");
    };
    assert!(lines[0].contains("no_updates"), "{lines:?}");
    assert!(shop.catalog().install().await.unwrap());
    assert_eq!(
        shop.catalog().capture().await.unwrap(),
        CaptureStatus::Installed
    );
}

/// One owner has the product table and ours, so that nobody needs a right on ours. An engine without such
/// chains of owners cannot show it.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_till_with_rights_on_its_own_table_only_is_captured() {
    let shop = captured(Shop::usual().await).await;
    let name = format!("till_{:08x}", fastrand::u32(..));
    for statement in [
        format!("CREATE LOGIN {name} WITH PASSWORD = 'Shop-Master-2'"),
        format!("CREATE USER {name} FOR LOGIN {name}"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON Products TO {name}"),
        "CREATE TABLE Seen (a INT)".to_owned(),
        "CREATE TABLE Hidden (a INT)".to_owned(),
        "CREATE TRIGGER trg_seen ON Seen AFTER INSERT AS INSERT INTO Hidden SELECT a FROM inserted"
            .to_owned(),
        format!("GRANT INSERT ON Seen TO {name}"),
    ] {
        shop.run(&statement).await;
    }
    let mut options = shop.options.clone();
    options.login = Login::Sql {
        username: name.clone(),
        password: Some("Shop-Master-2".into()),
    };
    let mut till = Till::open(&options).await;
    let has_chains = till.try_run("INSERT INTO Seen VALUES (1)").await.is_ok();
    if has_chains {
        till.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)")
            .await;
        till.run("UPDATE Products SET SellPrice = 2").await;
        assert!(
            till.try_run("SELECT * FROM shopmaster.ChangeLog")
                .await
                .is_err()
        );
    }
    drop(till);
    let captured = changes(&shop).await;
    drop(shop);
    let mut master = Till::open(&super::server::configured()).await;
    master.run(&format!("DROP LOGIN {name}")).await;
    assert!(
        has_chains,
        "this engine has no chains of owners: this takes SQL Server itself"
    );
    assert_eq!(captured, ["INSERT P1", "UPDATE P1"]);
}
