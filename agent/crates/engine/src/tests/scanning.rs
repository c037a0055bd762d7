//! Scan mode: walking the table instead of capturing its changes.

use std::time::Duration;

use proptest::{collection::vec, prelude::*, sample::select};
use shopmaster_catalog::{CatalogError, Check, InstallOptions, Verdict};
use shopmaster_health::{
    State,
    run::{Cause, Kind, Outcome},
};
use tokio::time::sleep;

use super::{
    World,
    cloud::{self, Applied},
    id, options,
    shop::body,
};
use crate::StepError;
use crate::{Options, ProductState};

const MINUTE: Duration = Duration::from_secs(60);
const LONG: Duration = Duration::from_secs(601);

pub(super) fn scanning() -> Options {
    Options {
        scan: true,
        ..options()
    }
}

/// A shop with so many products, all at Digible, and nothing of shopMaster in the database.
async fn uploaded(count: usize, options: Options) -> World {
    let world = World::with(options).await;
    world.shop.is_a_view();
    world.shop.stock((0..count).map(|n| format!("p{n:04}")), 1);
    assert_eq!(world.upload().await.outcome, Some(Outcome::Completed));
    world.cloud.forget();
    world
}

fn state(world: &World) -> State {
    let zone = jiff::tz::TimeZone::UTC;
    shopmaster_health::report(&world.status_store.facts(), jiff::Timestamp::now(), &zone).state
}

async fn explained(world: &World, key: &str) -> ProductState {
    world.engine.explain(key).await.unwrap().state
}

#[tokio::test(start_paused = true)]
async fn a_scan_sends_what_is_new_or_changed_and_nothing_else() {
    let world = uploaded(300, scanning()).await;
    world.shop.put("p0007", 2);
    world.shop.put("new", 3);
    assert_eq!(explained(&world, "p0007").await, ProductState::Pending);
    assert_eq!(explained(&world, "new").await, ProductState::Pending);
    let run = world.sync().await;
    assert_eq!(run.outcome, Some(Outcome::Completed));
    assert_eq!((run.sent, run.unchanged, run.requests), (2, 299, 2));
    assert!(world.cloud.has("p0007", 2) && world.cloud.has("new", 3));
    assert_eq!(explained(&world, "new").await, ProductState::Equal);
    assert_eq!((world.codes(), state(&world)), (vec![], State::UpToDate));
    let run = world.sync().await;
    assert_eq!((run.sent, run.unchanged, run.requests), (0, 301, 0));
}

#[tokio::test(start_paused = true)]
async fn an_upload_finishes_and_is_green_only_after_a_walk() {
    let mut world = World::with(scanning()).await;
    world.shop.is_a_view();
    world.shop.stock(["a".to_owned()], 1);
    world.engine.refresh().await;
    assert_eq!(world.codes(), ["NEVER_UPLOADED"]);
    let run = world.upload().await;
    assert_eq!((run.sent, run.unchanged, run.done, run.total), (1, 0, 1, 1));
    assert_eq!((world.codes(), state(&world)), (vec![], State::UpToDate));
    // It is unknown what changed between scans.
    world.restart(scanning()).await;
    world.engine.refresh().await;
    assert_eq!((world.codes(), state(&world)), (vec![], State::Pending));
    world.sync().await;
    assert_eq!(state(&world), State::UpToDate);
}

#[tokio::test(start_paused = true)]
async fn what_changes_behind_an_upload_is_sent_by_it() {
    let world = World::with(scanning()).await;
    world.shop.is_a_view();
    world.shop.stock(["a".to_owned(), "z".to_owned()], 1);
    let gate = world.cloud.close_gate();
    let begun = world.engine.runs.begin(
        Kind::Upload,
        Cause::Requested,
        shopmaster_health::run::Wish::default(),
    );
    let (handle, _) = begun.unwrap();
    world.cloud.arrived(1).await;
    world.shop.put("a", 2);
    gate.add_permits(1_000);
    assert_eq!(handle.ended().await.sent, 3);
    assert!(world.cloud.has("a", 2));
}

