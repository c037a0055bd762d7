//! Verifies: what they find, what they send, and what they ask about.

use std::time::Duration;

use shopmaster_health::run::{Cause, Kind, Outcome, Run, Wish};
use tokio::time::sleep;

use super::{World, id, options, scanning::scanning};

/// A shop with so many products that are up to date.
async fn equal(products: usize) -> World {
    let world = World::new().await;
    world.shop.stock(names(products), 1);
    world.upload().await;
    assert_eq!(world.sync().await.outcome, Some(Outcome::Completed));
    world.engine.refresh().await;
    world.cloud.forget();
    world
}

fn names(products: usize) -> Vec<String> {
    (0..products)
        .map(|number| format!("p{number:04}"))
        .collect()
}

async fn verify(world: &World) -> Run {
    world.run(Kind::Verify).await
}

fn completed(run: &Run, text: &str) {
    assert_eq!(run.outcome, Some(Outcome::Completed), "{}", run.message);
    assert!(run.message.starts_with(text), "{}", run.message);
}

fn failed(run: &Run, text: &str) {
    assert_eq!(run.outcome, Some(Outcome::Failed), "{}", run.message);
    assert!(run.message.contains(text), "{}", run.message);
}

#[tokio::test(start_paused = true)]
async fn one_that_finds_nothing_costs_no_request() {
    let world = equal(100).await;
    let before = world.status_store.facts().last_compared_at;
    let run = verify(&world).await;
    completed(&run, "100 of 100 products up to date, compared at ");
    assert_eq!((run.requests, run.sent, run.done), (0, 0, 100));
    assert_eq!(world.cloud.requests().len(), 0);
    world.engine.refresh().await;
    assert!(world.status_store.facts().last_compared_at >= before);
    assert_eq!(world.codes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_captured_is_found_sent_and_told() {
    let world = equal(100).await;
    // Changed, added and deleted without the triggers.
    world.shop.stock(["p0001".to_owned(), "new".to_owned()], 7);
    world.shop.lose("p0002");
    let run = verify(&world).await;
    completed(&run, "100 of 100 products up to date, compared at ");
    assert!(
        run.message.ends_with("2 repaired, 1 gone"),
        "{}",
        run.message
    );
    assert!(world.cloud.has("p0001", 7) && world.cloud.has("new", 7));
    assert!(world.is_removed("p0002").await);
    assert_eq!(world.cloud.acknowledged().len(), 2);
    assert_eq!(world.codes(), ["CAPTURE_MISSED_CHANGES"]);
    assert_eq!(world.status_store.facts().verified.missed, 3);
    // The issue lasts until the next verify that finds none.
    completed(&verify(&world).await, "100 of 100 products up to date");
    assert_eq!(world.codes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_was_not_missed() {
    let world = equal(100).await;
    world.shop.put("p0001", 2);
    world.shop.put("new", 2);
    world.shop.delete("p0002");
    let run = verify(&world).await;
    completed(&run, "100 of 100 products up to date");
    assert!(world.cloud.has("p0001", 2) && world.cloud.has("new", 2));
    assert!(world.is_removed("p0002").await);
    assert_eq!(world.codes(), [""; 0]);
    assert_eq!(world.status_store.facts().verified.missed, 0);
}

#[tokio::test(start_paused = true)]
async fn what_waits_while_digible_is_away_was_not_missed_either() {
    let world = equal(100).await;
    world.cloud.is_away();
    world.shop.put("p0001", 2);
    world.shop.delete("p0002");
    world.shop.stock(["p0003".to_owned()], 9);
    let run = verify(&world).await;
    failed(&run, "1 product differed");
    assert_eq!(world.status_store.facts().verified.missed, 1);
    world.cloud.is_well();
    sleep(Duration::from_secs(600)).await;
    assert_eq!(world.sync().await.outcome, Some(Outcome::Completed));
    assert!(world.cloud.has("p0001", 2) && world.cloud.has("p0003", 9));
    assert!(world.is_removed("p0002").await);
}

#[tokio::test(start_paused = true)]
async fn more_than_a_tenth_is_asked_about_first() {
    let world = equal(100).await;
    world.shop.stock(names(11), 5);
    let run = verify(&world).await;
    failed(&run, "Nothing sent: 11 of 100 products differ");
    assert_eq!((run.requests, world.cloud.requests().len()), (0, 0));
    assert_eq!(world.codes(), ["VERIFY_ASKS"]);
    // They are not sent bit by bit, either, and the next process asks the same.
    assert_eq!(world.sync().await.outcome, Some(Outcome::Completed));
    assert_eq!(world.cloud.requests().len(), 0);
    let mut world = world;
    world.restart(options()).await;
    world.engine.refresh().await;
    assert_eq!(world.codes(), ["VERIFY_ASKS"]);
    let run = world.confirmed(Kind::Verify).await;
    completed(&run, "100 of 100 products up to date");
    assert!(world.cloud.has("p0010", 5));
    assert_eq!(world.codes(), ["CAPTURE_MISSED_CHANGES"]);
}

#[tokio::test(start_paused = true)]
async fn a_shop_may_want_no_question() {
    let world = World::with(super::Options {
        verify_limit: 100,
        ..options()
    })
    .await;
    world.shop.stock(names(100), 1);
    world.upload().await;
    world.shop.stock(names(100), 2);
    completed(&verify(&world).await, "100 of 100 products up to date");
    assert!(world.cloud.has("p0099", 2));
}

#[tokio::test(start_paused = true)]
async fn who_joins_may_say_yes() {
    let world = equal(100).await;
    world.shop.stock(names(50), 5);
    let going = world.begin(Kind::Verify);
    let yes = Wish {
        confirmed: true,
        ..Wish::default()
    };
    let (joined, has_joined) = world
        .engine
        .runs
        .begin(Kind::Verify, Cause::Requested, yes)
        .unwrap();
    assert!(has_joined);
    completed(&joined.ended().await, "100 of 100 products up to date");
    assert_eq!(going.now().outcome, Some(Outcome::Completed));
}

/// The till fixes one of eleven products; the verify still asks about the other ten.
#[tokio::test(start_paused = true)]
async fn a_question_stays_until_it_is_answered() {
    let world = equal(100).await;
    world.shop.stock(names(11), 5);
    failed(&verify(&world).await, "11 of 100 products differ");
    world.shop.put("p0000", 1);
    world.sync().await;
    failed(&verify(&world).await, "10 of 100 products differ");
    assert!(!world.cloud.has("p0001", 5));
    // An upload answers it.
    world.upload().await;
    assert!(world.cloud.has("p0001", 5));
    assert_eq!(world.codes(), [""; 0]);
    // So does a shop that is as it was before.
    world.shop.stock(names(11), 6);
    failed(&verify(&world).await, "11 of 100 products differ");
    world.shop.stock(names(11), 5);
    world.shop.stock(["p0000".to_owned()], 1);
    completed(&verify(&world).await, "100 of 100 products up to date");
    assert_eq!(world.codes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_was_found_before_it_was_cancelled_is_known() {
    let world = World::with(super::Options {
        batch_size: 1,
        max_in_flight: 1,
        ..options()
    })
    .await;
    world.shop.stock(names(300), 1);
    world.upload().await;
    world.shop.stock(names(2), 7);
    let handle = world.begin(Kind::Verify);
    let mut progress = handle.watch();
    progress.wait_for(|run| run.done > 0).await.unwrap();
    handle.cancel.cancel();
    assert_eq!(handle.ended().await.outcome, Some(Outcome::Cancelled));
    assert!(world.engine.journal().counts().await.unwrap().in_doubt > 0);
    assert_eq!(world.sync().await.outcome, Some(Outcome::Completed));
    assert!(world.cloud.has("p0000", 7));
}

#[tokio::test(start_paused = true)]
async fn a_refused_product_that_was_fixed_without_the_triggers_is_sent() {
    let world = equal(100).await;
    world.shop.spoil("p0001");
    world.sync().await;
    assert!(world.is_parked("p0001").await);
    world.shop.stock(["p0001".to_owned()], 4);
    let run = verify(&world).await;
    completed(&run, "100 of 100 products up to date");
    assert!(run.message.ends_with("1 repaired"), "{}", run.message);
    assert!(world.cloud.has("p0001", 4));
    assert!(!world.is_parked("p0001").await);
}

/// As if another database had been served for a while.
#[tokio::test(start_paused = true)]
async fn what_is_listed_as_gone_and_is_there_is_found() {
    let world = equal(5).await;
    let removed = names(5).iter().map(|key| id(key)).collect();
    world.engine.journal().remove(removed).await.unwrap();
    world.engine.journal().doubt_everything().await.unwrap();
    let run = verify(&world).await;
    completed(&run, "5 of 5 products up to date");
    for key in &names(5) {
        assert!(!world.is_removed(key).await, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_that_shrinks_is_not_believed_without_a_yes() {
    let world = equal(100).await;
    for key in &names(90) {
        world.shop.lose(key);
    }
    let run = verify(&world).await;
    failed(&run, "90 of 100 products are missing");
    assert_eq!((world.codes(), run.removed), (vec!["CATALOG_SHRANK"], 0));
    let mut world = world;
    world.restart(options()).await;
    world.engine.refresh().await;
    assert_eq!(world.codes(), ["CATALOG_SHRANK"]);
    let run = world.confirmed(Kind::Verify).await;
    completed(&run, "10 of 10 products up to date");
    assert_eq!(run.removed, 90);
}

#[tokio::test(start_paused = true)]
async fn a_shop_of_no_products_has_a_sentence_too() {
    let world = World::new().await;
    completed(&verify(&world).await, "0 of 0 products up to date");
    // A shop from which nothing was ever sent is not a wrong one.
    world.shop.stock(names(100), 1);
    failed(&verify(&world).await, "run `shopmasterctl upload`");
    assert_eq!(world.codes(), ["NEVER_UPLOADED"]);
    assert_eq!(world.cloud.requests().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn before_the_first_upload_is_done_a_verify_asks_nothing() {
    let world = World::new().await;
    world.shop.stock(names(100), 1);
    world.cloud.is_away();
    let handle = world.begin(Kind::Upload);
    world.cloud.arrived(1).await;
    handle.cancel.cancel();
    handle.ended().await;
    world.cloud.is_well();
    world.shop.put("p0001", 2);
    world.sync().await;
    failed(&verify(&world).await, "An unfinished upload");
    assert_eq!(world.codes(), ["NEVER_UPLOADED"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_till_holds_is_neither_gone_nor_missed() {
    let world = equal(100).await;
    world.shop.lock("p0001");
    let run = verify(&world).await;
    completed(&run, "100 of 100 products up to date");
    assert!(!world.is_removed("p0001").await);
    assert_eq!(world.status_store.facts().verified.missed, 0);
}

#[tokio::test(start_paused = true)]
async fn a_refused_product_is_told_and_not_sent() {
    let world = equal(100).await;
    world.shop.spoil("p0001");
    world.sync().await;
    world.cloud.forget();
    let run = verify(&world).await;
    completed(&run, "99 of 100 products up to date");
    assert!(run.message.ends_with("1 refused"), "{}", run.message);
    assert_eq!(world.cloud.requests().len(), 0);
}

/// Capture was repaired: what changed meanwhile is found, and an upload is no longer due.
#[tokio::test(start_paused = true)]
async fn it_does_what_an_upload_is_due_for() {
    let world = equal(100).await;
    world.engine.journal().need_upload().await.unwrap();
    world.shop.stock(["p0001".to_owned()], 7);
    let run = verify(&world).await;
    completed(&run, "100 of 100 products up to date");
    assert!(world.cloud.has("p0001", 7));
    assert_eq!(world.cloud.acknowledged().len(), 1);
    // It was known that changes may have been missed.
    assert_eq!(world.codes(), [""; 0]);
    assert_eq!(world.status_store.facts().verified.missed, 0);
}

#[tokio::test(start_paused = true)]
async fn a_walked_table_is_verified_too() {
    let world = World::with(scanning()).await;
    world.shop.stock(names(100), 1);
    world.upload().await;
    world.cloud.forget();
    world.shop.stock(["p0001".to_owned()], 7);
    let run = verify(&world).await;
    completed(&run, "100 of 100 products up to date");
    assert!(world.cloud.has("p0001", 7));
    let facts = world.status_store.facts();
    assert_eq!(facts.verified.missed, 0);
    assert!(facts.scan.unwrap().compared_at.is_some());
    for key in &names(90) {
        world.shop.lose(key);
    }
    failed(&verify(&world).await, "90 of 100 products are missing");
    let run = world.confirmed(Kind::Verify).await;
    assert_eq!(run.removed, 90, "{}", run.message);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_cancelled_begins_again() {
    let world = equal(2_000).await;
    world.shop.stock(["p1999".to_owned()], 7);
    let handle = world.begin(Kind::Verify);
    handle.cancel.cancel();
    assert_eq!(handle.ended().await.outcome, Some(Outcome::Cancelled));
    completed(&verify(&world).await, "2,000 of 2,000 products up to date");
    assert!(world.cloud.has("p1999", 7));
}

#[tokio::test(start_paused = true)]
async fn syncs_go_on_between_its_pages() {
    let world = World::with(super::Options {
        batch_size: 1,
        max_in_flight: 1,
        ..options()
    })
    .await;
    world.shop.stock(names(300), 1);
    world.upload().await;
    world.cloud.forget();
    let handle = world.begin(Kind::Verify);
    let mut progress = handle.watch();
    progress.wait_for(|run| run.done > 0).await.unwrap();
    world.shop.put("p0001", 2);
    assert_eq!(world.sync().await.sent, 1);
    let run = handle.ended().await;
    completed(&run, "300 of 300 products up to date");
    assert_eq!(
        world.status_store.facts().verified.missed,
        0,
        "{:?}",
        id("p0001")
    );
}

/// The runs of the engine, newest first.
async fn verifies(world: &World) -> Vec<(Cause, Option<Outcome>)> {
    let runs = world.engine.runs().list(100).await.unwrap();
    let verifies = runs.into_iter().filter(|run| run.kind == Kind::Verify);
    verifies.map(|run| (run.cause, run.outcome)).collect()
}

#[tokio::test(start_paused = true)]
async fn one_begins_by_itself_each_night() {
    let world = World::with(super::Options {
        automatic: true,
        verify: Some(jiff::civil::time(3, 0, 0, 0)),
        ..options()
    })
    .await;
    world.shop.stock(names(100), 1);
    world.upload().await;
    world.engine.start();
    sleep(Duration::from_secs(60)).await;
    // The alarm waits for the first night.
    assert_eq!(verifies(&world).await, []);
    let two_days = jiff::SignedDuration::from_hours(48);
    let before = jiff::Timestamp::now().checked_sub(two_days).unwrap();
    world
        .engine
        .journal()
        .note_verify_rang(before)
        .await
        .unwrap();
    sleep(Duration::from_secs(60)).await;
    let done = [(Cause::Scheduled, Some(Outcome::Completed))];
    assert_eq!(verifies(&world).await, done);
    sleep(Duration::from_secs(600)).await;
    assert_eq!(verifies(&world).await, done);
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_the_end_of_the_process_stopped_begins_again() {
    let mut world = equal(2_000).await;
    let handle = world.begin(Kind::Verify);
    world.shop.stock(["p1999".to_owned()], 7);
    let mut progress = handle.watch();
    progress.wait_for(|run| run.done > 0).await.unwrap();
    world.restart(options()).await;
    assert_eq!(
        verifies(&world).await,
        [(Cause::Requested, Some(Outcome::Interrupted))]
    );
    world.engine.start();
    sleep(Duration::from_secs(60)).await;
    let runs = verifies(&world).await;
    assert_eq!(runs[0], (Cause::Resumed, Some(Outcome::Completed)));
    assert_eq!(runs.len(), 2);
    assert!(world.cloud.has("p1999", 7));
    world.engine.stop().await;
}

/// A recreated table, a restored database, repaired capture.
#[tokio::test(start_paused = true)]
async fn one_begins_by_itself_when_rows_may_be_others() {
    let world = World::with(super::Options {
        automatic: true,
        ..options()
    })
    .await;
    world.shop.stock(names(50), 1);
    world.upload().await;
    world.sync().await;
    world.engine.start();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(verifies(&world).await, []);
    world.shop.stock(["p0007".to_owned()], 7);
    world.shop.restore();
    sleep(Duration::from_secs(200)).await;
    let done = (Cause::Scheduled, Some(Outcome::Completed));
    assert_eq!(verifies(&world).await, [done]);
    assert!(world.cloud.has("p0007", 7));
    assert_eq!(world.codes(), [""; 0]);
    world.shop.stock(["p0008".to_owned()], 8);
    world.shop.restore();
    sleep(Duration::from_secs(200)).await;
    assert_eq!(verifies(&world).await, [done, done]);
    assert!(world.cloud.has("p0008", 8));
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_begins_by_itself_when_capture_was_mended() {
    let world = World::with(super::Options {
        automatic: true,
        ..options()
    })
    .await;
    world.shop.stock(names(50), 1);
    world.upload().await;
    world.engine.start();
    sleep(Duration::from_secs(60)).await;
    world.shop.has_trigger(false);
    sleep(Duration::from_secs(60)).await;
    assert!(world.codes().contains(&"CAPTURE_DRIFTED"));
    world.shop.stock(["p0007".to_owned()], 7);
    world.shop.has_trigger(true);
    sleep(Duration::from_secs(200)).await;
    let done = (Cause::Scheduled, Some(Outcome::Completed));
    assert_eq!(verifies(&world).await, [done]);
    assert!(world.cloud.has("p0007", 7));
    assert_eq!(world.codes(), [""; 0]);
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn it_waits_for_a_database_that_is_away() {
    let world = equal(100).await;
    world.shop.stock(["p0001".to_owned()], 7);
    world.shop.go_away(Some(|| {
        shopmaster_catalog::CatalogError::NoFile("shop.db".into())
    }));
    let handle = world.begin(Kind::Verify);
    sleep(Duration::from_secs(7_200)).await;
    assert_eq!(handle.now().outcome, None);
    world.shop.go_away(None);
    completed(&handle.ended().await, "100 of 100 products up to date");
    assert!(world.cloud.has("p0001", 7));
}

#[tokio::test(start_paused = true)]
async fn another_catalog_is_compared_and_little_is_sent() {
    let mut world = equal(100).await;
    world.shop.stock(names(10), 5);
    world.restart_elsewhere(options()).await;
    world.engine.refresh().await;
    assert_eq!(world.codes(), ["NEVER_UPLOADED", "CATALOG_CHANGED"]);
    world.engine.start();
    sleep(Duration::from_secs(30)).await;
    assert!(world.cloud.has("p0009", 5));
    assert_eq!(world.cloud.acknowledged().len(), 10);
    assert_eq!(world.codes(), [""; 0]);
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn another_catalog_is_asked_about_before_much_is_sent() {
    for usual in [options(), scanning()] {
        let mut world = equal(100).await;
        world.shop.stock(names(11), 5);
        world.restart_elsewhere(usual.clone()).await;
        // Nothing from before the change counts as an answer.
        failed(&verify(&world).await, "Nothing sent: 11 of 100 products");
        world.restart(usual.clone()).await;
        world.engine.start();
        sleep(Duration::from_secs(3_600)).await;
        assert_eq!(world.cloud.requests().len(), 0, "{usual:?}");
        let asks = ["VERIFY_ASKS", "NEVER_UPLOADED", "CATALOG_CHANGED"];
        assert!(
            asks.iter().all(|code| world.codes().contains(code)),
            "{:?}",
            world.codes()
        );
        let run = world.confirmed(Kind::Verify).await;
        completed(&run, "100 of 100 products up to date");
        assert!(world.cloud.has("p0010", 5));
        world.engine.refresh().await;
        let codes = world.codes();
        assert!(asks.iter().all(|code| !codes.contains(code)), "{codes:?}");
        assert_eq!(world.sync().await.outcome, Some(Outcome::Completed));
        world.engine.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_walk_sends_nothing_of_another_catalog_that_nobody_has_compared() {
    let mut world = equal(100).await;
    world.shop.stock(names(50), 5);
    let by_hand = super::Options {
        automatic: false,
        ..scanning()
    };
    world.restart_elsewhere(by_hand).await;
    failed(&world.sync().await, "run `shopmasterctl verify`");
    assert_eq!(world.cloud.requests().len(), 0);
    let upload = world.upload().await;
    assert_eq!(
        upload.outcome,
        Some(Outcome::Completed),
        "{}",
        upload.message
    );
    assert_eq!(world.sync().await.outcome, Some(Outcome::Completed));
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_is_reported_although_the_process_ended_before_it_was_sent() {
    let mut world = equal(100).await;
    world.shop.stock(names(50), 5);
    world.cloud.is_away();
    let handle = world.begin_confirmed(Kind::Verify);
    world.cloud.arrived(1).await;
    world.restart(options()).await;
    assert!(handle.now().outcome.is_some());
    world.cloud.is_well();
    sleep(Duration::from_secs(600)).await;
    completed(&verify(&world).await, "100 of 100 products up to date");
    assert!(world.cloud.has("p0049", 5));
    assert_eq!(world.codes(), ["CAPTURE_MISSED_CHANGES"]);
    assert_eq!(world.status_store.facts().verified.missed, 50);
    completed(&verify(&world).await, "100 of 100 products up to date");
    assert_eq!(world.codes(), [""; 0]);
}

/// As after another price column that was a mistake.
#[tokio::test(start_paused = true)]
async fn what_a_verify_refused_is_up_to_date_when_its_row_is_as_it_was() {
    let world = equal(20).await;
    world.shop.spoil_unnoticed("p0001");
    completed(&verify(&world).await, "19 of 20 products up to date");
    world.shop.stock(["p0001".to_owned()], 1);
    completed(&verify(&world).await, "20 of 20 products up to date");
    assert_eq!(world.engine.journal().counts().await.unwrap().parked, 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_could_not_begin_without_capture_begins_with_it() {
    let world = equal(20).await;
    assert!(world.shop.remove_by_hand());
    failed(&verify(&world).await, "capture is not installed");
    assert!(world.shop.install_by_hand());
    world.shop.stock(["p0001".to_owned()], 9);
    world.engine.start();
    sleep(Duration::from_secs(90)).await;
    assert!(world.cloud.has("p0001", 9));
    world.engine.stop().await;
}
