//! A view as the product table, captured through the tables that it reads.

use std::collections::BTreeMap;

use shopmaster_catalog::{
    CaptureStatus, Catalog as _, CatalogError, ChangeKind, Condition, Lookup, Mapping, Owner,
    Scalar, Test, Verdict, Watch,
};
use shopmaster_product::{ProductId, Row};

use super::{Shop, SqliteCatalog, mapping, of, text};

/// The price is in a second table, by list; goods are switched off by a flag.
const PRICE_ELSEWHERE: &str = "
    CREATE TABLE Goods (Code NVARCHAR(50) NOT NULL PRIMARY KEY, Title NCHAR(255), Active BIT NOT NULL);
    CREATE TABLE Prices (
        Code NVARCHAR(50) NOT NULL, List SMALLINT NOT NULL, Price NUMERIC(19,6), Currency NVARCHAR(3),
        PRIMARY KEY (Code, List)
    );
    INSERT INTO Goods VALUES ('A', 'one', 1), ('B', 'two', 1), ('C', 'off', 0);
    INSERT INTO Prices VALUES ('A', 1, 1.5, 'EUR'), ('A', 2, 1.9, 'USD'), ('B', 1, 2, 'EUR'), ('C', 1, 3, 'EUR');
    CREATE VIEW Served AS
    SELECT g.Code, RTRIM(g.Title) AS Title, CAST(p.Price AS decimal(18,2)) AS Price
    FROM Goods g JOIN Prices p ON p.Code = g.Code AND p.List = 1 WHERE g.Active = 1";

/// Prices that depend on a tax rate.
const TAXED: &str = "
    CREATE TABLE Goods (Code TEXT NOT NULL PRIMARY KEY, Title TEXT, Cents INTEGER, Tax INTEGER);
    CREATE TABLE Rates (Id INTEGER PRIMARY KEY, Percent INTEGER NOT NULL);
    CREATE INDEX by_tax ON Goods (Tax);
    INSERT INTO Rates VALUES (1, 20), (2, 5), (3, 0);
    INSERT INTO Goods VALUES ('A', 'one', 100, 1), ('B', 'two', 200, 1), ('C', 'three', 300, 2);
    CREATE VIEW Served AS
    SELECT g.Code, g.Title, g.Cents * (100 + r.Percent) / 100 AS Price, g.Tax
    FROM Goods g JOIN Rates r ON r.Id = g.Tax";

fn watch(table: &str, key: &str, column: &str) -> Watch {
    Watch {
        table: table.to_owned(),
        key: key.to_owned(),
        column: column.to_owned(),
    }
}

fn served(watches: &[Watch]) -> Mapping {
    Mapping {
        watches: watches.to_vec(),
        ..mapping("Served", ["Code", "Title", "Price"])
    }
}

fn by_code() -> Vec<Watch> {
    vec![
        watch("Goods", "Code", "Code"),
        watch("Prices", "Code", "Code"),
    ]
}

fn by_rate() -> Vec<Watch> {
    vec![watch("Goods", "Code", "Code"), watch("Rates", "Id", "Tax")]
}

/// Another catalog over the same file.
fn mapped(shop: &Shop, change: impl FnOnce(&mut Mapping)) -> SqliteCatalog {
    let mut options = shop.catalog.database.options.clone();
    change(&mut options.mapping);
    of(options)
}

/// All that waits, as `A`, and `*` for what only a comparison finds.
async fn waiting(catalog: &SqliteCatalog, limit: usize) -> Vec<String> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = catalog.pending(after.as_ref(), limit).await.unwrap();
        let is_end = page.len() < limit;
        after = page.last().map(|change| change.identity.clone());
        all.extend(page.into_iter().map(|change| match change.kind {
            ChangeKind::Unlocated => "*".to_owned(),
            _ => change.identity.key.to_string(),
        }));
        if is_end {
            return all;
        }
    }
}

async fn settle_all(catalog: &SqliteCatalog) -> u64 {
    let changes = catalog.pending(None, usize::MAX).await.unwrap();
    let identities: Vec<_> = changes.into_iter().map(|change| change.identity).collect();
    catalog.acknowledge(&identities).await.unwrap()
}

async fn drift(catalog: &SqliteCatalog) -> String {
    match catalog.capture().await.unwrap() {
        CaptureStatus::Drifted(drift) => drift.text(),
        other => panic!("{other:?}"),
    }
}

async fn by_id(catalog: &SqliteCatalog) -> BTreeMap<ProductId, Row> {
    let rows = catalog.scan(None, usize::MAX).await.unwrap();
    rows.into_iter().map(|row| (row.id.clone(), row)).collect()
}

/// Deals with what waits, as the engine does.
async fn work_off(catalog: &SqliteCatalog, copy: &mut BTreeMap<ProductId, Row>, limit: usize) {
    let mut after = None;
    loop {
        let changes = catalog.pending(after.as_ref(), limit).await.unwrap();
        let (unlocated, found): (Vec<_>, Vec<_>) = changes
            .iter()
            .partition(|change| change.kind == ChangeKind::Unlocated);
        let keys: Vec<_> = found
            .iter()
            .map(|change| change.identity.key.clone())
            .collect();
        for (key, lookup) in keys.iter().zip(catalog.read(&keys).await.unwrap()) {
            match lookup {
                Lookup::Found(row) => drop(copy.insert(row.id.clone(), row)),
                _ => drop(copy.remove(key)),
            }
        }
        if !unlocated.is_empty() {
            // A comparison of all products finds what is gone and what is new; their values are not looked at here.
            let all = by_id(catalog).await;
            copy.retain(|id, _| all.contains_key(id));
            for (id, row) in all {
                copy.entry(id).or_insert(row);
            }
        }
        let done: Vec<_> = changes
            .iter()
            .map(|change| change.identity.clone())
            .collect();
        after = done.last().cloned();
        catalog.acknowledge(&done).await.unwrap();
        if changes.len() < limit {
            return;
        }
    }
}

