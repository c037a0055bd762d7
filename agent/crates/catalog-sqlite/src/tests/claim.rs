//! One agent for one shop.

use std::fs;

use shopmaster_catalog::{Catalog as _, CatalogError};

use super::{Shop, SqliteCatalog, of};

fn another(shop: &Shop) -> SqliteCatalog {
    of(shop.catalog.database.options.clone())
}

#[tokio::test]
async fn the_second_is_told_who_is_first() {
    let shop = Shop::usual();
    let second = another(&shop);
    shop.catalog.claim().await.unwrap();
    let error = second.claim().await.unwrap_err();
    if cfg!(unix) {
        assert!(
            error
                .to_string()
                .contains(&format!("process {}", std::process::id()))
        );
    }
    let Shop {
        catalog, folder, ..
    } = shop;
    drop(catalog);
    second.claim().await.unwrap();
    drop(folder);
}

#[cfg(unix)]
#[tokio::test]
async fn two_paths_to_one_shop_are_one() {
    let shop = Shop::usual();
    let link = shop.folder.path().join("link.db");
    std::os::unix::fs::symlink(shop.path(), &link).unwrap();
    let mut options = shop.catalog.database.options.clone();
    options.path = link;
    let second = of(options);
    // One to claim, and two to a journal: where a link leads may change.
    assert_ne!(second.identity(), shop.catalog.identity());
    shop.catalog.claim().await.unwrap();
    assert!(matches!(
        second.claim().await,
        Err(CatalogError::Claimed(_))
    ));
}

#[cfg(unix)]
#[tokio::test]
async fn a_lock_file_that_was_deleted_is_taken_again() {
    let shop = Shop::usual();
    let lock = shop.folder.path().join("shop.db.shopmaster.lock");
    shop.catalog.claim().await.unwrap();
    fs::remove_file(&lock).unwrap();
    shop.catalog.claim().await.unwrap();
    assert!(matches!(
        another(&shop).claim().await,
        Err(CatalogError::Claimed(_))
    ));

    fs::remove_file(&lock).unwrap();
    let second = another(&shop);
    second.claim().await.unwrap();
    assert!(matches!(
        shop.catalog.claim().await,
        Err(CatalogError::Claimed(_))
    ));
}

#[tokio::test]
async fn a_missing_shop_cannot_be_claimed() {
    let shop = Shop::usual();
    fs::remove_file(shop.path()).unwrap();
    assert!(matches!(
        shop.catalog.claim().await,
        Err(CatalogError::NoFile(_))
    ));
}

#[tokio::test]
async fn identities_differ_in_every_part() {
    let of = |table: &str, id: &str, name: &str| {
        Shop::named("", table, [id, name, "p"]).catalog.identity()
    };
    assert!(of("t", "i", "n").starts_with("sqlite:[\""));
    assert!(of("t", "i", "n").ends_with("shop.db\",\"t\",\"i\",\"n\",\"p\"]"));
    assert_ne!(of("t\",\"i", "n", "x"), of("t", "i\",\"n", "x"));
    let shop = Shop::named("", "t", ["i", "n", "p"]);
    let asked = |price_digits| {
        let mut options = shop.catalog.database.options.clone();
        options.mapping.price_digits = price_digits;
        super::of(options).identity()
    };
    assert_eq!(asked(None), shop.catalog.identity());
    assert_ne!(asked(Some(0)), asked(None));
    assert_ne!(asked(Some(2)), asked(Some(0)));
}
