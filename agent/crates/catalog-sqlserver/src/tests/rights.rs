//! Logins that may not.

use shopmaster_catalog::{Catalog, CatalogError, Lookup};
use shopmaster_product::ProductId;

use super::shop::{Shop, Till};

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_login_without_rights_is_told_and_changes_nothing() {
    let mut shop = Shop::usual().await;
    let stranger = shop.stranger().await;
    let catalog = shop.with(stranger);
    // An engine may hide from a login what it may not use.
    let refused = |error: &CatalogError| {
        matches!(
            error,
            CatalogError::Denied { .. } | CatalogError::NoVisibleTable(_)
        )
    };
    let error = catalog.scan(None, 10).await.unwrap_err();
    assert!(refused(&error), "{error}");
    let error = catalog.read(&[]).await.unwrap_err();
    assert!(refused(&error), "{error}");
    let error = catalog.pending(None, 10).await.unwrap_err();
    assert!(refused(&error), "{error}");
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn reading_needs_no_more_than_the_right_to_select() {
    let mut shop = Shop::usual().await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)")
        .await;
    let stranger = shop.stranger().await;
    let user = crate::quote::identifier(&shop.options.database);
    shop.run(&format!("GRANT SELECT ON dbo.Products TO {user}"))
        .await;
    let catalog = shop.with(stranger);
    catalog.claim().await.unwrap();
    assert_eq!(catalog.count().await.unwrap(), 1);
    assert_eq!(catalog.scan(None, 10).await.unwrap().len(), 1);
    let id = ProductId::Text("P1".to_owned());
    let read = catalog.read(&[id]).await.unwrap();
    assert!(matches!(&read[..], [Lookup::Found(_)]), "{read:?}");
    assert!(matches!(
        catalog.newest_change().await,
        Err(CatalogError::NotInstalled)
    ));
}

/// Whoever may not see the product table's triggers may not drop what one of ours needs.
#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn who_cannot_see_a_trigger_does_not_take_its_log_away() {
    let mut shop = Shop::usual().await;
    assert!(shop.catalog().install().await.unwrap());
    let options = shop.stranger().await;
    let name = crate::quote::identifier(&shop.options.database);
    for grant in [
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON Products TO {name}"),
        format!("GRANT SELECT ON shopmaster.ChangeLog TO {name}"),
    ] {
        shop.run(&grant).await;
    }
    let before = super::objects(&shop).await;
    let plan = shop.catalog().plan().await.unwrap();
    let mut window = Till::open(&options).await;
    let refused = window.try_run(plan.remove.trim_end_matches("GO\n")).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("may not see the triggers"), "{refused}");
    drop(window);
    let catalog = shop.with(options);
    assert!(catalog.remove().await.is_err());
    drop(catalog);
    assert_eq!(super::objects(&shop).await, before);
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 1)")
        .await;
}