#[tokio::test]
async fn a_price_in_a_second_table_is_noticed_at_once() {
    let shop = Shop::mapped(PRICE_ELSEWHERE, served(&by_code()))
        .captured()
        .await;
    let catalog = &shop.catalog;
    assert_eq!(catalog.capture().await.unwrap(), CaptureStatus::Installed);
    assert!(catalog.leaves_rows_out());
    assert_eq!(catalog.newest_change().await.unwrap(), None);
    let mut copy = by_id(catalog).await;
    for (sql, expected) in [
        (
            "UPDATE Prices SET Price = 9 WHERE Code = 'A' AND List = 1",
            &["A"][..],
        ),
        // Another list is no product's price, but only the view knows that.
        (
            "UPDATE Prices SET Price = 8 WHERE Code = 'A' AND List = 2",
            &["A"],
        ),
        ("UPDATE Goods SET Title = 'uno' WHERE Code = 'A'", &["A"]),
        // It leaves the view, and comes back.
        ("UPDATE Goods SET Active = 0 WHERE Code = 'B'", &["B"]),
        (
            "UPDATE Goods SET Active = 1 WHERE Code IN ('B', 'C')",
            &["B", "C"],
        ),
        ("DELETE FROM Prices WHERE Code = 'C'", &["C"]),
        ("UPDATE Goods SET Code = 'D' WHERE Code = 'A'", &["A", "D"]),
        ("UPDATE Prices SET Code = 'D' WHERE Code = 'A'", &["A", "D"]),
        ("REPLACE INTO Prices VALUES ('D', 1, 4, 'EUR')", &["D"]),
        (
            "DELETE FROM Goods; DELETE FROM Prices",
            &["B", "B", "C", "D", "D"],
        ),
        (
            "INSERT INTO Goods VALUES ('E', 'five', 1); INSERT INTO Prices VALUES ('E', 1, 5, 'EUR')",
            &["E", "E"],
        ),
    ] {
        shop.run(sql);
        assert!(catalog.newest_change().await.unwrap().is_some(), "{sql}");
        let mut waits = waiting(catalog, 2).await;
        waits.sort();
        assert_eq!(waits, expected, "{sql}");
        let backlog = catalog.backlog().await.unwrap();
        assert_eq!(backlog.changes, expected.len() as u64, "{sql}");
        assert!(backlog.oldest_age.is_some());
        work_off(catalog, &mut copy, 2).await;
        assert_eq!(copy, by_id(catalog).await, "{sql}");
        assert_eq!(waiting(catalog, 2).await, [""; 0], "{sql}");
        assert_eq!(catalog.newest_change().await.unwrap(), None);
    }
    assert_eq!(copy.len(), 1);
    // One row for each key of each table, however often it changed: the agent writes nothing.
    let rows = shop.number("SELECT count(*) FROM shopmaster_ChangeLog");
    assert_eq!(
        rows,
        shop.number(
            "SELECT count(*) FROM (SELECT DISTINCT Source, ProductID FROM shopmaster_ChangeLog)"
        )
    );
}

#[tokio::test]
async fn a_tax_rate_concerns_all_of_its_products() {
    let shop = Shop::mapped(TAXED, served(&by_rate()));
    shop.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250)
         INSERT INTO Goods SELECT printf('P%03d', i), 'many', i, 3 FROM n",
    );
    let shop = shop.captured().await;
    let catalog = &shop.catalog;
    let mut copy = by_id(catalog).await;
    shop.run("UPDATE Rates SET Percent = 10 WHERE Id = 1");
    assert_eq!(waiting(catalog, 100).await, ["*", "A", "B"]);
    work_off(catalog, &mut copy, 2).await;
    assert_eq!(copy, by_id(catalog).await);
    shop.run(
        "UPDATE Rates SET Percent = 50 WHERE Id = 3; UPDATE Goods SET Cents = 1 WHERE Code = 'C'",
    );
    for limit in [1, 7, 100, 1_000] {
        let all = waiting(catalog, limit).await;
        assert_eq!(all.len(), 252, "{limit}");
        assert_eq!(
            (
                all[0].as_str(),
                all[1].as_str(),
                all[250].as_str(),
                all[251].as_str()
            ),
            ("*", "P001", "P250", "C")
        );
    }
    work_off(catalog, &mut copy, 60).await;
    assert_eq!(copy, by_id(catalog).await);
    assert_eq!(waiting(catalog, 9).await, [""; 0]);
    // A rate that is gone takes its products with it, and only a comparison finds them.
    shop.run("DELETE FROM Rates WHERE Id = 2");
    assert_eq!(waiting(catalog, 9).await, ["*"]);
    work_off(catalog, &mut copy, 9).await;
    assert_eq!(copy, by_id(catalog).await);
}

