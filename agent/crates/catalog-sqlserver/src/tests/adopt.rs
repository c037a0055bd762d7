//! The old program's objects are taken over, and only its own.

use shopmaster_catalog::{CaptureStatus, Catalog as _};

use super::{changes, objects, shop::Shop};
use crate::capture::{
    adopt::{drop_text, rename_text},
    legacy::KEPT,
};

const LOG: &str = "CREATE TABLE ChangeLog (
    LogID INT IDENTITY(1,1) PRIMARY KEY, ChangeType NVARCHAR(10), ProductID VARCHAR(25), ProductName VARCHAR(75),
    SellPrice NUMERIC(18,2), QrCode VARCHAR(100), Status INT, ChangeDateTime DATETIME DEFAULT GETDATE()
)";
const INSERT: &str = "CREATE TRIGGER trgAfterInsert ON Products AFTER INSERT AS
BEGIN
    SET NOCOUNT ON;
    IF NOT EXISTS (SELECT 1 FROM ChangeLog WHERE ChangeType = 'INSERT' AND ProductID IN (SELECT ProductID FROM inserted))
    BEGIN
        INSERT INTO ChangeLog (ChangeType, ProductID, ProductName, SellPrice, QrCode, Status)
        SELECT 'INSERT', ProductID, ProductName, SellPrice, QrCode, Status FROM inserted;
    END
END";
const UPDATE: &str = "CREATE TRIGGER trgAfterUpdate ON Products AFTER UPDATE AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO [dbo].[ChangeLog] (ChangeType, ProductID, ProductName, SellPrice, QrCode, Status)
    SELECT 'UPDATE', i.ProductID, i.ProductName, i.SellPrice, i.QrCode, i.Status
    FROM inserted AS i INNER JOIN deleted d ON i.ProductID = d.ProductID
    WHERE NOT EXISTS (SELECT 1 FROM dbo.ChangeLog cl WHERE cl.ProductID = i.ProductID AND cl.ChangeType = 'UPDATE');
END";
const DELETE: &str = "CREATE TRIGGER trgAfterDelete ON Products AFTER DELETE AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO ChangeLog (ChangeType, ProductID) SELECT 'DELETE', ProductID FROM deleted;
END";

/// What nobody can take over is said.
const OLD_KEYS: &str = "still at Digible under its old ProductID";

async fn shop(key: &str) -> Shop {
    Shop::new(&format!(
        "CREATE TABLE Products (
            ProductID {key} NOT NULL PRIMARY KEY, ProductName VARCHAR(75), SellPrice NUMERIC(18,2), QrCode VARCHAR(100), Status INT
        )"
    ))
    .await
}

/// With the old program's objects, and changes that wait in its log.
async fn old_shop() -> Shop {
    let shop = shop("VARCHAR(25)").await;
    for batch in [
        LOG,
        INSERT,
        UPDATE,
        DELETE,
        "INSERT INTO Products VALUES ('P1', 'Soap', 1, '', 1), ('P2', 'Tea', 2, '', 1)",
        "INSERT INTO Products VALUES ('P3', 'Salt', 3, '', 1)",
        "UPDATE Products SET SellPrice = 5 WHERE ProductID <> 'P3'",
        "DELETE FROM Products WHERE ProductID = 'P2'",
        "DELETE FROM ChangeLog WHERE ChangeType = 'INSERT' AND ProductID = 'P1'",
    ] {
        shop.run(batch).await;
    }
    shop
}

async fn has(shop: &Shop, name: &str) -> bool {
    let name = name.to_lowercase();
    objects(shop)
        .await
        .iter()
        .any(|object| object.to_lowercase().contains(&name))
}

