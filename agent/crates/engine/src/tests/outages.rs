//! A shop's database that is unavailable for a while, and one that another program needs exclusively.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use shopmaster_catalog::{CatalogError, Closed, ConnectFailure, Passing};
use shopmaster_health::{
    Severity, State,
    run::{Cause, Kind, Outcome},
};
use tokio::time::{Instant, sleep};

use super::{World, options};
use crate::{Options, wait::OUTAGE_CHECK_INTERVAL};

const MINUTE: Duration = Duration::from_secs(60);
/// The longest time until the first price after an outage has arrived.
const SOON: Duration = Duration::from_secs(5);

fn connect(cause: ConnectFailure) -> CatalogError {
    CatalogError::Connect {
        server: "shop".to_owned(),
        cause,
    }
}

fn port_closed() -> CatalogError {
    connect(ConnectFailure {
        code: "SERVER_PORT_CLOSED",
        remedy: "Start the server".into(),
        passing: Passing::Soon,
        is_away: true,
        fingerprint: None,
        error: "nothing listens on port 1433 of `shop`".into(),
    })
}

fn no_file() -> CatalogError {
    CatalogError::NoFile("shop.db".into())
}

fn refused() -> CatalogError {
    connect(ConnectFailure {
        code: "LOGIN_FAILED",
        remedy: "Check name and password".into(),
        passing: Passing::Never,
        is_away: false,
        fingerprint: None,
        error: "the login `shop` was refused".into(),
    })
}

fn single_user() -> CatalogError {
    CatalogError::Closed {
        database: "shop".to_owned(),
        state: Closed::SingleUser,
    }
}

async fn started(options: Options) -> World {
    let world = World::with(options).await;
    world.engine.start();
    sleep(SOON).await;
    world
}

/// However long the outage lasted, it takes only seconds: a wait of up to a minute would fail nearly every time.
#[tokio::test(start_paused = true)]
async fn the_first_change_after_an_outage_does_not_wait() {
    let hourly = Options {
        interval: MINUTE * 60,
        probe: Duration::from_secs(10),
        ..options()
    };
    for (failure, options) in [
        (port_closed as fn() -> CatalogError, options()),
        (no_file, options()),
        (port_closed, hourly),
    ] {
        let world = started(options).await;
        for round in 0..8 {
            world.shop.go_away(Some(failure));
            sleep(MINUTE * 3).await;
            assert!(!world.codes().is_empty());
            let key = format!("p{round}");
            world.shop.put(&key, 1);
            world.shop.go_away(None);
            sleep(SOON).await;
            assert!(world.cloud.has(&key, 1), "{round} {}", failure());
            assert_eq!(world.codes(), ["NEVER_UPLOADED"]);
        }
        world.engine.stop().await;
    }
}

/// Only checks are frequent.
#[tokio::test(start_paused = true)]
async fn tries_stay_seldom_while_it_is_away() {
    let world = started(options()).await;
    world.shop.go_away(Some(port_closed));
    sleep(MINUTE * 60).await;
    let (looks, tries) = (world.shop.looks(), world.shop.tries());
    assert!(looks > 1_000, "{looks}");
    // A failed try is followed by one more read, and capture is checked every 45 seconds.
    assert!(tries < 900, "{tries}");
    world.engine.stop().await;
}

/// Each failed login counts towards locking the account.
#[tokio::test(start_paused = true)]
async fn a_refused_login_is_never_hurried() {
    let world = started(options()).await;
    for look_says in [true, false] {
        world.shop.look_says(Some(look_says));
        world.shop.go_away(Some(refused));
        sleep(MINUTE * 5).await;
        let (before, looks) = (world.shop.tries(), world.shop.looks());
        sleep(MINUTE * 60).await;
        let tries = world.shop.tries() - before;
        assert!(tries < 900, "{tries}");
        assert_eq!(world.shop.looks(), looks);
    }
    world.engine.stop().await;
}

/// A forwarded port answers for a server that is down.
#[tokio::test(start_paused = true)]
async fn a_check_that_is_always_wrong_hurries_no_try() {
    let world = started(options()).await;
    world.shop.look_says(Some(true));
    world.shop.go_away(Some(port_closed));
    sleep(MINUTE * 60).await;
    let tries = world.shop.tries();
    assert!(tries < 900, "{tries}");
    world.shop.go_away(None);
    sleep(MINUTE * 2).await;
    assert_eq!(world.codes(), ["NEVER_UPLOADED"]);
    world.engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_upload_goes_on_soon_after_an_outage() {
    for failure in [
        port_closed as fn() -> CatalogError,
        no_file,
        single_user,
        || CatalogError::ConnectionLost {
            operation: "read products",
            source: "cut".into(),
        },
    ] {
        let world = World::new().await;
        world.shop.stock((0..200).map(|n| format!("p{n:03}")), 1);
        let begun = world.engine.runs.begin(
            Kind::Upload,
            Cause::Requested,
            shopmaster_health::run::Wish::default(),
        );
        let (handle, _) = begun.unwrap();
        world.cloud.arrived(1).await;
        world.shop.go_away(Some(failure));
        sleep(MINUTE * 5).await;
        // By now, the server's port does not answer.
        if !failure().is_away() {
            world.shop.go_away(Some(port_closed));
            sleep(MINUTE * 5).await;
        }
        world.shop.go_away(None);
        let back = Instant::now();
        assert_eq!(handle.ended().await.outcome, Some(Outcome::Completed));
        assert!(back.elapsed() < SOON, "{:?} {}", back.elapsed(), failure());
    }
}

#[tokio::test(start_paused = true)]
async fn a_reserved_database_is_waited_for_and_nothing_has_failed() {
    let world = started(options()).await;
    world.upload().await;
    assert_eq!(world.codes(), [""; 0]);
    let runs = world.engine.runs.list(100).await.unwrap().len();
    world.shop.go_away(Some(single_user));
    sleep(MINUTE * 30).await;
    let report = world
        .status_store
        .read(|facts| shopmaster_health::report(facts, Timestamp::now(), &TimeZone::UTC));
    assert_eq!(report.state, State::Pending);
    assert_eq!(
        report.headline,
        "Waiting: the shop's database `shop` is in single-user mode"
    );
    let [issue] = report.issues.as_slice() else {
        panic!("{:?}", report.issues);
    };
    assert_eq!(
        (issue.code, issue.severity),
        ("DATABASE_RESERVED", Severity::Info)
    );
    assert!(
        issue.remedy.contains("No action needed"),
        "{}",
        issue.remedy
    );
    assert!(issue.since.is_some());
    // No run is shown as failed, except one that may have been in progress when it began.
    let failed = world.engine.runs.list(100).await.unwrap();
    assert!(failed.len() <= runs + 1, "{failed:?}");
    world.shop.put("a", 1);
    world.shop.go_away(None);
    sleep(OUTAGE_CHECK_INTERVAL * 2).await;
    assert!(world.cloud.has("a", 1));
    assert_eq!(world.codes(), [""; 0]);
    world.engine.stop().await;
}
