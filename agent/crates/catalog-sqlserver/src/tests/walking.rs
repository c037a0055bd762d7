//! The texts of a walk that are sent only where somebody holds a row, on a real server.

use super::shop::Shop;
use crate::{
    error::Target,
    queue::{
        page::Reading,
        products::Products,
        seeking::{End, Seeking},
    },
};

/// Every key type has its own texts. Nobody holds anything here: what they say must be what a page says.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn keys_and_gaps_are_asked_for_by_every_type_of_key() {
    for (data_type, values, table) in [
        ("VARCHAR(25)", ["'a'", "'b'", "'c'"], "Products"),
        ("NCHAR(5)", ["N'a'", "N'b'", "N'c'"], "Products"),
        ("INT", ["1", "2", "3"], "Products"),
        ("DECIMAL(9,0)", ["1", "2", "3"], "Products"),
        (
            "UNIQUEIDENTIFIER",
            [
                "'00000000-0000-0000-0000-000000000001'",
                "'00000000-0000-0000-0000-000000000002'",
                "'00000000-0000-0000-0000-000000000003'",
            ],
            "Products",
        ),
        ("VARCHAR(25)", ["'a'", "'b'", "'c'"], "Shown"),
    ] {
        let shop = Shop::new(&format!(
            "CREATE TABLE Products (
                ProductID {data_type} NOT NULL PRIMARY KEY, ProductName VARCHAR(100), SellPrice NUMERIC(18,2)
            )"
        ))
        .await;
        shop.run("CREATE VIEW Shown AS SELECT ProductID, ProductName, SellPrice FROM Products")
            .await;
        for value in values {
            shop.run(&format!("INSERT INTO Products VALUES ({value}, 'Soap', 1)"))
                .await;
        }
        let catalog = shop.over(table);
        let pool = &catalog.pool;
        let asked = pool.call("walk", Target::Products, async |session| {
            let products = Products::new(&pool.options, pool.look(session).await?)?;
            let seeking = Seeking::default();
            let page = products.page(session, &seeking, None, 10).await?;
            assert_eq!(page.len(), 3, "{data_type}");
            let mut all = Vec::new();
            for row in &page {
                all.push(products.position(session, &row.id).await?);
            }
            for reading in [Reading::Dirty, Reading::Committed] {
                let first = products.keys(session, &seeking, reading, None, 2).await?;
                assert_eq!(first, all[..2], "{data_type}");
                let after = Some(&all[0]);
                let behind = products.keys(session, &seeking, reading, after, 10);
                assert_eq!(behind.await?, all[1..], "{data_type}");
            }
            for from in [None, Some(&all[0])] {
                for end in [End::Table, End::Before(&all[2]), End::With(&all[2])] {
                    products.check_gap(session, from, end).await?;
                }
            }
            Ok(())
        });
        asked.await.unwrap();
    }
}
