//! A key of several columns.

use shopmaster_catalog::{
    CaptureStatus, Catalog, CatalogError, Check, KeyColumns, Lookup, Verdict, Watch,
};
use shopmaster_product::{ProductId, Row};

use super::{
    changes, objects,
    plan::batches,
    shop::{Shop, row_texts},
};
use crate::SqlServerCatalog;

const ITEMS: &str = "CREATE TABLE Items (CompanyID int NOT NULL, ItemNo nvarchar(20) NOT NULL, Description nvarchar(50),
    UnitPrice decimal(18,2), CONSTRAINT pk PRIMARY KEY (CompanyID, ItemNo))";
const ROWS: &str = "INSERT INTO Items VALUES (3, N'A', N'nail', 1), (3, N'B-1', N'bolt', 2), (10, N'A', N'screw', 3),
    (20, N'a', N'nut', 4)";

async fn items() -> Shop {
    Shop::named(
        &[ITEMS, ROWS],
        "Items",
        ["CompanyID", "Description", "UnitPrice"],
    )
    .await
}

fn keyed(shop: &Shop, more: &[&str], separator: &str) -> SqlServerCatalog {
    let more = more.iter().map(|name| (*name).to_owned()).collect();
    shop.mapped(|mapping| {
        mapping.columns.id = KeyColumns::several(mapping.columns.id.first(), more, separator);
    })
}

fn id(id: &str) -> ProductId {
    ProductId::Text(id.to_owned())
}

async fn walked(catalog: &SqlServerCatalog, limit: usize) -> Vec<String> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let after = rows.last().map(|row| row.id.clone());
        let page = catalog.scan(after.as_ref(), limit).await.unwrap();
        let is_end = page.len() < limit;
        rows.extend(page);
        if is_end {
            let shown = rows.iter().map(row_texts);
            return shown.map(|[id, name, _]| format!("{id}: {name}")).collect();
        }
    }
}

async fn looked_up(catalog: &SqlServerCatalog, ids: &[&str]) -> Vec<String> {
    let ids: Vec<_> = ids.iter().map(|text| id(text)).collect();
    let lookups = catalog.read(&ids).await.unwrap();
    let told = lookups.iter().map(|lookup| match lookup {
        Lookup::Found(row) => row_texts(row)[..2].join(": "),
        other => format!("{other:?}"),
    });
    told.collect()
}

