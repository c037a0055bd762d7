//! Keys of every kind, and names of every kind.

use shopmaster_catalog::{Catalog as _, Lookup};
use shopmaster_product::{ProductId, Row};

use super::{PRODUCTS, Shop, text};

#[tokio::test]
async fn a_change_finds_its_row_whatever_its_case() {
    let shop = Shop::new(
        "CREATE TABLE Products (
             ProductID TEXT COLLATE NOCASE NOT NULL PRIMARY KEY, ProductName TEXT, SellPrice INTEGER
         );
         INSERT INTO Products VALUES ('ABC', 'Soap', 1), ('b', 'Tea', 2), ('C', 'Salt', 3)",
    )
    .captured()
    .await;
    shop.run("INSERT INTO shopmaster_ChangeLog VALUES (7, 'UPDATE', 'abc', 1767323045678, 0)");
    let changes = shop.pending().await;
    assert_eq!(
        changes[0].changed_at.to_string(),
        "2026-01-02T03:04:05.678Z"
    );
    let keys = [changes[0].identity.key.clone()];
    let Lookup::Found(row) = &shop.catalog.read(&keys).await.unwrap()[0] else {
        panic!("not found");
    };
    assert_eq!(row.id, text("ABC"));
    assert_eq!(
        shop.catalog.changes_of(&[text("aBc")]).await.unwrap(),
        changes
    );
    assert_eq!(shop.catalog.backlog().await.unwrap().products, 1);

    let behind = shop.catalog.scan(Some(&text("B")), 10).await.unwrap();
    assert_eq!(
        behind.iter().map(|row| row.id.clone()).collect::<Vec<_>>(),
        [text("C")]
    );

    let mut other = changes[0].identity.clone();
    other.key = text("ABC");
    assert_eq!(shop.catalog.acknowledge(&[other]).await.unwrap(), 0);
    assert_eq!(
        shop.catalog
            .acknowledge(&[changes[0].identity.clone()])
            .await
            .unwrap(),
        1
    );
}

#[tokio::test]
async fn an_integer_key_is_an_integer() {
    let shop = Shop::new(
        "CREATE TABLE Products (ProductID INTEGER PRIMARY KEY, ProductName TEXT, SellPrice INTEGER);
         INSERT INTO Products VALUES (-5, 'a', 1), (9007199254740993, 'b', 2)",
    )
    .captured()
    .await;
    let ids = shop
        .rows()
        .await
        .into_iter()
        .map(|row| row.id)
        .collect::<Vec<_>>();
    assert_eq!(
        ids,
        [
            ProductId::Integer(-5),
            ProductId::Integer(9_007_199_254_740_993)
        ]
    );
    shop.run("UPDATE Products SET SellPrice = 3");
    let changes = shop.pending().await;
    assert_eq!(changes[1].identity.key, ids[1]);
    assert_eq!(shop.catalog.changes_of(&ids).await.unwrap(), changes);
    assert_eq!(
        shop.catalog.changes_of(&[text("-5")]).await.unwrap(),
        changes[..1]
    );
    let answers = shop.catalog.read(&[text("abc"), text("-5")]).await.unwrap();
    assert_eq!(answers[0], Lookup::Gone);
    assert!(matches!(&answers[1], Lookup::Found(row) if row.id == ids[0]));
}

