//! What a database keeps from a login without saying so, and databases that are written elsewhere.

use shopmaster_catalog::{Catalog, Check, Condition, Scalar, Test, Verdict};
use shopmaster_standins::tds::Value;

use super::staged::{Staged, int, text};

const PRICE: i32 = 3;
const OPTIONS: [&str; 3] = ["column_id", "is_masked", "encryption_type"];

fn options(column: i32, is_masked: bool, encryption: Value) -> Vec<[Value; 3]> {
    vec![[int(column), Value::Bit(is_masked), encryption]]
}

/// Nothing is read, by whatever way; the check that says so.
async fn is_refused(shop: &Staged, check: &str, code: &str) -> Check {
    let check = shop.check(check).await;
    assert_eq!(
        (check.verdict, check.code),
        (Verdict::Failed, code),
        "{check:?}"
    );
    assert!(!check.remedy.is_empty());
    let catalog = shop.anew();
    for error in [
        catalog.scan(None, 10).await.unwrap_err(),
        catalog.claim().await.unwrap_err(),
        catalog.plan().await.unwrap_err(),
        catalog.install().await.unwrap_err(),
    ] {
        assert_eq!(error.code(), code, "{error}");
    }
    check
}

async fn is_served(shop: &Staged) {
    assert_eq!(shop.anew().scan(None, 10).await.unwrap().len(), 3);
    assert_eq!(shop.check("catalog.columns").await.verdict, Verdict::Ok);
}

#[tokio::test]
async fn a_masked_price_is_not_published() {
    let shop = Staged::open().await;
    let may = |of_database, of_column| {
        shop.says(
            "unmask",
            vec![[int(of_database), int(of_column), text("agent")]],
        );
    };
    may(0, 0);
    is_served(&shop).await;
    shop.shows("column_options", OPTIONS, options(PRICE, true, Value::Null));
    let check = is_refused(&shop, "catalog.columns", "DATABASE_DENIED").await;
    assert!(
        check.text.contains("`SellPrice` of `dbo.Products`")
            && check.text.contains("GRANT UNMASK TO [agent]"),
        "{check:?}"
    );
    for (of_database, of_column) in [(1, 0), (0, 1)] {
        may(of_database, of_column);
        is_served(&shop).await;
    }
    // A column that is not ours.
    may(0, 0);
    shop.shows("column_options", OPTIONS, options(9, true, Value::Null));
    is_served(&shop).await;
}

#[tokio::test]
async fn an_encrypted_column_is_refused() {
    for (column, code) in [(1, "KEY_UNFIT"), (2, "TABLE_UNFIT"), (PRICE, "PRICE_UNFIT")] {
        let shop = Staged::open().await;
        shop.shows("column_options", OPTIONS, options(column, false, int(1)));
        let check = is_refused(&shop, "catalog.columns", code).await;
        assert!(check.text.contains("Always Encrypted"), "{check:?}");
    }
}

#[tokio::test]
async fn a_condition_on_a_hidden_column_is_refused() {
    let condition = Condition {
        column: "Gone".to_owned(),
        test: Test::Is(vec![Scalar::Integer(0)]),
    };
    for (is_masked, encryption, code) in [
        (true, Value::Null, "DATABASE_DENIED"),
        (false, int(1), "CONDITION_UNFIT"),
    ] {
        let mut shop = Staged::with(
            "CREATE TABLE Products (ProductID VARCHAR(25) NOT NULL PRIMARY KEY,
                ProductName VARCHAR(100), SellPrice NUMERIC(18,2), Gone INT)",
        )
        .await;
        shop.maps(|mapping| mapping.only.push(condition.clone()));
        shop.says("unmask", vec![[int(0), int(0), text("agent")]]);
        assert_eq!(shop.check("catalog.columns").await.verdict, Verdict::Ok);
        shop.shows("column_options", OPTIONS, options(4, is_masked, encryption));
        let check = is_refused(&shop, "catalog.columns", code).await;
        assert!(check.text.contains("`Gone`"), "{check:?}");
    }
}