async fn check(catalog: &SqlServerCatalog, name: &str) -> Check {
    let checks = catalog.inspect().await.unwrap();
    checks.into_iter().find(|check| check.name == name).unwrap()
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn rows_are_walked_and_found_by_all_columns() {
    let shop = items().await;
    let catalog = keyed(&shop, &["ItemNo"], "-");
    let expected = ["3-A: nail", "3-B-1: bolt", "10-A: screw", "20-a: nut"];
    for limit in [1, 2, 3, 10] {
        assert_eq!(walked(&catalog, limit).await, expected, "{limit}");
    }
    let asked = ["10-a", "3-B-1", "3-B", "3", "x-A", "03-A", "20-A"];
    let gone = "Gone";
    assert_eq!(
        looked_up(&catalog, &asked).await,
        [
            "10-A: screw",
            "3-B-1: bolt",
            gone,
            gone,
            gone,
            gone,
            "20-a: nut"
        ]
    );
    let past = catalog.scan_past_locks(Some(&id("3-A")), 2).await.unwrap();
    let ids: Vec<_> = past.iter().map(|one| one.id().to_string()).collect();
    assert_eq!(ids, ["3-B-1", "10-A"]);
    assert_eq!(catalog.count().await.unwrap(), 4);
    let other = keyed(&shop, &["ItemNo"], " / ");
    assert_eq!(walked(&other, 10).await[1], "3 / B-1: bolt");
    assert_ne!(other.identity(), catalog.identity());
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn changes_are_captured_as_ids() {
    let shop = items().await;
    let before = objects(&shop).await;
    let catalog = keyed(&shop, &["ItemNo"], "-");
    let plan = catalog.plan().await.unwrap();
    let mut window = shop.another_till().await;
    for batch in batches(&plan.install) {
        window.run(batch).await;
    }
    assert_eq!(catalog.capture().await.unwrap(), CaptureStatus::Installed);
    assert!(!catalog.install().await.unwrap());
    for (sql, expected) in [
        (
            "UPDATE Items SET UnitPrice = 5 WHERE CompanyID = 3",
            &["UPDATE 3-A", "UPDATE 3-B-1"][..],
        ),
        (
            "INSERT INTO Items VALUES (4, N'C', N'new', 1)",
            &["INSERT 4-C"],
        ),
        (
            "UPDATE Items SET ItemNo = N'D' WHERE CompanyID = 4",
            &["DELETE 4-C", "INSERT 4-D"],
        ),
        (
            "UPDATE Items SET CompanyID = 5 WHERE CompanyID = 4",
            &["DELETE 4-D", "INSERT 5-D"],
        ),
        (
            "UPDATE Items SET ItemNo = N'd' WHERE CompanyID = 5",
            &["DELETE 5-D", "INSERT 5-d"],
        ),
        (
            "UPDATE Items SET ItemNo = ItemNo WHERE CompanyID = 5",
            &["UPDATE 5-d"],
        ),
        ("DELETE FROM Items WHERE CompanyID = 5", &["DELETE 5-d"]),
    ] {
        shop.run(sql).await;
        let mut found = changes(&shop).await;
        found.sort_unstable();
        assert_eq!(found, expected, "{sql}");
        let pending = catalog.pending(None, 10).await.unwrap();
        let keys: Vec<_> = pending.iter().map(|it| it.identity.key.clone()).collect();
        assert_eq!(catalog.changes_of(&keys).await.unwrap(), pending);
        let identities: Vec<_> = pending.into_iter().map(|it| it.identity).collect();
        let deleted = catalog.acknowledge(&identities).await.unwrap();
        assert_eq!(deleted, expected.len() as u64);
    }
    for batch in batches(&plan.remove) {
        window.run(batch).await;
    }
    assert_eq!(objects(&shop).await, before);
}

/// Another key is another id: what waits by the old one is no id of the new one.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn capture_of_one_column_gives_way_to_several_and_back() {
    let shop = items().await;
    shop.run("ALTER TABLE Items ADD CONSTRAINT u UNIQUE (ItemNo, UnitPrice)")
        .await;
    shop.run("CREATE TABLE One (CompanyID int NOT NULL PRIMARY KEY, ItemNo nvarchar(20) NOT NULL, Description nvarchar(9), UnitPrice int)")
        .await;
    let one = shop.over("One");
    assert!(one.install().await.unwrap());
    shop.run("INSERT INTO One VALUES (1, N'A', N'x', 1)").await;
    let two = shop.mapped(|mapping| {
        mapping.table = "One".to_owned();
        mapping.columns.id = KeyColumns::several("CompanyID", vec!["ItemNo".to_owned()], "-");
    });
    assert!(matches!(
        two.capture().await.unwrap(),
        CaptureStatus::Drifted(_)
    ));
    assert!(two.install().await.unwrap());
    assert_eq!(changes(&shop).await, Vec::<String>::new());
    shop.run("UPDATE One SET UnitPrice = 2").await;
    assert_eq!(changes(&shop).await, ["UPDATE 1-A"]);
    assert!(one.install().await.unwrap());
    assert_eq!(changes(&shop).await, Vec::<String>::new());
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_row_whose_key_makes_no_id_is_a_product_with_a_problem() {
    let shop = Shop::named(
        &[
            "CREATE TABLE Stock (Branch varchar(9) NULL, ItemNo int NULL, N nvarchar(9), Price int)",
            "INSERT INTO Stock VALUES ('a', 1, N'one', 1), ('a-1', 2, N'odd', 1), (NULL, 3, N'none', 1), ('b', NULL, N'nil', 1),
                ('c', 4, N'four', 1), ('C', 4, N'five', 1)",
            "CREATE VIEW V AS SELECT Branch, ItemNo, N, Price FROM Stock",
        ],
        "V",
        ["Branch", "N", "Price"],
    )
    .await;
    let catalog = keyed(&shop, &["ItemNo"], "-");
    let expected = [
        "(NULL, '3'): the key's column `Branch` is NULL",
        "a-1: one",
        "('a-1', '2'): the key's column `Branch` contains the separator `-`: `a-1`",
        "('b', NULL): the key's column `ItemNo` is NULL",
        "C-4: several rows of the view have this key",
    ];
    // Engines exist that keep names in lower case.
    let lower = |rows: Vec<String>| {
        rows.iter()
            .map(|row| row.to_lowercase())
            .collect::<Vec<_>>()
    };
    for limit in [1, 2, 3, 10] {
        let rows = lower(walked(&catalog, limit).await);
        assert_eq!(rows, lower(expected.map(str::to_owned).to_vec()), "{limit}");
    }
    let odd = [
        "(NULL, '3')",
        "('a-1', '2')",
        "('b', NULL)",
        "c-4",
        "('c', NULL)",
    ];
    let found = looked_up(&catalog, &odd).await;
    for (found, id) in found.iter().zip(odd).take(3) {
        assert!(
            found.starts_with(&format!("{id}: the key's column")),
            "{found}"
        );
    }
    assert_eq!(found[3..], [expected[4], "Gone"]);
    let found = check(&catalog, "catalog.key").await;
    assert_eq!(found.verdict, Verdict::Warning, "{found:?}");
    for words in [
        "2 of its rows have NULL",
        "1 of its rows have a key",
        "the separator `-` is not clear in the keys of 1 row",
    ] {
        assert!(found.text.contains(words), "{words}: {found:?}");
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn columns_that_are_not_unique_together_are_refused() {
    let shop = items().await;
    shop.run("CREATE TABLE Loose (CompanyID int NOT NULL, ItemNo nvarchar(20), Description nvarchar(50), UnitPrice money, U int NOT NULL UNIQUE, F float)")
        .await;
    shop.run("CREATE UNIQUE INDEX two_of ON Loose (CompanyID, ItemNo)")
        .await;
    let over = |table: &str, more: &str| {
        shop.mapped(|mapping| {
            mapping.table = table.to_owned();
            mapping.columns.id = KeyColumns::several("CompanyID", vec![more.to_owned()], "-");
        })
    };
    for (table, more, words) in [
        (
            "Items",
            "UnitPrice",
            "`unitprice`: it has digits after the decimal point",
        ),
        (
            "Items",
            "Description",
            "no primary key or unique index of their own",
        ),
        ("Loose", "ItemNo", "`itemno`: it may be null"),
        ("Loose", "F", "`f`: its type is float"),
    ] {
        let catalog = over(table, more);
        for error in [
            catalog.scan(None, 1).await.unwrap_err(),
            catalog.plan().await.unwrap_err(),
        ] {
            let is_named = matches!(&error, CatalogError::UnfitKey { reason, .. } if reason.to_lowercase().contains(words));
            assert!(is_named, "{error}");
        }
    }
    let error = over("Items", "Missing").scan(None, 1).await.unwrap_err();
    assert!(
        matches!(&error, CatalogError::NoColumn { column, .. } if column == "Missing"),
        "{error}"
    );
    // A part that is unique on its own makes the whole unique.
    assert!(over("Loose", "U").scan(None, 1).await.is_ok());
    let error = shop.catalog().scan(None, 1).await.unwrap_err().to_string();
    assert!(
        error
            .to_lowercase()
            .contains("`--column-id 'companyid,itemno'` sets all of them"),
        "{error}"
    );
    let found = check(&over("Items", "ItemNo"), "catalog.key").await;
    assert_eq!(found.verdict, Verdict::Ok, "{found:?}");
    let found = check(&over("Items", "ItemNo"), "catalog.key_type").await;
    assert!(found.text.contains("int and nvarchar(20)"), "{found:?}");
}

/// A view whose key has several columns, of which one is watched.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_watched_table_finds_rows_by_a_part_of_their_key() {
    let shop = items().await;
    for batch in [
        "CREATE TABLE Prices (ItemNo nvarchar(20) NOT NULL PRIMARY KEY, Price int)",
        "INSERT INTO Prices VALUES (N'A', 1), (N'B-1', 2)",
        "CREATE VIEW V AS SELECT i.CompanyID, i.ItemNo, i.Description, p.Price AS UnitPrice
         FROM Items i JOIN Prices p ON p.ItemNo = i.ItemNo",
    ] {
        shop.run(batch).await;
    }
    let catalog = shop.mapped(|mapping| {
        mapping.table = "V".to_owned();
        mapping.columns.id = KeyColumns::several("CompanyID", vec!["ItemNo".to_owned()], "-");
        mapping.watches = vec![Watch {
            table: "Prices".to_owned(),
            key: "ItemNo".to_owned(),
            column: "ItemNo".to_owned(),
        }];
    });
    catalog.install().await.unwrap();
    shop.run("UPDATE Prices SET Price = 9 WHERE ItemNo = N'A'")
        .await;
    let found = catalog.pending(None, 10).await.unwrap();
    let keys: Vec<_> = found.iter().map(|it| it.identity.key.to_string()).collect();
    assert_eq!(keys, ["", "3-A", "10-A", "20-a"]);
    let of = catalog
        .changes_of(&[id("20-a"), id("3-B-1")])
        .await
        .unwrap();
    assert_eq!(of.len(), 1);
    let identities: Vec<_> = found.into_iter().map(|it| it.identity).collect();
    assert_eq!(catalog.acknowledge(&identities).await.unwrap(), 4);
    assert_eq!(catalog.pending(None, 10).await.unwrap(), []);
}
