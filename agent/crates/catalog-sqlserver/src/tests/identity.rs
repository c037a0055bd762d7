//! Another body of the product table is noticed, however it came there; daily work is not.

use shopmaster_catalog::{Catalog as _, CatalogError};

use super::{
    plan::trigger,
    shop::{PRODUCTS, Shop},
};

async fn identity(shop: &Shop) -> String {
    shop.catalog().table_identity().await.unwrap().unwrap()
}

/// The text of our trigger.
async fn trigger_text(shop: &Shop) -> String {
    let rows = shop
        .run("SELECT m.definition FROM sys.sql_modules AS m INNER JOIN sys.triggers AS t ON t.object_id = m.object_id")
        .await;
    super::text(&rows[0], 0)
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_table_that_is_made_anew_has_another_body() {
    for with_trigger in [false, true] {
        let shop = Shop::usual().await;
        shop.catalog().install().await.unwrap();
        let before = identity(&shop).await;
        let text = trigger_text(&shop).await;
        shop.run("DROP TABLE Products").await;
        let missing = shop.catalog().table_identity().await.unwrap_err();
        assert!(
            matches!(missing, CatalogError::NoVisibleTable(_)),
            "{missing}"
        );
        shop.run(PRODUCTS).await;
        shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 7)")
            .await;
        if with_trigger {
            shop.run(&text).await;
        }
        let after = identity(&shop).await;
        assert_ne!(after, before, "with its trigger: {with_trigger}");
        assert_eq!(identity(&shop).await, after);
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_table_that_is_swapped_by_renaming_has_another_body() {
    for with_trigger in [false, true] {
        let shop = Shop::usual().await;
        shop.catalog().install().await.unwrap();
        let before = identity(&shop).await;
        let text = trigger_text(&shop).await;
        shop.run(&PRODUCTS.replace("Products", "NewProducts")).await;
        shop.run("INSERT INTO NewProducts VALUES ('P1', 'Soap', 7)")
            .await;
        if with_trigger {
            let name = trigger(&shop).await;
            shop.run(&format!("DROP TRIGGER {name}")).await;
        }
        shop.run("EXEC sp_rename N'dbo.Products', N'OldProducts', N'OBJECT'")
            .await;
        shop.run("EXEC sp_rename N'dbo.NewProducts', N'Products', N'OBJECT'")
            .await;
        if with_trigger {
            shop.run(&text).await;
        }
        assert_ne!(identity(&shop).await, before, "{with_trigger}");
    }
}

/// Rows may have changed while it was away.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_trigger_that_is_made_anew_is_noticed() {
    let shop = Shop::usual().await;
    shop.catalog().install().await.unwrap();
    let before = identity(&shop).await;
    let (name, text) = (trigger(&shop).await, trigger_text(&shop).await);
    shop.run(&format!("DROP TRIGGER {name}")).await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 7)")
        .await;
    assert_ne!(identity(&shop).await, before);
    shop.run(&text).await;
    assert_ne!(identity(&shop).await, before);
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn daily_work_leaves_the_body_as_it_is() {
    let shop = Shop::usual().await;
    shop.catalog().install().await.unwrap();
    let before = identity(&shop).await;
    for work in [
        "INSERT INTO Products VALUES ('P1', 'Soap', 1), ('P2', 'Tea', 2)",
        "UPDATE Products SET SellPrice = 3",
        "DELETE FROM Products WHERE ProductID = 'P1'",
        "ALTER TABLE Products ADD Note VARCHAR(10) NULL",
        "CREATE INDEX by_name ON Products (ProductName)",
        "DROP INDEX by_name ON Products",
        "CREATE TABLE Elsewhere (a INT)",
    ] {
        shop.run(work).await;
        assert_eq!(identity(&shop).await, before, "{work}");
    }
    assert!(!shop.catalog().install().await.unwrap());
    assert_eq!(identity(&shop).await, before);
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_view_has_no_body() {
    let shop = Shop::usual().await;
    shop.run("CREATE VIEW Shown AS SELECT ProductID, ProductName, SellPrice FROM Products")
        .await;
    let shown = shop.over("dbo.Shown");
    assert_eq!(shown.table_identity().await.unwrap(), None);
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_table_that_was_emptied_without_its_trigger_is_known_by_its_number_of_rows() {
    let shop = Shop::usual().await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)")
        .await;
    let catalog = shop.catalog();
    catalog.install().await.unwrap();
    // Some engines begin to count late, and then say nothing.
    assert_ne!(catalog.kept_count().await.unwrap(), Some(0));
    let before = identity(&shop).await;
    shop.run("TRUNCATE TABLE Products").await;
    assert_eq!(catalog.kept_count().await.unwrap(), Some(0));
    assert_eq!(identity(&shop).await, before);
    assert_eq!(catalog.newest_change().await.unwrap(), None);
}
