//! What is sold.

use shopmaster_catalog::{
    Catalog as _, CatalogError, Check, Condition, Lookup, Mapping, Scalar, Test, Verdict,
};
use shopmaster_product::ProductId;

use super::{Shop, mapping, text};

const COLUMNS: [&str; 3] = ["ID", "Name", "Price"];

const GOODS: &str = "CREATE TABLE Goods (
    ID INTEGER PRIMARY KEY, Name TEXT, Price NUMERIC(9,2), Number INT, Text VARCHAR(9), Flag BOOLEAN, Size REAL, Any,
    Place TEXT COLLATE NOCASE
);
INSERT INTO Goods VALUES
    (1, 'a', 1, 0, 'Y', 1, 1.5, '0', 'North'), (2, 'b', 1, 1, 'N', 0, 2, 0, 'SOUTH'), (3, 'c', 1, NULL, NULL, NULL, NULL, NULL, NULL),
    (4, 'd', 1, 5, '5', 'true', 5, 'x', 'south')";

fn is(column: &str, values: &[Scalar]) -> Condition {
    of(column, Test::Is(values.to_vec()))
}

fn is_not(column: &str, values: &[Scalar]) -> Condition {
    of(column, Test::IsNot(values.to_vec()))
}

fn of(column: &str, test: Test) -> Condition {
    Condition {
        column: column.to_owned(),
        test,
    }
}

fn word(value: &str) -> Scalar {
    Scalar::Text(value.to_owned())
}

fn number(value: i64) -> Scalar {
    Scalar::Integer(value)
}

fn selling(only: Vec<Condition>) -> Shop {
    Shop::mapped(
        GOODS,
        Mapping {
            only,
            ..mapping("Goods", COLUMNS)
        },
    )
}

async fn sold(shop: &Shop) -> Vec<i64> {
    let ids = shop.rows().await.into_iter().map(|row| match row.id {
        ProductId::Integer(id) => id,
        ProductId::Text(text) => panic!("{text}"),
    });
    ids.collect()
}

fn check(checks: &[Check]) -> Option<&Check> {
    checks.iter().find(|check| check.name == "catalog.only")
}

#[tokio::test]
async fn values_are_compared_as_the_column_does() {
    for (condition, expected) in [
        (is("Number", &[number(0)]), &[1][..]),
        (is("Number", &[word("0")]), &[1]),
        (is("number", &[number(0), number(5)]), &[1, 4]),
        (is("Number", &[Scalar::Flag(true)]), &[2]),
        (is_not("Number", &[number(0)]), &[2, 3, 4]),
        (is_not("Number", &[number(0), number(1)]), &[3, 4]),
        (of("Number", Test::IsNull), &[3]),
        (of("Number", Test::NotNull), &[1, 2, 4]),
        (is("Text", &[word("Y")]), &[1]),
        (is("Text", &[word("y")]), &[]),
        (is("Text", &[number(5)]), &[4]),
        (is_not("Text", &[word("N")]), &[1, 3, 4]),
        (is("Flag", &[Scalar::Flag(true)]), &[1]),
        (is("Flag", &[number(1), word("true")]), &[1, 4]),
        (is("Flag", &[word("1")]), &[1]),
        (is("Size", &[word("1.50"), number(2)]), &[1, 2]),
        (is("Any", &[number(0)]), &[2]),
        (is("Any", &[word("0"), word("x")]), &[1, 4]),
        (is_not("Any", &[word("0"), word("x")]), &[2, 3]),
        (is("Place", &[word("South")]), &[2, 4]),
        (is("Text", &[word("'; DROP TABLE Goods; --")]), &[]),
        (is("Number", &[]), &[]),
        (is_not("Number", &[]), &[1, 2, 3, 4]),
    ] {
        let shop = selling(vec![condition.clone()]);
        assert_eq!(sold(&shop).await, expected, "{condition}");
        let count = shop.catalog.count().await.unwrap();
        assert_eq!(count, expected.len() as u64, "{condition}");
        assert!(shop.catalog.leaves_rows_out());
        // A lookup says the same of each row.
        let keys: Vec<_> = (1..=5).map(ProductId::Integer).collect();
        let lookups = shop.catalog.read(&keys).await.unwrap();
        for (key, lookup) in keys.into_iter().zip(lookups) {
            match lookup {
                Lookup::Found(row) => {
                    assert!(expected.contains(&number_of(&row.id)), "{condition}");
                }
                Lookup::LeftOut(id) => {
                    assert!(!expected.contains(&number_of(&id)), "{condition}");
                    assert_eq!(id, key);
                }
                other => assert_eq!((other, key), (Lookup::Gone, ProductId::Integer(5))),
            }
        }
    }
}

