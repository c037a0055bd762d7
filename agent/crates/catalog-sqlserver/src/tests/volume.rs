//! Many products.

use shopmaster_catalog::{Catalog, Lookup};
use shopmaster_product::ProductId;

use super::shop::Shop;

const PRODUCTS: usize = 200_000;
const PAGE: usize = 5_000;

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn two_hundred_thousand_products_come_page_by_page() {
    let shop = Shop::new(
        "CREATE TABLE Products (ProductID int NOT NULL PRIMARY KEY, ProductName nvarchar(100), SellPrice decimal(18,2))",
    )
    .await;
    shop.run(&format!(
        "WITH d AS (SELECT v.d FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS v (d)),
         n AS (SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d + 100000 * g.d AS i
               FROM d AS a CROSS JOIN d AS b CROSS JOIN d AS c CROSS JOIN d AS e CROSS JOIN d AS f CROSS JOIN d AS g)
         INSERT INTO Products SELECT n.i, N'Soap', 1500 FROM n WHERE n.i <= {PRODUCTS}"
    ))
    .await;
    let catalog = shop.catalog();
    assert_eq!(catalog.count().await.unwrap(), PRODUCTS as u64);
    let mut last: Option<ProductId> = None;
    let mut met = 0;
    loop {
        let page = catalog.scan(last.as_ref(), PAGE).await.unwrap();
        for row in &page {
            met += 1;
            assert_eq!(row.id, ProductId::Integer(met));
        }
        match page.into_iter().next_back() {
            Some(row) => last = Some(row.id),
            None => break,
        }
    }
    assert_eq!(met, PRODUCTS as i64);

    let asked = (1..=PRODUCTS as i64)
        .rev()
        .step_by(100)
        .map(ProductId::Integer)
        .collect::<Vec<_>>();
    let read = catalog.read(&asked).await.unwrap();
    for (id, lookup) in asked.iter().zip(&read) {
        assert!(
            matches!(lookup, Lookup::Found(row) if row.id == *id),
            "{id}"
        );
    }
    assert_eq!(read.len(), asked.len());
}