#[tokio::test]
async fn changes_are_found_by_their_products() {
    let shop = Shop::mapped(
        &TAXED.replace("g.Tax\n", "g.Tax, g.Tax AS Rate\n"),
        served(&[by_rate(), vec![watch("Rates", "Id", "Rate")]].concat()),
    )
    .captured()
    .await;
    let catalog = &shop.catalog;
    shop.run("UPDATE Rates SET Percent = 10 WHERE Id IN (1, 2); UPDATE Goods SET Cents = 1 WHERE Code = 'C'; DELETE FROM Goods WHERE Code = 'B'");
    let of = async |keys: &[&str]| {
        let keys: Vec<_> = keys.iter().map(|key| text(key)).collect();
        let changes = catalog.changes_of(&keys).await.unwrap();
        let shown = changes.into_iter().map(|change| {
            let via = change.identity.via.unwrap();
            format!("{} by {} {}", change.identity.key, via.table, via.key)
        });
        shown.collect::<Vec<_>>()
    };
    assert_eq!(of(&["A"]).await, ["A by Rates 1"]);
    // It has left the view: only its own key is known.
    assert_eq!(of(&["B", "x"]).await, ["B by Goods B"]);
    assert_eq!(
        of(&["C", "A"]).await,
        ["A by Rates 1", "C by Rates 2", "C by Goods C"]
    );
    // What is dealt with is no change any more, for each product on its own.
    let changes = catalog.pending(None, 100).await.unwrap();
    let done: Vec<_> = changes
        .into_iter()
        .map(|change| change.identity)
        .filter(|identity| identity.key == text("C"))
        .collect();
    assert_eq!(catalog.acknowledge(&done).await.unwrap(), 2);
    assert_eq!(of(&["C"]).await, [""; 0]);
    assert_eq!(of(&["A"]).await, ["A by Rates 1"]);
    let left = catalog.pending(None, 100).await.unwrap();
    assert!(left.iter().all(
        |change| change.identity.via.as_ref().unwrap().table != "Goods"
            || change.identity.key == text("B")
    ));
}

#[tokio::test]
async fn a_row_that_is_not_sold_is_concerned_too() {
    let shop = Shop::mapped(
        TAXED,
        Mapping {
            only: vec![Condition {
                column: "Price".to_owned(),
                test: Test::IsNot(vec![Scalar::Integer(0)]),
            }],
            ..served(&by_rate())
        },
    )
    .captured()
    .await;
    shop.run("UPDATE Goods SET Cents = 0 WHERE Code = 'A'");
    settle_all(&shop.catalog).await;
    shop.run("UPDATE Rates SET Percent = 7 WHERE Id = 1");
    assert_eq!(waiting(&shop.catalog, 9).await, ["*", "A", "B"]);
    let lookups = shop.catalog.read(&[text("A"), text("B")]).await.unwrap();
    assert!(matches!(
        &lookups[..],
        [Lookup::LeftOut(_), Lookup::Found(_)]
    ));
}

/// Keys as they come: with other types and other spellings on both sides.
#[tokio::test]
async fn a_change_finds_its_rows_whatever_their_type_and_case() {
    for (goods, prices, code, other) in [
        ("TEXT", "TEXT", "'A'", "'A'"),
        ("TEXT COLLATE NOCASE", "TEXT COLLATE NOCASE", "'A'", "'a'"),
        ("TEXT COLLATE RTRIM", "TEXT COLLATE RTRIM", "'A'", "'A '"),
        ("INTEGER", "INTEGER", "7", "7"),
        ("INTEGER", "TEXT", "7", "'7'"),
        ("TEXT", "INTEGER", "'7'", "7"),
        ("DECIMAL(18)", "BIGINT", "7", "7"),
        ("", "", "7", "7"),
        ("", "", "'NULL'", "'NULL'"),
        ("TEXT", "TEXT", "'it''s \"x\"'", "'it''s \"x\"'"),
    ] {
        let shop = Shop::mapped(
            &format!(
                "CREATE TABLE Goods (Code {goods} NOT NULL PRIMARY KEY, Title);
                 CREATE TABLE Prices (Code {prices} NOT NULL, List INT, Price INT, PRIMARY KEY (Code, List));
                 INSERT INTO Goods VALUES ({code}, 'Soap'), (99, 'Tea'); INSERT INTO Prices VALUES ({other}, 1, 5);
                 CREATE VIEW Served AS SELECT g.Code, g.Title, p.Price FROM Goods g JOIN Prices p ON p.Code = g.Code"
            ),
            served(&by_code()),
        )
        .captured()
        .await;
        let catalog = &shop.catalog;
        let id = catalog.scan(None, 9).await.unwrap().remove(0).id;
        for (sql, is_found) in [
            ("UPDATE Prices SET Price = 6", true),
            ("UPDATE Goods SET Title = 'Salt' WHERE Title = 'Soap'", true),
            ("UPDATE Goods SET Title = 'Tea' WHERE Title = 'Tea'", false),
        ] {
            shop.run(sql);
            let changes = catalog.pending(None, 9).await.unwrap();
            let keys: Vec<_> = changes
                .iter()
                .map(|change| change.identity.key.clone())
                .collect();
            let lookups = catalog.read(&keys).await.unwrap();
            let finds = lookups
                .iter()
                .any(|it| matches!(it, Lookup::Found(row) if row.id == id));
            assert_eq!(
                finds, is_found,
                "{goods}, {prices}, {code}, {sql}: {keys:?}"
            );
            let of_it = catalog.changes_of(std::slice::from_ref(&id)).await.unwrap();
            assert_eq!(
                !of_it.is_empty(),
                is_found,
                "{goods}, {prices}, {code}, {sql}"
            );
            settle_all(catalog).await;
            assert_eq!(waiting(catalog, 9).await, [""; 0]);
        }
    }
}

