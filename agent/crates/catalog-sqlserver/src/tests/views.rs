//! A view as the product table.

use shopmaster_catalog::{Catalog, CatalogError, Lookup};
use shopmaster_product::ProductId;

use super::shop::Shop;

const VIEW: &str = "CREATE VIEW Shown AS
    SELECT s.ProductID, s.ProductName, s.SellPrice FROM Stock AS s WHERE s.Hidden = 0";
const STOCK: &str = "CREATE TABLE Stock (
    ProductID varchar(25), ProductName nvarchar(50), SellPrice money, Hidden int)";

async fn shop(rows: &str) -> Shop {
    let columns = ["ProductID", "ProductName", "SellPrice"];
    let rows = format!("INSERT INTO Stock VALUES {rows}");
    Shop::named(&[STOCK, VIEW, &rows], "Shown", columns).await
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_view_is_read_and_scanned() {
    let shop = shop("('P2', 'Tea', 2, 0), ('P1', 'Soap', 1, 0), ('P3', 'Salt', 3, 1)").await;
    let catalog = shop.catalog();
    let first = catalog.scan(None, 1).await.unwrap();
    let second = catalog.scan(Some(&first[0].id), 1).await.unwrap();
    let ids = [&first[0], &second[0]].map(|row| row.id.to_string());
    assert_eq!(ids, ["P1", "P2"]);
    assert_eq!(catalog.count().await.unwrap(), 2);
    let asked = ["P1", "P3"].map(|key| ProductId::Text(key.to_owned()));
    let read = catalog.read(&asked).await.unwrap();
    assert_eq!(read, [Lookup::Found(first[0].clone()), Lookup::Gone]);
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn rows_of_a_view_that_share_a_key_are_refused() {
    for (rows, expected) in [
        (
            "('P1', 'Soap', 1, 0), ('p1', 'Tea', 2, 0)",
            "have the same key",
        ),
        ("('P1', 'Soap', 1, 0), (NULL, 'Tea', 2, 0)", "it is NULL"),
    ] {
        let shop = shop(rows).await;
        let error = shop.catalog().scan(None, 10).await.unwrap_err();
        assert!(
            matches!(&error, CatalogError::UnfitKey { reason, .. } if reason.contains(expected)),
            "{error}"
        );
    }
}
