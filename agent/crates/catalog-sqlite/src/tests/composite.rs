//! Keys of several columns.

use shopmaster_catalog::{
    CaptureStatus, Catalog as _, CatalogError, Columns, Condition, KeyColumns, Lookup, Mapping,
    Scalar, Test, Verdict, Watch,
};
use shopmaster_product::Row;

use super::{Shop, text};

const ITEMS: &str = "CREATE TABLE Items (
    CompanyID INTEGER NOT NULL, ItemNo VARCHAR(20) NOT NULL, Title TEXT, Price NUMERIC(9,2), PRIMARY KEY (CompanyID, ItemNo)
);
INSERT INTO Items VALUES (3, 'A-1', 'Soap', 1), (3, 'B', 'Tea', 2), (12, 'A-1', 'Salt', 3)";

fn keyed(table: &str, names: &[&str], separator: &str) -> Mapping {
    let more = names[1..].iter().map(|name| (*name).to_owned()).collect();
    Mapping::new(
        table,
        Columns {
            id: KeyColumns::several(names[0], more, separator),
            name: "Title".to_owned(),
            price: "Price".to_owned(),
        },
    )
}

fn items() -> Mapping {
    keyed("Items", &["CompanyID", "ItemNo"], "-")
}

fn ids(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| row.id.to_string()).collect()
}

/// All rows, in pages as the engine reads them.
async fn in_pages(shop: &Shop, limit: usize) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let after = rows.last().map(|row| row.id.clone());
        let page = shop.catalog.scan(after.as_ref(), limit).await.unwrap();
        let is_end = page.len() < limit;
        rows.extend(page);
        assert!(rows.len() < 100, "the scan runs in circles");
        if is_end {
            return rows;
        }
    }
}