/// `REPLACE` deletes a row whose key is spelled differently, and SQLite tells no trigger of that.
#[tokio::test]
async fn a_spelling_that_is_replaced_in_a_watched_table_is_a_change() {
    let shop = Shop::mapped(
        "CREATE TABLE Goods (Code TEXT NOT NULL PRIMARY KEY, Title);
         CREATE TABLE Prices (Code TEXT COLLATE NOCASE, List INT, Price INT, PRIMARY KEY (List, Code));
         INSERT INTO Goods VALUES ('abc', 'x'), ('ABC', 'y'); INSERT INTO Prices VALUES ('abc', 1, 5), ('abc', 2, 6);
         CREATE VIEW Served AS SELECT g.Code, g.Title, p.Price FROM Goods g JOIN Prices p ON g.Code = p.Code COLLATE BINARY AND p.List = 1",
        served(&by_code()),
    )
    .captured()
    .await;
    let mut copy = by_id(&shop.catalog).await;
    assert_eq!(copy.len(), 1);
    for sql in [
        "REPLACE INTO Prices VALUES ('ABC', 1, 7)",
        "UPDATE OR REPLACE Prices SET Code = 'abc' WHERE List = 1",
        "UPDATE OR REPLACE Prices SET Code = 'ABC', List = 1 WHERE List = 2",
    ] {
        shop.run(sql);
        work_off(&shop.catalog, &mut copy, 9).await;
        assert_eq!(copy, by_id(&shop.catalog).await, "{sql}");
    }
}

#[tokio::test]
async fn the_plan_by_hand_is_the_same_as_installing() {
    let new = || Shop::mapped(PRICE_ELSEWHERE, served(&by_code()));
    let (by_hand, by_us) = (new(), new());
    let before = by_hand.schema();
    let plan = by_hand.catalog.plan().await.unwrap();
    assert!(
        !plan.install.contains('{') && !plan.remove.contains('{'),
        "{plan:?}"
    );
    by_hand.run(&plan.install);
    assert!(by_us.catalog.install().await.unwrap());
    assert_eq!(by_hand.schema(), by_us.schema());
    assert_eq!(
        by_hand.catalog.capture().await.unwrap(),
        CaptureStatus::Installed
    );
    assert!(!by_hand.catalog.install().await.unwrap());
    by_hand.run("UPDATE Prices SET Price = 3 WHERE Code = 'A'");
    by_hand.run(&by_hand.catalog.plan().await.unwrap().install);
    assert_eq!(
        waiting(&by_hand.catalog, 9).await,
        ["A"],
        "running it again loses changes"
    );
    by_hand.run(&plan.remove);
    assert!(by_us.catalog.remove().await.unwrap());
    for shop in [&by_hand, &by_us] {
        assert_eq!(shop.schema(), before);
        assert_eq!(
            shop.catalog.capture().await.unwrap(),
            CaptureStatus::NotInstalled
        );
        assert!(!shop.catalog.remove().await.unwrap());
    }
}

#[tokio::test]
async fn what_differs_from_the_plan_is_seen_and_mended() {
    for (sql, expected) in [
        (
            "DROP TRIGGER shopmaster_capture_update_Prices",
            "`shopmaster_capture_update_Prices` is missing",
        ),
        (
            "DROP TRIGGER shopmaster_capture_delete_Goods; CREATE TRIGGER shopmaster_capture_delete_Goods AFTER DELETE ON Goods WHEN 0
             BEGIN DELETE FROM shopmaster_ChangeLog; END",
            "`shopmaster_capture_delete_Goods` is not as it was installed",
        ),
        (
            "ALTER TABLE shopmaster_ChangeLog ADD COLUMN x",
            "`shopmaster_ChangeLog` is not as it was installed",
        ),
        (
            "CREATE INDEX once ON shopmaster_ChangeLog (ProductID)",
            "the index `once` on `shopmaster_ChangeLog` does not belong to shopMaster",
        ),
        (
            "CREATE TABLE Kept AS SELECT * FROM Prices; DROP TABLE Prices; CREATE TABLE Prices AS SELECT * FROM Kept; DROP TABLE Kept",
            "`shopmaster_capture_insert_Prices` is missing; `shopmaster_capture_update_Prices` is missing; `shopmaster_capture_delete_Prices` is missing",
        ),
    ] {
        let shop = Shop::mapped(PRICE_ELSEWHERE, served(&by_code())).captured().await;
        shop.run("UPDATE Goods SET Title = 'x' WHERE Code = 'B'");
        shop.run(sql);
        assert_eq!(drift(&shop.catalog).await, expected);
        assert!(shop.catalog.install().await.unwrap());
        assert_eq!(shop.catalog.capture().await.unwrap(), CaptureStatus::Installed);
        assert_eq!(waiting(&shop.catalog, 9).await, ["B"], "{sql}");
        settle_all(&shop.catalog).await;
        shop.run("UPDATE Prices SET Price = 5 WHERE Code = 'A'; DELETE FROM Goods WHERE Code = 'B'");
        let mut after = waiting(&shop.catalog, 9).await;
        after.sort();
        assert_eq!(after, ["A", "B"], "{sql}");
    }
}

#[tokio::test]
async fn another_set_of_watched_tables_keeps_what_waits_in_the_others() {
    let shop = Shop::mapped(TAXED, served(&by_rate())).captured().await;
    shop.run(
        "UPDATE Goods SET Cents = 5 WHERE Code = 'C'; UPDATE Rates SET Percent = 1 WHERE Id = 2",
    );
    let fewer = mapped(&shop, |mapping| drop(mapping.watches.pop()));
    assert_eq!(
        drift(&fewer).await,
        "`shopmaster_capture_delete_Rates` is no longer needed; `shopmaster_capture_insert_Rates` is no longer needed; \
         `shopmaster_capture_update_Rates` is no longer needed; the table `Rates` is captured, and is not watched"
    );
    let checks = fewer.inspect().await.unwrap();
    let names = checks
        .iter()
        .find(|check| check.name == "catalog.names")
        .unwrap();
    assert!(names.text.contains("`Rates`"), "{names:?}");
    assert!(fewer.install().await.unwrap());
    assert_eq!(fewer.capture().await.unwrap(), CaptureStatus::Installed);
    assert_eq!(
        shop.number("SELECT count(*) FROM shopmaster_ChangeLog WHERE Source = 'Goods'"),
        1
    );
    assert_eq!(shop.number("SELECT count(*) FROM shopmaster_ChangeLog"), 1);
    // And back.
    assert!(shop.catalog.install().await.unwrap());
    shop.run("UPDATE Rates SET Percent = 2 WHERE Id = 2");
    assert_eq!(shop.number("SELECT count(*) FROM shopmaster_ChangeLog"), 2);
}