fn number_of(id: &ProductId) -> i64 {
    id.to_string().parse().unwrap()
}

#[tokio::test]
async fn several_conditions_all_have_to_be_met() {
    let shop = selling(vec![
        is_not("Number", &[number(0)]),
        of("Text", Test::NotNull),
    ]);
    assert_eq!(sold(&shop).await, [2, 4]);
    // Pages have as many sold rows as they are asked for, wherever the others are.
    let first = shop.catalog.scan(None, 1).await.unwrap();
    let second = shop.catalog.scan(Some(&first[0].id), 1).await.unwrap();
    assert_eq!(second[0].id, ProductId::Integer(4));
}

#[tokio::test]
async fn a_row_that_is_left_out_is_spelled_as_in_the_table() {
    let shop = Shop::mapped(
        "CREATE TABLE Goods (ID TEXT COLLATE NOCASE NOT NULL PRIMARY KEY, Name, Price, Gone INT);
         INSERT INTO Goods VALUES ('ABC', 'a', 1, 1)",
        Mapping {
            only: vec![is("Gone", &[number(0)])],
            ..mapping("Goods", COLUMNS)
        },
    );
    let lookups = shop.catalog.read(&[text("abc"), text("x")]).await.unwrap();
    assert_eq!(lookups, [Lookup::LeftOut(text("ABC")), Lookup::Gone]);
}

/// What is sold changes with the row, and the trigger tells of it.
#[tokio::test]
async fn a_row_that_is_no_longer_sold_is_a_change() {
    let shop = selling(vec![is("Number", &[number(0)])]).captured().await;
    shop.run("UPDATE Goods SET Number = 1 - Number WHERE ID IN (1, 2)");
    assert_eq!(shop.changes().await, ["U 1", "U 2"]);
    let keys = [1, 2].map(ProductId::Integer);
    let lookups = shop.catalog.read(&keys).await.unwrap();
    assert!(matches!(
        &lookups[..],
        [Lookup::LeftOut(_), Lookup::Found(_)]
    ));
    assert!(!shop.catalog.install().await.unwrap());
}

#[tokio::test]
async fn a_condition_that_fits_no_row_of_its_column_is_refused() {
    for (condition, reason) in [
        (is("Missing", &[number(0)]), "the table has no such column"),
        (of("Missing", Test::IsNull), "the table has no such column"),
        (
            is("Number", &[word("no")]),
            "its type is `INT`, and 'no' is not a number",
        ),
        (
            is_not("Size", &[number(1), word("L")]),
            "'L' is not a number",
        ),
        (
            is("Text", &[Scalar::Flag(true)]),
            "its type is `VARCHAR(9)`, so true has to be written as the column has it",
        ),
    ] {
        let shop = selling(vec![condition.clone()]);
        let before = shop.schema();
        for error in [
            shop.catalog.scan(None, 1).await.unwrap_err(),
            shop.catalog
                .read(&[ProductId::Integer(1)])
                .await
                .unwrap_err(),
            shop.catalog.count().await.unwrap_err(),
            shop.catalog.install().await.unwrap_err(),
        ] {
            assert!(
                matches!(error, CatalogError::UnfitCondition { .. }),
                "{error}"
            );
            let said = error.to_string();
            assert!(said.contains(reason) && said.contains("`Goods`"), "{said}");
        }
        assert_eq!(shop.schema(), before);
        let checks = shop.catalog.inspect().await.unwrap();
        let check = check(&checks).unwrap();
        assert_eq!(
            (check.verdict, check.code),
            (Verdict::Failed, "CONDITION_UNFIT")
        );
        assert!(check.remedy.contains("--only"), "{}", check.remedy);
    }
}