#[tokio::test]
async fn an_id_is_the_parts_with_the_separator_between_them() {
    let shop = Shop::mapped(ITEMS, items()).captured().await;
    assert_eq!(ids(&shop.rows().await), ["3-A-1", "3-B", "12-A-1"]);
    for limit in 1..5 {
        assert_eq!(in_pages(&shop, limit).await, shop.rows().await);
    }
    let keys = ["12-A-1", "3-C", "3", "3-A-1", "x-A-1"].map(text);
    let lookups = shop.catalog.read(&keys).await.unwrap();
    let found: Vec<_> = lookups
        .iter()
        .map(|lookup| match lookup {
            Lookup::Found(row) => row.name.as_deref().unwrap(),
            Lookup::Gone => "gone",
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(found, ["Salt", "gone", "gone", "Soap", "gone"]);
    assert_eq!(shop.catalog.count().await.unwrap(), 3);
}

#[tokio::test]
async fn changes_have_the_ids_of_their_rows() {
    for separator in ["-", "/", "::", "'"] {
        let shop = Shop::mapped(ITEMS, keyed("Items", &["CompanyID", "ItemNo"], separator));
        assert_eq!(
            shop.catalog.capture().await.unwrap(),
            CaptureStatus::NotInstalled
        );
        let before = shop.schema();
        let shop = shop.captured().await;
        assert!(!shop.catalog.install().await.unwrap());
        assert_eq!(
            shop.catalog.capture().await.unwrap(),
            CaptureStatus::Installed
        );
        assert_eq!(shop.changes().await, [""; 0]);
        let id = |company: &str, item: &str| format!("{company}{separator}{item}");
        for (sql, expected) in [
            (
                "INSERT INTO Items VALUES (4, 'N', 'New', 1)",
                vec![format!("I {}", id("4", "N"))],
            ),
            (
                "UPDATE Items SET Price = 5 WHERE CompanyID = 12",
                vec![format!("U {}", id("12", "A-1"))],
            ),
            (
                "UPDATE Items SET ItemNo = 'M' WHERE CompanyID = 4",
                vec![format!("D {}", id("4", "N")), format!("I {}", id("4", "M"))],
            ),
            (
                "REPLACE INTO Items VALUES (4, 'M', 'New', 2)",
                vec![format!("I {}", id("4", "M"))],
            ),
            (
                "DELETE FROM Items WHERE CompanyID = 4",
                vec![format!("D {}", id("4", "M"))],
            ),
        ] {
            shop.run(sql);
            let changes = shop.pending().await;
            assert_eq!(shop.changes().await, expected, "{sql}");
            let keys: Vec<_> = changes
                .iter()
                .map(|change| change.identity.key.clone())
                .collect();
            // A key that is gone also has its birth.
            let of_them = shop.catalog.changes_of(&keys).await.unwrap();
            assert!(
                changes.iter().all(|change| of_them.contains(change)),
                "{of_them:?}"
            );
            let lookups = shop.catalog.read(&keys).await.unwrap();
            for (line, lookup) in expected.iter().zip(lookups) {
                assert_eq!(line.starts_with('D'), lookup == Lookup::Gone, "{line}");
            }
            let done: Vec<_> = changes.into_iter().map(|change| change.identity).collect();
            assert_eq!(
                shop.catalog.acknowledge(&done).await.unwrap(),
                done.len() as u64
            );
        }
        assert!(shop.catalog.remove().await.unwrap());
        assert_eq!(shop.schema(), before);
    }
}

#[tokio::test]
async fn the_plan_by_hand_is_the_same_as_installing() {
    let (by_hand, by_us) = (Shop::mapped(ITEMS, items()), Shop::mapped(ITEMS, items()));
    let plan = by_hand.catalog.plan().await.unwrap();
    assert!(
        plan.install.contains("ProductID TEXT COLLATE \"BINARY\""),
        "{}",
        plan.install
    );
    by_hand.run(&plan.install);
    assert!(by_us.catalog.install().await.unwrap());
    assert_eq!(by_hand.schema(), by_us.schema());
}

/// A row whose key makes no id is refused by name, met once, found by its change, and loses nobody.
#[tokio::test]
async fn a_key_that_makes_no_id_is_refused_by_name() {
    let shop = Shop::mapped(
        "CREATE TABLE Items (A, B, Title, Price, UNIQUE (A, B));
         INSERT INTO Items VALUES ('3', '4-x', 'Soap', 1)",
        keyed("Items", &["A", "B"], "-"),
    )
    .captured()
    .await;
    shop.run(
        "INSERT INTO Items VALUES
             ('3-4', 'x', 'a', 1), (-3, 'x', 'b', 1), (NULL, 'x', 'c', 1), ('k', NULL, 'd', 1), (NULL, NULL, 'e', 1),
             (1.5, 'x', 'f', 1), ('k', X'00FF', 'g', 1), ('it''s', 2.5, 'h', 1), (7, 'it''s', 'i', 1), ('7', '8', 'j', 1),
             ('', '', 'k', 1), ('(1', '2)', 'l', 1)",
    );
    let all = shop.rows().await;
    assert_eq!(all.len(), 13);
    let refused: Vec<_> = all
        .iter()
        .filter_map(|row| Some(format!("{}: {}", row.id, row.name.as_ref().err()?)))
        .collect();
    assert_eq!(
        refused,
        [
            "(NULL, NULL): the key's `A` is NULL, not TEXT or INTEGER: NULL",
            "(NULL, 'x'): the key's `A` is NULL, not TEXT or INTEGER: NULL",
            "(-3, 'x'): the key's `A` contains the separator `-`: `-3`",
            "(1.5, 'x'): the key's `A` is a REAL, not TEXT or INTEGER: 1.5",
            "('3-4', 'x'): the key's `A` contains the separator `-`: `3-4`",
            "('it''s', 2.5): the key's `B` is a REAL, not TEXT or INTEGER: 2.5",
            "('k', NULL): the key's `B` is NULL, not TEXT or INTEGER: NULL",
            "('k', X'00FF'): the key's `B` is a BLOB, not TEXT or INTEGER: X'00FF'",
        ]
    );
    for limit in 1..15 {
        assert_eq!(in_pages(&shop, limit).await, all, "{limit}");
    }
    // The trigger spells every key as its row does.
    let changes = shop.pending().await;
    assert_eq!(changes.len(), 12);
    let keys: Vec<_> = changes
        .iter()
        .map(|change| change.identity.key.clone())
        .collect();
    let mut spelled: Vec<_> = keys.iter().map(ToString::to_string).collect();
    let mut expected: Vec<_> = ids(&all).into_iter().filter(|id| id != "3-4-x").collect();
    spelled.sort();
    expected.sort();
    assert_eq!(spelled, expected);
    for (key, lookup) in keys.iter().zip(shop.catalog.read(&keys).await.unwrap()) {
        assert!(
            matches!(&lookup, Lookup::Found(row) if row.id == *key),
            "{key}: {lookup:?}"
        );
    }
    assert_eq!(shop.catalog.changes_of(&keys).await.unwrap(), changes);
}

#[tokio::test]
async fn two_rows_never_have_the_same_id_whatever_the_separator() {
    let shop = Shop::mapped(
        "CREATE TABLE Items (A TEXT NOT NULL, B TEXT NOT NULL, Title, Price, UNIQUE (A, B))",
        keyed("Items", &["A", "B"], "--"),
    )
    .captured()
    .await;
    shop.run("INSERT INTO Items VALUES ('3-', 'A', 'Soap', 1), ('3', '-A', 'Tea', 2)");
    let expected = ["3---A", "('3-', 'A')"];
    let mut rows = ids(&shop.rows().await);
    rows.sort_by_key(|id| id.starts_with('('));
    assert_eq!(rows, expected);
    let changes = shop.pending().await;
    let keys: Vec<_> = changes
        .iter()
        .map(|change| change.identity.key.to_string())
        .collect();
    assert_eq!(keys, ["('3-', 'A')", "3---A"]);
}

#[tokio::test]
async fn parts_that_ignore_case_find_their_rows() {
    let shop = Shop::mapped(
        "CREATE TABLE Items (
             A TEXT COLLATE NOCASE NOT NULL, B TEXT COLLATE NOCASE NOT NULL, Title, Price, PRIMARY KEY (A, B)
         );
         INSERT INTO Items VALUES ('x', 'abc', 'Soap', 1), ('X', 'B', 'Tea', 2)",
        keyed("Items", &["A", "B"], "-"),
    )
    .captured()
    .await;
    let lookups = shop.catalog.read(&[text("x-ABC")]).await.unwrap();
    assert!(matches!(&lookups[..], [Lookup::Found(row)] if row.id == text("x-abc")));
    shop.run("REPLACE INTO Items VALUES ('X', 'ABC', 'Salt', 1)");
    assert_eq!(shop.changes().await, ["D x-abc", "I X-ABC"]);
    shop.run("UPDATE OR REPLACE Items SET B = 'aBC' WHERE B = 'b'");
    assert_eq!(
        shop.changes().await,
        ["D x-abc", "D X-ABC", "D X-B", "I X-aBC"]
    );
    assert_eq!(
        shop.catalog.changes_of(&[text("x-b")]).await.unwrap().len(),
        1
    );
    for limit in 1..4 {
        assert_eq!(ids(&in_pages(&shop, limit).await), ["X-aBC"]);
    }
}

#[tokio::test]
async fn a_key_has_to_be_unique_together() {
    for (key, reason) in [
        (
            "A TEXT, B TEXT, C TEXT",
            "no primary key or unique index consists of exactly these columns",
        ),
        (
            "A TEXT, B TEXT, C TEXT, UNIQUE (A, B, C)",
            "consists of exactly these columns",
        ),
        (
            "A TEXT PRIMARY KEY, B TEXT, C TEXT",
            "consists of exactly these columns",
        ),
        (
            "A TEXT, B TEXT, C TEXT, PRIMARY KEY (A, B, C)",
            "the primary key consists of `A`, `B`, `C` together: set all of them with `--column-id 'A,B,C'`",
        ),
        (
            "A TEXT COLLATE NOCASE, B TEXT, C TEXT, UNIQUE (A COLLATE BINARY, B)",
            "does not use its collation `NOCASE, BINARY`",
        ),
    ] {
        let shop = Shop::mapped(
            &format!("CREATE TABLE Items (Title, Price, {key})"),
            keyed("Items", &["A", "B"], "-"),
        );
        let error = shop.catalog.install().await.unwrap_err();
        assert!(
            matches!(&error, CatalogError::UnfitKey { column, .. } if column == "A, B"),
            "{error}"
        );
        assert!(error.to_string().contains(reason), "{key}: {error}");
    }
    for key in [
        "A TEXT NOT NULL, B INT NOT NULL, PRIMARY KEY (A, B))",
        "A TEXT NOT NULL, B INT NOT NULL, UNIQUE (B, A))",
        "A TEXT, B INT, PRIMARY KEY (B, A)) WITHOUT ROWID",
    ] {
        let shop = Shop::mapped(
            &format!(
                "CREATE TABLE Items (Title, Price, {key}; INSERT INTO Items VALUES ('x', 1, 'a', 2), ('x', 1, 'b', 1)"
            ),
            keyed("Items", &["A", "B"], "-"),
        );
        let checks = shop.catalog.inspect().await.unwrap();
        let check = checks
            .iter()
            .find(|check| check.name == "catalog.key")
            .unwrap();
        assert_eq!(
            (check.verdict, check.text.as_str()),
            (
                Verdict::Ok,
                "`A`, `B` are never NULL and are unique together, compared as BINARY, BINARY"
            )
        );
        let shop = shop.captured().await;
        assert_eq!(ids(&in_pages(&shop, 1).await), ["a-2", "b-1"]);
    }
}

#[tokio::test]
async fn the_columns_of_a_key_are_checked_each() {
    let shop = Shop::mapped(ITEMS, keyed("Items", &["CompanyID", "Missing"], "-"));
    let error = shop.catalog.install().await.unwrap_err();
    assert!(
        matches!(&error, CatalogError::NoColumn { column, .. } if column == "Missing"),
        "{error}"
    );
    let error = shop.catalog.scan(None, 1).await.unwrap_err();
    assert!(
        matches!(&error, CatalogError::NoColumn { column, .. } if column == "Missing"),
        "{error}"
    );
    for (a, b, verdict, said) in [
        (
            "INT",
            "TEXT",
            Verdict::Ok,
            "the key's types are `INT`, `TEXT`",
        ),
        (
            "INT",
            "",
            Verdict::Warning,
            "the key's types are `INT`, no declared type: products whose key",
        ),
        (
            "TEXT",
            "CHAR(4)",
            Verdict::Warning,
            "sent as part of them: `b   `",
        ),
    ] {
        let shop = Shop::mapped(
            &format!(
                "CREATE TABLE Items (A {a} NOT NULL, B {b} NOT NULL, Title, Price, PRIMARY KEY (A, B)); INSERT INTO Items VALUES (1, 'b   ', 1, 1)"
            ),
            keyed("Items", &["A", "B"], "-"),
        );
        let checks = shop.catalog.inspect().await.unwrap();
        let check = checks
            .iter()
            .find(|check| check.name == "catalog.key_type")
            .unwrap();
        assert_eq!(check.verdict, verdict, "{check:?}");
        assert!(check.text.contains(said), "{}", check.text);
    }
}

#[tokio::test]
async fn a_view_may_have_a_key_of_several_columns() {
    let shop = Shop::mapped(
        "CREATE TABLE Goods (Item TEXT PRIMARY KEY, Title TEXT, Cents INT, Gone INT);
         CREATE TABLE Shops (Shop INTEGER PRIMARY KEY, Plus INT);
         INSERT INTO Goods VALUES ('a', 'Soap', 100, 0), ('b', 'Tea', -9223372036854775807 - 1, 0), ('c', 'Salt', 300, 1);
         INSERT INTO Shops VALUES (1, 0), (2, 10), (10, 20);
         CREATE VIEW Served AS SELECT s.Shop, g.Item, g.Title, abs(g.Cents) + s.Plus AS Price, g.Gone FROM Goods g, Shops s",
        Mapping {
            only: vec![Condition {
                column: "Gone".to_owned(),
                test: Test::Is(vec![Scalar::Integer(0)]),
            }],
            watches: vec![
                Watch { table: "Goods".into(), key: "Item".into(), column: "Item".into() },
                Watch { table: "Shops".into(), key: "Shop".into(), column: "Shop".into() },
            ],
            ..keyed("Served", &["Shop", "Item"], "/")
        },
    )
    .captured()
    .await;
    let expected = ["1/a", "1/b", "2/a", "2/b", "10/a", "10/b"];
    for limit in 1..8 {
        let rows = in_pages(&shop, limit).await;
        assert_eq!(ids(&rows), expected);
        assert!(
            rows.iter()
                .all(|row| row.name.is_err() == row.id.to_string().ends_with('b'))
        );
    }
    let lookups = shop
        .catalog
        .read(&["1/c", "2/b", "3/a"].map(text))
        .await
        .unwrap();
    assert!(matches!(
        &lookups[..],
        [Lookup::LeftOut(_), Lookup::Found(_), Lookup::Gone]
    ));
    shop.run(
        "UPDATE Shops SET Plus = 11 WHERE Shop = 2; UPDATE Goods SET Title = 'x' WHERE Item = 'a'",
    );
    for limit in [1, 2, 100] {
        let (mut met, mut after) = (Vec::new(), None);
        loop {
            let page = shop.catalog.pending(after.as_ref(), limit).await.unwrap();
            met.extend(page.iter().map(|change| change.identity.key.to_string()));
            after = page.last().map(|change| change.identity.clone());
            if page.len() < limit {
                break;
            }
        }
        // The empty ones stand for rows that only a comparison finds.
        assert_eq!(met, ["", "2/a", "2/b", "2/c", "", "1/a", "2/a", "10/a"]);
    }
    assert_eq!(
        shop.catalog.changes_of(&[text("2/a")]).await.unwrap().len(),
        2
    );
}

/// No text may walk the table, sort it, or compare in another collation than the index.
#[tokio::test]
async fn keys_are_sought_in_an_index() {
    for (a, b) in [
        ("INTEGER", "TEXT"),
        ("TEXT COLLATE NOCASE", "DECIMAL(18)"),
        ("", ""),
    ] {
        let shop = Shop::mapped(
            &format!("CREATE TABLE Items (A {a} NOT NULL, B {b} NOT NULL, Title, Price, PRIMARY KEY (A, B))"),
            keyed("Items", &["A", "B"], "-"),
        )
        .captured()
        .await;
        let statements = &shop.catalog.database.statements;
        for sql in [&statements.lookup, &statements.rows.behind] {
            let plan = super::keys::query_plan(&shop, sql);
            assert!(plan.starts_with("SEARCH p USING"), "{a}, {b}: {plan}");
            assert!(!plan.contains("B-TREE"), "{a}, {b}: {plan}");
        }
        let plan = super::keys::query_plan(&shop, &statements.lookup);
        assert!(plan.contains("(A=? AND B=?)"), "{a}, {b}: {plan}");
        let plan = super::keys::query_plan(&shop, &statements.rows.start);
        assert!(!plan.contains("B-TREE"), "{a}, {b}: {plan}");
    }
}

/// However long the ChangeLog is, a sale pays the same.
#[tokio::test]
async fn a_change_costs_the_same_whatever_the_length_of_the_change_log() {
    let shop = Shop::mapped(ITEMS, items()).captured().await;
    let fill = |from: u32, to: u32| {
        shop.run(&format!(
            "WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {to})
             INSERT INTO Items SELECT i, 'P', 'Soap', 1 FROM n"
        ));
    };
    let cost = || {
        let sql = "UPDATE Items SET Price = 2 WHERE CompanyID = 103 AND ItemNo = 'P'";
        let mut statement = shop.till.prepare(sql).unwrap();
        statement.execute([]).unwrap();
        statement.get_status(rusqlite::StatementStatus::VmStep)
    };
    fill(101, 120);
    cost();
    let before = cost();
    fill(121, 3_000);
    assert!(cost() <= before + before / 2);
}