#[tokio::test]
async fn capture_moves_from_a_table_to_a_view_and_back() {
    let shop = Shop::mapped(PRICE_ELSEWHERE, served(&by_code()));
    let table = mapped(&shop, |mapping| {
        *mapping = super::mapping("Goods", ["Code", "Title", "Active"]);
    });
    let before = shop.schema();
    assert!(table.install().await.unwrap());
    let of_table = shop.schema();
    shop.run("UPDATE Goods SET Title = 'x' WHERE Code = 'A'");
    let left = drift(&shop.catalog).await;
    assert!(
        left.contains("`shopmaster_capture_insert` is no longer needed"),
        "{left}"
    );
    let CaptureStatus::ScanOnly { reason: left, .. } =
        mapped(&shop, |mapping| mapping.watches.clear())
            .capture()
            .await
            .unwrap()
    else {
        panic!("a view without watches is scanned");
    };
    assert!(left.contains("still installed"), "{left}");
    assert!(shop.catalog.install().await.unwrap());
    assert_eq!(
        shop.catalog.capture().await.unwrap(),
        CaptureStatus::Installed
    );
    shop.run("UPDATE Prices SET Price = 7 WHERE Code = 'B'");
    assert_eq!(waiting(&shop.catalog, 9).await, ["B"]);
    let left = drift(&table).await;
    assert!(
        left.contains("the table `Prices` is captured instead of `Goods`"),
        "{left}"
    );
    assert!(table.install().await.unwrap());
    assert_eq!(shop.schema(), of_table);
    assert_eq!(table.capture().await.unwrap(), CaptureStatus::Installed);
    assert_eq!(table.pending(None, 9).await.unwrap(), []);
    // Whatever is installed, any of them takes it away.
    assert!(shop.catalog.install().await.unwrap());
    assert!(table.remove().await.unwrap());
    assert_eq!(shop.schema(), before);
}

#[tokio::test]
async fn the_proof_leaves_nothing_behind_and_finds_what_does_not_work() {
    for table in [
        "CREATE TABLE Prices (Code TEXT, List INT, Price INT, PRIMARY KEY (Code, List)) WITHOUT ROWID",
        "CREATE TABLE Prices (rowid TEXT, Code TEXT, List INT, Price INT)",
        "CREATE TABLE Prices (Id INTEGER PRIMARY KEY, Half INT AS (Price / 2), Code TEXT, List INT, Price INT)",
        "CREATE TABLE Prices (Code TEXT, List INT, Price INT);
         CREATE TRIGGER rule BEFORE UPDATE ON Prices BEGIN SELECT RAISE(ABORT, 'no'); END",
    ] {
        let shop = Shop::mapped(
            &format!(
                "CREATE TABLE Goods (Code TEXT PRIMARY KEY, Title TEXT); {table};
                 INSERT INTO Goods VALUES ('A', 'x'); INSERT INTO Prices (Code, List, Price) VALUES ('A', 1, 2), ('A', 2, 3);
                 CREATE VIEW Served AS SELECT Code, Title, Price FROM Goods JOIN Prices USING (Code) WHERE List = 1"
            ),
            served(&by_code()),
        )
        .captured()
        .await;
        assert_eq!(waiting(&shop.catalog, 9).await, [""; 0], "{table}");
        assert_eq!(
            shop.number("SELECT count(*) FROM shopmaster_ChangeLog"),
            0,
            "{table}"
        );
    }
    let shop = Shop::mapped(PRICE_ELSEWHERE, served(&by_code()));
    shop.run(
        "CREATE TRIGGER eats AFTER UPDATE ON Prices BEGIN DELETE FROM shopmaster_ChangeLog; END",
    );
    let error = shop.catalog.install().await.unwrap_err();
    assert!(
        matches!(&error, CatalogError::Unproven(reason) if reason.contains("`Prices`")),
        "{error}"
    );
}

