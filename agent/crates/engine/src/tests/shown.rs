//! What is shown while something is in progress, after a failure, and after a restart.

use std::{sync::Arc, time::Duration};

use shopmaster_health::{
    State,
    run::{Cause, Kind, Outcome},
};
use shopmaster_journal::StoredRun;
use tokio::time::sleep;

use super::{World, cloud, engine, options};
use crate::status_store::StatusStore;

fn state(world: &World) -> State {
    let zone = jiff::tz::TimeZone::UTC;
    shopmaster_health::report(&world.status_store.facts(), jiff::Timestamp::now(), &zone).state
}

#[tokio::test(start_paused = true)]
async fn a_run_that_panics_has_failed_and_the_process_ends() {
    let world = World::new().await;
    world.shop.put("a", 1);
    world.shop.panic_when_read();
    let begun = world.engine.runs.begin(
        Kind::Sync,
        Cause::Requested,
        shopmaster_health::run::Wish::default(),
    );
    let handle = begun.unwrap().0;
    let run = handle.ended().await;
    assert_eq!(run.outcome, Some(Outcome::Failed));
    assert!(run.message.starts_with("Internal error"), "{}", run.message);
    world.crashed.cancelled().await;
    assert!(world.status_store.facts().runs.is_empty());
    assert_eq!(world.status_store.facts().last_sync, Some(run.clone()));
    assert_eq!(
        world.engine.runs.get(&run.id).await.unwrap(),
        Some(run.clone())
    );
    // No caller joins it.
    let next = world.engine.runs.begin(
        Kind::Sync,
        Cause::Requested,
        shopmaster_health::run::Wish::default(),
    );
    let (next, joined) = next.unwrap();
    assert!(!joined && next.now().id != run.id);
    next.ended().await;
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_counted_while_digible_asks_us_to_wait() {
    let world = World::new().await;
    world.upload().await;
    world.engine.start();
    let keys = |from: u32, to: u32| (from..to).map(|number| format!("p{number}"));
    for key in keys(0, 5) {
        world.shop.put(&key, 1);
    }
    world.cloud.rule(|_| cloud::asked_to_wait(900));
    world.cloud.forget();
    world.cloud.arrived(1).await;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(
        (world.status_store.facts().pending, state(&world)),
        (5, State::Sending)
    );
    for key in keys(5, 8) {
        world.shop.put(&key, 1);
    }
    sleep(Duration::from_secs(3)).await;
    assert_eq!(
        (world.status_store.facts().pending, state(&world)),
        (8, State::Sending)
    );
    world.cloud.is_well();
    sleep(Duration::from_secs(1_000)).await;
    assert_eq!(
        (world.status_store.facts().pending, state(&world)),
        (0, State::UpToDate)
    );
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_sync_is_sending_from_what_it_finds_to_its_end() {
    let world = World::new().await;
    world.upload().await;
    world.engine.refresh().await;
    for number in 0..300 {
        world.shop.put(&format!("p{number}"), 1);
    }
    let mut snapshot = world.status_store.watch();
    let begun = world.engine.runs.begin(
        Kind::Sync,
        Cause::Requested,
        shopmaster_health::run::Wish::default(),
    );
    let (mut states, mut ended) = (Vec::new(), begun.unwrap().0.watch());
    // Every state that could be seen.
    while ended.borrow().outcome.is_none() {
        tokio::select! {
            changed = snapshot.changed() => changed.unwrap(),
            changed = ended.changed() => changed.unwrap(),
        }
        let facts = snapshot.borrow_and_update().facts.clone();
        let zone = jiff::tz::TimeZone::UTC;
        states.push(shopmaster_health::report(&facts, jiff::Timestamp::now(), &zone).state);
    }
    let first = states.iter().position(|state| *state == State::Sending);
    let last = states.iter().rposition(|state| *state == State::Sending);
    let (first, last) = (first.unwrap(), last.unwrap());
    let sending = &states[first..=last];
    assert!(sending.len() > 3, "{states:?}");
    assert!(
        sending.iter().all(|state| *state == State::Sending),
        "{states:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_digible_that_was_lost_is_lost_until_it_answers() {
    let world = World::new().await;
    world.engine.start();
    world
        .shop
        .stock((0..300).map(|number| format!("p{number}")), 1);
    world.cloud.is_away();
    assert_eq!(world.upload().await.outcome, Some(Outcome::Failed));
    let is_lost = || world.codes().contains(&"DIGIBLE_UNREACHABLE");
    assert!(is_lost());
    // Syncs have nothing to send, so they do not show that Digible is available again.
    world.cloud.forget();
    let logins = world.cloud.logins();
    sleep(Duration::from_secs(600)).await;
    assert!(is_lost());
    assert_eq!(world.cloud.requests().len(), 0);
    assert!(world.cloud.logins() > logins, "somebody has to ask");
    world.cloud.is_well();
    sleep(Duration::from_secs(300)).await;
    assert!(!is_lost());
    assert!(world.codes().contains(&"NEVER_UPLOADED"));
    let logins = world.cloud.logins();
    sleep(Duration::from_secs(3_600)).await;
    assert_eq!(world.cloud.logins(), logins, "nobody asks without a reason");
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_upload_is_not_due_while_one_is_in_progress() {
    let world = World::new().await;
    world.shop.stock(["a".to_owned()], 1);
    world.engine.refresh().await;
    assert!(world.codes().contains(&"NEVER_UPLOADED"));
    let gate = world.cloud.close_gate();
    let begun = world.engine.runs.begin(
        Kind::Upload,
        Cause::Requested,
        shopmaster_health::run::Wish::default(),
    );
    world.cloud.arrived(1).await;
    assert_eq!(world.codes(), [""; 0]);
    // A sync that sends nothing does not hide it.
    let look = world.engine.runs.begin(
        Kind::Sync,
        Cause::Scheduled,
        shopmaster_health::run::Wish::default(),
    );
    assert_eq!(state(&world), State::Sending);
    gate.add_permits(100);
    begun.unwrap().0.ended().await;
    look.unwrap().0.ended().await;
    assert_eq!(state(&world), State::UpToDate);
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_run_did_is_known_afterwards() {
    let world = World::new().await;
    world.engine.start();
    world.upload().await;
    for number in 0..200 {
        world.shop.put(&format!("p{number}"), 1);
    }
    world.cloud.forget();
    let gate = world.cloud.close_gate();
    gate.add_permits(10);
    let begun = world.engine.runs.begin(
        Kind::Sync,
        Cause::Requested,
        shopmaster_health::run::Wish::default(),
    );
    let handle = begun.unwrap().0;
    world.cloud.arrived(11).await;
    sleep(Duration::from_secs(5)).await;
    let sent = handle.now().sent;
    assert!(sent > 0);
    // As if the first process were killed here.
    let status_store = Arc::new(StatusStore::new());
    let (folder, shop, cloud) = (&world.folder, &world.shop, &world.cloud);
    let next = engine(
        folder,
        shop,
        cloud,
        &status_store,
        options(),
        Duration::ZERO,
    )
    .await;
    let run = next.runs.get(&handle.now().id).await.unwrap().unwrap();
    assert_eq!((run.outcome, run.sent), (Some(Outcome::Interrupted), sent));
    assert!(run.took_ms.unwrap() >= 2_000);
    assert_eq!(
        status_store.facts().last_sent_at,
        world.status_store.facts().last_sent_at
    );
    assert!(status_store.facts().last_sent_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn the_last_sync_is_the_one_that_began_last_whatever_the_clock_said() {
    let mut world = World::new().await;
    let mut ahead = world.sync().await;
    // The clock was two years ahead, and an earlier version did not number runs.
    ahead.started_at += jiff::SignedDuration::from_hours(2 * 365 * 24);
    let record = serde_json::to_value(&ahead).unwrap();
    let mut record = record.as_object().unwrap().clone();
    record.remove("sequence");
    let stored = StoredRun {
        id: ahead.id.clone(),
        sequence: ahead.sequence,
        started_at: ahead.started_at.as_millisecond(),
        finished_at: Some(ahead.started_at.as_millisecond()),
        record: serde_json::to_string(&record).unwrap(),
    };
    let journal = world.engine.journal();
    journal.store_run(stored, None).await.unwrap();
    world.restart(options()).await;
    assert_eq!(world.status_store.facts().last_sync, Some(ahead.clone()));
    let now = world.sync().await;
    assert_eq!(world.status_store.facts().last_sync, Some(now.clone()));
    let listed = world.engine.runs.list(10).await.unwrap();
    assert_eq!(listed, [now, ahead]);
}

#[tokio::test(start_paused = true)]
async fn two_times_are_kept_apart() {
    let mut world = World::new().await;
    let times = |world: &World| {
        let facts = world.status_store.facts();
        (facts.last_sent_at, facts.last_compared_at)
    };
    assert_eq!(times(&world), (None, None));
    world.shop.put("a", 1);
    world.upload().await;
    let (sent, compared) = times(&world);
    let (sent, compared) = (sent.unwrap(), compared.unwrap());
    // A run that sends nothing is neither.
    world.sync().await;
    assert_eq!(times(&world), (Some(sent), Some(compared)));
    world.shop.put("a", 2);
    world.sync().await;
    let later = times(&world).0.unwrap();
    assert!(later > sent);
    assert_eq!(times(&world).1, Some(compared));
    world.restart(options()).await;
    let stored = times(&world).0.unwrap();
    assert_eq!(stored.as_millisecond(), later.as_millisecond());
    assert_eq!(times(&world).1, Some(compared));
}
