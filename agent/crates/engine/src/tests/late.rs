//! Requests that land after they were given up, and what a step records before it ends.

use std::{fs, sync::Arc, time::Duration};

use shopmaster_health::run::{Cause, Kind};
use shopmaster_journal::{Binding, Journal};

use super::{
    World,
    cloud::{self, Applied},
    id, options,
};
use crate::Options;

const WINDOW: Duration = Duration::from_secs(150);

/// The next request about `key` is given up, and lands when the test says so.
fn lose_next(world: &World, key: &'static str) {
    let mut lost = false;
    world.cloud.rule(move |request| {
        if request.is_about(key) && !lost {
            lost = true;
            return cloud::lost(Applied::Later);
        }
        cloud::good()
    });
}

/// The late request lands; it is not shown as up to date, and the end of the window repairs it.
async fn assert_repaired(world: &World, key: &str, price: i128) {
    world.cloud.land(|_| true);
    assert!(!world.cloud.has(key, price), "the late request has landed");
    assert!(world.known(key).await.is_in_doubt());
    tokio::time::advance(WINDOW).await;
    world.sync().await;
    assert!(world.cloud.has(key, price));
    assert!(!world.known(key).await.is_in_doubt());
}

#[tokio::test(start_paused = true)]
async fn a_late_request_is_expected_through_a_removal() {
    let world = World::with_window(options(), WINDOW).await;
    world.shop.put("a", 1);
    world.shop.put("b", 1);
    world.sync().await;
    lose_next(&world, "a");
    world.shop.put("a", 2);
    world.sync().await;
    world.shop.delete("a");
    world.sync().await;
    assert!(world.is_removed("a").await);
    world.shop.put("a", 3);
    world.sync().await;
    assert!(world.cloud.has("a", 3) && !world.is_removed("a").await);
    assert_repaired(&world, "a", 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_late_request_is_expected_though_the_step_ended_by_an_error() {
    let world = World::with_window(options(), WINDOW).await;
    world.shop.put("a", 1);
    world.sync().await;
    // The update is given up. Then another product is refused, and the shop is busy when a canary is looked up.
    let shop = Arc::clone(&world.shop);
    let mut lost = false;
    world.cloud.rule(move |request| {
        if request.holds_any(&[666]) {
            shop.fails_to_read();
            return cloud::refused();
        }
        match std::mem::replace(&mut lost, true) {
            false => cloud::lost(Applied::Later),
            true => cloud::good(),
        }
    });
    world.shop.put("a", 2);
    world.shop.put("poison", 666);
    let begun = world.engine.runs.begin(
        Kind::Sync,
        Cause::Scheduled,
        shopmaster_health::run::Wish::default(),
    );
    begun.unwrap().0.ended().await;
    world.cloud.is_well();
    world.shop.delete("poison");
    world.shop.put("a", 3);
    world.sync().await;
    assert!(world.cloud.has("a", 3));
    assert_repaired(&world, "a", 3).await;
}

/// What a kill leaves at this moment.
fn journal_after_a_kill(world: &World) -> (tempfile::TempDir, Journal) {
    let copy = tempfile::tempdir().unwrap();
    for name in ["journal.sqlite", "journal.sqlite-wal"] {
        fs::copy(world.folder.path().join(name), copy.path().join(name)).unwrap();
    }
    let binding = Binding {
        account: "account".to_owned(),
        catalog: "catalog".to_owned(),
        captured: "catalog".to_owned(),
    };
    let path = copy.path().join("journal.sqlite");
    let opened = Journal::open(&path, &binding, WINDOW).unwrap();
    assert_eq!((opened.kept, opened.damaged), (None, None));
    (copy, opened.journal)
}

/// Two products, each in a request of its own: the first is acknowledged, the second hangs.
async fn killed_in_a_step(world: &World) -> (tempfile::TempDir, Journal) {
    let gate = world.cloud.close_gate();
    let begun = world.engine.runs.begin(
        Kind::Sync,
        Cause::Requested,
        shopmaster_health::run::Wish::default(),
    );
    let (handle, _) = begun.unwrap();
    world.cloud.arrived(1).await;
    gate.add_permits(1);
    let mut progress = handle.watch();
    progress.wait_for(|run| run.sent == 1).await.unwrap();
    // Its change is deleted after the commit that records the acknowledgement.
    while world.shop.pending() > 1 {
        tokio::task::yield_now().await;
    }
    let killed = journal_after_a_kill(world);
    gate.add_permits(100);
    handle.ended().await;
    killed
}

fn one_by_one() -> Options {
    Options {
        batch_size: 1,
        max_in_flight: 1,
        ..options()
    }
}

#[tokio::test]
async fn a_product_that_is_back_is_not_listed_as_gone_after_a_kill() {
    let world = World::with_window(one_by_one(), WINDOW).await;
    world.shop.put("a", 1);
    world.sync().await;
    world.shop.delete("a");
    world.sync().await;
    assert!(world.is_removed("a").await);
    world.cloud.forget();
    world.shop.put("a", 1);
    world.shop.put("b", 1);
    let (_folder, journal) = killed_in_a_step(&world).await;
    assert_eq!(journal.removed(id("a")).await.unwrap(), None);
}

#[tokio::test]
async fn an_old_spelling_is_listed_as_gone_after_a_kill() {
    let world = World::with_window(one_by_one(), WINDOW).await;
    world.shop.put("a", 1);
    world.sync().await;
    world.cloud.forget();
    world.shop.rename("a", "A");
    world.shop.put("b", 1);
    let (_folder, journal) = killed_in_a_step(&world).await;
    assert!(journal.removed(id("a")).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_product_that_is_back_without_a_price_is_refused_and_not_gone() {
    let world = World::new().await;
    world.shop.put("a", 1);
    world.sync().await;
    world.shop.delete("a");
    world.sync().await;
    world.shop.put("a", 1);
    world.shop.spoil("a");
    world.sync().await;
    assert!(world.is_parked("a").await && !world.is_removed("a").await);
}
