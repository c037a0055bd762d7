//! One step: what is sent, what is recorded, and what is shown.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use shopmaster_catalog::CatalogError;
use shopmaster_digible::Answer;
use shopmaster_health::run::Outcome;
use shopmaster_journal::Doubt;

use super::{
    World,
    cloud::{self, Applied},
    options,
};
use crate::Options;

/// Pages of two.
fn small() -> Options {
    Options {
        batch_size: 1,
        max_in_flight: 1,
        ..options()
    }
}

#[tokio::test(start_paused = true)]
async fn unchanged_rows_cost_nothing() {
    let world = World::new().await;
    world.shop.put("a", 1);
    world.sync().await;
    world.cloud.forget();
    world.shop.touch("a");
    world.shop.put("a", 2);
    world.shop.put("a", 1);
    let run = world.sync().await;
    assert_eq!(
        (run.requests, run.unchanged, run.done, run.total),
        (0, 1, 1, 1)
    );
    assert_eq!(world.shop.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_product_that_came_and_went_is_nothing() {
    // The INSERT and the DELETE are on two pages.
    let world = World::with(small()).await;
    world.shop.put("x", 1);
    world.shop.put("y", 1);
    world.shop.delete("x");
    world.shop.put("z", 1);
    let run = world.sync().await;
    assert_eq!(
        (run.outcome, run.sent, run.removed),
        (Some(Outcome::Completed), 2, 0)
    );
    assert!(!world.is_removed("x").await);
    assert_eq!(world.shop.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_product_that_went_is_removed() {
    let world = World::new().await;
    world.shop.put("x", 1);
    world.sync().await;
    world.shop.delete("x");
    // It is unknown whether Digible has it, because its first change is not an INSERT.
    world.shop.stock(["old".to_owned()], 1);
    world.shop.delete("old");
    let run = world.sync().await;
    assert_eq!((run.outcome, run.removed), (Some(Outcome::Completed), 2));
    assert!(world.is_removed("x").await && world.is_removed("old").await);
    world.shop.put("x", 2);
    world.sync().await;
    assert!(!world.is_removed("x").await);
    assert!(world.cloud.has("x", 2));
}

#[tokio::test(start_paused = true)]
async fn a_product_that_came_back_and_was_refused_is_not_forgotten() {
    let world = World::new().await;
    world.shop.put("B", 1);
    world.shop.put("ok", 1);
    world.sync().await;
    world.shop.delete("B");
    world.sync().await;
    world.shop.put("B", 666);
    world.cloud.refuses(&[666]);
    world.sync().await;
    assert!(world.is_parked("B").await);
    world.shop.delete("B");
    world.shop.put("b", 1);
    world.sync().await;
    assert!(world.is_removed("B").await, "Digible has it from before");
    assert!(world.cloud.has("b", 1));
}

#[tokio::test(start_paused = true)]
async fn an_old_spelling_is_removed() {
    let world = World::new().await;
    world.shop.put("abc", 1);
    world.sync().await;
    world.shop.rename("abc", "ABC");
    let run = world.sync().await;
    assert_eq!((run.sent, run.removed), (1, 1));
    assert!(world.is_removed("abc").await);
    assert!(world.cloud.has("ABC", 1));
    assert_eq!(world.shop.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_locked_row_stays_pending() {
    let world = World::new().await;
    world.shop.put("a", 1);
    world.shop.put("b", 1);
    world.shop.lock("a");
    let run = world.sync().await;
    assert_eq!(
        (run.outcome, run.sent, run.failed),
        (Some(Outcome::Failed), 1, 1)
    );
    assert_eq!(world.shop.pending(), 1);
    world.shop.unlock("a");
    assert_eq!(world.sync().await.outcome, Some(Outcome::Completed));
    assert!(world.cloud.has("a", 1));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_is_sent_once_more_after_its_acknowledgement() {
    let window = Duration::from_secs(150);
    let mut world = World::with_window(options(), window).await;
    world.shop.put("a", 1);
    let mut first = true;
    world.cloud.rule(move |_| match std::mem::take(&mut first) {
        true => cloud::lost(Applied::Later),
        false => cloud::good(),
    });
    world.sync().await;
    world.shop.put("a", 2);
    world.sync().await;
    assert!(world.cloud.has("a", 2));
    assert!(world.known("a").await.is_in_doubt());
    // The first request lands after all others.
    world.cloud.land(|_| true);
    assert!(world.cloud.has("a", 1));
    world.restart(options()).await;
    world.sync().await;
    assert!(world.cloud.has("a", 1), "it is not the time yet");
    assert!(world.known("a").await.is_in_doubt());
    tokio::time::advance(window).await;
    world.sync().await;
    assert!(world.cloud.has("a", 2));
    assert!(!world.known("a").await.is_in_doubt());
}

#[tokio::test(start_paused = true)]
async fn who_was_in_a_group_that_was_split_and_cut_short_is_in_doubt() {
    let world = World::new().await;
    world.shop.put("a", 1);
    world.shop.put("b", 1);
    world.cloud.rule(|request| match request.products.len() {
        2 => cloud::refused(),
        _ => cloud::Reaction {
            applied: Applied::Never,
            answer: Answer::LoggedOut {
                reason: "wrong password".to_owned(),
            },
        },
    });
    let run = world.sync().await;
    assert_eq!((run.outcome, run.requests), (Some(Outcome::Failed), 2));
    assert!(
        run.message.contains("shopmasterctl configure"),
        "{}",
        run.message
    );
    assert!(world.codes().contains(&"SESSION_EXPIRED"));
    for key in ["a", "b"] {
        let doubt = world.known(key).await.entry.doubt;
        assert_eq!(doubt, Some(Doubt::default()), "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_product_that_was_not_sent_is_not_in_doubt() {
    let world = World::with(small()).await;
    world.shop.put("a", 1);
    world.shop.put("b", 1);
    world.cloud.rule(|_| cloud::missing());
    world.sync().await;
    assert_eq!(world.engine.journal().counts().await.unwrap().in_doubt, 0);
}

#[tokio::test(start_paused = true)]
async fn being_asked_to_wait_is_no_trouble() {
    let world = World::new().await;
    world.shop.put("a", 1);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (status_store, notes, mut asked) = (Arc::clone(&world.status_store), Arc::clone(&seen), 0);
    world.cloud.rule(move |_| {
        notes
            .lock()
            .unwrap()
            .extend(shopmaster_health::codes(&status_store.facts()));
        asked += 1;
        match asked {
            1..=5 => cloud::asked_to_wait(60),
            _ => cloud::good(),
        }
    });
    let began = tokio::time::Instant::now();
    let run = world.sync().await;
    assert_eq!((run.outcome, run.requests), (Some(Outcome::Completed), 6));
    assert!(began.elapsed().as_secs() >= 5 * 60);
    let seen = seen.lock().unwrap();
    assert!(!seen.contains(&"DIGIBLE_UNREACHABLE"), "{seen:?}");
    assert!(!world.codes().contains(&"DIGIBLE_BUSY"));
}

#[tokio::test(start_paused = true)]
async fn what_failed_a_run_is_shown_though_the_shop_can_be_read() {
    let world = World::new().await;
    world.shop.put("a", 1);
    world
        .shop
        .fail_with(Some(|| CatalogError::Claimed("process 7".to_owned())));
    let run = world.sync().await;
    assert_eq!(run.outcome, Some(Outcome::Failed));
    assert!(
        run.message.contains("; stop the other agent"),
        "{}",
        run.message
    );
    assert!(world.codes().contains(&"CATALOG_CLAIMED"));
    // Nothing is lost, and nothing is sent twice: its answer was recorded.
    world.shop.fail_with(None);
    let run = world.sync().await;
    assert_eq!((run.sent, run.unchanged), (0, 1));
    assert_eq!(world.shop.pending(), 0);
    assert!(!world.codes().contains(&"CATALOG_CLAIMED"));
}

#[tokio::test(start_paused = true)]
async fn what_fails_each_time_is_shown_at_the_second() {
    let world = World::new().await;
    world.shop.put("a", 1);
    world.shop.fail_with(Some(|| CatalogError::Statement {
        operation: "delete",
        source: "no".into(),
    }));
    world.sync().await;
    assert!(!world.codes().contains(&"DATABASE_FAILED"), "a hiccup");
    world.sync().await;
    assert!(world.codes().contains(&"DATABASE_FAILED"));
}

#[tokio::test(start_paused = true)]
async fn many_updates_go_in_batches() {
    let world = World::with(Options {
        bulk_threshold: 3,
        ..options()
    })
    .await;
    for price in 1..=2 {
        for key in ["a", "b", "c", "d"] {
            world.shop.put(key, price);
        }
        assert_eq!(world.sync().await.requests, 1);
    }
    for key in ["a", "b", "c"] {
        world.shop.put(key, 3);
    }
    assert_eq!(world.sync().await.requests, 3);
}
