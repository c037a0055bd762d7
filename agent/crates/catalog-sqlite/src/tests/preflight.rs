//! The preflight's verdicts.

use shopmaster_catalog::{CaptureStatus, Catalog as _, CatalogError, Check, Lookup, Verdict};
use shopmaster_product::{ProductId, Row};

use super::{PRODUCTS, Shop};

async fn checks(schema: &str) -> (Shop, Vec<Check>) {
    let shop = Shop::new(schema);
    let before = shop.schema();
    let checks = shop.catalog.inspect().await.unwrap();
    assert_eq!(shop.schema(), before);
    let names = checks.iter().map(|check| check.name).collect::<Vec<_>>();
    assert_eq!(
        names,
        [
            "catalog.open",
            "catalog.table",
            "catalog.columns",
            "catalog.key",
            "catalog.key_type",
            "catalog.price_type",
            "catalog.wal",
            "catalog.triggers",
            "catalog.names",
            "catalog.rights",
            "catalog.claim"
        ]
    );
    (shop, checks)
}

fn of<'a>(checks: &'a [Check], name: &str) -> &'a Check {
    checks.iter().find(|check| check.name == name).unwrap()
}

/// The check fails, the earlier ones do not, and the later ones are skipped; installing fails alike.
async fn refused(schema: &str, name: &str, reason: &str) -> CatalogError {
    let (shop, checks) = checks(schema).await;
    let failed = checks.iter().position(|check| check.name == name).unwrap();
    assert_eq!(
        checks[failed].verdict,
        Verdict::Failed,
        "{schema}: {:?}",
        checks[failed]
    );
    assert!(
        checks[failed].text.contains(reason),
        "{}",
        checks[failed].text
    );
    assert!(!checks[failed].remedy.is_empty());
    assert!(
        checks[..failed]
            .iter()
            .all(|check| matches!(check.verdict, Verdict::Ok | Verdict::Warning))
    );
    // Whether another agent serves the table does not stand on it.
    assert!(
        checks[failed + 1..]
            .iter()
            .all(|check| check.verdict == Verdict::Skipped || check.name == "catalog.claim")
    );
    let before = shop.schema();
    let error = shop.catalog.install().await.unwrap_err();
    assert_eq!(shop.schema(), before);
    error
}

#[tokio::test]
async fn the_usual_shop_passes() {
    let (_shop, checks) = checks(&format!("PRAGMA journal_mode = WAL; {PRODUCTS}")).await;
    for check in checks {
        assert_eq!(check.verdict, Verdict::Ok, "{check:?}");
        assert_eq!(check.remedy, "");
    }
}

#[tokio::test]
async fn what_should_be_known_is_a_warning() {
    for (schema, name, word) in [
        (PRODUCTS, "catalog.wal", "delete mode"),
        (
            "CREATE TABLE Products (ProductID REAL NOT NULL PRIMARY KEY, ProductName, SellPrice)",
            "catalog.key_type",
            "refused",
        ),
        (
            "CREATE TABLE Products (ProductID TEXT PRIMARY KEY, ProductName, SellPrice)",
            "catalog.key",
            "may be NULL",
        ),
        (
            "CREATE TABLE Products (ProductID TEXT UNIQUE, ProductName, SellPrice)",
            "catalog.key",
            "may be NULL",
        ),
        (
            "CREATE TABLE Products (ProductID INTEGER PRIMARY KEY DESC, ProductName, SellPrice)",
            "catalog.key",
            "may be NULL",
        ),
        (
            "CREATE TABLE Products (ProductID TEXT NOT NULL PRIMARY KEY, ProductName, SellPrice DOUBLE)",
            "catalog.price_type",
            "floating-point",
        ),
        (
            "CREATE TABLE Products (ProductID TEXT NOT NULL PRIMARY KEY, ProductName, SellPrice, QrCode UNIQUE)",
            "catalog.triggers",
            "REPLACE",
        ),
        (
            "CREATE TABLE Products (RowNo INTEGER PRIMARY KEY, ProductID TEXT NOT NULL UNIQUE, ProductName, SellPrice)",
            "catalog.triggers",
            "`RowNo`",
        ),
    ] {
        let (shop, checks) = checks(schema).await;
        let check = of(&checks, name);
        assert_eq!(check.verdict, Verdict::Warning, "{check:?}");
        assert!(check.text.contains(word), "{}", check.text);
        assert!(!check.remedy.is_empty());
        assert!(shop.catalog.install().await.unwrap());
    }
}