#[tokio::test]
async fn what_cannot_be_watched_is_named() {
    for (schema, watches, watched, reason) in [
        (
            "",
            vec![watch("Goods", "Code", "Code")],
            "Goods",
            "`Served` is a table",
        ),
        (
            PRICE_ELSEWHERE,
            vec![watch("Missing", "Code", "Code")],
            "Missing",
            "no such table",
        ),
        (
            PRICE_ELSEWHERE,
            vec![watch("Goods", "Sku", "Code")],
            "Goods",
            "no column `Sku`",
        ),
        (
            PRICE_ELSEWHERE,
            vec![watch("Goods", "Code", "Sku")],
            "Goods",
            "the view `Served` has no column `Sku`",
        ),
        (
            PRICE_ELSEWHERE,
            vec![watch("Served", "Code", "Code")],
            "Served",
            "it is a view: watch the tables that it reads",
        ),
        (
            PRICE_ELSEWHERE,
            vec![watch("sqlite_schema", "name", "Code")],
            "sqlite_schema",
            "SQLite's",
        ),
        (
            PRICE_ELSEWHERE,
            [by_code(), vec![watch("PRICES", "List", "Code")]].concat(),
            "PRICES",
            "it is watched by `Code` and by `List`, and a table has one key",
        ),
        (
            "CREATE VIRTUAL TABLE Words USING fts5 (Code); CREATE VIEW Served AS SELECT Code, Code AS Title, 1 AS Price FROM Words",
            vec![watch("Words", "Code", "Code")],
            "Words",
            "it is a virtual table",
        ),
    ] {
        let schema = match schema {
            "" => {
                "CREATE TABLE Served (Code TEXT PRIMARY KEY, Title, Price); CREATE TABLE Goods (Code TEXT PRIMARY KEY)"
            }
            schema => schema,
        };
        let shop = Shop::mapped(schema, served(&watches));
        let before = shop.schema();
        for error in [
            shop.catalog.install().await.unwrap_err(),
            shop.catalog.plan().await.unwrap_err(),
            shop.catalog.pending(None, 1).await.unwrap_err(),
        ] {
            let is_it =
                matches!(&error, CatalogError::UnfitWatch { watched: it, .. } if it == watched);
            assert!(is_it && error.to_string().contains(reason), "{error}");
        }
        let checks = shop.catalog.inspect().await.unwrap();
        let check = checks
            .iter()
            .find(|check| check.name == "catalog.watch")
            .unwrap();
        assert_eq!(
            (check.verdict, check.code),
            (Verdict::Failed, "WATCH_UNFIT"),
            "{check:?}"
        );
        assert!(check.remedy.contains("--watch"));
        assert_eq!(shop.schema(), before);
        // It is read all the same.
        shop.catalog.scan(None, 1).await.unwrap();
    }
}

#[tokio::test]
async fn a_watched_table_that_is_dropped_is_named_and_nothing_is_lost() {
    let shop = Shop::mapped(PRICE_ELSEWHERE, served(&by_code()))
        .captured()
        .await;
    shop.run("UPDATE Goods SET Title = 'x' WHERE Code = 'A'; DROP TABLE Prices");
    for error in [
        shop.catalog.capture().await.map(drop).unwrap_err(),
        shop.catalog.pending(None, 9).await.map(drop).unwrap_err(),
    ] {
        assert!(
            matches!(&error, CatalogError::UnfitWatch { watched, .. } if watched == "Prices"),
            "{error}"
        );
    }
    for error in [
        shop.catalog.scan(None, 9).await.map(drop).unwrap_err(),
        shop.catalog.install().await.map(drop).unwrap_err(),
    ] {
        assert_eq!(
            error.to_string(),
            "`Served` cannot be the product table: it reads `Prices`, which is not in the database"
        );
    }
    assert_eq!(shop.number("SELECT count(*) FROM shopmaster_ChangeLog"), 1);
    assert!(shop.catalog.remove().await.unwrap());
}

#[tokio::test]
async fn in_scan_mode_nothing_is_watched() {
    let shop = Shop::mapped(PRICE_ELSEWHERE, served(&by_code()));
    let mut options = shop.catalog.database.options.clone();
    options.scan = true;
    let catalog = of(options);
    assert!(matches!(
        catalog.capture().await.unwrap(),
        CaptureStatus::ScanOnly { .. }
    ));
    assert!(matches!(
        catalog.install().await.unwrap_err(),
        CatalogError::ScanOnly { .. }
    ));
    assert_eq!(catalog.table_identity().await.unwrap(), None);
    let checks = catalog.inspect().await.unwrap();
    let check = checks
        .iter()
        .find(|check| check.name == "catalog.watch")
        .unwrap();
    assert_eq!(
        (check.verdict, check.text.as_str()),
        (Verdict::Ok, "in scan mode no table is watched")
    );
}

#[tokio::test]
async fn the_preflight_says_what_is_watched_and_what_it_costs() {
    let check = async |schema: &str, watches: &[Watch], name: &str| {
        let shop = Shop::mapped(schema, served(watches));
        let before = shop.schema();
        let checks = shop.catalog.inspect().await.unwrap();
        assert_eq!(shop.schema(), before);
        assert!(
            checks.iter().all(|check| check.verdict != Verdict::Failed),
            "{checks:?}"
        );
        let check = checks.into_iter().find(|check| check.name == name).unwrap();
        (check.verdict, check.text)
    };
    let (verdict, said) = check(PRICE_ELSEWHERE, &by_code(), "catalog.watch").await;
    assert_eq!(
        (verdict, said.as_str()),
        (
            Verdict::Ok,
            "changes are noticed in `Goods` by `Code`, `Prices` by `Code`"
        )
    );
    let (_, said) = check(PRICE_ELSEWHERE, &by_code(), "catalog.table").await;
    assert!(
        said.ends_with("captured through `Goods` by `Code`, `Prices` by `Code`"),
        "{said}"
    );
    let (verdict, _) = check(TAXED, &by_rate(), "catalog.watch").await;
    assert_eq!(verdict, Verdict::Ok);
    // No index finds the products of a rate, which matters once there are many.
    let slow = TAXED.replace("CREATE INDEX by_tax ON Goods (Tax);", "");
    let (verdict, _) = check(&slow, &by_rate(), "catalog.watch").await;
    assert_eq!(verdict, Verdict::Ok);
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO Goods SELECT i, 'x', 1, 1 FROM n";
    let (verdict, said) = check(&format!("{slow}; {many}"), &by_rate(), "catalog.watch").await;
    assert_eq!(verdict, Verdict::Warning);
    assert_eq!(
        said,
        "each change in `Rates` reads all rows of `Goods`, because no index finds the view's rows by `Tax`"
    );
    let (verdict, _) = check(&format!("{TAXED}; {many}"), &by_rate(), "catalog.watch").await;
    assert_eq!(verdict, Verdict::Ok);
    let wrong = [watch("Goods", "Title", "Code")];
    let (verdict, said) = check(PRICE_ELSEWHERE, &wrong, "catalog.watch").await;
    assert_eq!(verdict, Verdict::Warning);
    assert!(
        said.starts_with("none of the first keys in `Title` of `Goods` is found in `Code`"),
        "{said}"
    );
    let unnoticed = PRICE_ELSEWHERE.replace("PRIMARY KEY (Code, List)", "Id INTEGER PRIMARY KEY");
    let unnoticed = unnoticed.replace(
        "INSERT INTO Prices VALUES",
        "INSERT INTO Prices (Code, List, Price, Currency) VALUES",
    );
    let (verdict, said) = check(&unnoticed, &by_code(), "catalog.triggers").await;
    assert_eq!(verdict, Verdict::Warning);
    assert!(said.contains("`Id` of `Prices`"), "{said}");
    let (verdict, said) = check(
        &format!(
            "{PRICE_ELSEWHERE}; CREATE TRIGGER own AFTER DELETE ON Prices BEGIN SELECT 1; END"
        ),
        &by_code(),
        "catalog.triggers",
    )
    .await;
    assert_eq!(verdict, Verdict::Ok);
    assert!(said.contains("`own` of `Prices`"), "{said}");
}