#[tokio::test]
async fn rows_that_a_policy_hides_are_not_taken_for_gone() {
    let shop = Staged::open().await;
    let rows = |all, shown| {
        shop.says(
            "hidden_rows",
            vec![[Value::BigInt(all), Value::BigInt(shown)]],
        );
    };
    let policy = |object: i32| {
        shop.says(
            "predicates",
            vec![[int(object), text("dbo"), text("Products"), text("mine")]],
        );
    };
    // A policy on another table.
    rows(10, 10);
    policy(7);
    is_served(&shop).await;
    // One that is hidden itself.
    rows(10, 7);
    let check = shop.check("catalog.columns").await;
    assert_eq!(check.verdict, Verdict::Warning, "{check:?}");
    assert!(check.text.contains("3 rows fewer"), "{check:?}");
    assert_eq!(shop.anew().scan(None, 10).await.unwrap().len(), 3);

    policy(shop.object_id().await);
    let check = is_refused(&shop, "catalog.columns", "DATABASE_DENIED").await;
    assert!(
        check.text.contains("`mine`") && check.text.contains("3 of its rows"),
        "{check:?}"
    );
    rows(10, 10);
    is_served(&shop).await;
    shop.refuses("hidden_rows", 229);
    is_refused(&shop, "catalog.columns", "DATABASE_DENIED").await;
}

#[tokio::test]
async fn a_view_shows_what_is_masked_below_it() {
    let shop = Staged::with(
        "CREATE TABLE Goods (ProductID VARCHAR(25) NOT NULL PRIMARY KEY, ProductName VARCHAR(100),
            SellPrice NUMERIC(18,2));
         INSERT INTO Goods VALUES ('P1', 'Soap', 1), ('P2', 'Tea', 2), ('P3', 'Salt', 3);
         CREATE VIEW Products AS SELECT ProductID, ProductName, SellPrice FROM Goods;",
    )
    .await;
    let view = |query: &str| {
        let definition = format!("CREATE VIEW Products AS {query}");
        let below = "CREATE VIEW Sold AS SELECT ProductID, ProductName, SellPrice FROM Goods";
        shop.says(
            "view_queries",
            vec![
                [text("dbo"), text("Products"), text(&definition)],
                [text("dbo"), text("Sold"), text(below)],
            ],
        );
    };
    shop.says("unmask", vec![[int(0), int(0), text("agent")]]);
    shop.says(
        "masks",
        vec![[text("dbo"), text("Goods"), text("SellPrice")]],
    );
    let open = || async {
        let scanned = shop.anew().scan(None, 10).await;
        scanned.map(|rows| rows.len()).map_err(|error| error.code())
    };
    view("SELECT ProductID, ProductName, SellPrice FROM Goods");
    assert_eq!(open().await, Err("DATABASE_DENIED"));
    view("SELECT ProductID, ProductName, SellPrice FROM Sold");
    assert_eq!(open().await, Err("DATABASE_DENIED"));
    view("SELECT * FROM Others");
    assert_eq!(open().await, Err("DATABASE_DENIED"));
    view("SELECT ProductID, ProductName, Price AS SellPrice FROM Others");
    assert_eq!(open().await, Ok(3));
}

#[tokio::test]
async fn a_copy_that_another_server_keeps_is_not_served() {
    let shop = Staged::open().await;
    shop.sets("table", [(6, int(1))]);
    shop.sets("server", [(7, int(1))]);
    let check = is_refused(&shop, "catalog.database", "DATABASE_SECONDARY").await;
    assert!(check.remedy.contains("--server"), "{check:?}");
}

#[tokio::test]
async fn what_a_person_should_know_of_the_database_is_a_warning() {
    for (place, value, words) in [
        (8, text("RESTRICTED_USER"), "RESTRICTED_USER"),
        (9, int(80), "compatibility level 80"),
        (10, int(1), "AUTO_CLOSE"),
    ] {
        let shop = Staged::open().await;
        shop.sets("server", [(place, value)]);
        let check = shop.check("catalog.database").await;
        assert_eq!(check.verdict, Verdict::Warning, "{check:?}");
        assert!(check.text.contains(words), "{check:?}");
        assert!(shop.catalog.install().await.unwrap());
    }
}

