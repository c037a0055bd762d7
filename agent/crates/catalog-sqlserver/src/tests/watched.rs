//! A view as the product table, with the changes of the tables that it reads captured.

use shopmaster_catalog::{
    CaptureStatus, Catalog, CatalogError, Change, ChangeKind, Check, Lookup, Mapping, Verdict,
    Watch,
};
use shopmaster_product::ProductId;

use super::{
    objects,
    plan::batches,
    shop::{Shop, row_texts},
};
use crate::SqlServerCatalog;

/// The price is in a second table, by list; goods are switched off by a flag.
const SHOP: [&str; 5] = [
    "CREATE TABLE Goods (Code NVARCHAR(50) NOT NULL PRIMARY KEY, Title NCHAR(255), Active BIT NOT NULL)",
    "CREATE TABLE Prices (Code NVARCHAR(50) NOT NULL, List SMALLINT NOT NULL, Price NUMERIC(19,6), Currency NVARCHAR(3), PRIMARY KEY (Code, List))",
    "INSERT INTO Goods VALUES (N'A', N'one', 1), (N'B', N'two', 1), (N'C', N'off', 0)",
    "INSERT INTO Prices VALUES (N'A', 1, 1.5, N'EUR'), (N'A', 2, 1.9, N'USD'), (N'B', 1, 2, N'EUR'), (N'C', 1, 3, N'EUR')",
    "CREATE VIEW Served AS SELECT g.Code, RTRIM(g.Title) AS Title, CAST(p.Price AS decimal(18,2)) AS Price
     FROM Goods g JOIN Prices p ON p.Code = g.Code AND p.List = 1 WHERE g.Active = 1",
];

fn watch(table: &str, key: &str, column: &str) -> Watch {
    Watch {
        table: table.to_owned(),
        key: key.to_owned(),
        column: column.to_owned(),
    }
}

fn both(mapping: &mut Mapping) {
    mapping.watches = vec![
        watch("dbo.Prices", "Code", "Code"),
        watch("Goods", "code", "Code"),
    ];
}

async fn served() -> Shop {
    Shop::named(&SHOP, "dbo.Served", ["Code", "Title", "Price"]).await
}

fn id(id: &str) -> ProductId {
    ProductId::Text(id.to_owned())
}

