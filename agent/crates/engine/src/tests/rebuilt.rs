//! Changes that no trigger records: a recreated table, a restored database.

use std::time::Duration;

use shopmaster_catalog::{Catalog as _, Owner};
use shopmaster_health::run::{Kind, Outcome};

use super::{World, options};

/// A shop with these products, all of which Digible has.
async fn equal(prices: &[(&str, i128)]) -> World {
    let world = World::new().await;
    for (key, price) in prices {
        world.shop.put(key, *price);
    }
    world.upload().await;
    assert_eq!(world.sync().await.outcome, Some(Outcome::Completed));
    world.cloud.forget();
    world
}

#[tokio::test(start_paused = true)]
async fn a_table_that_was_made_anew_is_compared() {
    let world = equal(&[("p1", 1), ("p2", 2), ("p3", 3), ("p4", 4)]).await;
    world
        .shop
        .rebuild(&[("p1", 1), ("p2", 20), ("p3", 3), ("p5", 5)]);
    world.sync().await;
    let run = world.run(Kind::Verify).await;
    assert_eq!(run.outcome, Some(Outcome::Completed), "{}", run.message);
    assert!(world.cloud.has("p2", 20) && world.cloud.has("p5", 5));
    assert!(world.is_removed("p4").await);
    assert!(!world.is_removed("p1").await);
    // Only what differed was sent.
    let sent = world.cloud.acknowledged();
    assert_eq!(sent.len(), 2);
    assert_eq!(world.codes(), ["CAPTURE_MISSED_CHANGES"]);
    let missed = world.status_store.facts().verified;
    assert_eq!(missed.missed, 3);
    assert!(missed.cause.contains("recreated"), "{}", missed.cause);
    // It is compared only once.
    world.cloud.forget();
    assert!(!world.engine.core.rebuilt.is_due());
    world.sync().await;
    assert!(!world.engine.core.rebuilt.is_due());
}

#[tokio::test(start_paused = true)]
async fn a_comparison_that_was_cut_short_is_done_again() {
    let world = equal(&[("p1", 1), ("p2", 2)]).await;
    world.shop.rebuild(&[("p1", 10), ("p2", 20)]);
    world.cloud.is_away();
    let run = world.run(Kind::Verify).await;
    assert_eq!(run.outcome, Some(Outcome::Failed));
    // What differs is in doubt by now, and the next run sends it.
    world.cloud.is_well();
    assert_eq!(world.sync().await.outcome, Some(Outcome::Completed));
    assert!(world.cloud.has("p1", 10) && world.cloud.has("p2", 20));
}

#[tokio::test(start_paused = true)]
async fn a_table_that_lost_most_of_its_rows_removes_none() {
    let keys: Vec<_> = (0..100).map(|number| format!("p{number:02}")).collect();
    let rows: Vec<_> = keys.iter().map(|key| (key.as_str(), 1)).collect();
    let world = equal(&rows).await;
    world.shop.rebuild(&rows[..50]);
    let run = world.run(Kind::Verify).await;
    assert_eq!(run.outcome, Some(Outcome::Failed));
    assert!(
        run.message.starts_with("50 of 100 products are missing"),
        "{}",
        run.message
    );
    assert!(!world.is_removed("p99").await);
    world.engine.refresh().await;
    assert_eq!(world.codes(), ["CATALOG_SHRANK"]);
}

#[tokio::test(start_paused = true)]
async fn who_looks_notices_it_and_a_verify_is_due() {
    let world = equal(&[("p1", 1)]).await;
    world.shop.rebuild(&[("p1", 10)]);
    assert!(!world.engine.core.rebuilt.is_due());
    world.engine.refresh().await;
    assert!(world.engine.core.rebuilt.is_due());
    world.run(Kind::Verify).await;
    assert!(!world.engine.core.rebuilt.is_due());
}

/// A shop with so many products, all of the same price.
async fn many(products: usize) -> World {
    let keys = names("p", products);
    let rows: Vec<_> = keys.iter().map(|key| (key.as_str(), 1)).collect();
    equal(&rows).await
}