async fn sorted(shop: &Shop) -> Vec<String> {
    let mut changes = changes(shop).await;
    changes.sort_unstable();
    changes
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn an_old_installation_is_adopted() {
    let shop = old_shop().await;
    let before = objects(&shop).await;
    let found = shop.catalog().adoption().await.unwrap();
    assert!(found.is_needed);
    let told = found.steps.join("\n");
    assert!(
        told.contains("SELECT 'DELETE', ProductID FROM deleted"),
        "{told}"
    );
    assert!(
        told.to_lowercase()
            .contains("renamed to `changelog_shopmaster_old`"),
        "{told}"
    );
    assert!(told.contains(OLD_KEYS), "{told}");
    assert_eq!(objects(&shop).await, before);

    let done = shop.catalog().adopt().await.unwrap();
    assert!(!done.is_needed);
    assert!(done.steps.join("\n").contains(OLD_KEYS), "{:?}", done.steps);
    assert!(
        done.steps.iter().any(|step| step.starts_with("3 changes")),
        "{:?}",
        done.steps
    );
    // Of each key the first entry that waited.
    assert_eq!(sorted(&shop).await, ["UPDATE P1", "UPDATE P2", "UPDATE P3"]);
    assert!(!has(&shop, "trgAfter").await);
    assert!(has(&shop, "ChangeLog_shopmaster_old U").await);
    assert_eq!(
        shop.catalog().capture().await.unwrap(),
        CaptureStatus::Installed
    );

    shop.run("UPDATE Products SET SellPrice = 6 WHERE ProductID = 'P1'")
        .await;
    assert_eq!(changes(&shop).await.len(), 4);
    let rows = shop.run("SELECT LogID FROM ChangeLog_shopmaster_old").await;
    assert_eq!(rows.len(), 5, "the old log is kept as it was");
    for again in [
        shop.catalog().adoption().await.unwrap(),
        shop.catalog().adopt().await.unwrap(),
    ] {
        assert_eq!(
            (again.is_needed, again.steps.len()),
            (false, 0),
            "{again:?}"
        );
    }
    assert_eq!(changes(&shop).await.len(), 4);
}

/// Whatever was done before it stopped, the next call does the rest.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn adopting_goes_on_where_it_stopped() {
    let drop_triggers =
        "DROP TRIGGER trgAfterInsert; DROP TRIGGER trgAfterUpdate; DROP TRIGGER trgAfterDelete";
    for stopped in 0..5 {
        let shop = old_shop().await;
        if stopped >= 1 {
            assert!(shop.catalog().install().await.unwrap());
            shop.run("INSERT INTO Products VALUES ('P4', 'Oil', 4, '', 1)")
                .await;
        }
        if stopped >= 2 {
            shop.run(
                "INSERT INTO shopmaster.ChangeLog (ChangeType, ProductID, ChangeDateTime)
                 VALUES (N'UPDATE', 'P1', GETUTCDATE())",
            )
            .await;
        }
        if stopped >= 3 {
            shop.run(drop_triggers).await;
        }
        if stopped >= 4 {
            shop.run("EXEC sp_rename N'dbo.ChangeLog', N'ChangeLog_shopmaster_old', N'OBJECT'")
                .await;
        }
        let found = shop.catalog().adoption().await.unwrap();
        assert_eq!(found.is_needed, stopped < 4, "{stopped}: {found:?}");
        shop.catalog().adopt().await.unwrap();
        assert!(!has(&shop, "trgAfter").await, "{stopped}");
        assert!(has(&shop, "ChangeLog_shopmaster_old U").await, "{stopped}");
        let mut keys = sorted(&shop).await;
        keys.dedup();
        let expected: &[&str] = match stopped {
            0 => &["UPDATE P1", "UPDATE P2", "UPDATE P3"],
            1..=3 => &[
                "INSERT P4",
                "UPDATE P1",
                "UPDATE P2",
                "UPDATE P3",
                "UPDATE P4",
            ],
            _ => &["INSERT P4", "UPDATE P1"],
        };
        assert_eq!(keys, expected, "{stopped}");
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn what_only_looks_like_the_old_program_is_left_alone() {
    let shop = shop("VARCHAR(25)").await;
    for batch in [
        "CREATE TABLE ChangeLog (LogID INT IDENTITY(1,1) PRIMARY KEY, What VARCHAR(10), ProductID VARCHAR(25))",
        "CREATE TABLE Audit (ProductID VARCHAR(25))",
        "CREATE TABLE Staff (a INT)",
        "CREATE TRIGGER trgAfterInsert ON Products AFTER INSERT AS
         BEGIN SET NOCOUNT ON; INSERT INTO ChangeLog (What, ProductID) SELECT 'INSERT', ProductID FROM inserted; END",
        "CREATE TRIGGER trgAfterUpdate ON Products AFTER UPDATE AS
         BEGIN
            SET NOCOUNT ON;
            INSERT INTO Audit SELECT ProductID FROM inserted;
            INSERT INTO ChangeLog (What, ProductID) SELECT 'UPDATE', ProductID FROM inserted;
         END",
        "CREATE TRIGGER trgAfterDelete ON Staff AFTER DELETE AS BEGIN SET NOCOUNT ON; END",
    ] {
        shop.run(batch).await;
    }
    let before = objects(&shop).await;
    for adoption in [
        shop.catalog().adoption().await.unwrap(),
        shop.catalog().adopt().await.unwrap(),
    ] {
        assert!(!adoption.is_needed, "{adoption:?}");
        assert_eq!(adoption.steps.len(), 4, "{adoption:?}");
        for step in &adoption.steps {
            assert!(step.ends_with("it is the shop's own and stays"), "{step}");
        }
    }
    assert_eq!(objects(&shop).await, before);
}

/// What a shop added to a trigger of the old program must not go with it.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_trigger_that_writes_the_products_is_the_shops_own() {
    let log =
        "INSERT INTO ChangeLog (ChangeType, ProductID) SELECT 'UPDATE', ProductID FROM inserted;";
    for (body, is_old) in [
        (
            "UPDATE Products SET Status = 1 WHERE Status IS NULL;",
            false,
        ),
        (
            "UPDATE p SET Status = 1 FROM dbo.Products AS p INNER JOIN inserted AS i ON i.ProductID = p.ProductID;",
            false,
        ),
        ("DELETE FROM [Products] WHERE Status = 0;", false),
        (
            "DELETE FROM ChangeLog WHERE ProductID NOT IN (SELECT ProductID FROM Products);",
            true,
        ),
    ] {
        let shop = shop("VARCHAR(25)").await;
        shop.run(LOG).await;
        shop.run(&format!(
            "CREATE TRIGGER trgAfterUpdate ON Products AFTER UPDATE AS BEGIN SET NOCOUNT ON; {log} {body} END"
        ))
        .await;
        let told = shop.catalog().adoption().await.unwrap().steps.join("\n");
        let stays = told.contains("does something different from the old program's");
        assert_eq!(stays, !is_old, "{body}: {told}");
    }
}

/// A report of the shop's own over the old log would fail without it.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_log_that_others_use_keeps_its_name() {
    let shop = old_shop().await;
    shop.run("CREATE PROCEDURE history AS SELECT * FROM ChangeLog")
        .await;
    let done = shop.catalog().adopt().await.unwrap();
    assert!(
        done.steps
            .iter()
            .any(|step| step.contains("keeps its name, because `dbo.history`")),
        "{:?}",
        done.steps
    );
    assert!(!has(&shop, "trgAfter").await);
    assert!(!has(&shop, "shopmaster_old").await);
    assert_eq!(sorted(&shop).await, ["UPDATE P1", "UPDATE P2", "UPDATE P3"]);
    assert!(!shop.catalog().adoption().await.unwrap().is_needed);
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn keys_that_do_not_convert_are_named() {
    let shop = shop("INT").await;
    shop.run(LOG).await;
    shop.run(
        "INSERT INTO ChangeLog (ChangeType, ProductID) VALUES
            ('INSERT', '7'), ('UPDATE', 'abc'), ('DELETE', ' 12'), ('UPDATE', NULL), ('UPDATE', '99999999999'), ('UPDATE', '7')",
    )
    .await;
    let done = shop.catalog().adopt().await.unwrap();
    let told = done.steps.join("\n");
    assert!(
        told.contains("not taken over: `abc`, `99999999999`"),
        "{told}"
    );
    assert!(told.contains("1 rows without a ProductID"), "{told}");
    assert_eq!(sorted(&shop).await, ["DELETE 12", "UPDATE 7"]);
    let rows = shop.run("SELECT LogID FROM ChangeLog_shopmaster_old").await;
    assert_eq!(rows.len(), 6);
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn many_rows_are_taken_over() {
    let shop = shop("VARCHAR(25)").await;
    shop.run(LOG).await;
    shop.run(
        "WITH d AS (SELECT v.d FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS v (d)),
         n AS (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d AS i
               FROM d AS a CROSS JOIN d AS b CROSS JOIN d AS c CROSS JOIN d AS e)
         INSERT INTO ChangeLog (ChangeType, ProductID)
         SELECT 'UPDATE', 'P' + CAST(n.i % 2345 AS VARCHAR(10)) FROM n WHERE n.i < 5678",
    )
    .await;
    // One left over from a first time.
    shop.run("CREATE TABLE ChangeLog_shopmaster_old (a INT)")
        .await;
    let done = shop.catalog().adopt().await.unwrap();
    assert!(
        done.steps
            .iter()
            .any(|step| step.starts_with("2345 changes")),
        "{:?}",
        done.steps
    );
    let backlog = shop.catalog().backlog().await.unwrap();
    assert_eq!((backlog.changes, backlog.products), (2345, 2345));
    assert!(has(&shop, "ChangeLog_shopmaster_old_2 U").await);
}

/// What adopting runs is safe by itself, too: nobody captures less for it, and no sale misses its table.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn no_step_of_adopting_goes_before_the_one_it_stands_on() {
    let shop = old_shop().await;
    let elsewhere = old_shop().await;
    let before = objects(&shop).await;
    let database = &shop.options.database;
    let triggers = ["trgAfterInsert", "trgAfterUpdate", "trgAfterDelete"];
    let triggers = triggers.map(|name| format!("[dbo].[{name}]"));
    let ours = "[dbo].[shopmaster_capture_1]";
    let dropped = drop_text(database, ours, &triggers);
    let renamed = rename_text(database, "[dbo].[ChangeLog]", KEPT);
    let mut window = shop.another_till().await;
    for (text, reason) in [
        (&dropped, "trigger is missing or off"),
        (&renamed, "A trigger of the old program is still there"),
    ] {
        let error = window.try_run(text).await.unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        let mut other = elsewhere.another_till().await;
        let error = other.try_run(text).await.unwrap_err().to_string();
        assert!(error.contains(database), "{error}");
    }
    assert_eq!(objects(&shop).await, before);
    for shop in [&shop, &elsewhere] {
        shop.run("INSERT INTO Products VALUES ('P8', 'Oil', 8, '', 1)")
            .await;
        assert!(has(shop, "trgAfterInsert").await && !has(shop, KEPT).await);
    }
}
