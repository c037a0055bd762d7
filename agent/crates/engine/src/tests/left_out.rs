//! Rows that the shop does not sell, and changes that only a comparison of all products finds.

use std::time::Duration;

use shopmaster_health::{
    State,
    run::{Kind, Outcome},
};
use tokio::time::sleep;

use super::{World, options};
use crate::ProductState;

/// A shop whose three products are at Digible.
async fn uploaded() -> World {
    let world = World::new().await;
    for key in ["a", "b", "c"] {
        world.shop.put(key, 1);
    }
    assert_eq!(world.upload().await.outcome, Some(Outcome::Completed));
    world.sync().await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_product_that_is_no_longer_sold_is_gone_and_sent_again_when_it_is() {
    let world = uploaded().await;
    world.shop.sells("b", false);
    world.shop.touch("b");
    let run = world.sync().await;
    assert_eq!(
        (run.outcome, run.removed, run.sent),
        (Some(Outcome::Completed), 1, 0)
    );
    assert!(world.is_removed("b").await);
    let explained = world.engine.explain("b").await.unwrap();
    assert_eq!(explained.state, ProductState::Removed);
    assert!(
        explained.text.contains("sells only rows in which a = 1"),
        "{}",
        explained.text
    );

    world.shop.sells("b", true);
    world.shop.put("b", 2);
    assert_eq!(world.sync().await.sent, 1);
    assert!(!world.is_removed("b").await && world.cloud.has("b", 2));
}

#[tokio::test(start_paused = true)]
async fn a_row_that_was_never_sold_is_never_listed_as_gone() {
    let world = uploaded().await;
    world.shop.sells("x", false);
    world.shop.put("x", 1);
    assert_eq!(world.sync().await.removed, 0);
    let explained = world.engine.explain("x").await.unwrap();
    assert_eq!(explained.state, ProductState::LeftOut);

    world.shop.touch("x");
    world.sync().await;
    world.shop.delete("x");
    let run = world.sync().await;
    assert_eq!((run.outcome, run.removed), (Some(Outcome::Completed), 0));
    assert!(!world.is_removed("x").await);
}

#[tokio::test(start_paused = true)]
async fn before_an_upload_has_finished_a_deleted_row_may_have_been_sent_by_somebody() {
    let world = World::new().await;
    world.shop.sells("other", false);
    world.shop.stock(["x".to_owned()], 1);
    world.shop.delete("x");
    assert_eq!(world.sync().await.removed, 1);
}

#[tokio::test(start_paused = true)]
async fn a_verify_finds_what_is_no_longer_sold() {
    let world = uploaded().await;
    world.shop.sells("c", false);
    let run = world.run(Kind::Verify).await;
    assert_eq!((run.outcome, run.removed), (Some(Outcome::Completed), 1));
    assert!(world.is_removed("c").await);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_names_no_product_makes_a_comparison_due() {
    let mut world = uploaded().await;
    assert_eq!(
        world.run(Kind::Verify).await.outcome,
        Some(Outcome::Completed)
    );
    world.shop.lose("c");
    world.shop.note_unlocated();
    let run = world.sync().await;
    assert_eq!((run.outcome, run.failed), (Some(Outcome::Completed), 0));
    assert!(!world.is_removed("c").await, "nobody has looked yet");

    // It is still due in the next process.
    world.restart(options()).await;
    world.engine.start();
    sleep(Duration::from_secs(700)).await;
    assert!(world.is_removed("c").await);
    let codes = world.codes();
    assert!(!codes.contains(&"CAPTURE_MISSED_CHANGES"), "{codes:?}");
    assert_eq!(world.engine.journal().unlocated().await.unwrap(), None);
    world.engine.stop().await;
}

/// As where a price table has `1` and the view `01`.
#[tokio::test(start_paused = true)]
async fn a_watched_value_that_no_product_has_makes_a_comparison_due_that_is_shown() {
    let world = uploaded().await;
    completed(&world).await;
    world.shop.stock(["c".to_owned()], 9);
    world.shop.note_watched("0c");
    world.sync().await;
    world.engine.refresh().await;
    let report = world.report();
    assert_eq!(report.state, State::Pending, "{}", report.headline);
    assert!(
        report
            .headline
            .starts_with("All products will be compared at"),
        "{}",
        report.headline
    );
    world.engine.start();
    sleep(Duration::from_secs(40)).await;
    assert!(world.cloud.has("c", 9));
    assert_eq!(
        world.report().state,
        State::UpToDate,
        "{}",
        world.report().headline
    );

    // What is known, or has a row, explains itself.
    for key in ["a", "b"] {
        world.shop.note_watched(key);
    }
    world.shop.sells("x", false);
    world.shop.stock(["x".to_owned()], 1);
    world.shop.note_watched("x");
    world.sync().await;
    assert_eq!(world.engine.journal().unlocated().await.unwrap(), None);
    world.engine.stop().await;
}

async fn completed(world: &World) {
    let run = world.run(Kind::Verify).await;
    assert_eq!(run.outcome, Some(Outcome::Completed), "{}", run.message);
}

#[tokio::test(start_paused = true)]
async fn where_the_table_is_scanned_too_what_fires_no_trigger_is_found_at_each_interval() {
    let mut world = uploaded().await;
    let both = super::Options {
        scans_too: true,
        ..options()
    };
    let interval = both.interval;
    world.restart(both).await;
    world.engine.start();
    sleep(interval).await;
    for price in 5..8 {
        world.shop.stock(["a".to_owned()], price);
        sleep(interval + Duration::from_secs(60)).await;
        assert!(world.cloud.has("a", price), "{price}");
    }
    let codes = world.codes();
    assert!(!codes.contains(&"CAPTURE_MISSED_CHANGES"), "{codes:?}");
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn another_catalog_that_was_agreed_to_is_not_asked_about() {
    let mut world = uploaded().await;
    world
        .shop
        .stock(["a".to_owned(), "b".to_owned(), "c".to_owned()], 9);
    for key in ["d", "e", "f", "g", "h", "i", "j", "k"] {
        world.shop.stock([key.to_owned()], 9);
    }
    world.restart_elsewhere(options()).await;
    world.engine.journal().confirm_catalog().await.unwrap();
    assert!(world.engine.journal().is_catalog_confirmed().await.unwrap());
    world.engine.start();
    sleep(Duration::from_secs(60)).await;
    assert!(world.cloud.has("a", 9) && world.cloud.has("k", 9));
    assert_eq!(world.codes(), [""; 0]);
    // The answer was for this change alone.
    assert!(!world.engine.journal().is_catalog_confirmed().await.unwrap());
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_another_catalog_would_mean_is_counted_and_changes_nothing() {
    let world = uploaded().await;
    let other = super::shop::FakeShop::default();
    other.stock(["a".to_owned()], 1);
    other.stock(["b".to_owned()], 2);
    other.stock(["n".to_owned(), "m".to_owned()], 1);
    let effect = world.engine.preview(&other).await.unwrap();
    let counts = (effect.equal, effect.differing, effect.new, effect.gone);
    assert_eq!(counts, (1, 1, 2, 1));
    assert_eq!(effect.gone_ids, [super::id("c")]);
    assert!(!world.is_removed("c").await);
}

#[tokio::test(start_paused = true)]
async fn a_price_that_was_rounded_is_explained() {
    let world = uploaded().await;
    let before = world.engine.explain("a").await.unwrap();
    assert_eq!(before.text, "Digible has what the shop has");
    world.shop.rounds_prices();
    let explained = world.engine.explain("a").await.unwrap();
    assert_eq!(
        explained.text,
        "Digible has what the shop has; its price 0.014 is sent as 0.01, because `catalog.price_digits` is 2"
    );
}

#[tokio::test(start_paused = true)]
async fn a_verify_that_reads_such_a_change_itself_says_nothing_of_missed_changes() {
    let world = uploaded().await;
    world.shop.lose("c");
    world.shop.note_unlocated();
    let run = world.run(Kind::Verify).await;
    assert_eq!((run.outcome, run.removed), (Some(Outcome::Completed), 1));
    let codes = world.codes();
    assert!(!codes.contains(&"CAPTURE_MISSED_CHANGES"), "{codes:?}");
    assert_eq!(world.engine.journal().unlocated().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn where_the_table_is_scanned_too_one_look_does_not_make_a_product_gone() {
    let mut world = uploaded().await;
    let both = super::Options {
        scans_too: true,
        ..options()
    };
    world.restart(both).await;
    world.shop.lose("c");
    let run = world.run(Kind::Verify).await;
    assert_eq!((run.outcome, run.removed), (Some(Outcome::Completed), 0));
    world.shop.stock(["c".to_owned()], 1);
    sleep(Duration::from_secs(600)).await;
    assert_eq!(world.run(Kind::Verify).await.removed, 0);
    world.shop.lose("c");
    assert_eq!(world.run(Kind::Verify).await.removed, 0);
    sleep(Duration::from_secs(600)).await;
    assert_eq!(world.run(Kind::Verify).await.removed, 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_product_that_is_left_out_was_never_at_digible() {
    for kind in [Kind::Verify, Kind::Upload] {
        is_no_longer_refused_after(kind).await;
    }
}

async fn is_no_longer_refused_after(kind: Kind) {
    let world = uploaded().await;
    world.shop.put("x", 1);
    world.shop.spoil("x");
    world.sync().await;
    let counts = world.engine.journal().counts().await.unwrap();
    assert_eq!(counts.parked, 1);
    let other = super::shop::FakeShop::default();
    for key in ["a", "b", "c"] {
        other.stock([key.to_owned()], 1);
    }
    let effect = world.engine.preview(&other).await.unwrap();
    assert_eq!((effect.equal, effect.gone), (3, 0));
    world.shop.sells("x", false);
    let run = world.run(kind).await;
    assert_eq!((run.outcome, run.removed), (Some(Outcome::Completed), 0));
    assert!(!world.is_removed("x").await);
    let counts = world.engine.journal().counts().await.unwrap();
    assert_eq!(counts.parked, 0);
}

#[tokio::test(start_paused = true)]
async fn where_the_table_is_scanned_too_another_catalog_is_asked_about() {
    let mut world = uploaded().await;
    for key in 'd'..='z' {
        world.shop.put(&key.to_string(), 1);
    }
    world.sync().await;
    for key in 'a'..='z' {
        world.shop.stock([key.to_string()], 9);
    }
    let both = super::Options {
        scans_too: true,
        ..options()
    };
    world.restart_elsewhere(both).await;
    world.engine.start();
    sleep(Duration::from_secs(60)).await;
    assert!(world.cloud.has("a", 1));
    let codes = world.codes();
    assert!(codes.contains(&"VERIFY_ASKS"), "{codes:?}");
    world.engine.stop().await;
}
