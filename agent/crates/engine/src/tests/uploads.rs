//! An upload sends every product, and its checkpoint skips none.

use std::time::Duration;

use shopmaster_health::run::{Cause, Kind, Outcome};
use shopmaster_journal::UploadProgress;

use super::{World, cloud, id, options};
use crate::{Options, backoff::Jitter, retry_queue::Strikes};

/// A first page of two, then pages of four and more.
fn small() -> Options {
    Options {
        batch_size: 2,
        max_in_flight: 1,
        ..options()
    }
}

async fn stocked(options: Options) -> World {
    let world = World::with(options).await;
    world.shop.stock("abcdefghij".chars().map(String::from), 1);
    world
}

fn is_equal(world: &World) -> bool {
    "abcdefghij"
        .chars()
        .all(|key| world.cloud.has(&key.to_string(), 1))
}

#[tokio::test(start_paused = true)]
async fn every_product_is_sent() {
    let world = stocked(small()).await;
    world.shop.put("a", 1);
    world.sync().await;
    let run = world.upload().await;
    assert_eq!(run.outcome, Some(Outcome::Completed));
    assert_eq!((run.sent, run.done, run.total), (10, 10, 10));
    assert!(is_equal(&world));
    assert_eq!(world.codes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_product_that_waits_its_own_time_is_not_jumped_over() {
    let world = stocked(small()).await;
    let minute = Some(Duration::from_secs(60));
    let retry_queue = &world.engine.core.retry_queue;
    retry_queue.defer(&id("b"), None, Strikes::default(), minute, Jitter::draw());
    let run = world.upload().await;
    assert_eq!(run.outcome, Some(Outcome::Completed));
    assert!(is_equal(&world));
    assert_eq!(run.sent, 10);
}

#[tokio::test(start_paused = true)]
async fn a_product_that_was_turned_away_is_not_jumped_over() {
    // With a stop after some in a row, or without one; among the rows, and among products that were left over.
    for (max_in_flight, every, last) in [(1, 4, 9), (1, 3, 12), (1, 5, 14), (2, 4, 9), (8, 4, 9)] {
        let world = stocked(Options {
            max_in_flight,
            ..small()
        })
        .await;
        let mut requests = 0;
        world.cloud.rule(move |_| {
            requests += 1;
            if requests <= last && requests % every != 0 {
                return cloud::turned_away();
            }
            cloud::good()
        });
        let run = world.upload().await;
        let case = (max_in_flight, every, last);
        assert_eq!(
            run.outcome,
            Some(Outcome::Completed),
            "{case:?} {}",
            run.message
        );
        assert!(is_equal(&world), "{case:?}");
        let counts = world.engine.journal().counts().await.unwrap();
        assert_eq!(counts.in_doubt, 0, "{case:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_has_not_finished_while_products_of_it_are_left_over() {
    let world = stocked(small()).await;
    world.upload().await;
    // It is done with the rows, and has left two pages over.
    let journal = world.engine.journal();
    let progress = UploadProgress {
        cursor: id("j"),
        done: 2,
    };
    let upload = Some(journal.begin_upload().await.unwrap());
    let left_over = ["a", "b", "c", "d", "e", "f", "g", "h"].map(id);
    let begun = journal.hand_over(Vec::new(), left_over.to_vec(), upload);
    let step = begun.await.unwrap();
    journal
        .settle(step, Vec::new(), Some(progress))
        .await
        .unwrap();
    let mut requests = 0;
    world.cloud.rule(move |_| {
        requests += 1;
        match requests {
            // Of the first page, then at the second one.
            1 => cloud::turned_away(),
            3 => cloud::asked_to_wait(5),
            _ => cloud::good(),
        }
    });
    assert_eq!(world.upload().await.outcome, Some(Outcome::Completed));
    assert_eq!(journal.counts().await.unwrap().in_doubt, 0);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_upload_goes_on_where_it_stopped() {
    let world = stocked(small()).await;
    let gate = world.cloud.close_gate();
    let begun = world.engine.runs.begin(
        Kind::Upload,
        Cause::Requested,
        shopmaster_health::run::Wish::default(),
    );
    let (handle, _) = begun.unwrap();
    // The first page, of two, was accepted; of the second one, of four, half.
    gate.add_permits(1);
    world.cloud.arrived(2).await;
    world.engine.runs.cancel(&handle.now().id).unwrap();
    gate.add_permits(100);
    let run = handle.ended().await;
    assert_eq!(run.outcome, Some(Outcome::Cancelled));
    assert!(run.message.contains("shopmasterctl upload"));
    assert_eq!(run.sent, 4);
    let counts = world.engine.journal().counts().await.unwrap();
    assert_eq!((counts.published, counts.in_doubt), (4, 0));
    let upload = world.engine.journal().newest_upload().await.unwrap();
    assert_eq!(upload.unwrap().cursor, Some(id("b")));
    world.cloud.forget();
    let run = world.upload().await;
    assert_eq!(run.outcome, Some(Outcome::Completed));
    assert_eq!((run.sent, run.done), (8, 10));
    assert!(is_equal(&world));
}

#[tokio::test(start_paused = true)]
async fn an_upload_goes_on_after_a_restart() {
    let mut world = stocked(small()).await;
    let gate = world.cloud.close_gate();
    let begun = world.engine.runs.begin(
        Kind::Upload,
        Cause::Requested,
        shopmaster_health::run::Wish::default(),
    );
    begun.unwrap();
    gate.add_permits(2);
    world.cloud.arrived(3).await;
    gate.add_permits(1);
    world.restart(small()).await;
    gate.add_permits(100);
    world.cloud.forget();
    world.engine.start();
    world.cloud.arrived(1).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(is_equal(&world));
    let runs = world.engine.runs.list(10).await.unwrap();
    let mut uploads = runs.iter().filter(|run| run.kind == Kind::Upload);
    let newest = uploads.next().unwrap();
    assert_eq!(
        (newest.cause, newest.outcome),
        (Cause::Resumed, Some(Outcome::Completed))
    );
    assert_eq!(uploads.next().unwrap().outcome, Some(Outcome::Interrupted));
    let resent = world.cloud.requests();
    assert!(resent.iter().all(|request| !request.is_about("a")));
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_went_without_being_captured_is_found() {
    let world = stocked(small()).await;
    world.upload().await;
    world.shop.lose("c");
    let run = world.upload().await;
    assert_eq!((run.outcome, run.removed), (Some(Outcome::Completed), 1));
    assert!(world.is_removed("c").await && !world.is_removed("d").await);
}

#[tokio::test(start_paused = true)]
async fn an_upload_sends_refused_products_too() {
    let world = stocked(small()).await;
    world.upload().await;
    world.shop.put("c", 666);
    world.cloud.refuses(&[666]);
    world.sync().await;
    assert!(world.is_parked("c").await);
    world.cloud.is_well();
    assert_eq!(world.sync().await.requests, 0);
    assert_eq!(world.upload().await.sent, 10);
    assert!(world.cloud.has("c", 666) && !world.is_parked("c").await);
}

/// When more than a tenth and more than five are missing at once, a mistake is more likely.
#[tokio::test(start_paused = true)]
async fn an_upload_lists_few_as_gone_at_once_without_a_yes() {
    let world = stocked(small()).await;
    world.upload().await;
    for key in ["a", "b", "c", "d", "e", "f"] {
        world.shop.lose(key);
    }
    assert_eq!(world.upload().await.removed, 0);
    assert_eq!(world.codes(), ["CATALOG_SHRANK"]);
    assert!(!world.is_removed("a").await);
    assert_eq!(world.confirmed(Kind::Upload).await.removed, 6);
    assert_eq!(world.codes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_an_upload_parks_is_not_left_in_doubt() {
    let world = stocked(small()).await;
    world.shop.stock(["p".to_owned()], 666);
    world.cloud.refuses(&[666]);
    let run = world.upload().await;
    assert_eq!(
        (run.outcome, run.parked, run.done),
        (Some(Outcome::Completed), 1, 11)
    );
    assert!(world.is_parked("p").await);
    assert!(!world.known("p").await.is_in_doubt());
}

#[tokio::test(start_paused = true)]
async fn a_failed_upload_says_how_to_resume_it() {
    let world = stocked(small()).await;
    world.cloud.rule(|_| cloud::turned_away());
    let run = world.upload().await;
    assert_eq!((run.outcome, run.sent), (Some(Outcome::Failed), 0));
    assert!(
        run.message.contains("`shopmasterctl upload` resumes"),
        "{}",
        run.message
    );
    // These are of the first step, which nothing stopped, so the checkpoint has moved past them.
    assert_eq!(world.engine.journal().counts().await.unwrap().in_doubt, 2);
    world.cloud.is_well();
    assert_eq!(world.upload().await.outcome, Some(Outcome::Completed));
    assert!(is_equal(&world));
}

#[tokio::test(start_paused = true)]
async fn an_upload_over_an_unfit_key_is_refused() {
    let world = stocked(small()).await;
    world.shop.has_unfit_key();
    let run = world.upload().await;
    assert_eq!((run.outcome, run.requests), (Some(Outcome::Failed), 0));
    assert!(world.codes().contains(&"KEY_UNFIT"));
}

#[tokio::test(start_paused = true)]
async fn what_an_upload_covered_is_no_longer_pending() {
    let world = stocked(small()).await;
    for key in ["a", "j"] {
        world.shop.touch(key);
    }
    let run = world.upload().await;
    assert_eq!((run.outcome, run.sent), (Some(Outcome::Completed), 10));
    assert_eq!(world.shop.pending(), 0);
    assert_eq!(world.status_store.facts().pending, 0);
    assert_eq!(world.codes(), [""; 0]);
}

/// A form that was left open holds up only its own row, and the row is not forgotten.
#[tokio::test(start_paused = true)]
async fn a_row_that_a_till_holds_costs_an_upload_that_row() {
    let mut world = stocked(small()).await;
    world.shop.lock("c");
    let run = world.upload().await;
    assert_eq!(
        (run.outcome, run.sent, run.failed, run.removed),
        (Some(Outcome::Failed), 9, 1, 0)
    );
    assert!(
        run.message
            .contains("another program keeps the rows locked"),
        "{}",
        run.message
    );
    assert_eq!(world.status_store.facts().counts.in_doubt, 1);
    // A process that ends now has not forgotten it.
    world.restart(small()).await;
    let run = world.sync().await;
    assert_eq!((run.outcome, run.failed), (Some(Outcome::Failed), 1));
    assert!(run.message.contains("keeps the row"), "{}", run.message);
    world.shop.unlock("c");
    let run = world.sync().await;
    assert_eq!((run.outcome, run.sent), (Some(Outcome::Completed), 1));
    assert!(is_equal(&world));
    assert_eq!(world.codes(), [""; 0]);
}

/// A locked row is not gone.
#[tokio::test(start_paused = true)]
async fn a_row_that_a_till_holds_is_not_taken_for_gone() {
    let world = stocked(small()).await;
    assert_eq!(world.upload().await.outcome, Some(Outcome::Completed));
    world.shop.lock("c");
    let run = world.upload().await;
    assert_eq!((run.failed, run.removed), (1, 0));
    assert!(!world.is_removed("c").await);
    world.shop.unlock("c");
    assert_eq!(world.upload().await.outcome, Some(Outcome::Completed));
}

/// Its deletion was not captured, because the triggers were missing, too.
#[tokio::test(start_paused = true)]
async fn an_upload_finds_that_a_refused_product_is_gone() {
    let world = stocked(small()).await;
    world.cloud.refuses(&[99]);
    world.shop.put("poison", 99);
    world.upload().await;
    assert_eq!(world.sync().await.outcome, Some(Outcome::Completed));
    assert!(world.is_parked("poison").await);
    world.shop.lose("poison");
    let run = world.upload().await;
    assert_eq!(run.outcome, Some(Outcome::Completed), "{}", run.message);
    assert_eq!(run.removed, 1);
    assert!(!world.is_parked("poison").await && world.is_removed("poison").await);
    // A product that is listed already is not counted again.
    assert_eq!(world.upload().await.removed, 0);
}

/// They are all that is left of the shop's only page. Products that this upload has already sent serve as canaries.
#[tokio::test(start_paused = true)]
async fn products_that_break_digible_do_not_hold_the_upload_of_a_small_shop() {
    let usual = Options {
        batch_size: 5,
        max_in_flight: 2,
        ..options()
    };
    let world = stocked(usual).await;
    world.upload().await;
    world
        .cloud
        .rule(|request| match request.holds_any(&[98, 99]) {
            true => cloud::broken(cloud::Applied::Never),
            false => cloud::good(),
        });
    world.shop.put("a", 98);
    world.shop.put("b", 99);
    while !(world.is_parked("a").await && world.is_parked("b").await) {
        tokio::time::sleep(Duration::from_secs(60)).await;
        world.sync().await;
    }
    let upload = tokio::time::timeout(Duration::from_secs(7_200), world.upload());
    let run = upload.await.unwrap();
    assert_eq!(run.outcome, Some(Outcome::Completed), "{}", run.message);
    assert!(world.is_parked("a").await && world.is_parked("b").await);
}