#[tokio::test]
async fn odd_names_of_watched_tables_work() {
    for [table, key, column] in [
        ["my prices", "the key", "the column"],
        ["a\"b", "k'd", "n]m"],
        ["select", "from", "where"],
        ["{source}", "{key}", "{id}"],
        ["t; DROP TABLE x; --", "1", "?1"],
        ["it's", "Größe", "цена"],
    ] {
        let [t, k, c] =
            [table, key, column].map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
        let shop = Shop::mapped(
            &format!(
                "CREATE TABLE {t} ({k} TEXT PRIMARY KEY, Title, Price); INSERT INTO {t} VALUES ('A', 'Soap', 1);
                 CREATE VIEW Served AS SELECT {k} AS {c}, Title, Price FROM {t}"
            ),
            Mapping {
                watches: vec![watch(table, key, column)],
                ..mapping("Served", [column, "Title", "Price"])
            },
        );
        let before = shop.schema();
        let shop = shop.captured().await;
        shop.run(&format!(
            "UPDATE {t} SET Price = 2; INSERT INTO {t} VALUES ('B', 'Tea', 2)"
        ));
        assert_eq!(waiting(&shop.catalog, 1).await, ["A", "B"], "{table}");
        assert_eq!(
            shop.catalog.changes_of(&[text("A")]).await.unwrap().len(),
            1
        );
        settle_all(&shop.catalog).await;
        assert_eq!(shop.catalog.newest_change().await.unwrap(), None);
        assert!(!shop.catalog.install().await.unwrap());
        assert!(shop.catalog.remove().await.unwrap());
        assert_eq!(shop.schema(), before);
    }
}

#[tokio::test]
async fn a_watched_table_that_was_made_anew_has_another_identity() {
    let shop = Shop::mapped(PRICE_ELSEWHERE, served(&by_code()))
        .captured()
        .await;
    let mut before = shop.catalog.table_identity().await.unwrap();
    assert!(before.is_some());
    shop.run("UPDATE Prices SET Price = 3");
    assert_eq!(shop.catalog.table_identity().await.unwrap(), before);
    for sql in [
        "DROP VIEW Served; CREATE VIEW Served AS SELECT Code, Title, 1 AS Price FROM Goods",
        "DROP TABLE Prices; CREATE TABLE Prices (Code TEXT, List, Price)",
    ] {
        shop.run(sql);
        let after = shop.catalog.table_identity().await.unwrap();
        assert!(after.is_some());
        assert_ne!(after, before);
        before = after;
    }
}

#[tokio::test]
async fn a_file_that_was_restored_is_told_by_its_change_log() {
    let shop = Shop::mapped(PRICE_ELSEWHERE, served(&by_code()))
        .captured()
        .await;
    let catalog = &shop.catalog;
    shop.run("UPDATE Prices SET Price = 2 WHERE Code = 'A'; UPDATE Goods SET Title = 'x' WHERE Code = 'A'");
    settle_all(catalog).await;
    shop.run("CREATE TABLE copy AS SELECT * FROM shopmaster_ChangeLog");
    assert!(!catalog.was_restored().await.unwrap());
    shop.run("UPDATE Goods SET Title = 'y' WHERE Code = 'A'");
    assert!(!catalog.was_restored().await.unwrap());
    settle_all(catalog).await;
    assert!(!catalog.was_restored().await.unwrap());
    // As it was before: the same key of the other table is no sign of the newest change.
    shop.run(
        "DELETE FROM shopmaster_ChangeLog; INSERT INTO shopmaster_ChangeLog SELECT * FROM copy; DROP TABLE copy;
         UPDATE Prices SET Price = 3 WHERE Code = 'A'",
    );
    assert!(catalog.was_restored().await.unwrap());
    let owner = Owner {
        journal: "j".to_owned(),
        generation: 1,
    };
    catalog.set_owner(&owner).await.unwrap();
    assert!(!catalog.was_restored().await.unwrap());
    assert_eq!(catalog.owner().await.unwrap(), Some(owner));
    assert_eq!(waiting(catalog, 9).await, ["A", "A"]);
}

