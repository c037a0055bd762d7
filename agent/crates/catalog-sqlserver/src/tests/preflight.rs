//! A verdict for each check, and nothing that is changed.

use shopmaster_catalog::{CaptureStatus, Catalog, Check, Verdict};
use tds_connect::Login;

use super::{
    objects,
    shop::{PRODUCTS, Shop, Till},
};
use crate::SqlServerCatalog;

async fn checked(shop: &Shop) -> Vec<Check> {
    let before = objects(shop).await;
    let checks = shop.catalog().inspect().await.unwrap();
    assert_eq!(objects(shop).await, before);
    assert_eq!(checks.len(), 14);
    checks
}

/// The verdict of one check, and what it says.
async fn verdict(shop: &Shop, name: &str) -> (Verdict, String) {
    let checks = checked(shop).await;
    let failed = checks
        .iter()
        .position(|check| check.verdict == Verdict::Failed);
    if let Some(failed) = failed {
        assert!(!checks[failed].remedy.is_empty());
        let refused = shop.catalog().install().await.unwrap_err();
        assert!(
            checks[failed].text.starts_with(&refused.to_string()),
            "{refused}"
        );
    }
    let check = checks.into_iter().find(|check| check.name == name).unwrap();
    (check.verdict, check.text)
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_good_table_has_no_complaints() {
    let shop = Shop::usual().await;
    for installed in [false, true] {
        let checks = checked(&shop).await;
        for check in &checks {
            assert_eq!(check.verdict, Verdict::Ok, "{check:?}");
        }
        let text = |name| &checks.iter().find(|check| check.name == name).unwrap().text;
        assert!(text("catalog.key_type").contains("varchar(25)"));
        assert_eq!(shop.catalog().install().await.unwrap(), !installed);
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_table_that_cannot_be_captured_is_refused() {
    for (schema, name, words) in [
        ("CREATE TABLE Others (a INT)", "catalog.table", "no table"),
        (
            "CREATE TABLE Products (ProductID INT NOT NULL PRIMARY KEY, ProductName VARCHAR(9))",
            "catalog.columns",
            "no column `SellPrice`",
        ),
        (
            "CREATE TABLE Products (ProductID INT NOT NULL, ProductName VARCHAR(9), SellPrice MONEY)",
            "catalog.key",
            "no primary key or unique index",
        ),
        (
            "CREATE TABLE Products (ProductID INT NULL UNIQUE, ProductName VARCHAR(9), SellPrice MONEY)",
            "catalog.key",
            "may be NULL",
        ),
        (
            "CREATE TABLE Products (ProductID INT NOT NULL, Shop INT NOT NULL, ProductName VARCHAR(9), SellPrice MONEY, PRIMARY KEY (ProductID, Shop))",
            "catalog.key",
            "several columns (ProductID, Shop)",
        ),
        (
            "CREATE TABLE Products (ProductID DATETIME NOT NULL PRIMARY KEY, ProductName VARCHAR(9), SellPrice MONEY)",
            "catalog.key_type",
            "its type is datetime",
        ),
        (
            "CREATE TABLE Products (ProductID INT NOT NULL PRIMARY KEY, ProductName VARCHAR(9), SellPrice VARCHAR(9))",
            "catalog.price_type",
            "not a number",
        ),
        (
            "CREATE VIEW Products AS SELECT 1 AS ProductID, 'Soap' AS ProductName, 1.0 AS SellPrice",
            "catalog.table_kind",
            "it is a view",
        ),
    ] {
        let shop = Shop::new(schema).await;
        let (found, text) = verdict(&shop, name).await;
        assert_eq!(found, Verdict::Failed, "{schema}");
        // Engines exist that keep names in lower case.
        let text = text.to_lowercase();
        assert!(text.contains(&words.to_lowercase()), "{text}");
        let expected = match schema.contains("VIEW") {
            true => "ScanOnly",
            false => "NotInstalled",
        };
        if let Ok(status) = shop.catalog().capture().await {
            assert!(format!("{status:?}").starts_with(expected), "{status:?}");
        }
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn what_a_person_should_know_is_a_warning() {
    let shop = Shop::new(
        "CREATE TABLE Products (ProductID INT NOT NULL PRIMARY KEY, ProductName VARCHAR(9), SellPrice FLOAT)",
    )
    .await;
    let (found, text) = verdict(&shop, "catalog.price_type").await;
    assert_eq!(found, Verdict::Warning);
    assert!(text.contains("no fixed number of digits"), "{text}");

    shop.run("INSERT INTO Products VALUES (1, 'Soap', 19.99), (2, 'Salt', 0.1), (3, 'Oil', NULL)")
        .await;
    let told = async |digits| {
        let checks = shop
            .with_digits("Products", digits)
            .inspect()
            .await
            .unwrap();
        let check = checks
            .into_iter()
            .find(|check| check.name == "catalog.price_type");
        check.unwrap()
    };
    let check = told(2).await;
    assert_eq!(check.verdict, Verdict::Ok, "{check:?}");
    let check = told(1).await;
    assert_eq!(check.verdict, Verdict::Warning);
    assert!(check.text.contains("19.99 to 20.0"), "{}", check.text);

    let shop = Shop::usual().await;
    shop.run("CREATE TRIGGER trg_own ON Products AFTER UPDATE AS BEGIN SET NOCOUNT ON END")
        .await;
    let (found, text) = verdict(&shop, "catalog.triggers").await;
    assert_eq!(found, Verdict::Ok);
    assert!(text.contains("`trg_own`"), "{text}");
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_procedure_that_a_trigger_breaks_is_a_reason_to_refuse() {
    let shop = Shop::usual().await;
    shop.run("CREATE PROCEDURE harmless @n INT OUTPUT AS SELECT @n = COUNT(*) FROM Products")
        .await;
    assert_eq!(verdict(&shop, "catalog.output").await.0, Verdict::Ok);
    shop.run(
        "CREATE PROCEDURE raise_prices AS UPDATE Products SET SellPrice = SellPrice + 1 OUTPUT inserted.ProductID",
    )
    .await;
    let (found, text) = verdict(&shop, "catalog.output").await;
    assert_eq!(found, Verdict::Failed);
    assert!(text.contains("`dbo.raise_prices`"), "{text}");

    shop.run("CREATE TRIGGER trg_own ON Products AFTER UPDATE AS BEGIN SET NOCOUNT ON END")
        .await;
    let (found, text) = verdict(&shop, "catalog.output").await;
    assert_eq!(found, Verdict::Warning);
    assert!(text.contains("already has an enabled one"), "{text}");
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_name_that_is_an_attack_is_only_an_odd_name() {
    for table in [
        "Products; DROP TABLE Products--",
        "x' OR 1=1; DROP TABLE Products --",
        "[Products'; DROP TABLE Products --]",
        "dbo.\"Products\"\"; DROP TABLE Products --\"",
    ] {
        let shop = Shop::usual().await;
        let mut options = shop.options.clone();
        options.mapping.table = table.to_owned();
        let catalog = SqlServerCatalog::new(options);
        let before = objects(&shop).await;
        let checks = catalog.inspect().await.unwrap();
        let failed = checks.iter().find(|check| check.verdict == Verdict::Failed);
        assert_eq!(failed.unwrap().name, "catalog.table", "{table}");
        assert_eq!(
            catalog.install().await.unwrap_err().code(),
            "TABLE_MISSING",
            "{table}"
        );
        assert!(catalog.plan().await.is_err());
        assert!(catalog.adopt().await.is_err());
        assert!(!catalog.remove().await.unwrap());
        assert_eq!(objects(&shop).await, before);
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_login_without_rights_is_told_what_it_lacks() {
    let shop = Shop::usual().await;
    let name = format!("agent_{:08x}", fastrand::u32(..));
    for statement in [
        format!("CREATE LOGIN {name} WITH PASSWORD = 'Shop-Master-2'"),
        format!("CREATE USER {name} FOR LOGIN {name}"),
    ] {
        shop.run(&statement).await;
    }
    let mut options = shop.options.clone();
    options.login = Login::Sql {
        username: name.clone(),
        password: Some("Shop-Master-2".into()),
    };
    let before = objects(&shop).await;
    let catalog = SqlServerCatalog::new(options.clone());
    let checks = catalog.inspect().await.unwrap();
    let failed = checks.iter().find(|check| check.verdict == Verdict::Failed);
    let codes = [
        catalog.install().await.unwrap_err().code(),
        catalog.count().await.unwrap_err().code(),
    ];
    shop.run(&format!("GRANT SELECT ON Products TO {name}"))
        .await;
    drop(catalog);
    let catalog = SqlServerCatalog::new(options);
    let granted = catalog.inspect().await.unwrap();
    let refused = catalog.install().await.unwrap_err();
    assert_eq!(objects(&shop).await, before);
    drop(catalog);
    drop(shop);
    let mut master = Till::open(&super::server::configured()).await;
    master.run(&format!("DROP LOGIN {name}")).await;

    assert!(failed.is_some(), "{checks:?}");
    for code in codes {
        assert!(
            ["DATABASE_DENIED", "TABLE_MISSING"].contains(&code),
            "{code}"
        );
    }
    let rights = granted
        .iter()
        .find(|check| check.name == "catalog.rights")
        .unwrap();
    assert_eq!(rights.verdict, Verdict::Failed, "{granted:?}");
    let on_table = format!("ON OBJECT::[dbo].[products] TO [{name}]");
    assert!(
        rights
            .text
            .to_lowercase()
            .contains(&on_table.to_lowercase()),
        "{}",
        rights.text
    );
    assert_eq!(refused.code(), "DATABASE_DENIED");
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_server_that_is_away_fails_the_first_check() {
    let mut options = super::server::configured();
    options.server = "127.0.0.1,1".to_owned();
    let catalog = SqlServerCatalog::new(options);
    let checks = catalog.inspect().await.unwrap();
    assert_eq!(checks.len(), 14);
    assert_eq!(
        (checks[0].name, checks[0].verdict),
        ("catalog.open", Verdict::Failed)
    );
    assert!(
        checks[1..]
            .iter()
            .all(|check| check.verdict == Verdict::Skipped)
    );
    assert!(catalog.install().await.is_err());
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_view_is_only_scanned() {
    let made = PRODUCTS.replace("Products", "Rows");
    let view = "CREATE VIEW Products AS SELECT ProductID, ProductName, SellPrice FROM Rows";
    let columns = ["ProductID", "ProductName", "SellPrice"];
    let shop = Shop::named(&[&made, view], "Products", columns).await;
    let status = shop.catalog().capture().await.unwrap();
    assert!(
        matches!(&status, CaptureStatus::ScanOnly { reason, .. } if reason.starts_with("it is a view")),
        "{status:?}"
    );
    assert_eq!(
        shop.catalog().install().await.unwrap_err().code(),
        "SCAN_ONLY"
    );
    assert_eq!(shop.catalog().plan().await.unwrap_err().code(), "SCAN_ONLY");

    // What an earlier table left behind keeps growing.
    assert!(shop.over("Rows").install().await.unwrap());
    let status = shop.catalog().capture().await.unwrap();
    assert!(
        matches!(&status, CaptureStatus::ScanOnly { reason, .. } if reason.ends_with("run `shopmasterctl capture remove`")),
        "{status:?}"
    );
    assert!(shop.catalog().remove().await.unwrap());
    assert_eq!(
        shop.over("Rows").capture().await.unwrap(),
        CaptureStatus::NotInstalled
    );
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn the_price_of_a_view_is_looked_at_too() {
    for (price, expected) in [("1.5", Verdict::Ok), ("'much'", Verdict::Failed)] {
        let view = format!(
            "CREATE VIEW Products AS SELECT 1 AS ProductID, 'Soap' AS ProductName, {price} AS SellPrice"
        );
        let shop = Shop::new(&view).await;
        assert_eq!(verdict(&shop, "catalog.price_type").await.0, expected);
        assert_eq!(verdict(&shop, "catalog.key_type").await.0, Verdict::Ok);
        assert_eq!(verdict(&shop, "catalog.key").await.0, Verdict::Ok);
    }
}
