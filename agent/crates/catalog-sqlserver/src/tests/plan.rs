//! The plan is what is run, and what was run is watched.

use shopmaster_catalog::{CaptureStatus, Catalog as _, CatalogError, Drift};

use super::{
    changes, objects,
    shop::{PRODUCTS, Shop},
};

/// As `sqlcmd` and Management Studio part a script.
pub(super) fn batches(script: &str) -> Vec<&str> {
    let batches = script.split("\nGO\n").map(str::trim);
    batches.filter(|batch| !batch.is_empty()).collect()
}

async fn by_hand(shop: &Shop, script: &str) {
    let mut session = shop.another_till().await;
    for batch in batches(script) {
        session.run(batch).await;
    }
}

pub(super) async fn is_installed(shop: &Shop) {
    assert_eq!(
        shop.catalog().capture().await.unwrap(),
        CaptureStatus::Installed
    );
}

async fn drift(shop: &Shop) -> String {
    match shop.catalog().capture().await.unwrap() {
        CaptureStatus::Drifted(drift) => drift.text(),
        other => panic!("{other:?}"),
    }
}

/// The trigger's name.
pub(super) async fn trigger(shop: &Shop) -> String {
    let rows = shop
        .run("SELECT CAST(t.name AS nvarchar(128)) FROM sys.triggers AS t WHERE t.name LIKE N'shopmaster%'")
        .await;
    super::text(&rows[0], 0)
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn the_plan_by_hand_is_the_same_as_installing() {
    let shop = Shop::usual().await;
    let before = objects(&shop).await;
    let plan = shop.catalog().plan().await.unwrap();
    by_hand(&shop, &plan.install).await;
    is_installed(&shop).await;
    let made_by_hand = without_ids(objects(&shop).await);
    assert!(!shop.catalog().install().await.unwrap());
    let again = shop.catalog().plan().await.unwrap();
    assert_eq!(batches(&again.install).len(), 1, "{}", again.install);
    by_hand(&shop, &again.install).await;
    assert_eq!(again.remove, plan.remove);

    by_hand(&shop, &plan.remove).await;
    assert_eq!(objects(&shop).await, before);
    by_hand(&shop, &plan.remove).await;
    assert!(!shop.catalog().remove().await.unwrap());

    assert!(shop.catalog().install().await.unwrap());
    assert_eq!(without_ids(objects(&shop).await), made_by_hand);
    assert!(shop.catalog().remove().await.unwrap());
    assert_eq!(objects(&shop).await, before);
}

/// The proof has settings of its own, `NOCOUNT` among them: nobody else is to find them.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn installing_leaves_no_settings_behind() {
    let shop = Shop::usual().await;
    let catalog = shop.catalog();
    assert!(catalog.install().await.unwrap());
    assert!(!catalog.install().await.unwrap());
    shop.run("INSERT INTO Products VALUES ('P9', 'Oil', 4)")
        .await;
    let pending = catalog.pending(None, 10).await.unwrap();
    let identities: Vec<_> = pending.into_iter().map(|change| change.identity).collect();
    assert_eq!(catalog.acknowledge(&identities).await.unwrap(), 1);
}

/// Engines name their own constraints by numbers.
fn without_ids(names: Vec<String>) -> Vec<String> {
    names
        .into_iter()
        .filter(|name| !name.contains("DF_"))
        .collect()
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_trigger_that_is_not_as_planned_is_seen_and_mended() {
    let shop = Shop::usual().await;
    shop.catalog().install().await.unwrap();
    let name = trigger(&shop).await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)")
        .await;

    shop.run(&format!("ALTER TABLE Products DISABLE TRIGGER {name}"))
        .await;
    assert_eq!(
        drift(&shop).await,
        format!("the trigger `{name}` is disabled")
    );
    assert!(shop.catalog().install().await.unwrap());
    is_installed(&shop).await;

    shop.run(&format!("DROP TRIGGER {name}")).await;
    assert_eq!(
        drift(&shop).await,
        format!("the trigger `{name}` is missing")
    );
    assert!(shop.catalog().install().await.unwrap());
    is_installed(&shop).await;

    shop.run(&format!("DROP TRIGGER {name}")).await;
    shop.run(&format!(
        "CREATE TRIGGER {name} ON Products AFTER INSERT AS BEGIN /* shopmaster capture */ SET NOCOUNT ON END"
    ))
    .await;
    assert_eq!(
        drift(&shop).await,
        format!("the trigger `{name}` is not as it was installed")
    );
    assert!(shop.catalog().install().await.unwrap());
    is_installed(&shop).await;

    // As a table that was made anew brings its old trigger along.
    shop.run(
        "CREATE TRIGGER shopmaster_capture_1 ON Products AFTER INSERT AS BEGIN /* shopmaster capture */ SET NOCOUNT ON END",
    )
    .await;
    assert!(drift(&shop).await.contains("captures the table too"));
    assert!(shop.catalog().install().await.unwrap());
    is_installed(&shop).await;
    assert_eq!(trigger(&shop).await, name);

    shop.run("DELETE FROM Products").await;
    assert_eq!(changes(&shop).await, ["INSERT P1", "DELETE P1"]);
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn objects_that_are_not_as_planned_are_seen_and_mended() {
    let shop = Shop::usual().await;
    shop.catalog().install().await.unwrap();
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)")
        .await;

    shop.run("DROP VIEW shopmaster.Pending").await;
    assert_eq!(drift(&shop).await, "`shopmaster.Pending` is missing");
    assert!(shop.catalog().install().await.unwrap());
    is_installed(&shop).await;

    shop.run("CREATE UNIQUE INDEX once ON shopmaster.ChangeLog (ProductID)")
        .await;
    assert!(drift(&shop).await.contains("may refuse a change"));
    assert!(shop.catalog().install().await.unwrap());
    is_installed(&shop).await;

    shop.run("DROP INDEX ChangeLog_ChangeID ON shopmaster.ChangeLog")
        .await;
    assert_eq!(
        drift(&shop).await,
        "the index of `shopmaster.ChangeLog` is missing"
    );
    assert!(shop.catalog().install().await.unwrap());
    is_installed(&shop).await;

    shop.run("DROP TABLE shopmaster.Owner").await;
    assert_eq!(drift(&shop).await, "`shopmaster.Owner` is missing");
    assert!(shop.catalog().install().await.unwrap());
    is_installed(&shop).await;

    shop.run("DROP VIEW shopmaster.Pending").await;
    shop.run("ALTER TABLE shopmaster.ChangeLog ADD Extra INT NULL")
        .await;
    assert!(
        drift(&shop)
            .await
            .contains("has columns that do not belong to shopMaster")
    );
    assert!(shop.catalog().install().await.unwrap());
    is_installed(&shop).await;
    assert_eq!(changes(&shop).await, ["INSERT P1"]);
}

