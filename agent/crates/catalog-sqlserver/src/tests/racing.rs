//! Others at the same time.

use std::time::{Duration, Instant};

use futures_util::{FutureExt as _, poll};
use shopmaster_catalog::{Catalog, CatalogError, Change, Lookup, conformance::Shop as _};
use shopmaster_product::ProductId;

use super::shop::Shop;

fn key(key: &str) -> ProductId {
    ProductId::Text(key.to_owned())
}

fn keys(changes: &[Change]) -> Vec<String> {
    let mut keys = changes
        .iter()
        .map(|change| change.identity.key.to_string())
        .collect::<Vec<_>>();
    keys.sort_unstable();
    keys
}

async fn stocked() -> Shop {
    let shop = Shop::usual().await;
    shop.run("INSERT INTO Products VALUES ('P1', 'Soap', 10), ('P2', 'Tea', 20)")
        .await;
    shop.capture().await;
    shop
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_change_that_commits_late_is_found_behind_newer_ones() {
    let shop = stocked().await;
    let catalog = shop.catalog();
    let mut slow = shop.another_till().await;
    slow.run("BEGIN TRANSACTION").await;
    slow.run("UPDATE Products SET SellPrice = 11 WHERE ProductID = 'P1'")
        .await;
    shop.run("UPDATE Products SET SellPrice = 21 WHERE ProductID = 'P2'")
        .await;
    let newer = catalog.pending(None, 10).await.unwrap();
    assert_eq!(keys(&newer), ["P2"]);
    // Either as it was, where writers block no readers, or nothing is said of it yet.
    match catalog
        .read(&[key("P1"), key("P2")])
        .await
        .unwrap()
        .as_slice()
    {
        [Lookup::Locked, Lookup::Found(_)] => {}
        [Lookup::Found(before), Lookup::Found(_)] => {
            assert_eq!(before.price.clone().unwrap().to_string(), "10.00");
        }
        other => panic!("{other:?}"),
    }
    let identities = [newer[0].identity.clone()];
    assert_eq!(catalog.acknowledge(&identities).await.unwrap(), 1);
    assert_eq!(catalog.newest_change().await.unwrap(), None);

    slow.run("COMMIT TRANSACTION").await;
    let late = catalog.pending(None, 10).await.unwrap();
    assert_eq!(keys(&late), ["P1"]);
    assert!(late[0].identity.change < newer[0].identity.change);
    assert!(catalog.newest_change().await.unwrap().is_some());
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_change_while_an_older_one_is_acknowledged_stays() {
    let shop = stocked().await;
    let catalog = shop.catalog();
    let mut till = shop.another_till().await;
    shop.run("UPDATE Products SET SellPrice = 0 WHERE ProductID = 'P1'")
        .await;
    for price in 1..=30 {
        let read = catalog.pending(None, 10).await.unwrap();
        let identities = read.iter().map(|change| change.identity.clone());
        let identities = identities.collect::<Vec<_>>();
        let update = format!("UPDATE Products SET SellPrice = {price} WHERE ProductID = 'P1'");
        let (deleted, _) = tokio::join!(catalog.acknowledge(&identities), till.run(&update));
        assert_eq!(deleted.unwrap(), 1);
        let left = catalog.pending(None, 10).await.unwrap();
        assert_eq!(keys(&left), ["P1"]);
        assert_ne!(left[0].identity, read[0].identity);
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_call_that_is_cancelled_spoils_no_later_one() {
    let shop = stocked().await;
    let catalog = shop.catalog();
    for polls in (0..40).step_by(4) {
        let asked = [key("P2")];
        let mut abandoned = catalog.read(&asked);
        for _ in 0..polls {
            if poll!(&mut abandoned).is_ready() {
                abandoned = async { Ok(Vec::new()) }.boxed();
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(abandoned);
        let answers = catalog.read(&[key("P1")]).await.unwrap();
        let [Lookup::Found(row)] = answers.as_slice() else {
            panic!("{answers:?}");
        };
        assert_eq!(row.id, key("P1"));
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn calls_at_the_same_time_have_connections_of_their_own() {
    let shop = stocked().await;
    let catalog = shop.catalog();
    let calls = (0..20).map(|n| {
        let id = key(["P1", "P2"][n % 2]);
        async move {
            let answers = catalog.read(std::slice::from_ref(&id)).await.unwrap();
            assert!(matches!(&answers[..], [Lookup::Found(row)] if row.id == id));
        }
    });
    futures_util::future::join_all(calls).await;
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn a_claim_lasts_as_long_as_its_catalog() {
    let shop = Shop::usual().await;
    let first = shop.over("Products");
    let second = shop.over("[dbo].Products");
    first.claim().await.unwrap();
    let error = second.claim().await.unwrap_err();
    assert!(matches!(error, CatalogError::Claimed(_)), "{error}");
    first.claim().await.unwrap();
    drop(first);
    // The server notices late that a connection is closed.
    let begun = Instant::now();
    while let Err(error) = second.claim().await {
        assert!(matches!(error, CatalogError::Claimed(_)), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
}

#[tokio::test]
#[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
async fn agents_of_two_tables_do_not_meet() {
    let shop = Shop::usual().await;
    shop.run("CREATE TABLE Others (ProductID int NOT NULL PRIMARY KEY, ProductName nvarchar(50), SellPrice money)")
        .await;
    let (first, second) = (shop.over("Products"), shop.over("Others"));
    first.claim().await.unwrap();
    second.claim().await.unwrap();
}