fn names(prefix: &str, products: usize) -> Vec<String> {
    (0..products)
        .map(|number| format!("{prefix}{number:03}"))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn rows_that_came_without_a_trigger_are_noticed_by_their_number() {
    let world = many(50).await;
    world.shop.stock(names("q", 11), 1);
    world.engine.refresh().await;
    // A transaction may be about to commit them.
    assert!(!world.engine.core.rebuilt.is_due());
    tokio::time::advance(Duration::from_secs(31)).await;
    world.engine.refresh().await;
    assert!(world.engine.core.rebuilt.is_due());
    let run = world.run(Kind::Verify).await;
    // Eleven of sixty-one differ, so the user has to say yes.
    assert_eq!(run.outcome, Some(Outcome::Failed), "{}", run.message);
    assert_eq!(world.codes(), ["VERIFY_ASKS"]);
    let run = world.confirmed(Kind::Verify).await;
    assert_eq!(run.outcome, Some(Outcome::Completed), "{}", run.message);
    assert!(world.cloud.has("q010", 1));
    assert_eq!(world.codes(), ["CAPTURE_MISSED_CHANGES"]);
    assert!(!world.engine.core.rebuilt.is_due());
    // The number of rows as it is now counts as right.
    world.engine.refresh().await;
    tokio::time::advance(Duration::from_secs(3_600)).await;
    world.engine.refresh().await;
    assert!(!world.engine.core.rebuilt.is_due());
}

#[tokio::test(start_paused = true)]
async fn a_table_that_was_emptied_without_a_trigger_is_noticed() {
    let world = many(50).await;
    for key in names("p", 50) {
        world.shop.lose(&key);
    }
    world.engine.refresh().await;
    tokio::time::advance(Duration::from_secs(31)).await;
    world.engine.refresh().await;
    assert!(world.engine.core.rebuilt.is_due());
    world.run(Kind::Verify).await;
    // That all of them are gone is not believed.
    assert!(!world.is_removed("p000").await);
    assert_eq!(world.codes(), ["CATALOG_SHRANK"]);
}

#[tokio::test(start_paused = true)]
async fn rows_that_come_and_go_within_a_transaction_or_are_few_say_nothing() {
    let world = many(50).await;
    world.shop.stock(names("q", 11), 1);
    world.engine.refresh().await;
    world.shop.lose("q000");
    tokio::time::advance(Duration::from_secs(31)).await;
    world.engine.refresh().await;
    assert!(!world.engine.core.rebuilt.is_due());
    // Rows whose changes were captured are known.
    for key in names("r", 50) {
        world.shop.put(&key, 1);
    }
    world.sync().await;
    world.engine.refresh().await;
    tokio::time::advance(Duration::from_secs(31)).await;
    world.engine.refresh().await;
    assert!(!world.engine.core.rebuilt.is_due());
}

/// Recognized by the database itself, or by an owner's mark that is older than the journal's.
#[tokio::test(start_paused = true)]
async fn after_a_restore_everything_is_compared_and_nothing_in_doubt() {
    for has_old_mark in [false, true] {
        let world = equal(&[("p1", 1), ("p2", 2)]).await;
        match has_old_mark {
            true => {
                let stamp = world.engine.journal().stamp().await.unwrap();
                mark(&world, &stamp.journal, stamp.generation - 1).await;
            }
            false => world.shop.restore(),
        }
        world.sync().await;
        assert_eq!(world.engine.journal().uploaded_at().await.unwrap(), None);
        assert_eq!(world.engine.journal().counts().await.unwrap().in_doubt, 0);
        assert_eq!(world.run(Kind::Verify).await.requests, 0);
        // It is noticed only once.
        world.sync().await;
        assert_eq!(world.codes(), [""; 0]);
    }
}

async fn mark(world: &World, journal: &str, generation: i64) {
    let owner = Owner {
        journal: journal.to_owned(),
        generation,
    };
    world.shop.set_owner(&owner).await.unwrap();
}

/// A second computer or a copied journal: it is unknown what it sent.
#[tokio::test(start_paused = true)]
async fn after_another_journal_served_the_shop_everything_is_in_doubt() {
    let world = World::with_window(options(), Duration::from_secs(150)).await;
    world.shop.put("p1", 1);
    world.upload().await;
    world.sync().await;
    assert_eq!(world.engine.journal().counts().await.unwrap().in_doubt, 0);
    mark(&world, "another", 1).await;
    world.sync().await;
    assert_eq!(world.engine.journal().uploaded_at().await.unwrap(), None);
    assert!(world.known("p1").await.is_in_doubt());
    assert_eq!(world.codes(), ["NEVER_UPLOADED"]);
}
