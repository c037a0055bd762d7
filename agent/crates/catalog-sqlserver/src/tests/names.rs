//! Tables and columns of any name, and of none.

use shopmaster_catalog::{Catalog, CatalogError, Lookup};
use shopmaster_product::ProductId;

use super::shop::{PRODUCTS, Shop};
use crate::quote::identifier;

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn odd_names_are_just_names() {
    let mut odd = vec![
        "a b",
        "O'Brien \"x\"",
        "dbo.Products",
        "select",
        "Größe",
        "{id}--",
    ];
    let probe = Shop::usual().await;
    // Not every engine reads a bracket in a name.
    if probe
        .another_till()
        .await
        .try_run("SELECT 1 AS [a]]b]")
        .await
        .is_ok()
    {
        odd.push("a]b");
    }
    drop(probe);
    for name in odd {
        let quoted = identifier(name);
        let batches = [
            format!("CREATE SCHEMA {quoted}"),
            format!(
                "CREATE TABLE {quoted}.{quoted} (
                    {quoted} varchar(25) NOT NULL PRIMARY KEY, [name of {}] nvarchar(50), [price.] money)",
                name.replace(']', "]]")
            ),
            format!("INSERT INTO {quoted}.{quoted} VALUES ('P1', N'Soap', 1.5)"),
        ];
        let batches = batches.each_ref().map(String::as_str);
        let table = format!("{quoted}.{quoted}");
        let columns = [name, &format!("name of {name}"), "price."];
        let shop = Shop::named(&batches, &table, columns).await;
        let id = ProductId::Text("P1".to_owned());
        let rows = shop.catalog().scan(None, 10).await.unwrap();
        assert_eq!(rows.len(), 1, "{name}");
        assert_eq!(rows[0].price.clone().unwrap().to_string(), "1.5000");
        let read = shop.catalog().read(&[id]).await.unwrap();
        assert_eq!(read, [Lookup::Found(rows[0].clone())], "{name}");
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn the_schema_is_the_one_that_is_named() {
    let shop = Shop::usual().await;
    shop.run("CREATE SCHEMA other").await;
    shop.run(&PRODUCTS.replace("Products", "other.Products"))
        .await;
    shop.run("INSERT INTO dbo.Products VALUES ('P1', 'Soap', 1)")
        .await;
    for (table, rows) in [
        ("Products", 1),
        ("dbo.Products", 1),
        ("PRODUCTS", 1),
        ("[dbo].\"Products\"", 1),
        ("other.Products", 0),
    ] {
        assert_eq!(shop.over(table).count().await.unwrap(), rows, "{table}");
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn what_is_missing_is_named() {
    let shop = Shop::usual().await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)")
        .await;
    for table in [
        "None",
        "none.Products",
        "Products; DROP TABLE Products; --",
        "Products]; DROP TABLE Products; --",
        "' OR 1=1 --",
    ] {
        let error = shop.over(table).scan(None, 10).await.unwrap_err();
        assert!(
            matches!(&error, CatalogError::NoVisibleTable(name) if name == table),
            "{table}: {error}"
        );
    }
    assert_eq!(shop.catalog().count().await.unwrap(), 1);

    let mut options = shop.options.clone();
    options.mapping.columns.price = "Price; DROP TABLE Products".to_owned();
    let error = shop.with(options).scan(None, 10).await.unwrap_err();
    assert!(
        matches!(&error, CatalogError::NoColumn { column, .. } if column.starts_with("Price;")),
        "{error}"
    );
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_table_that_changes_while_it_is_served_is_noticed() {
    let shop = Shop::usual().await;
    let catalog = shop.catalog();
    let key = |key: &str| ProductId::Text(key.to_owned());
    let long = "P with more characters than before";
    assert_eq!(catalog.read(&[key(long)]).await.unwrap(), [Lookup::Gone]);
    shop.run("DROP TABLE Products").await;
    for _ in 0..2 {
        let error = catalog.read(&[key("P1")]).await.unwrap_err();
        assert!(matches!(error, CatalogError::NoVisibleTable(_)), "{error}");
    }
    shop.run(&PRODUCTS.replace("VARCHAR(25)", "VARCHAR(99)"))
        .await;
    shop.run(&format!(
        "INSERT INTO Products VALUES ('{long}', 'Soap', 1)"
    ))
    .await;
    assert!(matches!(
        catalog.read(&[key(long)]).await.unwrap()[..],
        [Lookup::Found(_)]
    ));

    shop.run("DROP TABLE Products").await;
    shop.run(&PRODUCTS.replace("SellPrice", "Price")).await;
    let error = catalog.read(&[key("P1")]).await.unwrap_err();
    assert!(matches!(error, CatalogError::NoColumn { .. }), "{error}");
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_synonym_is_refused() {
    let shop = Shop::usual().await;
    let mut till = shop.another_till().await;
    let made = till.try_run("CREATE SYNONYM Alias FOR dbo.Products").await;
    assert!(
        made.is_ok(),
        "this engine has no synonyms: this takes SQL Server itself"
    );
    let error = shop.over("Alias").scan(None, 10).await.unwrap_err();
    assert!(error.to_string().contains("it is a synonym"), "{error}");
}