/// However long the ChangeLog is, a sale pays the same.
#[tokio::test]
async fn a_change_costs_the_same_whatever_the_length_of_the_change_log() {
    for key in ["TEXT", "INTEGER", "TEXT COLLATE NOCASE"] {
        let shop = Shop::mapped(
            &format!(
                "CREATE TABLE Goods (Code {key} NOT NULL PRIMARY KEY, Title, Price);
                 CREATE VIEW Served AS SELECT Code, Title, Price FROM Goods"
            ),
            served(&[watch("Goods", "Code", "Code")]),
        )
        .captured()
        .await;
        let fill = |from: u32, to: u32| {
            shop.run(&format!(
                "WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {to})
                 INSERT INTO Goods SELECT i, 'Soap', 1 FROM n"
            ));
        };
        let steps = |sql: &str| {
            let mut statement = shop.till.prepare(sql).unwrap();
            statement.execute([]).unwrap();
            statement.get_status(rusqlite::StatementStatus::VmStep)
        };
        let costs = || {
            [
                "UPDATE Goods SET Price = 2 WHERE Code = 103",
                "UPDATE Goods SET Code = 5000 WHERE Code = 103",
                "DELETE FROM Goods WHERE Code = 5000",
                "INSERT INTO Goods VALUES (103, 'Soap', 1)",
                "REPLACE INTO Goods VALUES (103, 'Soap', 2)",
            ]
            .map(steps)
        };
        fill(101, 120);
        // The first round records keys for the first time.
        costs();
        let before = costs();
        fill(121, 3_000);
        for (before, after) in before.into_iter().zip(costs()) {
            assert!(
                after <= before + before / 2,
                "{key}: {before} became {after}"
            );
        }
    }
}

/// Nor does looking up what a change concerns, and what concerns a product.
#[tokio::test]
async fn changes_and_rows_are_searched() {
    use crate::{concerned, key::Key, watches};

    let shop = Shop::mapped(TAXED, served(&by_rate())).captured().await;
    let options = &shop.catalog.database.options;
    let view = watches::read(&shop.till, options).unwrap();
    for table in &view.tables {
        let plan = |after| {
            let sql = concerned::rows(options, table, &[Key::Integer(1)], after);
            super::keys::query_plan(&shop, &sql)
        };
        let first = plan(concerned::After::Start);
        assert!(!first.contains("SCAN"), "{first}");
        // Many products are read in the order of their keys, and not sorted again for each page.
        let next = plan(concerned::After::Key);
        assert!(
            next.starts_with("SEARCH g USING INDEX sqlite_autoindex_Goods_1 (Code>?)"),
            "{next}"
        );
        assert!(!next.contains("SCAN") && !next.contains("B-TREE"), "{next}");
        for column in &table.columns {
            let plan = super::keys::query_plan(&shop, &concerned::changes(options, table, column));
            assert!(!plan.contains("SCAN"), "{plan}");
            assert!(plan.contains("(Source=? AND ProductID=?)"), "{plan}");
        }
    }
    for sql in [
        include_str!("../sql/watched/changes_of.sql"),
        include_str!("../sql/watched/pending.sql"),
    ] {
        let plan = super::keys::query_plan(&shop, sql);
        assert!(!plan.contains("SCAN"), "{plan}");
    }
}

/// Whatever is written to any of the tables, and whenever it is dealt with: at the end the copy equals the view.
#[tokio::test]
async fn nothing_is_lost_whatever_the_tills_write() {
    for seed in 1..9_u64 {
        let shop = Shop::mapped(
            &TAXED.replace(") / 100 AS Price", ") / 100 - coalesce((SELECT o.Off FROM Offers o WHERE o.Item = g.Code), 0) AS Price"),
            served(&[by_rate(), vec![watch("Offers", "Item", "Code")]].concat()),
        );
        shop.run("CREATE TABLE Offers (Id INTEGER PRIMARY KEY, Item TEXT, Off INT)");
        let shop = shop.captured().await;
        let mut copy = by_id(&shop.catalog).await;
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut random = move |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        for step in 0..150 {
            let (code, rate, number) = (random(12), random(4), random(50));
            shop.run(&match random(9) {
                0 => format!(
                    "INSERT OR IGNORE INTO Goods VALUES ('P{code}', 'new', {number}, {rate})"
                ),
                1 => format!("UPDATE Goods SET Cents = {number} WHERE Code = 'P{code}'"),
                2 => format!("UPDATE Goods SET Tax = {rate} WHERE Code = 'P{code}'"),
                3 => {
                    format!("UPDATE OR IGNORE Goods SET Code = 'P{number}' WHERE Code = 'P{code}'")
                }
                4 => format!("DELETE FROM Goods WHERE Code = 'P{code}'"),
                5 => format!("UPDATE Rates SET Percent = {number} WHERE Id = {rate}"),
                6 => format!(
                    "REPLACE INTO Rates VALUES ({rate}, {number}); DELETE FROM Rates WHERE Id = {}",
                    random(9)
                ),
                7 => format!("INSERT INTO Offers (Item, Off) VALUES ('P{code}', {number})"),
                _ => format!("DELETE FROM Offers WHERE Item = 'P{code}'"),
            });
            if random(4) == 0 {
                work_off(&shop.catalog, &mut copy, 1 + step % 7).await;
                assert_eq!(copy, by_id(&shop.catalog).await, "seed {seed}, step {step}");
            }
        }
        work_off(&shop.catalog, &mut copy, 3).await;
        assert_eq!(copy, by_id(&shop.catalog).await, "seed {seed}");
        assert_eq!(waiting(&shop.catalog, 9).await, [""; 0]);
    }
}
