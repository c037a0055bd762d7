//! When syncs start automatically.

use std::time::Duration;

use jiff::Timestamp;
use shopmaster_catalog::InstallOptions;
use shopmaster_health::run::{Cause, Kind, Outcome};
use shopmaster_journal::Pause;
use tokio::time::sleep;

use super::{
    World,
    cloud::{self, Applied},
    id, options,
};
use crate::{Options, backoff::Jitter, retry_queue::Strikes};

const HOUR: Duration = Duration::from_secs(3600);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn started(options: Options) -> World {
    let world = World::with(options).await;
    world.engine.start();
    world
}

#[tokio::test(start_paused = true)]
async fn a_sync_starts_at_once_and_then_at_each_interval() {
    let world = started(options()).await;
    sleep(seconds(5)).await;
    assert_eq!(world.shop.walks(), 1);
    sleep(seconds(110)).await;
    assert_eq!(world.shop.walks(), 1);
    sleep(seconds(15)).await;
    assert_eq!(world.shop.walks(), 2);
    let next = world.status_store.facts().next_sync_at.unwrap();
    assert!(next > Timestamp::now());
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_change_is_sent_within_a_probe() {
    let world = started(options()).await;
    sleep(seconds(5)).await;
    world.shop.put("a", 1);
    sleep(seconds(3)).await;
    assert!(world.cloud.has("a", 1));
    assert_eq!(world.shop.walks(), 2);
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_product_that_waits_holds_up_no_other_and_starts_no_sync_at_each_probe() {
    let world = started(options()).await;
    world.shop.put("stuck", 1);
    world.cloud.rule(|request| match request.is_about("stuck") {
        true => cloud::turned_away(),
        false => cloud::good(),
    });
    // Until its waits are as long as those of products.
    sleep(HOUR).await;
    let before = world.shop.walks();
    sleep(HOUR).await;
    let walks = world.shop.walks() - before;
    assert!(walks < 600, "{walks} syncs in an hour, of 1800 probes");
    for number in 0..20 {
        let key = format!("p{number}");
        world.shop.put(&key, 1);
        sleep(seconds(5)).await;
        assert!(world.cloud.has(&key, 1), "{key}");
    }
    world.cloud.is_well();
    sleep(seconds(180)).await;
    assert!(world.cloud.has("stuck", 1));
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_cloud_that_is_away_is_asked_ever_more_seldom() {
    let world = started(Options {
        batch_size: 1,
        ..options()
    })
    .await;
    world.cloud.rule(|_| cloud::turned_away());
    for number in 0..600 {
        world.shop.put(&format!("p{number}"), 1);
        sleep(seconds(2)).await;
    }
    let requests = world.cloud.requests().len();
    assert!(requests > 4 && requests < 1200, "{requests} requests");
    assert!(world.codes().contains(&"DIGIBLE_UNREACHABLE"));
    world.cloud.is_well();
    sleep(seconds(180)).await;
    assert_eq!(world.shop.pending(), 0);
    assert!(!world.codes().contains(&"DIGIBLE_UNREACHABLE"));
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_without_a_product_to_send_starts_at_most_one_sync() {
    let world = started(options()).await;
    sleep(seconds(5)).await;
    let retry_queue = &world.engine.core.retry_queue;
    retry_queue.defer(
        &id("nobody"),
        None,
        Strikes::default(),
        Some(seconds(1)),
        Jitter::draw(),
    );
    sleep(seconds(100)).await;
    assert!(world.shop.walks() <= 2, "{}", world.shop.walks());
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_product_that_reverts_while_it_waits_waits_no_more() {
    let world = started(options()).await;
    world.shop.put("a", 1);
    sleep(seconds(5)).await;
    world.cloud.rule(|_| cloud::turned_away());
    world.shop.put("a", 2);
    sleep(seconds(5)).await;
    world.shop.put("a", 1);
    sleep(seconds(70)).await;
    assert_eq!(world.shop.pending(), 0);
    assert_eq!(world.engine.core.retry_queue.earliest(), None);
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_doubt_is_sent_once_more_when_it_is_due() {
    for (window, requests, in_doubt) in [(seconds(20), 3, false), (HOUR, 2, true)] {
        let world = World::with_window(options(), window).await;
        world.engine.start();
        sleep(seconds(5)).await;
        let mut first = true;
        world.cloud.rule(move |_| match std::mem::take(&mut first) {
            true => cloud::lost(Applied::Now),
            false => cloud::good(),
        });
        world.shop.put("a", 1);
        sleep(seconds(60)).await;
        assert_eq!(world.cloud.requests().len(), requests, "{window:?}");
        let known = world.known("a").await;
        assert_eq!(known.is_in_doubt(), in_doubt, "{window:?}");
        world.engine.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_while_paused_and_all_of_it_after() {
    let world = started(options()).await;
    world.engine.pause(Pause::UntilResumed).await.unwrap();
    world.shop.put("a", 1);
    sleep(HOUR).await;
    assert_eq!(world.cloud.requests().len(), 0);
    assert_eq!(
        world.status_store.facts().pending,
        1,
        "people see what waits"
    );
    assert_eq!(world.status_store.facts().next_sync_at, None);
    world.engine.resume().await.unwrap();
    sleep(seconds(5)).await;
    assert!(world.cloud.has("a", 1));
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_ends_automatically_also_without_syncs() {
    for automatic in [true, false] {
        let world = started(Options {
            automatic,
            ..options()
        })
        .await;
        world.engine.pause(Pause::UntilResumed).await.unwrap();
        world.shop.put("a", 1);
        sleep(HOUR).await;
        // As if that time had already come.
        let ended = Pause::Until(Timestamp::UNIX_EPOCH);
        world.engine.pause(ended).await.unwrap();
        sleep(seconds(60)).await;
        assert_eq!(world.status_store.facts().paused, None);
        assert_eq!(*world.engine.core.pause.borrow(), None);
        assert_eq!(world.cloud.has("a", 1), automatic);
        world.engine.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_automatic_syncs_status_shows_what_waits() {
    let world = started(Options {
        automatic: false,
        ..options()
    })
    .await;
    world.shop.put("a", 1);
    sleep(HOUR).await;
    assert_eq!(world.shop.walks(), 0);
    assert_eq!(world.status_store.facts().pending, 1);
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_upload_resumes_after_a_pause() {
    let mut world = World::new().await;
    world.shop.stock(["a".to_owned()], 1);
    world.cloud.rule(|_| cloud::asked_to_wait(900));
    let begun = world.engine.runs.begin(
        Kind::Upload,
        Cause::Requested,
        shopmaster_health::run::Wish::default(),
    );
    begun.unwrap();
    world.cloud.arrived(1).await;
    world.engine.pause(Pause::UntilResumed).await.unwrap();
    // Twice, and the second one did nothing.
    world.restart(options()).await;
    world.engine.start();
    sleep(seconds(60)).await;
    world.restart(options()).await;
    world.cloud.is_well();
    world.engine.start();
    sleep(seconds(60)).await;
    assert!(!world.cloud.has("a", 1));
    world.engine.resume().await.unwrap();
    sleep(seconds(60)).await;
    assert!(world.cloud.has("a", 1));
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_digible_asked_for_is_no_longer_shown_when_it_is_over() {
    let world = started(options()).await;
    sleep(seconds(5)).await;
    world.engine.core.hold(seconds(60));
    assert!(world.codes().contains(&"DIGIBLE_BUSY"));
    sleep(seconds(65)).await;
    assert!(!world.codes().contains(&"DIGIBLE_BUSY"));
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_upload_waits_for_the_user() {
    let mut world = World::new().await;
    world.shop.stock(["a".to_owned()], 1);
    world.cloud.rule(|_| cloud::asked_to_wait(900));
    let begun = world.engine.runs.begin(
        Kind::Upload,
        Cause::Requested,
        shopmaster_health::run::Wish::default(),
    );
    let (handle, _) = begun.unwrap();
    world.cloud.arrived(1).await;
    world.engine.runs.cancel(&handle.now().id).unwrap();
    handle.ended().await;
    world.restart(options()).await;
    world.cloud.is_well();
    world.engine.start();
    sleep(HOUR).await;
    assert!(!world.cloud.has("a", 1));
    assert_eq!(world.upload().await.sent, 1);
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn no_sync_starts_before_a_product_may_be_tried() {
    let world = started(Options {
        batch_size: 1,
        max_in_flight: 1,
        ..options()
    })
    .await;
    sleep(seconds(5)).await;
    world.cloud.rule(|_| cloud::turned_away());
    for key in ["a", "b"] {
        world.shop.put(key, 1);
    }
    let before = world.shop.walks();
    sleep(HOUR).await;
    let syncs = world.shop.walks() - before;
    let requests = world.cloud.requests().len();
    let full = 3_600 / 120;
    assert!(
        requests > 10 && syncs <= requests + full,
        "{syncs} syncs, {requests} requests"
    );
    world.cloud.is_well();
    sleep(seconds(180)).await;
    assert_eq!(world.shop.pending(), 0);
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_broken_trigger_is_told_within_a_minute_whatever_goes_on() {
    let hourly = Options {
        interval: HOUR,
        ..options()
    };
    let by_hand = Options {
        automatic: false,
        ..hourly.clone()
    };
    for (options, is_paused) in [(&hourly, false), (&hourly, true), (&by_hand, false)] {
        let world = started(options.clone()).await;
        sleep(seconds(5)).await;
        if is_paused {
            world.engine.pause(Pause::UntilResumed).await.unwrap();
        }
        world.shop.has_trigger(false);
        sleep(seconds(55)).await;
        assert!(
            world.codes().contains(&"CAPTURE_DRIFTED"),
            "{options:?} {is_paused}"
        );
        world.shop.has_trigger(true);
        sleep(seconds(55)).await;
        assert!(!world.codes().contains(&"CAPTURE_DRIFTED"));
        world.engine.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_trigger_is_reported_while_a_run_waits() {
    let world = started(options()).await;
    sleep(seconds(5)).await;
    world.cloud.rule(|_| cloud::asked_to_wait(900));
    world.shop.put("a", 1);
    let begun = world.engine.runs.begin(
        Kind::Upload,
        Cause::Requested,
        shopmaster_health::run::Wish::default(),
    );
    begun.unwrap();
    world.cloud.arrived(1).await;
    world.shop.has_trigger(false);
    sleep(seconds(55)).await;
    assert!(world.codes().contains(&"CAPTURE_DRIFTED"));
    world.engine.stop().await;
}

/// Capture of an earlier version works: nothing was missed, so nothing is sent again.
#[tokio::test(start_paused = true)]
async fn capture_of_an_earlier_version_is_served_and_changed_over_without_an_upload() {
    let world = started(options()).await;
    assert_eq!(world.upload().await.outcome, Some(Outcome::Completed));
    world.shop.is_outdated();
    sleep(seconds(55)).await;
    assert!(world.codes().contains(&"CAPTURE_OUTDATED"));
    world.shop.put("a", 1);
    sleep(seconds(5)).await;
    assert!(world.cloud.has("a", 1));
    assert_eq!(world.upload().await.outcome, Some(Outcome::Completed));
    assert!(
        world
            .engine
            .install_capture(InstallOptions::default())
            .await
            .unwrap()
    );
    assert_eq!(world.codes(), Vec::<&str>::new());
    world.engine.stop().await;
}

/// A check that has to skip the rows of a mass update is not repeated every two seconds.
#[tokio::test(start_paused = true)]
async fn expensive_checks_for_changes_become_rare() {
    let hourly = Options {
        interval: HOUR,
        ..options()
    };
    let world = started(hourly).await;
    sleep(seconds(60)).await;
    let mut before = world.shop.probes();
    let mut probes = || {
        let now = world.shop.probes();
        let since = now - before;
        before = now;
        since
    };
    sleep(seconds(600)).await;
    let usual = probes();
    assert!(usual >= 290, "{usual}");
    world.shop.is_slow_to_probe(seconds(1));
    sleep(seconds(600)).await;
    let rare = probes();
    assert!((15..=30).contains(&rare), "{rare}");
    // Changes are still found, and quickly again once checks are cheap.
    world.shop.is_slow_to_probe(Duration::ZERO);
    world.shop.put("a", 1);
    sleep(seconds(31)).await;
    assert!(world.cloud.has("a", 1));
    probes();
    sleep(seconds(600)).await;
    assert!(probes() >= 290);
    world.engine.stop().await;
}