/// The keys of changes; `*` for a change without a product.
fn keys(changes: &[Change]) -> Vec<String> {
    let shown = changes.iter().map(|change| match change.kind {
        ChangeKind::Unlocated => "*".to_owned(),
        ChangeKind::Update => change.identity.key.to_string(),
        other => panic!("{other:?}"),
    });
    let mut keys: Vec<_> = shown.collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

async fn pending(catalog: &SqlServerCatalog) -> Vec<Change> {
    catalog.pending(None, 1_000).await.unwrap()
}

/// The keys of what a statement of the till changed; it is dealt with afterwards.
async fn changed(shop: &Shop, catalog: &SqlServerCatalog, sql: &str) -> Vec<String> {
    shop.run(sql).await;
    let changes = pending(catalog).await;
    acknowledge(catalog, &changes).await;
    assert_eq!(records(shop).await, 0, "{sql}");
    keys(&changes)
}

async fn acknowledge(catalog: &SqlServerCatalog, changes: &[Change]) {
    let identities: Vec<_> = changes
        .iter()
        .map(|change| change.identity.clone())
        .collect();
    let waited = catalog.acknowledge(&identities).await.unwrap();
    assert_eq!(waited, changes.len() as u64);
}

/// How many records wait in the ChangeLog.
async fn records(shop: &Shop) -> i32 {
    let rows = shop
        .run("SELECT COUNT(*) FROM shopmaster.Pending AS c")
        .await;
    super::number(&rows[0], 0)
}

async fn check(catalog: &SqlServerCatalog, name: &str) -> Option<Check> {
    let checks = catalog.inspect().await.unwrap();
    checks.into_iter().find(|check| check.name == name)
}

async fn drift(catalog: &SqlServerCatalog) -> String {
    match catalog.capture().await.unwrap() {
        CaptureStatus::Drifted(drift) => drift.text(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_change_of_each_table_that_a_view_reads_is_a_change_of_its_product() {
    let shop = served().await;
    let catalog = shop.mapped(both);
    assert!(catalog.leaves_rows_out());
    assert!(catalog.install().await.unwrap());
    assert!(!catalog.install().await.unwrap());
    assert_eq!(catalog.capture().await.unwrap(), CaptureStatus::Installed);
    assert_eq!(pending(&catalog).await, []);
    for (sql, expected) in [
        (
            "UPDATE Prices SET Price = 9 WHERE Code = N'A' AND List = 1",
            &["A"][..],
        ),
        // Another list, which the view does not show: its product is looked at.
        (
            "UPDATE Prices SET Price = 8 WHERE Code = N'A' AND List = 2",
            &["A"],
        ),
        ("UPDATE Prices SET Price = Price + 1", &["A", "B", "C"]),
        ("UPDATE Goods SET Active = 0 WHERE Code = N'B'", &["B"]),
        ("UPDATE Goods SET Active = 1 WHERE Code = N'C'", &["C"]),
        ("INSERT INTO Goods VALUES (N'D', N'new', 1)", &["D"]),
        (
            "INSERT INTO Prices VALUES (N'D', 1, 4, N'EUR'), (N'D', 2, 5, N'USD')",
            &["D"],
        ),
        ("DELETE FROM Prices WHERE Code = N'D'", &["D"]),
        (
            "UPDATE Goods SET Code = N'E' WHERE Code = N'D'",
            &["D", "E"],
        ),
        (
            "UPDATE Prices SET Code = N'F' WHERE Code = N'A'",
            &["A", "F"],
        ),
        ("DELETE FROM Goods WHERE Code = N'nobody'", &[]),
    ] {
        assert_eq!(changed(&shop, &catalog, sql).await, expected, "{sql}");
    }
    let read = catalog.read(&["B", "C"].map(id)).await.unwrap();
    assert_eq!(read[0], Lookup::Gone);
    let Lookup::Found(row) = &read[1] else {
        panic!("{read:?}");
    };
    assert_eq!(row_texts(row), ["C", "off", "4.00"]);
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn the_changes_of_a_product_are_found_whether_or_not_the_view_has_it() {
    let shop = served().await;
    let catalog = shop.mapped(both);
    catalog.install().await.unwrap();
    for sql in [
        "UPDATE Prices SET Price = 9 WHERE Code = N'A'",
        "UPDATE Goods SET Title = N'x' WHERE Code = N'A'",
        "UPDATE Goods SET Title = N'x' WHERE Code = N'C'",
        "DELETE FROM Goods WHERE Code = N'B'",
    ] {
        shop.run(sql).await;
    }
    let all = pending(&catalog).await;
    let of = async |key: &str| catalog.changes_of(&[id(key)]).await.unwrap();
    for (key, count) in [("A", 2), ("B", 1), ("C", 1), ("D", 0)] {
        let found = of(key).await;
        assert_eq!(found.len(), count, "{key}: {found:?}");
        for change in &found {
            let known = |it: &&Change| it.identity.via == change.identity.via;
            assert!(all.iter().any(|it| known(&it)), "{change:?}");
        }
    }
    // The database compares keys.
    let anew = shop.mapped(both);
    assert_eq!(anew.changes_of(&[id("a")]).await.unwrap().len(), 2);
    let several = catalog.changes_of(&["C", "A", "B"].map(id)).await.unwrap();
    assert_eq!(keys(&several), ["A", "B", "C"]);
    assert!(several.is_sorted_by_key(|change| change.identity.change));
    // Only what is dealt with is gone.
    acknowledge(&catalog, &of("A").await).await;
    assert_eq!(keys(&pending(&catalog).await), ["B", "C"]);
    let backlog = catalog.backlog().await.unwrap();
    assert_eq!(backlog.changes, 2);
    assert!(catalog.newest_change().await.unwrap().is_some());
}

/// A tax rate concerns many products, and a change of it may let rows come to the view or leave it.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn one_row_may_concern_many_products() {
    let shop = Shop::named(
        &[
            "CREATE TABLE Tax (Rate int NOT NULL PRIMARY KEY, Percent_ int NOT NULL)",
            "CREATE TABLE Goods (ID int NOT NULL PRIMARY KEY, N nvarchar(20), Net int, Rate bigint NOT NULL)",
            "CREATE INDEX by_rate ON Goods (Rate)",
            "INSERT INTO Tax VALUES (5, 7), (6, 19), (7, 0)",
            "WITH d AS (SELECT v.d FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS v (d)),
             n AS (SELECT a.d + 10 * b.d + 100 * c.d AS i FROM d AS a CROSS JOIN d AS b CROSS JOIN d AS c)
             INSERT INTO Goods SELECT i, N'x', 100, CASE WHEN i < 260 THEN 5 ELSE 6 END FROM n WHERE i < 270",
            "CREATE VIEW Served AS SELECT g.ID, g.N, g.Net * (100 + t.Percent_) / 100 AS Price, g.Rate
             FROM Goods g JOIN Tax t ON t.Rate = g.Rate",
        ],
        "Served",
        ["ID", "N", "Price"],
    )
    .await;
    let catalog = shop.mapped(|mapping| {
        mapping.watches = vec![watch("Tax", "Rate", "Rate"), watch("Goods", "ID", "ID")];
    });
    catalog.install().await.unwrap();
    assert_eq!(
        check(&catalog, "catalog.watch").await.unwrap().verdict,
        Verdict::Ok
    );
    shop.run("UPDATE Tax SET Percent_ = 8 WHERE Rate = 5").await;
    shop.run("UPDATE Goods SET Net = 1 WHERE ID = 265").await;
    shop.run("UPDATE Tax SET Percent_ = 1 WHERE Rate = 7").await;
    for limit in [1_000, 100, 50] {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = catalog.pending(after.as_ref(), limit).await.unwrap();
            after = page.last().map(|change| change.identity.clone());
            let is_end = page.len() < limit;
            all.extend(page);
            if is_end {
                break;
            }
        }
        // Each product of the rate, one change for what left the view, the product, and the rate of no product.
        assert_eq!(all.len(), 260 + 1 + 1 + 1, "{limit}");
        assert_eq!(keys(&all).len(), 262, "{limit}");
        if limit == 50 {
            acknowledge(&catalog, &all[..200]).await;
            assert_eq!(records(&shop).await, 3);
            acknowledge(&catalog, &all[200..]).await;
            assert_eq!(records(&shop).await, 0);
        }
    }
    let of = async |product: i64| catalog.changes_of(&[ProductId::Integer(product)]).await;
    shop.run("UPDATE Tax SET Percent_ = 9 WHERE Rate = 5").await;
    assert_eq!(of(3).await.unwrap().len(), 1);
    assert_eq!(of(265).await.unwrap().len(), 0);
}

/// A watched table without a key of its own column writes each key once, however many rows have it.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn many_rows_of_one_key_are_one_record() {
    let shop = served().await;
    let catalog = shop.mapped(both);
    catalog.install().await.unwrap();
    shop.run(
        "WITH d AS (SELECT v.d FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS v (d))
         INSERT INTO Prices SELECT N'B', 10 + a.d + 10 * b.d + 100 * c.d, 1, N'EUR'
         FROM d AS a CROSS JOIN d AS b CROSS JOIN d AS c",
    )
    .await;
    assert_eq!(records(&shop).await, 1);
    shop.run("UPDATE Prices SET Code = Code").await;
    assert_eq!(records(&shop).await, 1 + 3);
    shop.run("UPDATE Prices SET Price = 1 WHERE Code = N'B'")
        .await;
    shop.run("DELETE FROM Prices WHERE Code = N'B'").await;
    assert_eq!(records(&shop).await, 1 + 3 + 2);
    assert_eq!(keys(&pending(&catalog).await), ["A", "B", "C"]);
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_sale_is_the_same_with_a_watch_and_without() {
    let shop = served().await;
    let catalog = shop.mapped(both);
    catalog.install().await.unwrap();
    let mut till = shop.another_till().await;
    let update = "UPDATE Prices SET Price = 3 WHERE Code = N'A'";
    assert_eq!(till.counts(update).await, [2]);
    till.run("BEGIN TRANSACTION").await;
    till.run("UPDATE Prices SET Price = 4").await;
    till.run("ROLLBACK TRANSACTION").await;
    assert_eq!(keys(&pending(&catalog).await), ["A"]);
}

/// Whatever the types of the table's key and of the view's column, and however they spell it.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn keys_of_every_type_are_followed() {
    let guid = "'6F9619FF-8B86-D011-B42D-00C04FC964FF'";
    for (index, (base, value, in_view, expected)) in [
        ("int", "7", "p.K", "7"),
        ("bigint", "9000000000", "p.K", "9000000000"),
        ("decimal(18,0)", "123", "CAST(p.K AS bigint)", "123"),
        ("smallint", "7", "CAST(p.K AS varchar(9))", "7"),
        ("varchar(25)", "'P 1'", "p.K", "P 1"),
        ("nvarchar(25)", "N'商品'", "p.K", "商品"),
        ("char(9)", "'P1'", "CAST(RTRIM(p.K) AS varchar(9))", "P1"),
        (
            "nchar(9)",
            "N'P1'",
            "CAST(p.K AS nvarchar(20))",
            "P1       ",
        ),
        ("char(9)", "'P1'", "p.K", "P1       "),
        (
            "varchar(25)",
            "'abc'",
            "CAST(UPPER(p.K) AS varchar(25))",
            "ABC",
        ),
        ("varchar(9)", "'42'", "CAST(p.K AS int)", "42"),
        (
            "uniqueidentifier",
            guid,
            "p.K",
            "6F9619FF-8B86-D011-B42D-00C04FC964FF",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let view =
            format!("CREATE VIEW V AS SELECT {in_view} AS ID, N'x' AS N, p.Price FROM P AS p");
        let shop = Shop::named(
            &[
                &format!("CREATE TABLE P (K {base} NOT NULL PRIMARY KEY, Price int)"),
                &view,
                &format!("INSERT INTO P VALUES ({value}, 1)"),
            ],
            "V",
            ["ID", "N", "Price"],
        )
        .await;
        let catalog = shop.mapped(|mapping| mapping.watches = vec![watch("P", "K", "ID")]);
        catalog.install().await.unwrap();
        shop.run("UPDATE P SET Price = 2").await;
        let changes = pending(&catalog).await;
        let ids: Vec<_> = changes
            .iter()
            .map(|change| change.identity.key.clone())
            .collect();
        let found = catalog.read(&ids).await.unwrap();
        let row = found.iter().find_map(|lookup| match lookup {
            Lookup::Found(row) => Some(row.id.to_string()),
            _ => None,
        });
        assert_eq!(
            row.as_deref(),
            Some(expected),
            "{index} {base} {in_view}: {changes:?}"
        );
        let row = catalog.scan(None, 10).await.unwrap().remove(0);
        let of = catalog.changes_of(&[row.id]).await.unwrap();
        assert_eq!(of.len(), 1, "{index} {base} {in_view}");
        acknowledge(&catalog, &changes).await;
        assert_eq!(records(&shop).await, 0);
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn the_plan_of_a_watched_view_is_what_is_run() {
    let shop = served().await;
    let before = objects(&shop).await;
    let catalog = shop.mapped(both);
    assert_eq!(
        catalog.capture().await.unwrap(),
        CaptureStatus::NotInstalled
    );
    let plan = catalog.plan().await.unwrap();
    let mut window = shop.another_till().await;
    for batch in batches(&plan.install) {
        window.run(batch).await;
    }
    assert_eq!(catalog.capture().await.unwrap(), CaptureStatus::Installed);
    assert!(!catalog.install().await.unwrap());
    shop.run("UPDATE Prices SET Price = 3 WHERE Code = N'A'")
        .await;

    // Each of the two is watched, and what waits is kept.
    for table in ["Prices", "Goods"] {
        let rows = shop
            .run(&format!(
                "SELECT CAST(t.name AS nvarchar(128)) FROM sys.triggers AS t WHERE t.parent_id = OBJECT_ID(N'dbo.{table}')"
            ))
            .await;
        let trigger = super::text(&rows[0], 0);
        shop.run(&format!("DISABLE TRIGGER {trigger} ON {table}"))
            .await;
        let told = drift(&catalog).await;
        assert!(
            told.contains(&trigger) && told.contains("disabled"),
            "{told}"
        );
        assert!(catalog.install().await.unwrap());
        shop.run(&format!("DROP TRIGGER {trigger}")).await;
        let told = drift(&catalog).await;
        assert!(
            told.to_lowercase()
                .contains(&format!("on `dbo.{}` is missing", table.to_lowercase())),
            "{told}"
        );
        assert!(catalog.install().await.unwrap());
    }
    assert_eq!(keys(&pending(&catalog).await), ["A"]);
    for batch in batches(&plan.remove) {
        window.run(batch).await;
    }
    assert_eq!(objects(&shop).await, before);
    assert!(catalog.install().await.unwrap());
    assert!(catalog.remove().await.unwrap());
    assert_eq!(objects(&shop).await, before);
}

/// What waits stays, also of a table that is not watched any more: it concerns whatever a comparison finds.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn tables_may_be_watched_later_or_no_longer() {
    let shop = served().await;
    let prices = shop.mapped(|mapping| mapping.watches = vec![watch("Prices", "Code", "Code")]);
    prices.install().await.unwrap();
    shop.run("UPDATE Prices SET Price = 3 WHERE Code = N'A'")
        .await;
    let two = shop.mapped(both);
    assert!(drift(&two).await.contains("is missing"));
    assert!(two.install().await.unwrap());
    shop.run("UPDATE Goods SET Title = N'x' WHERE Code = N'B'")
        .await;
    assert_eq!(keys(&pending(&two).await), ["A", "B"]);

    assert!(drift(&prices).await.contains("is not watched"));
    assert!(prices.install().await.unwrap());
    assert_eq!(prices.capture().await.unwrap(), CaptureStatus::Installed);
    let left = pending(&prices).await;
    assert_eq!(keys(&left), ["*", "A"]);
    acknowledge(&prices, &left).await;
    assert_eq!(records(&shop).await, 0);

    // Without a watch it is scanned, and what is left behind is said.
    let status = shop.catalog().capture().await.unwrap();
    assert!(
        matches!(&status, CaptureStatus::ScanOnly { reason, is_installed: true } if reason.contains("still installed")),
        "{status:?}"
    );
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn capture_of_a_table_gives_way_to_watches_and_back() {
    let shop = served().await;
    let table = shop.mapped(|mapping| {
        mapping.table = "Goods".to_owned();
        mapping.columns.price = "Active".to_owned();
        mapping.columns.name = "Title".to_owned();
    });
    // A flag is no price, and so it is the code that stands in for one here.
    assert_eq!(table.install().await.unwrap_err().code(), "PRICE_UNFIT");
    shop.run("CREATE TABLE Products (Code int NOT NULL PRIMARY KEY, Title nvarchar(9), Price int)")
        .await;
    let table = shop.over("Products");
    table.install().await.unwrap();
    shop.run("INSERT INTO Products VALUES (1, N'x', 1)").await;
    let view = shop.mapped(both);
    assert!(drift(&view).await.contains("`Source`"));
    assert!(view.install().await.unwrap());
    assert_eq!(view.capture().await.unwrap(), CaptureStatus::Installed);
    assert_eq!(pending(&view).await, []);
    shop.run("UPDATE Goods SET Title = N'x'").await;
    assert!(table.install().await.unwrap());
    assert_eq!(table.capture().await.unwrap(), CaptureStatus::Installed);
    assert_eq!(pending(&table).await, []);
    shop.run("UPDATE Goods SET Title = N'y'").await;
    assert_eq!(pending(&table).await, []);
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_table_that_cannot_be_watched_is_refused_with_the_reason() {
    let shop = served().await;
    for batch in [
        "CREATE VIEW Below AS SELECT Code, Title FROM Goods",
        "CREATE TABLE Odd (Code float NOT NULL, Long nvarchar(max), Wide nvarchar(451), Number int)",
        "CREATE SCHEMA other",
    ] {
        shop.run(batch).await;
    }
    let code = |table: &str| vec![watch(table, "Code", "Code")];
    let by_two = vec![
        watch("Prices", "Code", "Code"),
        watch("Prices", "List", "Code"),
    ];
    for (watches, words) in [
        (code("Nowhere"), "no such table"),
        (code("other.Goods"), "no such table"),
        (
            code("Below"),
            "it is a view; watch the tables that it reads",
        ),
        (code("Elsewhere.dbo.Goods"), "another database"),
        (code("[Goods"), "do not match"),
        (
            vec![watch("Goods", "Missing", "Code")],
            "no column `Missing`",
        ),
        (
            vec![watch("Goods", "Code", "Missing")],
            "the view has no column `Missing`",
        ),
        (code("Odd"), "its type is float"),
        (vec![watch("Odd", "Long", "Code")], "nvarchar(max)"),
        (vec![watch("Odd", "Wide", "Code")], "longer than 450"),
        (by_two, "two keys"),
    ] {
        let catalog = shop.mapped(|mapping| mapping.watches = watches);
        for error in [
            catalog.plan().await.unwrap_err(),
            catalog.install().await.unwrap_err(),
            catalog.pending(None, 10).await.unwrap_err(),
        ] {
            let is_named =
                matches!(&error, CatalogError::UnfitWatch { reason, .. } if reason.contains(words));
            assert!(is_named, "{words}: {error}");
        }
        let found = check(&catalog, "catalog.watch").await.unwrap();
        assert_eq!(
            (found.verdict, found.code),
            (Verdict::Failed, "WATCH_UNFIT"),
            "{found:?}"
        );
        assert!(found.text.contains(words), "{found:?}");
        // Reading goes on.
        assert_eq!(catalog.scan(None, 10).await.unwrap().len(), 2);
    }
    let guid = "CREATE TABLE G (ID uniqueidentifier NOT NULL PRIMARY KEY)";
    shop.run(guid).await;
    shop.run("CREATE VIEW N AS SELECT 1 AS Code, N'x' AS Title, 1 AS Price")
        .await;
    let catalog = shop.mapped(|mapping| {
        mapping.table = "N".to_owned();
        mapping.watches = vec![watch("G", "ID", "Code")];
    });
    let error = catalog.plan().await.unwrap_err().to_string();
    assert!(error.contains("no value of the one"), "{error}");
    let table = shop.mapped(|mapping| {
        mapping.table = "Goods".to_owned();
        mapping.columns.price = "Code".to_owned();
        mapping.watches = code("Prices");
    });
    let error = table.plan().await.unwrap_err().to_string();
    assert!(error.contains("the product table is not a view"), "{error}");
    assert_eq!(check(shop.catalog(), "catalog.watch").await, None);
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_watch_that_finds_nothing_or_slowly_is_warned_of() {
    let shop = Shop::named(
        &[
            "CREATE TABLE Goods (ID int NOT NULL PRIMARY KEY, N nvarchar(20), Family int)",
            "CREATE TABLE Families (Number int NOT NULL PRIMARY KEY, Discount int)",
            "INSERT INTO Goods VALUES (1, N'a', 10), (2, N'b', 20)",
            "INSERT INTO Families VALUES (10, 0), (20, 5)",
            "CREATE VIEW V AS SELECT g.ID, g.N, 100 - f.Discount AS Price, g.Family
             FROM Goods g JOIN Families f ON f.Number = g.Family",
        ],
        "V",
        ["ID", "N", "Price"],
    )
    .await;
    let checked = async |watches: Vec<Watch>| {
        let catalog = shop.mapped(|mapping| mapping.watches = watches);
        check(&catalog, "catalog.watch").await.unwrap()
    };
    let family = || vec![watch("Families", "Number", "Family")];
    let slow = checked(family()).await;
    assert_eq!(slow.verdict, Verdict::Warning, "{slow:?}");
    assert!(
        slow.text
            .to_lowercase()
            .contains("no index finds the view's rows by `family`"),
        "{slow:?}"
    );
    shop.run("CREATE INDEX by_family ON Goods (Family)").await;
    let good = checked(family()).await;
    assert_eq!(good.verdict, Verdict::Ok, "{good:?}");
    let strange = checked(vec![watch("Families", "Number", "ID")]).await;
    assert_eq!(strange.verdict, Verdict::Warning, "{strange:?}");
    assert!(
        strange.text.contains("none of the first keys"),
        "{strange:?}"
    );
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_table_that_is_another_one_now_is_noticed() {
    let shop = served().await;
    let catalog = shop.mapped(both);
    catalog.install().await.unwrap();
    let before = catalog.table_identity().await.unwrap();
    assert_eq!(shop.catalog().table_identity().await.unwrap(), None);
    assert_eq!(catalog.table_identity().await.unwrap(), before);
    shop.run("DROP VIEW Served").await;
    shop.run(&SHOP[4].replace("List = 1", "List = 2")).await;
    let after = catalog.table_identity().await.unwrap();
    assert_ne!(after, before, "the view shows other rows");

    shop.run("DROP VIEW Served").await;
    shop.run("DROP TABLE Prices").await;
    for batch in [SHOP[1], SHOP[3], SHOP[4]] {
        shop.run(batch).await;
    }
    assert!(drift(&catalog).await.contains("is missing"));
    assert_ne!(catalog.table_identity().await.unwrap(), after);
    assert!(catalog.install().await.unwrap());
    // A base table that goes is named, and nothing is lost.
    shop.run("UPDATE Goods SET Title = N'x' WHERE Code = N'A'")
        .await;
    shop.run("DROP VIEW Served").await;
    shop.run("DROP TABLE Prices").await;
    shop.run("CREATE VIEW Served AS SELECT Code, Title, 1 AS Price FROM Goods")
        .await;
    let told = drift(&catalog).await;
    assert!(told.contains("`dbo.Prices` cannot be watched"), "{told}");
    let error = catalog.pending(None, 10).await.unwrap_err();
    assert_eq!(error.code(), "WATCH_UNFIT", "{error}");
    let left = shop.mapped(|mapping| mapping.watches = vec![watch("Goods", "Code", "Code")]);
    assert_eq!(keys(&pending(&left).await), ["A"]);
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn who_served_a_watched_view_is_remembered() {
    let shop = served().await;
    let catalog = shop.mapped(both);
    let owner = shopmaster_catalog::Owner {
        journal: "one".to_owned(),
        generation: 3,
    };
    catalog.install().await.unwrap();
    catalog.set_owner(&owner).await.unwrap();
    assert_eq!(catalog.owner().await.unwrap(), Some(owner));
    catalog.claim().await.unwrap();
    let error = shop.mapped(both).claim().await.unwrap_err();
    assert!(matches!(error, CatalogError::Claimed(_)), "{error}");
}

/// A procedure that a trigger breaks, on either table.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn programs_of_each_watched_table_are_looked_for() {
    for table in ["Prices", "Goods"] {
        let shop = served().await;
        shop.run(&format!(
            "CREATE PROCEDURE act AS UPDATE {table} SET Code = Code OUTPUT inserted.Code"
        ))
        .await;
        let catalog = shop.mapped(both);
        let found = check(&catalog, "catalog.output").await.unwrap();
        assert_eq!(found.verdict, Verdict::Failed, "{found:?}");
        assert!(found.text.contains("`dbo.act`"), "{found:?}");
    }
}

/// The old program's triggers were on a table that is watched now.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn an_old_installation_on_a_watched_table_is_adopted() {
    let shop = Shop::named(
        &[
            "CREATE TABLE Products (ProductID VARCHAR(25) NOT NULL PRIMARY KEY, ProductName VARCHAR(75),
                SellPrice NUMERIC(18,2), QrCode VARCHAR(100), Status INT)",
            "CREATE TABLE Offers (ProductID VARCHAR(25) NOT NULL PRIMARY KEY, Price NUMERIC(18,2))",
            "CREATE TABLE ChangeLog (LogID INT IDENTITY(1,1) PRIMARY KEY, ChangeType NVARCHAR(10), ProductID VARCHAR(25),
                ProductName VARCHAR(75), SellPrice NUMERIC(18,2), QrCode VARCHAR(100), Status INT,
                ChangeDateTime DATETIME DEFAULT GETDATE())",
            "CREATE TRIGGER trgAfterUpdate ON Products AFTER UPDATE AS
             BEGIN
                SET NOCOUNT ON;
                INSERT INTO ChangeLog (ChangeType, ProductID) SELECT 'UPDATE', ProductID FROM inserted;
             END",
            "INSERT INTO Products VALUES ('P1', 'Soap', 1, '', 1), ('P2', 'Tea', 2, '', 1)",
            "UPDATE Products SET SellPrice = 3 WHERE ProductID = 'P2'",
            "CREATE VIEW V AS SELECT p.ProductID, p.ProductName, COALESCE(o.Price, p.SellPrice) AS SellPrice
             FROM Products p LEFT JOIN Offers o ON o.ProductID = p.ProductID",
        ],
        "V",
        ["ProductID", "ProductName", "SellPrice"],
    )
    .await;
    let catalog = shop.mapped(|mapping| {
        mapping.watches = vec![
            watch("Offers", "ProductID", "ProductID"),
            watch("Products", "ProductID", "ProductID"),
        ];
    });
    assert!(catalog.adoption().await.unwrap().is_needed);
    let done = catalog.adopt().await.unwrap();
    assert!(!done.is_needed, "{done:?}");
    assert_eq!(keys(&pending(&catalog).await), ["P2"]);
    shop.run("UPDATE Products SET SellPrice = 4 WHERE ProductID = 'P1'")
        .await;
    assert_eq!(keys(&pending(&catalog).await), ["P1", "P2"]);
    let rows = shop.run("SELECT LogID FROM ChangeLog_shopmaster_old").await;
    assert_eq!(rows.len(), 1);
}