#[tokio::test]
async fn the_preflight_says_what_is_sold() {
    for (only, verdict, said) in [
        (
            vec![is("Number", &[number(0)]), of("Text", Test::NotNull)],
            Verdict::Ok,
            "1 of 4 rows are sold: those in which `Number` is 0 and `Text` is not NULL",
        ),
        (
            vec![is("Text", &[word("Z")])],
            Verdict::Warning,
            "no row is sold: in none of 4 is it true that `Text` is 'Z'",
        ),
    ] {
        let checks = selling(only).catalog.inspect().await.unwrap();
        let check = check(&checks).unwrap();
        assert_eq!((check.verdict, check.text.as_str()), (verdict, said));
    }
    let checks = selling(Vec::new()).catalog.inspect().await.unwrap();
    assert_eq!(check(&checks), None);
}

#[tokio::test]
async fn a_condition_on_a_view_is_one_on_its_columns() {
    let shop = Shop::mapped(
        &format!(
            "{GOODS}; CREATE VIEW Sold AS SELECT ID, Name, Price, coalesce(Number, 9) > 0 AS Gone FROM Goods"
        ),
        Mapping {
            only: vec![is("Gone", &[number(0)])],
            ..mapping("Sold", COLUMNS)
        },
    );
    assert_eq!(sold(&shop).await, [1]);
    let error = Shop::mapped(
        &format!("{GOODS}; CREATE VIEW Sold AS SELECT ID, Name, Price FROM Goods"),
        Mapping {
            only: vec![is("Number", &[number(0)])],
            ..mapping("Sold", COLUMNS)
        },
    )
    .catalog
    .scan(None, 1)
    .await
    .unwrap_err();
    assert!(
        matches!(error, CatalogError::UnfitCondition { .. }),
        "{error}"
    );
}

/// An index on the condition's column must not lead SQLite to sort the whole table for each page.
#[test]
fn pages_are_read_in_the_order_of_the_keys() {
    let shop = selling(vec![is("Number", &[number(0)])]);
    shop.run("CREATE INDEX numbers ON Goods (Number)");
    let statements = &shop.catalog.database.statements;
    for sql in [
        &statements.lookup,
        &statements.rows.behind,
        &statements.rows.start,
        &statements.rows.behind_null,
    ] {
        let plan = super::keys::query_plan(&shop, sql);
        assert!(
            !plan.contains("numbers") && !plan.contains("B-TREE"),
            "{plan}"
        );
    }
}

/// The statements of a shop without conditions, as they always were.
#[test]
fn without_conditions_the_statements_are_what_they_were() {
    let shop = Shop::usual();
    let statements = &shop.catalog.database.statements;
    let row = r#"SELECT p."ProductID", p."ProductName", p."SellPrice" FROM "Products" AS p"#;
    let order = r#"ORDER BY p."ProductID" LIMIT ?1"#;
    assert_eq!(
        statements.lookup,
        format!(r#"{row} WHERE p."ProductID" IS ?1"#)
    );
    assert_eq!(statements.rows.start, format!("{row} {order}"));
    assert_eq!(
        statements.rows.behind,
        format!(r#"{row} WHERE p."ProductID" > ?2 {order}"#)
    );
    assert_eq!(
        statements.rows.behind_null,
        format!(r#"{row} WHERE p."ProductID" IS NOT NULL {order}"#)
    );
    assert_eq!(statements.count, r#"SELECT count(*) FROM "Products""#);
    assert_eq!(
        crate::statements::position(&shop.catalog.database.options, 2),
        r#"SELECT p."ProductID" FROM "Products" AS p WHERE p."ProductID" IS ?1 OR p."ProductID" IS ?2 ORDER BY p."ProductID" DESC LIMIT 1"#
    );
}