#[tokio::test]
async fn a_price_column_without_digits_is_warned_of() {
    let columns = ["ProductID", "ProductName", "SellPrice"];
    for (declared, verdict, word) in [
        ("REAL", Verdict::Warning, "`REAL`: a floating-point"),
        ("FLOAT", Verdict::Warning, "`FLOAT`: a floating-point"),
        ("DOUBLE PRECISION", Verdict::Warning, "floating-point"),
        (
            "DECIMAL(10)",
            Verdict::Warning,
            "`DECIMAL(10)`: it does not say",
        ),
        ("NUMERIC", Verdict::Warning, "`NUMERIC`: it does not say"),
        ("BLOB", Verdict::Warning, "`BLOB`: it does not say"),
        ("", Verdict::Warning, "has no type: nothing says"),
        ("FLOAT(10,2)", Verdict::Ok, "`FLOAT(10,2)`"),
        ("NUMERIC(18,2)", Verdict::Ok, "`NUMERIC(18,2)`"),
        ("INTEGER", Verdict::Ok, "`INTEGER`"),
        ("TEXT", Verdict::Ok, "`TEXT`"),
    ] {
        let schema = format!(
            "CREATE TABLE Products (ProductID TEXT NOT NULL PRIMARY KEY, ProductName, SellPrice {declared});
             INSERT INTO Products VALUES ('P1', 'Soap', 12.5), ('P2', 'Salt', NULL)"
        );
        let open = Shop::new(&schema);
        let checks = open.catalog.inspect().await.unwrap();
        let check = of(&checks, "catalog.price_type");
        assert_eq!(check.verdict, verdict, "{check:?}");
        assert!(check.text.contains(word), "{}", check.text);
        let names_remedy = check.remedy.contains("`catalog.price_digits`");
        assert_eq!(names_remedy, verdict == Verdict::Warning, "{check:?}");

        let asked = Shop::with_digits(&schema, "Products", columns, Some(2));
        let checks = asked.catalog.inspect().await.unwrap();
        let check = of(&checks, "catalog.price_type");
        assert_eq!(check.verdict, Verdict::Ok, "{check:?}");
        assert!(check.text.ends_with("2 digits after the decimal point"));
    }
}

#[tokio::test]
async fn prices_that_are_rounded_are_told() {
    for (values, verdict) in [
        (
            "('1', '', 1.9900), ('2', '', '1.500000'), ('3', '', 7)",
            Verdict::Ok,
        ),
        (
            "('1', '', 0.1 + 0.2), ('2', '', 19.989999771118164)",
            Verdict::Ok,
        ),
        ("('1', '', 1.99), ('2', '', 1.239)", Verdict::Warning),
        ("('1', '', NULL), ('2', '', '1.239')", Verdict::Warning),
    ] {
        let shop = Shop::with_digits(
            &format!(
                "CREATE TABLE Products (ProductID TEXT NOT NULL PRIMARY KEY, ProductName, SellPrice);
                 INSERT INTO Products VALUES {values}"
            ),
            "Products",
            ["ProductID", "ProductName", "SellPrice"],
            Some(2),
        );
        let checks = shop.catalog.inspect().await.unwrap();
        let check = of(&checks, "catalog.price_type");
        assert_eq!(check.verdict, verdict, "{check:?}");
        let is_told = check.text.contains("such as 1.239 to 1.24");
        assert_eq!(is_told, verdict == Verdict::Warning, "{check:?}");
        assert!(shop.catalog.install().await.unwrap());
    }
}