#[tokio::test]
async fn temporal_and_published_tables_are_captured_and_copies_are_not() {
    const MERGED: [&str; 1] = ["is_merge_published"];
    let kind = async |column: &'static str, value: i32, is_publisher: bool| {
        let shop = Staged::open().await;
        shop.shows("table_options", [column], vec![[int(value)]]);
        shop.sets("server", [(11, int(is_publisher.into()))]);
        let check = shop.check("catalog.table_kind").await;
        (check.verdict, shop.catalog.install().await.is_ok())
    };
    for (column, value) in [
        ("temporal_type", 2),
        ("is_published", 1),
        ("is_replicated", 1),
    ] {
        assert_eq!(
            kind(column, value, false).await,
            (Verdict::Warning, true),
            "{column}"
        );
    }
    assert_eq!(
        kind("temporal_type", 1, false).await,
        (Verdict::Failed, false)
    );
    assert_eq!(
        kind("is_memory_optimized", 1, false).await,
        (Verdict::Failed, false)
    );
    assert_eq!(kind(MERGED[0], 1, true).await, (Verdict::Warning, true));
    assert_eq!(kind(MERGED[0], 1, false).await, (Verdict::Failed, false));
}

/// What a walk needs is looked at, whatever capture says.
#[tokio::test]
async fn a_table_that_cannot_have_a_trigger_is_still_looked_at() {
    let shop = Staged::open().await;
    shop.shows("table_options", ["is_external"], vec![[Value::Bit(true)]]);
    for name in ["catalog.key", "catalog.key_type", "catalog.price_type"] {
        assert_eq!(shop.check(name).await.verdict, Verdict::Ok, "{name}");
    }
    assert_eq!(shop.check("catalog.output").await.verdict, Verdict::Skipped);
}

#[tokio::test]
async fn a_synonym_names_what_to_name_instead() {
    let shop = Staged::open().await;
    shop.sets("table", [(3, text("SN"))]);
    for (base, words) in [
        ("[dbo].[Goods]", "`[dbo].[Goods]`"),
        ("Goods", "`Goods`"),
        ("[ProductsDB].[dbo].[Goods]", "`[dbo].[Goods]`"),
        ("[Others].[dbo].[Goods]", "another database"),
        ("[Far].[Others].[dbo].[Goods]", "another database"),
    ] {
        shop.says("synonym", vec![[text(base)]]);
        let check = is_refused(&shop, "catalog.table", "TABLE_UNFIT").await;
        assert!(check.text.contains("it is a synonym"), "{check:?}");
        assert!(check.text.contains(words), "{base}: {check:?}");
    }
}

#[tokio::test]
async fn the_way_out_for_a_key_or_price_that_does_not_fit_is_a_view() {
    let shop = Staged::with(
        "CREATE TABLE Products (CompanyID INT NOT NULL, ProductID VARCHAR(25) NOT NULL,
            ProductName VARCHAR(100), SellPrice VARCHAR(9), PRIMARY KEY (CompanyID, ProductID));",
    )
    .await;
    shop.says("key_parts", vec![[text("CompanyID")], [text("ProductID")]]);
    let key = shop.check("catalog.key").await;
    assert!(
        key.text.contains("several columns (CompanyID, ProductID)"),
        "{key:?}"
    );
    // One does not hide the other.
    let price = shop.check("catalog.price_type").await;
    assert!(price.text.contains("not a number"), "{price:?}");
    for check in [key, price] {
        assert_eq!(check.verdict, Verdict::Failed, "{check:?}");
        assert!(check.remedy.contains("docs/your-table.md"), "{check:?}");
    }
    let error = shop.catalog.plan().await.unwrap_err();
    assert!(error.to_string().contains("several columns"), "{error}");
}
