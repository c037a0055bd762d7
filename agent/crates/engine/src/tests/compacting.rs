//! The ChangeLog while sending is blocked.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use proptest::{collection::vec, prelude::*, sample::select};
use shopmaster_catalog::{Change, ChangeIdentity, ChangeKind};
use shopmaster_journal::Pause;
use shopmaster_product::ProductId;
use tokio::time::sleep;

use super::{World, cloud, id};
use crate::compact::{Compactor, trim};

const MINUTE: Duration = Duration::from_secs(60);

fn change(number: usize, (key, kind): (&str, ChangeKind)) -> Change {
    Change {
        identity: ChangeIdentity::new(number as i64, id(key)),
        kind,
        changed_at: Timestamp::UNIX_EPOCH,
    }
}

/// What coalescing needs from a log: for each key, compared without case, whether it was new, and its newest change.
fn outcome(log: &[Change]) -> BTreeMap<String, (bool, ChangeIdentity)> {
    let mut outcome = BTreeMap::new();
    for Change { identity, kind, .. } in log {
        let ProductId::Text(key) = &identity.key else {
            panic!("keys are texts here");
        };
        let is_new = *kind == ChangeKind::Insert;
        outcome
            .entry(key.to_lowercase())
            .and_modify(|entry: &mut (bool, ChangeIdentity)| entry.1 = identity.clone())
            .or_insert((is_new, identity.clone()));
    }
    outcome
}

proptest! {
    #[test]
    fn trimming_changes_nothing_that_coalescing_sees(
        log in vec(
            (
                select(vec!["a", "A", "b", "B", "c"]),
                select(vec![ChangeKind::Insert, ChangeKind::Update, ChangeKind::Delete]),
            ),
            0..60,
        ),
        page in 1_usize..20,
    ) {
        let log: Vec<_> = log.into_iter().enumerate().map(|(n, one)| change(n, one)).collect();
        let mut trimmer = Compactor::default();
        let between: Vec<_> = log.chunks(page).flat_map(|page| trimmer.read(page.to_vec())).collect();
        let mut left = log.clone();
        left.retain(|change| !between.contains(&change.identity));
        prop_assert_eq!(outcome(&left), outcome(&log));
        prop_assert!(left.len() <= 2 * 5);
        // Each is deleted once.
        prop_assert_eq!(left.len() + between.len(), log.len());
    }
}

/// A shop in which three products changed a thousand times.
fn busy(world: &World) {
    for price in 1..=1_000 {
        for key in ["a", "b", "c"] {
            world.shop.put(key, price);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_keeps_the_change_log_small() {
    let world = World::new().await;
    world.engine.start();
    sleep(Duration::from_secs(5)).await;
    world.engine.pause(Pause::UntilResumed).await.unwrap();
    busy(&world);
    world.shop.put("once", 1);
    assert_eq!(world.shop.pending(), 3_001);
    sleep(2 * MINUTE).await;
    assert_eq!(world.shop.pending(), 7);
    assert_eq!(world.status_store.facts().pending, 4);
    world.engine.resume().await.unwrap();
    sleep(MINUTE).await;
    for key in ["a", "b", "c"] {
        assert!(world.cloud.has(key, 1_000));
    }
    assert!(world.cloud.has("once", 1));
    assert_eq!(world.shop.pending(), 0);
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_cloud_that_is_away_keeps_it_small_too() {
    let world = World::new().await;
    world.cloud.rule(|_| cloud::turned_away());
    world.engine.start();
    busy(&world);
    sleep(5 * MINUTE).await;
    assert!(world.shop.pending() <= 6, "{}", world.shop.pending());
    world.cloud.is_well();
    sleep(3 * MINUTE).await;
    assert_eq!(world.shop.pending(), 0);
    assert!(world.cloud.has("a", 1_000));
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_came_and_went_is_still_nothing_after_trimming() {
    let world = World::new().await;
    busy(&world);
    world.shop.put("brief", 1);
    world.shop.put("brief", 2);
    world.shop.delete("brief");
    assert!(trim(&world.engine.core).await.unwrap() > 2_000);
    let run = world.sync().await;
    assert_eq!((run.sent, run.removed), (3, 0));
    assert!(!world.is_removed("brief").await);
}

#[tokio::test(start_paused = true)]
async fn many_products_are_no_reason_to_trim() {
    let world = World::new().await;
    for number in 0..1_500 {
        world.shop.put(&format!("p{number}"), 1);
    }
    assert_eq!(trim(&world.engine.core).await.unwrap(), 0);
    assert_eq!(world.shop.pending(), 1_500);
}

#[tokio::test(start_paused = true)]
async fn a_large_change_log_is_told() {
    let world = World::new().await;
    world.upload().await;
    world.status_store.update(|facts| facts.changes = 99_999);
    assert_eq!(world.codes(), [""; 0]);
    world.status_store.update(|facts| facts.changes = 100_000);
    assert_eq!(world.codes(), ["CHANGELOG_LARGE"]);
}