#[tokio::test]
async fn keys_that_are_fit() {
    for schema in [
        "CREATE TABLE Products (ProductID INTEGER PRIMARY KEY, ProductName, SellPrice)",
        "CREATE TABLE Products (ProductID INTEGER PRIMARY KEY AUTOINCREMENT, ProductName, SellPrice)",
        "CREATE TABLE Products (ProductID TEXT PRIMARY KEY, ProductName, SellPrice) WITHOUT ROWID",
        "CREATE TABLE Products (ProductID TEXT PRIMARY KEY, ProductName TEXT, SellPrice ANY) STRICT, WITHOUT ROWID",
        "CREATE TABLE Products (ProductID ANY NOT NULL UNIQUE, ProductName TEXT, SellPrice ANY) STRICT",
        "CREATE TABLE Products (No INTEGER PRIMARY KEY, ProductID TEXT NOT NULL, ProductName, SellPrice, UNIQUE (ProductID))",
        "CREATE TABLE Products (ProductID TEXT NOT NULL COLLATE RTRIM, ProductName, SellPrice);
         CREATE UNIQUE INDEX x ON Products (ProductID)",
        "CREATE TABLE Products (ProductID TEXT NOT NULL PRIMARY KEY, Raw TEXT, ProductName AS (Raw || '!'), SellPrice)",
    ] {
        let (shop, checks) = checks(schema).await;
        assert_eq!(
            of(&checks, "catalog.key").verdict,
            Verdict::Ok,
            "{schema}: {checks:?}"
        );
        assert!(shop.catalog.install().await.unwrap());
    }
}

#[tokio::test]
async fn keys_that_are_unfit() {
    for (key, reason) in [
        (
            "ProductID TEXT NOT NULL, ProductName, SellPrice",
            "no primary key",
        ),
        (
            "ProductID TEXT NOT NULL, Size, ProductName, SellPrice, PRIMARY KEY (ProductID, Size)",
            "the primary key consists of `ProductID`, `Size` together",
        ),
        (
            "ProductID TEXT COLLATE NOCASE NOT NULL, ProductName, SellPrice, UNIQUE (ProductID COLLATE BINARY)",
            "collation `NOCASE`",
        ),
    ] {
        let schema = format!("CREATE TABLE Products ({key})");
        let error = refused(&schema, "catalog.key", reason).await;
        assert!(matches!(error, CatalogError::UnfitKey { .. }), "{error}");
    }
    let partial = "CREATE TABLE Products (ProductID TEXT NOT NULL, ProductName, SellPrice);
                   CREATE UNIQUE INDEX some ON Products (ProductID) WHERE SellPrice > 0;
                   CREATE UNIQUE INDEX computed ON Products (lower(ProductID))";
    refused(partial, "catalog.key", "no primary key").await;
}

#[tokio::test]
async fn what_is_no_table_is_refused() {
    let error = refused(
        "CREATE TABLE Other (x)",
        "catalog.table",
        "no table `Products`",
    )
    .await;
    assert!(matches!(error, CatalogError::NoTable(_)), "{error}");
    let virtual_table =
        "CREATE VIRTUAL TABLE Products USING fts5 (ProductID, ProductName, SellPrice)";
    refused(virtual_table, "catalog.table", "virtual table").await;
}

#[tokio::test]
async fn a_views_keys_are_counted() {
    let (_shop, checks) = checks(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE Goods (Code TEXT, Name TEXT, Price NUMERIC(18,2));
         INSERT INTO Goods VALUES ('a', 'Soap', 1.5), ('a', 'Salt', 2), (NULL, 'Tea', 3), ('b', 'Ale', 4);
         CREATE VIEW Products AS SELECT Code AS ProductID, Name AS ProductName, Price AS SellPrice FROM Goods",
    )
    .await;
    let key = of(&checks, "catalog.key");
    assert_eq!(key.verdict, Verdict::Warning);
    assert!(key.text.contains("1 of its rows have NULL"), "{}", key.text);
    assert!(
        key.text.contains("1 of its rows have a key that another"),
        "{}",
        key.text
    );
}

