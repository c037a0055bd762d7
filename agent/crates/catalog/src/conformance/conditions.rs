//! What is sold.

use shopmaster_product::ProductId;

use super::{Shop, text};
use crate::{Catalog, CatalogError, Condition, Lookup, Scalar, Test};

/// Four products, one of them without a name.
const STOCK: &str = "INSERT INTO Products VALUES
    ('P1', 'Soap', 10), ('P2', 'Tea', 20), ('P3', NULL, 30), ('P4', 'it''s', 0)";

pub async fn what_is_not_sold_is_left_out<S: Shop>() {
    let shop = S::open().await;
    shop.till(STOCK).await;
    let word = |value: &str| Scalar::Text(value.to_owned());
    for (column, test, expected) in [
        (
            "ProductName",
            Test::Is(vec![word("Soap"), word("it's")]),
            &["P1", "P4"][..],
        ),
        (
            "ProductName",
            Test::IsNot(vec![word("Soap")]),
            &["P2", "P3", "P4"],
        ),
        ("ProductName", Test::IsNull, &["P3"]),
        ("ProductName", Test::NotNull, &["P1", "P2", "P4"]),
        (
            "SellPrice",
            Test::Is(vec![Scalar::Integer(20), word("10.00")]),
            &["P1", "P2"],
        ),
        (
            "SellPrice",
            Test::IsNot(vec![Scalar::Flag(false)]),
            &["P1", "P2", "P3"],
        ),
    ] {
        let condition = of(column, test);
        let catalog = selling(&shop, vec![condition.clone()]);
        assert!(catalog.leaves_rows_out());
        assert_eq!(ids(&*catalog).await, expected, "{condition}");
        let count = catalog.count().await.unwrap();
        assert_eq!(count, expected.len() as u64, "{condition}");
        let keys = ["P1", "P2", "P3", "P4", "P5"];
        let lookups = catalog.read(&keys.map(text)).await.unwrap();
        for (key, lookup) in keys.into_iter().zip(lookups) {
            match lookup {
                Lookup::Found(row) => assert!(expected.contains(&key) && row.id == text(key)),
                Lookup::LeftOut(id) => assert!(!expected.contains(&key) && id == text(key)),
                other => assert_eq!((key, other), ("P5", Lookup::Gone)),
            }
        }
    }
    let both = selling(
        &shop,
        vec![
            of("ProductName", Test::NotNull),
            of("SellPrice", Test::IsNot(vec![Scalar::Integer(0)])),
        ],
    );
    assert_eq!(ids(&*both).await, ["P1", "P2"]);
}

pub async fn a_row_is_left_out_and_comes_back<S: Shop>() {
    let shop = S::open().await;
    shop.till(STOCK).await;
    shop.capture().await;
    let catalog = selling(&shop, vec![of("ProductName", Test::NotNull)]);
    for (name, is_sold) in [("NULL", false), ("'Salt'", true)] {
        let sql = format!("UPDATE Products SET ProductName = {name} WHERE ProductID = 'P1'");
        shop.till(&sql).await;
        let changes = catalog.pending(None, 10).await.unwrap();
        let keys: Vec<_> = changes
            .iter()
            .map(|change| change.identity.key.clone())
            .collect();
        assert_eq!(keys, [text("P1")]);
        let lookup = catalog.read(&keys).await.unwrap().remove(0);
        assert_eq!(matches!(lookup, Lookup::Found(_)), is_sold, "{lookup:?}");
        assert_eq!(matches!(lookup, Lookup::LeftOut(_)), !is_sold, "{lookup:?}");
        let done: Vec<_> = changes.into_iter().map(|change| change.identity).collect();
        catalog.acknowledge(&done).await.unwrap();
    }
}

pub async fn a_condition_that_fits_no_row_is_refused<S: Shop>() {
    let shop = S::open().await;
    for (column, test) in [
        ("Missing", Test::NotNull),
        ("ProductName", Test::Is(vec![Scalar::Flag(true)])),
    ] {
        let condition = of(column, test);
        let catalog = selling(&shop, vec![condition.clone()]);
        for error in [
            catalog.scan(None, 1).await.map(drop).unwrap_err(),
            catalog.count().await.map(drop).unwrap_err(),
            catalog.read(&[text("P1")]).await.map(drop).unwrap_err(),
        ] {
            let is_unfit =
                matches!(&error, CatalogError::UnfitCondition { column: of, .. } if of == column);
            assert!(is_unfit, "{condition}: {error}");
        }
        let checks = catalog.inspect().await.unwrap();
        let check = checks
            .iter()
            .find(|check| check.name == "catalog.only")
            .unwrap();
        assert_eq!(check.code, "CONDITION_UNFIT");
    }
    let checks = shop.catalog().inspect().await.unwrap();
    assert!(checks.iter().all(|check| check.name != "catalog.only"));
}

fn of(column: &str, test: Test) -> Condition {
    let column = column.to_owned();
    Condition { column, test }
}

fn selling<S: Shop>(shop: &S, only: Vec<Condition>) -> Box<dyn Catalog> {
    shop.mapped(|mapping| mapping.only = only)
}

/// The keys of all that is sold, in pages of one row.
async fn ids(catalog: &dyn Catalog) -> Vec<String> {
    let mut ids: Vec<ProductId> = Vec::new();
    while let Some(row) = catalog.scan(ids.last(), 1).await.unwrap().pop() {
        ids.push(row.id);
    }
    ids.iter().map(ToString::to_string).collect()
}
