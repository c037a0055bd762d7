//! Rows that are not sold.

use shopmaster_catalog::{
    CaptureStatus, Catalog, CatalogError, Check, Condition, Lookup, Scalar, Test, Verdict,
};
use shopmaster_product::ProductId;

use super::{changes, shop::Shop};
use crate::SqlServerCatalog;

/// Goods that are switched off by a flag.
const GOODS: &str = "CREATE TABLE P (ID INT NOT NULL PRIMARY KEY, N NVARCHAR(50), Price MONEY, Gone BIT NOT NULL DEFAULT 0)";
const ROWS: &str = "INSERT INTO P VALUES (1, N'a', 1, 0), (2, N'b', 2, 0), (3, N'c', 3, 1)";

async fn goods() -> Shop {
    Shop::named(&[GOODS, ROWS], "P", ["ID", "N", "Price"]).await
}

fn only(column: &str, test: Test) -> Condition {
    Condition {
        column: column.to_owned(),
        test,
    }
}

fn is(value: i64) -> Test {
    Test::Is(vec![Scalar::Integer(value)])
}

fn text(value: &str) -> Scalar {
    Scalar::Text(value.to_owned())
}

fn with(shop: &Shop, condition: Condition) -> SqlServerCatalog {
    shop.mapped(|mapping| mapping.only.push(condition))
}

async fn ids(catalog: &SqlServerCatalog, limit: usize) -> Vec<String> {
    let mut ids: Vec<ProductId> = Vec::new();
    loop {
        let page = catalog.scan(ids.last(), limit).await.unwrap();
        if page.is_empty() {
            return ids.iter().map(ToString::to_string).collect();
        }
        ids.extend(page.into_iter().map(|row| row.id));
    }
}

async fn check(catalog: &SqlServerCatalog) -> Option<Check> {
    let checks = catalog.inspect().await.unwrap();
    checks
        .into_iter()
        .find(|check| check.name == "catalog.only")
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_row_that_does_not_meet_a_condition_is_left_out() {
    let shop = goods().await;
    let sold = with(&shop, only("gone", is(0)));
    assert!(sold.leaves_rows_out() && !shop.catalog().leaves_rows_out());
    for limit in [1, 2, 10] {
        assert_eq!(ids(&sold, limit).await, ["1", "2"]);
    }
    assert_eq!(ids(shop.catalog(), 10).await, ["1", "2", "3"]);
    assert_eq!(sold.count().await.unwrap(), 2);
    assert_eq!(sold.kept_count().await.unwrap(), None);
    let asked = [3, 1, 9].map(ProductId::Integer);
    let read = sold.read(&asked).await.unwrap();
    assert_eq!(read[0], Lookup::LeftOut(ProductId::Integer(3)));
    assert!(matches!(&read[1], Lookup::Found(row) if row.id == asked[1]));
    assert_eq!(read[2], Lookup::Gone);
    assert_ne!(sold.identity(), shop.catalog().identity());
}

/// The key comes as the row spells it, also for a row that is not sold.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_row_that_is_left_out_has_its_own_spelling() {
    let shop = Shop::usual().await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1), ('p2', 'Tea', NULL)")
        .await;
    let sold = with(&shop, only("SellPrice", Test::NotNull));
    let asked = ["p1", "P2"].map(|id| ProductId::Text(id.to_owned()));
    let read = sold.read(&asked).await.unwrap();
    assert!(matches!(&read[0], Lookup::Found(row) if row.id.to_string() == "P1"));
    assert_eq!(read[1], Lookup::LeftOut(ProductId::Text("p2".to_owned())));
}