#[tokio::test]
async fn a_view_is_only_walked() {
    let (shop, checks) = checks(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE Goods (Code TEXT NOT NULL PRIMARY KEY, Name TEXT, Price NUMERIC(18,2), Sold INT);
         INSERT INTO Goods VALUES ('a', 'Soap', 1.5, 1), ('b', 'Salt', 2, 0), ('c', 'Tea', 3, 1);
         CREATE VIEW Products AS
         SELECT Code AS ProductID, Name AS ProductName, Price AS SellPrice FROM Goods WHERE Sold",
    )
    .await;
    let verdict = |name| of(&checks, name);
    assert_eq!(verdict("catalog.table").verdict, Verdict::Ok);
    assert!(verdict("catalog.table").text.contains("it is a view"));
    let key = verdict("catalog.key");
    assert_eq!(key.verdict, Verdict::Ok, "{}", key.text);
    assert!(
        key.text.contains("each of the view's 2 rows"),
        "{}",
        key.text
    );
    assert!(checks.iter().all(|check| check.verdict != Verdict::Failed));

    let catalog = &shop.catalog;
    for refused in [
        catalog.plan().await.map(drop),
        catalog.install().await.map(drop),
    ] {
        let refused = refused.unwrap_err();
        assert!(
            matches!(refused, CatalogError::ScanOnly { .. }),
            "{refused}"
        );
    }
    let CaptureStatus::ScanOnly { reason, .. } = catalog.capture().await.unwrap() else {
        panic!("a view cannot be captured");
    };
    assert!(reason.starts_with("it is a view"), "{reason}");
    let spelled = |rows: &[Row]| {
        rows.iter()
            .map(|row| row.id.to_string())
            .collect::<String>()
    };
    assert_eq!(spelled(&catalog.scan(None, 1).await.unwrap()), "a");
    let a = ProductId::Text("a".to_owned());
    assert_eq!(spelled(&catalog.scan(Some(&a), 9).await.unwrap()), "c");
    assert_eq!(catalog.count().await.unwrap(), 2);
    let b = ProductId::Text("b".to_owned());
    let looks = catalog.read(&[a, b]).await.unwrap();
    assert!(matches!(&looks[..], [Lookup::Found(row), Lookup::Gone] if row.price.is_ok()));
}

#[tokio::test]
async fn what_is_left_of_the_capture_of_another_table_is_told() {
    let shop = Shop::usual().captured().await;
    shop.run("ALTER TABLE Products RENAME TO Goods; CREATE VIEW Products AS SELECT * FROM Goods");
    let CaptureStatus::ScanOnly { reason, .. } = shop.catalog.capture().await.unwrap() else {
        panic!("a view cannot be captured");
    };
    assert!(reason.contains("still installed"), "{reason}");
    assert!(shop.catalog.remove().await.unwrap());
}

#[tokio::test]
async fn a_missing_column_is_named() {
    let schema = "CREATE TABLE Products (ProductID TEXT NOT NULL PRIMARY KEY, ProductName TEXT)";
    let error = refused(schema, "catalog.columns", "no column `SellPrice`").await;
    assert!(matches!(error, CatalogError::NoColumn { column, .. } if column == "SellPrice"));
}

#[tokio::test]
async fn taken_names_are_refused() {
    let schema = format!("{PRODUCTS}; CREATE TABLE shopmaster_ChangeLog (x)");
    let error = refused(&schema, "catalog.names", "`shopmaster_ChangeLog`").await;
    assert!(matches!(error, CatalogError::NameTaken(_)), "{error}");
}

#[tokio::test]
async fn the_shops_own_triggers_are_named() {
    let (_shop, checks) = checks(&format!(
        "{PRODUCTS}; CREATE TRIGGER own AFTER DELETE ON Products BEGIN SELECT 1; END"
    ))
    .await;
    let check = of(&checks, "catalog.triggers");
    assert_eq!(check.verdict, Verdict::Ok);
    assert!(check.text.contains("`own`"));
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_refused() {
    let shop = Shop::new(PRODUCTS);
    // A mode would not stop the superuser. This number says that only a newer SQLite may write the file.
    let mut bytes = std::fs::read(shop.path()).unwrap();
    bytes[18] = 3;
    std::fs::write(shop.path(), bytes).unwrap();
    let checks = shop.catalog.inspect().await.unwrap();
    assert_eq!(of(&checks, "catalog.rights").verdict, Verdict::Failed);
}

#[tokio::test]
async fn a_file_that_is_not_there_fails_the_first_check() {
    let shop = Shop::new(PRODUCTS);
    std::fs::remove_file(shop.path()).unwrap();
    let checks = shop.catalog.inspect().await.unwrap();
    assert_eq!(checks[0].verdict, Verdict::Failed);
    assert!(checks[0].text.contains("not found"), "{}", checks[0].text);
    assert!(
        checks[1..]
            .iter()
            .all(|check| check.verdict == Verdict::Skipped)
    );
    assert!(!shop.path().exists());
}