#[tokio::test(start_paused = true)]
async fn gone_needs_two_looks_ten_minutes_apart() {
    let world = uploaded(50, scanning()).await;
    world.shop.delete("p0001");
    world.shop.delete("p0002");
    world.sync().await;
    assert!(!world.is_removed("p0001").await);
    assert_eq!(explained(&world, "p0001").await, ProductState::Pending);
    let pending = (world.status_store.facts().pending, state(&world));
    assert_eq!(pending, (2, State::Pending));
    sleep(9 * MINUTE).await;
    world.sync().await;
    assert!(!world.is_removed("p0001").await);
    // One comes back: its ten minutes start again when it is deleted again.
    world.shop.put("p0002", 1);
    world.sync().await;
    world.shop.delete("p0002");
    sleep(2 * MINUTE).await;
    let run = world.sync().await;
    assert_eq!(run.removed, 1);
    assert!(world.is_removed("p0001").await && !world.is_removed("p0002").await);
    sleep(LONG).await;
    assert_eq!(world.sync().await.removed, 1);
    assert_eq!(state(&world), State::Attention);
    // A product that comes back is no longer listed.
    world.shop.put("p0001", 1);
    assert_eq!(explained(&world, "p0001").await, ProductState::Pending);
    assert_eq!(world.sync().await.sent, 1);
    assert!(!world.is_removed("p0001").await && world.is_removed("p0002").await);
    assert_eq!(world.cloud.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_restart_begins_the_looks_anew() {
    let mut world = uploaded(20, scanning()).await;
    world.shop.delete("p0001");
    world.sync().await;
    world.restart(scanning()).await;
    sleep(LONG).await;
    world.sync().await;
    assert!(!world.is_removed("p0001").await);
    sleep(LONG).await;
    world.sync().await;
    assert!(world.is_removed("p0001").await);
}

#[tokio::test(start_paused = true)]
async fn a_table_that_shrinks_at_once_is_not_believed() {
    let world = uploaded(100, scanning()).await;
    for number in 0..11 {
        world.shop.delete(&format!("p{number:04}"));
    }
    for _ in 0..3 {
        world.sync().await;
        sleep(LONG).await;
    }
    assert_eq!(world.codes(), ["CATALOG_SHRANK"]);
    let shrank = world.status_store.facts().shrank.unwrap();
    assert_eq!((shrank.missing, shrank.known), (11, 100));
    assert_eq!(world.engine.journal().counts().await.unwrap().removed, 0);
    // They are few enough now, so the ten minutes begin.
    world.shop.put("p0000", 1);
    world.sync().await;
    assert_eq!(world.codes(), [""; 0]);
    assert_eq!(world.engine.journal().counts().await.unwrap().removed, 0);
    sleep(LONG).await;
    assert_eq!(world.sync().await.removed, 10);
    assert_eq!(world.cloud.requests().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_upload_confirms_that_products_are_gone() {
    let world = uploaded(100, scanning()).await;
    for number in 0..50 {
        world.shop.delete(&format!("p{number:04}"));
    }
    world.sync().await;
    assert_eq!(world.codes(), ["CATALOG_SHRANK"]);
    // An upload without confirmation does not believe it, either.
    let run = world.upload().await;
    assert_eq!((run.removed, run.sent), (0, 50));
    assert_eq!(world.codes(), ["CATALOG_SHRANK"]);
    let run = world.confirmed(Kind::Upload).await;
    assert_eq!((run.removed, run.sent), (50, 50));
    assert_eq!((world.codes(), state(&world)), (vec![], State::Attention));
    world.engine.journal().forget_removed(None).await.unwrap();
    world.engine.refresh().await;
    assert_eq!(state(&world), State::UpToDate);
    world.sync().await;
    assert_eq!(world.codes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn few_of_a_small_shop_may_go_but_not_all() {
    let world = uploaded(10, scanning()).await;
    for number in 0..5 {
        world.shop.delete(&format!("p{number:04}"));
    }
    world.sync().await;
    sleep(LONG).await;
    assert_eq!(world.sync().await.removed, 5);
    world.shop.hide(true);
    world.sync().await;
    sleep(LONG).await;
    assert_eq!(world.sync().await.removed, 0);
    assert_eq!(world.codes(), ["CATALOG_SHRANK"]);
    world.shop.hide(false);
    world.sync().await;
    assert_eq!(world.codes(), [""; 0]);
    assert_eq!(state(&world), State::Attention);
}

#[tokio::test(start_paused = true)]
async fn the_old_spelling_of_a_key_is_removed_at_once() {
    let world = uploaded(10, scanning()).await;
    world.shop.rename("p0001", "P0001");
    let run = world.sync().await;
    assert_eq!((run.sent, run.removed), (1, 1));
    assert!(world.is_removed("p0001").await);
    assert!(world.cloud.has("P0001", 1));
    assert_eq!(state(&world), State::Attention);
}

#[tokio::test(start_paused = true)]
async fn what_digible_refuses_is_parked_and_its_end_is_noticed() {
    let world = uploaded(20, scanning()).await;
    world.cloud.refuses(&[666]);
    world.shop.put("p0003", 666);
    let run = world.sync().await;
    assert_eq!(run.parked, 1, "{run:?}");
    assert_eq!(world.sync().await.requests, 0);
    world.shop.put("p0003", 5);
    assert_eq!(world.sync().await.sent, 1);
    assert!(!world.is_parked("p0003").await);
    world.shop.spoil("p0004");
    world.sync().await;
    assert!(world.is_parked("p0004").await);
    world.shop.delete("p0004");
    world.sync().await;
    sleep(LONG).await;
    world.sync().await;
    assert!(!world.is_parked("p0004").await && world.is_removed("p0004").await);
}

#[tokio::test(start_paused = true)]
async fn a_product_in_doubt_is_sent_once_more_and_is_not_gone_after_one_check() {
    let world = uploaded(20, scanning()).await;
    let mut first = true;
    world.cloud.rule(move |_| match std::mem::take(&mut first) {
        true => cloud::lost(Applied::Now),
        false => cloud::turned_away(),
    });
    world.shop.put("p0005", 2);
    world.sync().await;
    assert!(world.known("p0005").await.is_in_doubt());
    assert_eq!(world.status_store.facts().scan.unwrap().compared_at, None);
    world.cloud.is_well();
    world.shop.delete("p0005");
    world.sync().await;
    assert!(!world.is_removed("p0005").await);
    assert_ne!(state(&world), State::UpToDate);
    sleep(LONG).await;
    world.sync().await;
    assert!(world.is_removed("p0005").await);
}

#[tokio::test(start_paused = true)]
async fn a_walk_is_for_each_interval_and_not_for_each_probe() {
    let world = uploaded(5, scanning()).await;
    let before = world.shop.scans();
    world.engine.start();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(world.shop.scans() - before, 1);
    world.shop.put("p0001", 2);
    sleep(Duration::from_secs(110)).await;
    assert!(!world.cloud.has("p0001", 2));
    sleep(Duration::from_secs(10)).await;
    assert!(world.cloud.has("p0001", 2));
    let walks = world.shop.scans() - before;
    assert_eq!(walks, 2);
    // A run without anything new is not shown.
    let runs = world.engine.runs.list(100).await.unwrap().len();
    sleep(60 * MINUTE).await;
    assert!(world.shop.scans() - before > 25);
    let more = world.engine.runs.list(100).await.unwrap().len() - runs;
    assert!(more <= 1, "{more}");
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_product_that_fails_does_not_start_walks_all_the_time() {
    let world = uploaded(5, scanning()).await;
    world.cloud.rule(|request| match request.is_about("p0001") {
        true => cloud::turned_away(),
        false => cloud::good(),
    });
    world.shop.put("p0001", 2);
    world.engine.start();
    sleep(60 * MINUTE).await;
    let before = world.shop.scans();
    sleep(60 * MINUTE).await;
    let walks = world.shop.scans() - before;
    assert!(walks < 200, "{walks} walks in an hour");
    assert_ne!(state(&world), State::UpToDate);
    world.cloud.is_well();
    sleep(3 * MINUTE).await;
    assert!(world.cloud.has("p0001", 2));
    assert_eq!(state(&world), State::UpToDate);
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn capture_that_is_still_installed_is_reported_and_not_used() {
    let world = World::with(scanning()).await;
    world.shop.put("a", 1);
    world.upload().await;
    world.shop.put("a", 2);
    let run = world.sync().await;
    assert_eq!(run.sent, 1);
    assert_eq!(world.shop.walks(), 0);
    assert_eq!(world.shop.pending(), 2);
    assert_eq!(world.codes(), ["CAPTURE_UNUSED"]);
    let refused = world
        .engine
        .install_capture(InstallOptions::default())
        .await
        .unwrap_err();
    assert!(matches!(
        refused,
        StepError::Catalog(CatalogError::ScanChosen)
    ));
    assert!(world.engine.remove_capture().await.unwrap());
    assert_eq!(world.codes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_view_is_walked_although_scan_mode_is_not_configured() {
    let world = uploaded(5, options()).await;
    world.shop.put("p0001", 2);
    let run = world.sync().await;
    assert_eq!((run.sent, run.unchanged), (1, 4));
    assert_eq!(world.codes(), [""; 0]);
    let refused = world
        .engine
        .install_capture(InstallOptions::default())
        .await
        .unwrap_err();
    assert!(matches!(
        refused,
        StepError::Catalog(CatalogError::ScanOnly { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_unique_is_not_walked() {
    let world = World::with(scanning()).await;
    world.shop.remove_by_hand();
    world.shop.has_unfit_key();
    let run = world.sync().await;
    assert_eq!(run.outcome, Some(Outcome::Failed));
    assert_eq!(world.codes(), ["KEY_UNFIT"]);
}

#[derive(Debug, Clone)]
enum Act {
    Put(&'static str, i128),
    Delete(&'static str),
    Rename(&'static str, &'static str),
    Hide(bool),
    Sync,
    Upload,
    Wait,
    Restart,
    /// How the cloud answers from now on.
    Weather(u8),
}

fn act() -> impl Strategy<Value = Act> {
    let key = || select(vec!["a", "A", "b", "B", "c", "d", "e", "f", "g", "h"]);
    prop_oneof![
        10 => (key(), select(vec![1, 2, 3])).prop_map(|(key, price)| Act::Put(key, price)),
        4 => key().prop_map(Act::Delete),
        1 => (key(), key()).prop_map(|(from, to)| Act::Rename(from, to)),
        1 => any::<bool>().prop_map(Act::Hide),
        6 => Just(Act::Sync),
        1 => Just(Act::Upload),
        2 => Just(Act::Wait),
        1 => Just(Act::Restart),
        2 => (0_u8..4).prop_map(Act::Weather),
    ]
}

/// Asserts that every product is at Digible as it is in the shop. Gives what else is there.
async fn assert_sent(world: &World) -> Vec<String> {
    let mut held = world.cloud.holds();
    for row in world.shop.rows() {
        assert_eq!(held.remove(&row.id), Some(body(&row)), "{:?}", row.id);
        assert!(!world.is_removed(&row.id.to_string()).await);
    }
    held.keys().map(ToString::to_string).collect()
}

/// Longer than anything that ends without help.
const DAY: Duration = Duration::from_secs(7_200);

async fn act_out(acts: Vec<Act>) {
    let mut world = World::with(scanning()).await;
    world.shop.is_a_view();
    for act in acts {
        match act {
            Act::Put(key, price) => world.shop.put(key, price),
            Act::Delete(key) => world.shop.delete(key),
            Act::Rename(from, to) => world.shop.rename(from, to),
            Act::Hide(is_hidden) => world.shop.hide(is_hidden),
            Act::Sync => drop(world.sync().await),
            Act::Upload => {
                let ended = tokio::time::timeout(DAY, world.upload()).await;
                assert!(ended.is_ok(), "the upload does not end");
            }
            Act::Wait => sleep(5 * MINUTE).await,
            Act::Restart => world.restart(scanning()).await,
            Act::Weather(weather) => world.cloud.rule(move |_| match weather {
                0 => cloud::good(),
                1 => cloud::turned_away(),
                2 => cloud::lost(Applied::Now),
                _ => cloud::lost(Applied::Never),
            }),
        }
    }
    world.cloud.is_well();
    world.shop.hide(false);
    for _ in 0..3 {
        sleep(LONG).await;
        world.sync().await;
    }
    // Scans alone send everything; what is gone is listed, or is more than can be believed.
    let left = assert_sent(&world).await;
    let shrank = world.codes().contains(&"CATALOG_SHRANK");
    for key in &left {
        assert!(shrank || world.is_removed(key).await, "{key}");
    }
    // A shop that has lost all its products is believed only when somebody confirms it.
    world.confirmed(Kind::Upload).await;
    sleep(LONG).await;
    let run = world.sync().await;
    assert_eq!(run.outcome, Some(Outcome::Completed), "{}", run.message);
    // When nothing is left to send, the engine checks Digible automatically.
    world.engine.log_in().await.unwrap();
    for key in assert_sent(&world).await {
        assert!(world.is_removed(&key).await, "{key}");
    }
    let counts = world.engine.journal().counts().await.unwrap();
    assert_eq!((counts.in_doubt, counts.parked), (0, 0));
    let expected = match counts.removed {
        0 => State::UpToDate,
        _ => State::Attention,
    };
    assert_eq!((world.codes(), state(&world)), (vec![], expected));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn nothing_is_lost_by_walking(acts in vec(act(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(act_out(acts));
    }
}

#[test]
fn what_only_capture_needs_fails_no_check() {
    let verdict = |name| {
        let failed = Check::new(name, Verdict::Failed, "no".to_owned(), "yes".to_owned());
        crate::preflight::for_walking(vec![failed])[0].verdict
    };
    assert_eq!(verdict("catalog.output"), Verdict::Skipped);
    assert_eq!(verdict("catalog.rights"), Verdict::Warning);
    assert_eq!(verdict("catalog.key"), Verdict::Failed);
}

#[test]
fn what_was_not_tried_behind_a_check_of_capture_is_not_needed() {
    let check = |name, verdict| Check::new(name, verdict, "said".to_owned(), String::new());
    let text = |price| {
        let checks = vec![
            check("catalog.table_kind", Verdict::Failed),
            check("catalog.key", Verdict::Skipped),
            check("catalog.price_type", price),
        ];
        crate::preflight::for_walking(checks)[1].text.clone()
    };
    assert!(text(Verdict::Ok).starts_with("not needed"));
    assert_eq!(text(Verdict::Failed), "said");
}

#[test]
fn ids_of_both_kinds_are_distinguished() {
    let mut met = crate::seen_set::SeenSet::default();
    met.add([&id("1"), &id("2")]);
    met.seal();
    assert!(met.has(&id("1")) && !met.has(&shopmaster_product::ProductId::Integer(1)));
}

/// A form that was left open holds up only its own row: the others are compared and sent, and the row waits and does
/// not count as gone.
#[tokio::test(start_paused = true)]
async fn a_row_that_a_till_holds_costs_a_walk_that_row() {
    let world = uploaded(50, scanning()).await;
    let compared = world.status_store.facts().last_compared_at;
    world.shop.lock("p0007");
    world.shop.put("p0007", 2);
    world.shop.put("p0009", 2);
    for _ in 0..3 {
        sleep(LONG).await;
        let run = world.sync().await;
        assert_eq!((run.outcome, run.failed), (Some(Outcome::Failed), 1));
        assert!(run.message.contains("keeps the row"), "{}", run.message);
    }
    assert!(world.cloud.has("p0009", 2));
    assert!(!world.is_removed("p0007").await);
    let facts = world.status_store.facts();
    assert_eq!((facts.pending, state(&world)), (1, State::Pending));
    assert_eq!(facts.last_compared_at, compared, "not every product was");
    world.shop.unlock("p0007");
    assert_eq!(world.sync().await.sent, 1);
    assert!(world.cloud.has("p0007", 2));
    assert_eq!(state(&world), State::UpToDate);
    assert_ne!(world.status_store.facts().last_compared_at, compared);
}