/// Every kind of value as a key: none is lost, none stops the others.
#[tokio::test]
async fn odd_keys_are_parked_and_lose_nobody() {
    let shop = Shop::new(
        "CREATE TABLE Products (ProductID BLOB NOT NULL UNIQUE, ProductName, SellPrice);
         INSERT INTO Products VALUES
             (1.5, 'a', 1), (2, 'b', 1), (9e999, 'c', 1), ('2.5', 'd', 1), ('NULL', 'e', 1),
             ('X''01''', 'f', 1), (X'00', 'g', 1), (CAST(X'61FF' AS TEXT), 'h', 1), ('é\"', 'i', 1),
             (CAST(X'610062' AS TEXT), 'j', 1)",
    )
    .captured()
    .await;
    let all = shop.rows().await;
    assert_eq!(all.len(), 10);
    let parked = all
        .iter()
        .filter(|row| row.name.is_err())
        .map(|row| row.id.to_string());
    assert_eq!(
        parked.collect::<Vec<_>>(),
        ["1.5", "9e999", "CAST(X'61FF' AS TEXT)", "X'00'"]
    );

    for limit in [1, 2, 3, 10] {
        assert_eq!(in_pages(&shop, limit).await, all, "{limit}");
    }

    shop.run("UPDATE Products SET SellPrice = 2");
    let changes = shop.pending().await;
    let keys = changes
        .iter()
        .map(|change| change.identity.key.clone())
        .collect::<Vec<_>>();
    assert_eq!(shop.catalog.changes_of(&keys).await.unwrap(), changes);
    let answers = shop.catalog.read(&keys).await.unwrap();
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Lookup::Found(_)))
    );
    let identities = changes
        .iter()
        .map(|change| change.identity.clone())
        .collect::<Vec<_>>();
    assert_eq!(shop.catalog.acknowledge(&identities).await.unwrap(), 10);
    assert_eq!(shop.changes().await, [""; 0]);
}

/// A text that is spelled like another row's odd key: the scan ends, whatever it makes of the two.
#[tokio::test]
async fn keys_that_look_alike_do_not_catch_a_scan() {
    let shop = Shop::new(
        "CREATE TABLE Products (ProductID BLOB NOT NULL UNIQUE, ProductName, SellPrice);
         INSERT INTO Products VALUES (1.5, 'a', 1), ('1.5', 'b', 1), ('X''00''', 'c', 1), (X'00', 'd', 1)",
    );
    for limit in 1..4 {
        assert!(in_pages(&shop, limit).await.len() <= 4);
    }
}

/// Every row, by following the pages.
async fn in_pages(shop: &Shop, limit: usize) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let after = rows.last().map(|row| row.id.clone());
        let page = shop.catalog.scan(after.as_ref(), limit).await.unwrap();
        if page.is_empty() {
            return rows;
        }
        rows.extend(page);
        assert!(rows.len() <= 10, "a row was met twice: {rows:?}");
    }
}

#[tokio::test]
async fn null_keys_do_not_stop_a_scan() {
    let shop = Shop::new(
        "CREATE TABLE Products (ProductID TEXT PRIMARY KEY, ProductName, SellPrice);
         INSERT INTO Products VALUES (NULL, 'a', 1), ('A', 'b', 1), ('Z', 'c', 1)",
    );
    let first = shop.catalog.scan(None, 1).await.unwrap();
    assert_eq!(first[0].id, text("NULL"));
    assert!(first[0].name.is_err());
    let rest = shop.catalog.scan(Some(&first[0].id), 10).await.unwrap();
    assert_eq!(
        rest.iter().map(|row| row.id.clone()).collect::<Vec<_>>(),
        [text("A"), text("Z")]
    );
}

#[tokio::test]
async fn odd_names_of_tables_and_columns_work() {
    for [table, id, name, price] in [
        ["my products", "product id", "the name", "the.price"],
        ["a\"b", "i\"d", "n]m", "p[r"],
        ["select", "from", "where", "order"],
        ["Artikel.Größe", "Schlüssel", "名前", "цена"],
        ["{id}", "{table}", "{name}", "'price'"],
        ["t; DROP TABLE x; --", "1", "?1", ":a"],
    ] {
        let quoted =
            [table, id, name, price].map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
        let [t, i, n, p] = &quoted;
        let shop = Shop::named(
            &format!(
                "CREATE TABLE {t} ({i} TEXT NOT NULL PRIMARY KEY, {n} TEXT, {p} NUMERIC(9,2));
                      INSERT INTO {t} VALUES ('P1', 'Soap', 1.5)"
            ),
            table,
            [id, name, price],
        );
        let schema = shop.schema();
        let shop = shop.captured().await;
        shop.run(&format!(
            "INSERT INTO {t} VALUES ('P2', 'Tea', 2); UPDATE {t} SET {i} = 'P3' WHERE {i} = 'P1'"
        ));
        assert_eq!(shop.changes().await, ["I P2", "D P1", "I P3"], "{table}");
        let rows = shop.rows().await;
        assert_eq!(rows[1].name.as_deref(), Ok("Soap"));
        assert_eq!(rows[1].price.as_ref().unwrap().to_string(), "1.50");
        assert!(!shop.catalog.install().await.unwrap());
        assert!(shop.catalog.remove().await.unwrap());
        assert_eq!(shop.schema(), schema);
    }
}

