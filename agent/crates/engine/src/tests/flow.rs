//! How much is sent to a Digible that works, is busy or is down, and what status says meanwhile.

use std::{sync::atomic::Ordering, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use shopmaster_health::run::{Cause, Kind, Outcome};
use tokio::time::{Instant, sleep};

use super::{World, cloud, options};
use crate::Options;

const MINUTE: Duration = Duration::from_secs(60);
const ROUND_TRIP: Duration = Duration::from_millis(20);

/// Batches and requests at once as they are by default.
fn usual() -> Options {
    Options {
        batch_size: 200,
        max_in_flight: 8,
        ..options()
    }
}

/// A world whose upload is done, so that only changes are left to send.
async fn started(options: Options) -> World {
    let world = World::with(options).await;
    world.engine.start();
    assert_eq!(world.upload().await.outcome, Some(Outcome::Completed));
    world
}

fn change(world: &World, count: u32) {
    for number in 0..count {
        world.shop.put(&format!("p{number:06}"), 1);
    }
}

fn headline(world: &World) -> String {
    let facts = world.status_store.facts();
    shopmaster_health::report(&facts, Timestamp::now(), &TimeZone::UTC).headline
}

/// `Digible not reachable (since 11:02), next try 11:07`.
fn says_until_when(headline: &str) -> bool {
    headline.starts_with("Digible not reachable (since ") && headline.contains(", next try ")
}

#[tokio::test(start_paused = true)]
async fn a_dead_hour_costs_two_requests_a_minute_and_ends_within_a_minute() {
    dead_for_an_hour(10_000).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "needs half a minute"]
async fn a_dead_hour_costs_as_little_with_many_changes_waiting() {
    dead_for_an_hour(100_000).await;
}

#[expect(clippy::print_stdout, reason = "these are figures that people want")]
async fn dead_for_an_hour(changes: u32) {
    let world = started(usual()).await;
    world.cloud.takes(ROUND_TRIP);
    world.cloud.is_away();
    change(&world, changes);
    world.cloud.forget();
    let mut minutes = Vec::new();
    let mut before = 0;
    for minute in 0..60 {
        sleep(MINUTE).await;
        let requests = world.cloud.requests().len();
        minutes.push(requests - before);
        before = requests;
        let headline = headline(&world);
        assert!(says_until_when(&headline), "{minute}: {headline}");
        if minute == 1 {
            world.cloud.forget();
            before = 0;
        }
    }
    let in_the_hour: usize = minutes.iter().sum();
    println!("requests by minute: {minutes:?}, {in_the_hour} in the hour");
    println!("status said: {}", headline(&world));
    // The first requests at once, and then tries after half a second, a second, two.
    assert!(minutes[0] <= 8 + 8, "{minutes:?}");
    assert!(minutes[2..].iter().all(|requests| *requests <= 3));
    assert!((40..=150).contains(&in_the_hour), "{in_the_hour}");
    assert_eq!(world.cloud.most_at_once(), 1, "once it is known to be dead");

    world.cloud.forget();
    world.cloud.is_well();
    let back = Instant::now();
    world.cloud.arrived(1).await;
    let tried = back.elapsed();
    while world.shop.pending() > 0 {
        sleep(Duration::from_secs(1)).await;
    }
    let sent = back.elapsed();
    println!("back: first answer after {tried:?}, all {changes} sent after {sent:?}");
    assert!(tried <= MINUTE + Duration::from_secs(2), "{tried:?}");
    assert!(sent <= tried + MINUTE + Duration::from_secs(10), "{sent:?}");
    assert!(world.cloud.most_at_once() > 4);
    assert_eq!(world.codes(), [""; 0]);
    world.engine.stop().await;
}

/// An upload, syncs and a user do not each make tries of their own.
#[tokio::test(start_paused = true)]
async fn all_runs_share_one_try() {
    let world = started(usual()).await;
    world
        .shop
        .stock((0..4_000).map(|number| format!("p{number:06}")), 1);
    world.cloud.takes(Duration::from_secs(1));
    let begun = world.engine.runs.begin(
        Kind::Upload,
        Cause::Requested,
        shopmaster_health::run::Wish::default(),
    );
    let upload = begun.unwrap().0;
    sleep(Duration::from_millis(1_500)).await;
    assert!(upload.now().sent > 0);
    world.cloud.is_away();
    change(&world, 2_000);
    sleep(MINUTE * 10).await;
    world.cloud.forget();
    sleep(MINUTE * 20).await;
    let requests = world.cloud.requests().len();
    assert!(
        (18..=42).contains(&requests),
        "{requests} in twenty minutes"
    );
    // Except while a try is made.
    let mut progress = upload.watch();
    let waits = |run: &shopmaster_health::run::Run| run.message.contains("; next try ");
    progress.wait_for(waits).await.unwrap();
    assert!(says_until_when(&headline(&world)), "{}", headline(&world));
    // A user gets an answer at once, from one request.
    world.cloud.forget();
    let asked = Instant::now();
    let run = world.sync().await;
    assert_eq!(run.outcome, Some(Outcome::Failed));
    assert_eq!(world.cloud.requests().len(), 1);
    assert!(asked.elapsed() < Duration::from_secs(5));
    assert!(run.message.contains("not reachable"), "{}", run.message);
    // What that request has shown, other runs need not find out.
    world.cloud.is_well();
    world.sync().await;
    let back = Instant::now();
    let run = upload.ended().await;
    assert_eq!(run.outcome, Some(Outcome::Completed), "{}", run.message);
    assert!(back.elapsed() < MINUTE * 2, "{:?}", back.elapsed());
    assert_eq!(world.shop.pending(), 0);
    world.engine.stop().await;
}

/// The limit starts low, which costs one more round trip at the very first, and nothing later.
#[tokio::test(start_paused = true)]
async fn starting_low_costs_a_round_trip() {
    let world = World::with(usual()).await;
    world.cloud.takes(ROUND_TRIP);
    // Pages of 8, 16 and 26 batches.
    let eight_at_once = ROUND_TRIP * (1 + 2 + 4);
    let mut took = Vec::new();
    for price in [1, 2] {
        for number in 0..10_000 {
            world.shop.put(&format!("p{number:06}"), price);
        }
        let begun = Instant::now();
        let run = world.sync().await;
        assert_eq!((run.sent, run.requests), (10_000, 50));
        took.push(begun.elapsed());
    }
    assert!(took[0] <= eight_at_once + ROUND_TRIP * 2, "{took:?}");
    // It keeps what it has reached.
    assert!(took[1] <= eight_at_once + ROUND_TRIP, "{took:?}");
    assert_eq!(world.cloud.most_at_once(), 8);
}

/// It does not get fewer requests than it can handle, either.
#[tokio::test(start_paused = true)]
async fn a_busy_digible_is_asked_for_as_much_as_it_bears() {
    let world = World::with(Options {
        batch_size: 10,
        ..usual()
    })
    .await;
    world.cloud.takes(ROUND_TRIP);
    let under_way = world.cloud.under_way();
    world
        .cloud
        .rule(move |_| match under_way.load(Ordering::SeqCst) {
            0..=3 => cloud::good(),
            _ => cloud::turned_away(),
        });
    change(&world, 5_000);
    let begun = world.engine.runs.begin(
        Kind::Sync,
        Cause::Requested,
        shopmaster_health::run::Wish::default(),
    );
    let handle = begun.unwrap().0;
    let mut status = world.status_store.watch();
    let mut said = Vec::new();
    let run = loop {
        tokio::select! {
            run = handle.ended() => break run,
            changed = status.changed() => changed.unwrap(),
        }
        said.push(headline(&world));
    };
    let turned_away = run.requests - 500;
    assert_eq!((run.outcome, run.sent), (Some(Outcome::Completed), 5_000));
    assert!(turned_away < run.requests / 5, "{turned_away}");
    let slowed = " requests at a time because Digible is busy";
    assert!(said.iter().any(|said| said.ends_with(slowed)), "{said:?}");
    assert_eq!(world.codes(), ["NEVER_UPLOADED"]);
}

/// Failures between good answers are no reason to open the breaker.
#[tokio::test(start_paused = true)]
async fn a_hiccup_slows_and_stops_nothing() {
    let world = World::with(usual()).await;
    let mut requests = 0;
    world.cloud.rule(move |_| {
        requests += 1;
        match requests % 10 {
            0 => cloud::turned_away(),
            _ => cloud::good(),
        }
    });
    change(&world, 4_000);
    let run = world.sync().await;
    assert_eq!(run.outcome, Some(Outcome::Completed), "{}", run.message);
    assert!(!world.engine.core.flow.is_open());
    assert_eq!(world.status_store.facts().next_try_at, None);
}