/// The trigger writes down every key; what it is about is found when it is read.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn capture_stays_as_it_is() {
    let shop = goods().await;
    let sold = with(&shop, only("Gone", is(0)));
    let plan = shop.catalog().plan().await.unwrap();
    assert_eq!(sold.plan().await.unwrap(), plan);
    assert!(sold.install().await.unwrap());
    let captured = shop.catalog().capture().await.unwrap();
    assert_eq!(captured, CaptureStatus::Installed);
    shop.run("UPDATE P SET Gone = 1 - Gone WHERE ID > 1").await;
    let mut found = changes(&shop).await;
    found.sort_unstable();
    assert_eq!(found, ["UPDATE 2", "UPDATE 3"]);
    let read = sold.read(&[2, 3].map(ProductId::Integer)).await.unwrap();
    assert_eq!(read[0], Lookup::LeftOut(ProductId::Integer(2)));
    assert!(matches!(&read[1], Lookup::Found(_)));
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn columns_of_many_types_decide_what_is_sold() {
    let shop = Shop::named(
        &[
            "CREATE TABLE P (ID int NOT NULL PRIMARY KEY, N nvarchar(50), Price int, flag bit, tiny tinyint,
                big bigint, dec decimal(9,2), cash money, code varchar(5), name nvarchar(5), padded char(5),
                born datetime, long nvarchar(max), guid uniqueidentifier)",
            "INSERT INTO P VALUES
                (1, N'a', 1, 0, 1, 9000000000, 1.50, 2.5, 'A', N'Ä''', 'x', '20240101', N'l', '6F9619FF-8B86-D011-B42D-00C04FC964FF'),
                (2, N'b', 1, 1, 2, 2, -1, 0, 'B?', N'ä', 'y', NULL, NULL, NULL),
                (3, N'c', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        ],
        "P",
        ["ID", "N", "Price"],
    )
    .await;
    let is = |values: &[Scalar]| Test::Is(values.to_vec());
    let is_not = |values: &[Scalar]| Test::IsNot(values.to_vec());
    let number = Scalar::Integer;
    let guid = text("6f9619ff-8b86-d011-b42d-00c04fc964ff");
    for (column, test, expected) in [
        ("flag", is(&[Scalar::Flag(false)]), &["1"][..]),
        ("flag", is(&[text("1")]), &["2"]),
        ("flag", is_not(&[number(1)]), &["1", "3"]),
        ("tiny", is(&[number(1), number(2)]), &["1", "2"]),
        ("tiny", is_not(&[number(1), number(2)]), &["3"]),
        ("big", is(&[number(9_000_000_000)]), &["1"]),
        ("dec", is(&[text("1.5")]), &["1"]),
        ("dec", is(&[number(-1)]), &["2"]),
        ("cash", is(&[text("2.50")]), &["1"]),
        ("cash", is_not(&[number(0)]), &["1", "3"]),
        ("code", is(&[text("A")]), &["1"]),
        ("code", is(&[text("B\u{2603}")]), &[]),
        ("name", is(&[text("Ä'")]), &["1"]),
        ("padded", is(&[text("x")]), &["1"]),
        ("born", Test::NotNull, &["1"]),
        ("long", Test::IsNull, &["2", "3"]),
        ("guid", is(&[guid]), &["1"]),
        ("flag", is(&[]), &[]),
        ("flag", is_not(&[]), &["1", "2", "3"]),
    ] {
        let condition = only(column, test);
        let sold = with(&shop, condition.clone());
        assert_eq!(ids(&sold, 10).await, expected, "{condition}");
        assert_eq!(sold.count().await.unwrap(), expected.len() as u64);
        let all = [1, 2, 3].map(ProductId::Integer);
        for (id, lookup) in all.iter().zip(sold.read(&all).await.unwrap()) {
            let is_sold = expected.contains(&id.to_string().as_str());
            match lookup {
                Lookup::Found(row) => assert!(is_sold && row.id == *id, "{condition}: {id}"),
                Lookup::LeftOut(own) => assert!(!is_sold && own == *id, "{condition}: {id}"),
                other => panic!("{condition}: {other:?}"),
            }
        }
    }
    let both = shop.mapped(|mapping| {
        mapping.only = vec![
            only("flag", Test::NotNull),
            only("tiny", is_not(&[number(2)])),
        ];
    });
    assert_eq!(ids(&both, 10).await, ["1"]);
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn the_conditions_are_a_check_of_their_own() {
    let shop = goods().await;
    assert_eq!(check(shop.catalog()).await, None);
    let good = check(&with(&shop, only("Gone", is(0)))).await.unwrap();
    assert_eq!(good.verdict, Verdict::Ok, "{good:?}");
    assert!(
        good.text.ends_with("`Gone` is 0 are sold: 2 of 3"),
        "{good:?}"
    );
    let none = check(&with(&shop, only("N", Test::IsNull))).await.unwrap();
    assert_eq!(none.verdict, Verdict::Warning, "{none:?}");

    for (condition, words) in [
        (only("Missing", is(0)), "no such column"),
        (only("Gone", Test::Is(vec![text("no")])), "not a number"),
        (only("N", Test::Is(vec![Scalar::Flag(true)])), "not text"),
    ] {
        let catalog = with(&shop, condition);
        let failed = check(&catalog).await.unwrap();
        assert_eq!(
            (failed.verdict, failed.code),
            (Verdict::Failed, "CONDITION_UNFIT"),
            "{failed:?}"
        );
        assert!(failed.text.contains(words), "{failed:?}");
        for error in [
            catalog.scan(None, 10).await.unwrap_err(),
            catalog.read(&[ProductId::Integer(1)]).await.unwrap_err(),
            catalog.count().await.unwrap_err(),
            catalog.install().await.unwrap_err(),
        ] {
            let is_unfit = matches!(&error, CatalogError::UnfitCondition { reason, .. } if reason.contains(words));
            assert!(is_unfit, "{error}");
        }
    }
}

/// A column that goes while the catalog is at work is named as well.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_column_that_goes_is_named() {
    let shop = goods().await;
    shop.run("ALTER TABLE P ADD Sold int").await;
    let sold = with(&shop, only("Sold", Test::IsNull));
    assert_eq!(sold.count().await.unwrap(), 3);
    shop.run("ALTER TABLE P DROP COLUMN Sold").await;
    let error = sold.count().await.unwrap_err();
    assert_eq!(error.code(), "CONDITION_UNFIT", "{error}");
}