/// The ChangeLog holds keys as the product table has them, or not at all.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_key_of_another_type_is_seen_and_keeps_what_waits() {
    let shop = Shop::usual().await;
    shop.catalog().install().await.unwrap();
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)")
        .await;
    let made_anew = |data_type: &str| {
        format!(
            "DROP TABLE Products; {}",
            PRODUCTS.replace("VARCHAR(25)", data_type)
        )
    };
    shop.run(&made_anew("NVARCHAR(40)")).await;
    let found = drift(&shop).await;
    assert!(
        found.contains("`ProductID` of `shopmaster.ChangeLog` is varchar(25)"),
        "{found}"
    );
    assert!(found.contains("is missing"), "{found}");
    let plan = shop.catalog().plan().await.unwrap().install;
    assert!(plan.contains("what waits in it is kept"), "{plan}");
    assert!(shop.catalog().install().await.unwrap());
    is_installed(&shop).await;
    assert_eq!(changes(&shop).await, ["INSERT P1"]);

    shop.run(&made_anew("INT")).await;
    let plan = shop.catalog().plan().await.unwrap().install;
    assert!(plan.contains("an upload is due"), "{plan}");
    assert!(shop.catalog().install().await.unwrap());
    is_installed(&shop).await;
    assert_eq!(changes(&shop).await, Vec::<String>::new());
    shop.run("INSERT INTO Products VALUES (5, 'Soap', 1)").await;
    assert_eq!(changes(&shop).await, ["INSERT 5"]);
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn the_capture_moves_with_the_configured_table() {
    let shop = Shop::usual().await;
    shop.run(&PRODUCTS.replace("Products", "Others")).await;
    shop.catalog().install().await.unwrap();
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)")
        .await;
    let mut options = shop.options.clone();
    options.mapping.table = "dbo.Others".to_owned();
    let moved = crate::SqlServerCatalog::new(options);
    let CaptureStatus::Drifted(Drift { lines, .. }) = moved.capture().await.unwrap() else {
        panic!("nobody saw it");
    };
    assert!(
        lines
            .iter()
            .any(|line| line.contains("is captured instead of `dbo.")),
        "{lines:?}"
    );
    assert!(moved.install().await.unwrap());
    assert_eq!(moved.capture().await.unwrap(), CaptureStatus::Installed);
    shop.run(
        "INSERT INTO Products VALUES ('P2', 'Soap', 1); INSERT INTO Others VALUES ('O1', 'Tea', 1)",
    )
    .await;
    assert_eq!(changes(&shop).await, ["INSERT O1"]);
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn what_is_the_shops_own_is_left_alone() {
    let shop = Shop::usual().await;
    let refuses = async |name: &str| {
        let before = objects(&shop).await;
        for error in [
            shop.catalog().install().await.unwrap_err(),
            shop.catalog().install().await.unwrap_err(),
        ] {
            assert!(
                matches!(&error, CatalogError::NameTaken(taken) if taken.eq_ignore_ascii_case(name)),
                "{error}"
            );
        }
        let _ = shop.catalog().remove().await;
        assert_eq!(objects(&shop).await, before);
    };
    shop.run("CREATE SCHEMA shopmaster").await;
    shop.run("CREATE TABLE shopmaster.Staff (a INT)").await;
    refuses("shopmaster").await;
    shop.run("DROP TABLE shopmaster.Staff").await;
    shop.run("CREATE TABLE shopmaster.ChangeLog (a INT)").await;
    refuses("shopmaster").await;
    shop.run("DROP TABLE shopmaster.ChangeLog").await;

    let rows = shop
        .run("SELECT CAST(OBJECT_ID(N'dbo.Products') AS int)")
        .await;
    let name = format!("shopmaster_capture_{}", super::number(&rows[0], 0));
    shop.run(&format!(
        "CREATE TRIGGER {name} ON Products AFTER INSERT AS BEGIN SET NOCOUNT ON END"
    ))
    .await;
    refuses(&format!("dbo.{name}")).await;
    shop.run(&format!("DROP TRIGGER {name}")).await;

    // An empty schema may have been made for us.
    assert!(shop.catalog().install().await.unwrap());
    shop.run("CREATE TABLE shopmaster.Staff (a INT)").await;
    is_installed(&shop).await;
    assert!(shop.catalog().remove().await.unwrap());
    let left = objects(&shop).await;
    assert!(
        left.iter()
            .any(|name| name.eq_ignore_ascii_case("shopmaster Staff U")),
        "{left:?}"
    );
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn odd_names_are_captured() {
    for (schema, table, columns) in [
        (
            "my schema",
            "All of it's \"products\".v2",
            ["the id", "the.name", "It's £"],
        ),
        ("Größe", "ЖЖ", ["ключ", "имя", "цена"]),
        ("dbo", "x'); DROP TABLE y --", ["a;b", "c--", "/*d"]),
    ] {
        let quoted = |name: &str| crate::quote::identifier(name);
        let full = format!("{}.{}", quoted(schema), quoted(table));
        let [id, name, price] = columns.map(quoted);
        let make = format!(
            "CREATE TABLE {full} ({id} NVARCHAR(20) NOT NULL PRIMARY KEY, {name} NVARCHAR(50), {price} MONEY)"
        );
        let schema_made = format!("CREATE SCHEMA {}", quoted(schema));
        let batches: &[&str] = match schema {
            "dbo" => &[&make],
            _ => &[&schema_made, &make],
        };
        let shop = Shop::named(batches, &full, columns).await;
        shop.run(&format!("INSERT INTO {full} VALUES (N'é1', N'Soap', 1)"))
            .await;
        let before = objects(&shop).await;
        assert!(shop.catalog().install().await.unwrap());
        let rows = shop
            .run("SELECT COALESCE(m.definition, N'') FROM sys.triggers AS t LEFT JOIN sys.sql_modules AS m ON m.object_id = t.object_id")
            .await;
        // Not every engine finds the text of a trigger in every schema.
        match super::text(&rows[0], 0).is_empty() {
            false => is_installed(&shop).await,
            true => assert!(drift(&shop).await.contains("hidden from this login")),
        }
        assert!(!shop.catalog().install().await.unwrap());
        shop.run(&format!("UPDATE {full} SET {price} = 2")).await;
        assert_eq!(changes(&shop).await, ["UPDATE é1"]);
        assert!(shop.catalog().remove().await.unwrap());
        assert_eq!(objects(&shop).await, before);
    }
}

/// The proof leaves nothing behind, whatever the table is like.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn the_proof_knows_the_shops_own_rules() {
    for (schema, rule) in [
        (
            "CREATE TABLE Products (ProductID INT IDENTITY(1,1) NOT NULL PRIMARY KEY, ProductName VARCHAR(10), SellPrice MONEY)",
            None,
        ),
        (
            "CREATE TABLE Products (ProductID INT NOT NULL PRIMARY KEY, ProductName VARCHAR(10), SellPrice MONEY)",
            Some(
                "CREATE TRIGGER no_writes ON Products AFTER UPDATE AS RAISERROR(N'not at night', 16, 1)",
            ),
        ),
        (
            "CREATE TABLE Products (ProductID INT NOT NULL PRIMARY KEY, ProductName VARCHAR(10), SellPrice MONEY)",
            Some(
                "CREATE TRIGGER no_writes ON Products AFTER UPDATE AS BEGIN RAISERROR(N'not at night', 16, 1); ROLLBACK TRANSACTION END",
            ),
        ),
    ] {
        let shop = Shop::new(schema).await;
        let insert = match schema.contains("IDENTITY") {
            true => "INSERT INTO Products (ProductName, SellPrice) VALUES ('Soap', 1)",
            false => "INSERT INTO Products VALUES (1, 'Soap', 1)",
        };
        shop.run(insert).await;
        if let Some(rule) = rule {
            shop.run(rule).await;
        }
        assert!(shop.catalog().install().await.unwrap(), "{rule:?}");
        is_installed(&shop).await;
        assert_eq!(changes(&shop).await, Vec::<String>::new());
        assert!(!shop.catalog().install().await.unwrap(), "{rule:?}");
    }
}