#[tokio::test]
async fn names_are_found_whatever_their_case() {
    let shop = Shop::named(
        PRODUCTS,
        "PRODUCTS",
        ["productid", "PRODUCTNAME", "sellprice"],
    );
    let shop = shop.captured().await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)");
    assert_eq!(shop.changes().await, ["I P1"]);
    assert_eq!(
        shop.rows().await[0].price.as_ref().unwrap().to_string(),
        "1.00"
    );
}

#[tokio::test]
async fn two_hundred_thousand_rows_are_scanned_in_pages() {
    let shop = Shop::usual();
    shop.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
         INSERT INTO Products SELECT printf('P%06d', i), 'Soap ' || i, i * 0.01 FROM n",
    );
    let (mut met, mut after) = (0, None);
    loop {
        let page = shop.catalog.scan(after.as_ref(), 5_000).await.unwrap();
        let Some(last) = page.last() else { break };
        met += page.len();
        assert!(after.as_ref().is_none_or(|after| *after < page[0].id));
        after = Some(last.id.clone());
    }
    assert_eq!(met, 200_000);
    assert_eq!(after, Some(text("P200000")));
    assert_eq!(shop.catalog.count().await.unwrap(), 200_000);
}

/// No text may walk the table, sort it, or compare in another collation than the index.
#[test]
fn keys_are_sought_in_an_index() {
    for key in [
        "INTEGER PRIMARY KEY",
        "INT NOT NULL UNIQUE",
        "VARCHAR(25) NOT NULL PRIMARY KEY",
        "TEXT COLLATE NOCASE NOT NULL UNIQUE",
        "DECIMAL(18) NOT NULL PRIMARY KEY",
    ] {
        let shop = Shop::new(&format!(
            "CREATE TABLE Products (ProductID {key}, ProductName, SellPrice)"
        ));
        let statements = &shop.catalog.database.statements;
        for sql in [&statements.lookup, &statements.rows.behind] {
            let plan = query_plan(&shop, sql);
            assert!(plan.starts_with("SEARCH p USING"), "{key}: {plan}");
            assert!(!plan.contains("B-TREE"), "{key}: {plan}");
        }
        for sql in [&statements.rows.start, &statements.rows.behind_null] {
            let plan = query_plan(&shop, sql);
            assert!(!plan.contains("B-TREE"), "{key}: {plan}");
        }
    }
}

#[tokio::test]
async fn the_change_log_is_searched() {
    for key in [
        "INTEGER PRIMARY KEY",
        "VARCHAR(25) NOT NULL PRIMARY KEY",
        "TEXT COLLATE NOCASE NOT NULL UNIQUE",
        "DECIMAL(18) NOT NULL PRIMARY KEY",
        "NOT NULL UNIQUE",
    ] {
        let shop = Shop::new(&format!(
            "CREATE TABLE Products (ProductID {key}, ProductName, SellPrice)"
        ))
        .captured()
        .await;
        for sql in [
            include_str!("../sql/changes_of.sql"),
            include_str!("../sql/changes_of_one.sql"),
            include_str!("../sql/pending.sql"),
            include_str!("../sql/newest_change.sql"),
            include_str!("../sql/trim.sql"),
        ] {
            let plan = query_plan(&shop, sql);
            assert!(plan.contains("SEARCH"), "{key}: {plan}");
            assert!(!plan.contains("SCAN c"), "{key}: {plan}");
        }
    }
}

/// How SQLite goes about it, the steps on one line.
pub(super) fn query_plan(shop: &Shop, sql: &str) -> String {
    let mut statement = shop
        .till
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let places = vec!["1"; statement.parameter_count()];
    let steps = statement
        .query_map(rusqlite::params_from_iter(places), |row| row.get(3))
        .unwrap();
    steps
        .collect::<Result<Vec<String>, _>>()
        .unwrap()
        .join("; ")
}
