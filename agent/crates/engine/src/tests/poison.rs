//! Poison is parked, and only poison.

use std::{sync::atomic::Ordering, time::Duration};

use shopmaster_health::run::{Cause, Kind, Outcome};
use shopmaster_journal::Doubt;

use super::{
    World,
    cloud::{self, Applied, Endpoint},
    id, options, shop,
};
use crate::Options;

/// A product that Digible acknowledged.
async fn with_a_canary(options: Options) -> World {
    let world = World::with(options).await;
    world.shop.put("ok", 1);
    assert_eq!(world.sync().await.outcome, Some(Outcome::Completed));
    world.cloud.forget();
    world
}

fn requests_about(world: &World, key: &str) -> usize {
    let requests = world.cloud.requests();
    requests
        .iter()
        .filter(|request| request.is_about(key))
        .count()
}

#[tokio::test(start_paused = true)]
async fn exactly_the_poison_is_found_with_few_requests() {
    let world = World::with(Options {
        batch_size: 64,
        ..options()
    })
    .await;
    let poisoned = [3, 70, 71, 255];
    for number in 0..256 {
        let price = if poisoned.contains(&number) { 666 } else { 1 };
        world.shop.put(&format!("p{number:03}"), price);
    }
    world.cloud.refuses(&[666]);
    let run = world.sync().await;
    assert_eq!(run.outcome, Some(Outcome::Completed));
    assert_eq!((run.sent, run.parked, run.done), (252, 4, 256));
    let named: Vec<_> = run.refused.iter().map(|r| r.product_id.as_str()).collect();
    assert_eq!(named, ["p003", "p070", "p071", "p255"]);
    for number in 0..256 {
        let key = format!("p{number:03}");
        let is_poison = poisoned.contains(&number);
        assert_eq!(world.is_parked(&key).await, is_poison, "{key}");
        assert_eq!(world.cloud.has(&key, 1), !is_poison, "{key}");
    }
    // One request for each batch, and for each refused product at most two halves on each of six levels.
    let most = 4 + 4 * 2 * 6;
    assert!(world.cloud.requests().len() <= most);
    assert_eq!(run.requests, world.cloud.requests().len() as u64);
    assert_eq!(world.shop.pending(), 0);
    assert_eq!(world.engine.journal().counts().await.unwrap().in_doubt, 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_parked_without_proof() {
    let world = World::new().await;
    world.shop.put("p", 666);
    world.cloud.refuses(&[666]);
    let run = world.sync().await;
    assert_eq!(run.outcome, Some(Outcome::Failed));
    assert!(run.message.contains("400: no"), "{}", run.message);
    assert!(run.message.contains("digible.base_url"), "{}", run.message);
    assert!(world.codes().contains(&"DIGIBLE_REFUSES"));
    assert!(!world.is_parked("p").await);
    assert_eq!((world.shop.pending(), run.failed), (1, 1));
    // Another product that is accepted is the proof.
    world.shop.put("q", 1);
    assert_eq!(world.sync().await.outcome, Some(Outcome::Completed));
    assert!(world.is_parked("p").await);
    assert_eq!(world.codes(), ["NEVER_UPLOADED", "PRODUCTS_REFUSED"]);
}

#[tokio::test(start_paused = true)]
async fn an_update_that_passes_is_no_proof_for_the_batch_endpoint() {
    let world = with_a_canary(options()).await;
    world.shop.put("ok", 2);
    world.shop.put("p", 1);
    world.cloud.rule(|request| match request.endpoint {
        Endpoint::Update => cloud::good(),
        Endpoint::Batch => cloud::refused(),
    });
    assert_eq!(world.sync().await.outcome, Some(Outcome::Failed));
    assert!(!world.is_parked("p").await);
    assert!(world.cloud.has("ok", 2));
}

#[tokio::test(start_paused = true)]
async fn a_canary_proves_that_others_pass() {
    let world = with_a_canary(options()).await;
    world.shop.put("p", 666);
    world.cloud.refuses(&[666]);
    assert_eq!(world.sync().await.outcome, Some(Outcome::Completed));
    assert!(world.is_parked("p").await);
    assert_eq!(requests_about(&world, "p"), 1);
    assert_eq!(requests_about(&world, "ok"), 1);
    assert!(!world.known("ok").await.is_in_doubt());
}

#[tokio::test(start_paused = true)]
async fn who_is_gone_is_no_canary() {
    let world = World::new().await;
    world.shop.put("gone", 1);
    world.shop.put("ok", 1);
    world.sync().await;
    world.shop.lose("gone");
    world.cloud.forget();
    world.shop.put("p", 666);
    world.cloud.refuses(&[666]);
    assert_eq!(world.sync().await.outcome, Some(Outcome::Completed));
    assert!(world.is_parked("p").await);
    assert_eq!(requests_about(&world, "ok"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_canary_that_is_refused_too_parks_nobody() {
    let world = with_a_canary(options()).await;
    world.shop.put("p", 1);
    world.cloud.rule(|_| cloud::refused());
    assert_eq!(world.sync().await.outcome, Some(Outcome::Failed));
    assert!(!world.is_parked("p").await);
    assert!(world.codes().contains(&"DIGIBLE_REFUSES"));
    // It was acknowledged once, and nothing says that this has changed.
    assert!(!world.known("ok").await.is_in_doubt());
}

#[tokio::test(start_paused = true)]
async fn a_missing_endpoint_parks_nobody() {
    let world = with_a_canary(options()).await;
    world.shop.put("p", 1);
    world.shop.put("ok", 2);
    world.cloud.rule(|_| cloud::missing());
    assert_eq!(world.sync().await.outcome, Some(Outcome::Failed));
    assert!(world.codes().contains(&"DIGIBLE_REFUSES"));
    assert_eq!(world.shop.pending(), 2);
    assert_eq!(world.engine.journal().counts().await.unwrap().parked, 0);
    assert_eq!(world.engine.journal().counts().await.unwrap().in_doubt, 0);
}

#[tokio::test(start_paused = true)]
async fn twenty_refusals_in_a_row_are_not_about_products() {
    let world = with_a_canary(options()).await;
    for number in 0..60 {
        world.shop.put(&format!("p{number:02}"), 1);
    }
    let mut first = true;
    world.cloud.rule(move |_| match std::mem::take(&mut first) {
        true => cloud::good(),
        false => cloud::refused(),
    });
    let run = world.sync().await;
    assert_eq!((run.outcome, run.sent), (Some(Outcome::Failed), 10));
    assert_eq!(run.parked, 0);
    assert!(world.codes().contains(&"DIGIBLE_REFUSES"));
    assert_eq!(world.shop.pending(), 50);
    // The accepted one, twenty refusals, the canary, and what was in flight at the same time.
    let most = 1 + 20 + 1 + options().max_in_flight;
    let requests = world.cloud.requests().len();
    assert!((22..=most).contains(&requests), "{requests}");
    // When Digible works again, everything is as before.
    world.cloud.is_well();
    assert_eq!(world.sync().await.outcome, Some(Outcome::Completed));
    assert_eq!(world.shop.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn more_than_twenty_poisoned_products_are_parked_when_the_canary_passes() {
    let world = with_a_canary(Options {
        batch_size: 1,
        max_in_flight: 40,
        ..options()
    })
    .await;
    for number in 0..50 {
        world.shop.put(&format!("p{number:02}"), 666);
    }
    world.cloud.refuses(&[666]);
    let run = world.sync().await;
    assert_eq!(run.outcome, Some(Outcome::Completed));
    assert_eq!(run.parked, 50);
    assert!(requests_about(&world, "ok") <= 3);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_digible_three_times_is_parked() {
    let world = with_a_canary(options()).await;
    world.shop.put("p", 500);
    world.cloud.rule(|request| match request.holds_any(&[500]) {
        true => cloud::broken(Applied::Never),
        false => cloud::good(),
    });
    assert_eq!(world.sync().await.outcome, Some(Outcome::Completed));
    // Three times, and once more after another one was accepted.
    assert_eq!(requests_about(&world, "p"), 3 + 1);
    assert!(world.is_parked("p").await);
    // It is unknown whether Digible has it, but it is parked and not sent again.
    assert_eq!(world.known("p").await.entry.doubt, Some(Doubt::default()));
    assert_eq!(world.engine.journal().counts().await.unwrap().in_doubt, 0);
}

#[tokio::test(start_paused = true)]
async fn strikes_are_forgotten_when_the_body_changes() {
    let world = with_a_canary(Options {
        // After so many failures in a row, Digible is at fault.
        max_in_flight: 40,
        ..options()
    })
    .await;
    world.shop.put("p", 500);
    let (shop, mut tries) = (std::sync::Arc::clone(&world.shop), 0);
    world.cloud.rule(move |request| {
        if !request.is_about("p") {
            return cloud::good();
        }
        tries += 1;
        if tries == 2 {
            shop.put("p", 501);
        }
        cloud::broken(Applied::Never)
    });
    assert_eq!(world.sync().await.outcome, Some(Outcome::Completed));
    assert_eq!(requests_about(&world, "p"), 2 + 3 + 1);
    let parked = world.engine.journal().parked(id("p")).await.unwrap();
    let explained = world.engine.explain("p").await.unwrap();
    let current = explained.current.unwrap();
    assert_eq!(parked.unwrap().digest, current.0);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_breaks_is_split_though_the_till_adds_to_it() {
    let world = with_a_canary(options()).await;
    world.shop.put("p", 500);
    world.shop.put("q", 1);
    let (shop, mut news) = (std::sync::Arc::clone(&world.shop), 0);
    world.cloud.rule(move |request| {
        if !request.holds_any(&[500]) {
            return cloud::good();
        }
        news += 1;
        shop.put(&format!("news{news}"), 1);
        cloud::broken(Applied::Never)
    });
    let run = world.sync().await;
    assert_eq!(run.outcome, Some(Outcome::Completed), "{}", run.message);
    assert!(world.is_parked("p").await);
    assert!(world.cloud.has("q", 1));
    // Three times in a batch, at most three times alone and once more; and a new product was never sent with it.
    assert!(requests_about(&world, "p") <= 3 + 3 + 1);
    assert_eq!(run.parked, 1);
    let with_p = world.cloud.requests();
    let with_p = with_p.iter().filter(|request| request.is_about("p"));
    assert!(with_p.clone().all(|request| request.products.len() <= 2));
}

#[tokio::test(start_paused = true)]
async fn a_refused_update_is_tried_once_as_a_create() {
    let world = with_a_canary(options()).await;
    world.shop.put("ok", 2);
    world.cloud.rule(|request| match request.endpoint {
        Endpoint::Update => cloud::missing(),
        Endpoint::Batch => cloud::good(),
    });
    assert_eq!(world.sync().await.outcome, Some(Outcome::Completed));
    let endpoints: Vec<_> = world.cloud.requests().iter().map(|r| r.endpoint).collect();
    assert_eq!(endpoints, [Endpoint::Update, Endpoint::Batch]);
    assert!(world.cloud.has("ok", 2));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_is_parked_without_a_request() {
    let world = with_a_canary(options()).await;
    world.shop.spoil("ok");
    let run = world.sync().await;
    assert_eq!((run.outcome, run.parked), (Some(Outcome::Completed), 1));
    assert_eq!(run.refused[0].reason, "the price is NULL");
    assert_eq!(world.cloud.requests().len(), 0);
    // The same problem again is not counted again.
    world.shop.touch("ok");
    let run = world.sync().await;
    assert_eq!((run.parked, run.still_parked), (0, 1));
    // As Digible has it, it is no longer parked, and there is nothing to send.
    world.shop.put("ok", 1);
    let run = world.sync().await;
    assert_eq!((run.sent, run.unchanged), (0, 1));
    assert!(!world.is_parked("ok").await);
}

#[tokio::test(start_paused = true)]
async fn a_parked_product_is_tried_again_when_it_changes_or_somebody_asks() {
    let world = with_a_canary(options()).await;
    world.shop.put("p", 666);
    world.cloud.refuses(&[666]);
    world.sync().await;
    world.cloud.forget();
    world.shop.touch("p");
    assert_eq!(world.sync().await.still_parked, 1);
    assert_eq!(world.cloud.requests().len(), 0);
    world.engine.retry_parked(None).await.unwrap();
    world.sync().await;
    assert_eq!(requests_about(&world, "p"), 1);
    assert!(world.is_parked("p").await);
    world.shop.put("p", 2);
    world.sync().await;
    assert!(world.cloud.has("p", 2) && !world.is_parked("p").await);
}

#[tokio::test(start_paused = true)]
async fn a_canary_that_is_asked_to_wait_is_waited_for() {
    let world = with_a_canary(options()).await;
    world.shop.put("p", 666);
    let mut asked = false;
    world.cloud.rule(move |request| {
        if request.holds_any(&[666]) {
            return cloud::refused();
        }
        match std::mem::replace(&mut asked, true) {
            true => cloud::good(),
            false => cloud::asked_to_wait(300),
        }
    });
    let began = tokio::time::Instant::now();
    assert_eq!(world.sync().await.outcome, Some(Outcome::Completed));
    assert!(began.elapsed() >= Duration::from_secs(300));
    assert!(world.is_parked("p").await);
}

#[tokio::test(start_paused = true)]
async fn a_canary_is_not_followed_by_an_older_row_of_it() {
    let world = World::with(Options {
        batch_size: 2,
        max_in_flight: 1,
        ..options()
    })
    .await;
    world.shop.put("canary", 1);
    world.sync().await;
    world.cloud.refuses(&[666]);
    world.shop.put("p", 666);
    world.shop.put("q", 666);
    world.shop.put("canary", 2);
    world.cloud.forget();
    let before = world.shop.reads();
    let gate = world.cloud.close_gate();
    let begun = world.engine.runs.begin(
        Kind::Sync,
        Cause::Requested,
        shopmaster_health::run::Wish::default(),
    );
    world.cloud.arrived(1).await;
    // The second page is read while the first one is sent.
    while world.shop.reads() < before + 2 {
        tokio::task::yield_now().await;
    }
    world.shop.put("canary", 3);
    gate.add_permits(100);
    let run = begun.unwrap().0.ended().await;
    assert_eq!((run.outcome, run.parked), (Some(Outcome::Completed), 2));
    let acknowledged = world.cloud.acknowledged();
    assert!(!acknowledged.is_empty());
    let newest = shop::priced(3);
    assert!(acknowledged.iter().all(|(_, body)| body.contains(&newest)));
}

/// No settled product can serve as a canary, and the first product of the step that does is poison itself.
#[tokio::test(start_paused = true)]
async fn a_canary_that_is_poison_itself_does_not_speak_for_all() {
    let world = World::with(Options {
        batch_size: 2,
        max_in_flight: 1,
        bulk_threshold: 0,
        ..options()
    })
    .await;
    for key in ["p0", "p1", "p2"] {
        world.shop.put(key, 1);
    }
    world.upload().await;
    world.engine.journal().doubt_everything().await.unwrap();
    world.cloud.rule(|request| match request.holds_any(&[666]) {
        true => cloud::broken(Applied::Never),
        false => cloud::good(),
    });
    for (key, price) in [("p0", 666), ("p1", 2), ("p2", 666)] {
        world.shop.put(key, price);
    }
    for _ in 0..8 {
        world.sync().await;
    }
    assert!(world.cloud.has("p1", 2));
    for key in ["p0", "p2"] {
        assert!(world.is_parked(key).await, "{key}");
    }
}

/// Products that Digible accepted before and refuses today are the first canaries.
#[tokio::test(start_paused = true)]
async fn canaries_that_are_refused_do_not_speak_for_all() {
    let world = World::with(Options {
        batch_size: 2,
        max_in_flight: 1,
        ..options()
    })
    .await;
    let keys: Vec<_> = (0..12).map(|number| format!("p{number:02}")).collect();
    for key in &keys {
        world.shop.put(key, 1);
    }
    world.upload().await;
    // Of the twelve, only the last one is accepted.
    let refused: Vec<_> = keys[..11].iter().map(|key| id(key)).collect();
    world.cloud.rule(move |request| {
        let is_poison = |(id, _): &cloud::Sent| refused.contains(id);
        match request.products.iter().any(is_poison) {
            true => cloud::refused(),
            false => cloud::good(),
        }
    });
    world.shop.put("p00", 2);
    for _ in 0..8 {
        world.sync().await;
        tokio::time::advance(Duration::from_secs(300)).await;
    }
    assert!(world.is_parked("p00").await);
    assert_eq!(world.codes(), ["PRODUCTS_REFUSED"]);
}

/// The end of a session came with another status than 401, so the waits of that time are long.
#[tokio::test(start_paused = true)]
async fn what_failed_under_a_dead_session_does_not_wait_for_long() {
    let world = with_a_canary(Options {
        batch_size: 1,
        max_in_flight: 1,
        ..options()
    })
    .await;
    world.cloud.rule(|_| cloud::refused());
    world.shop.put("p0", 1);
    for _ in 0..8 {
        world.sync().await;
        tokio::time::advance(Duration::from_secs(300)).await;
    }
    world.sync().await;
    assert!(world.engine.core.retry_queue.until(&id("p0")).is_some());
    let logins = world.cloud.login_count();
    world.cloud.rule(move |_| {
        logins.fetch_add(1, Ordering::SeqCst);
        cloud::good()
    });
    world.shop.put("p1", 1);
    world.sync().await;
    assert!(world.cloud.has("p1", 1));
    world.sync().await;
    assert!(world.cloud.has("p0", 1));
}

/// The same where only a canary is accepted.
#[tokio::test(start_paused = true)]
async fn a_canary_tells_that_the_session_is_alive_again() {
    let world = with_a_canary(Options {
        batch_size: 1,
        max_in_flight: 1,
        ..options()
    })
    .await;
    world.cloud.rule(|_| cloud::refused());
    for key in ["p0", "p1"] {
        world.shop.put(key, 666);
    }
    for _ in 0..8 {
        world.sync().await;
        tokio::time::advance(Duration::from_secs(300)).await;
    }
    let logins = world.cloud.login_count();
    world.cloud.rule(move |request| {
        logins.fetch_add(1, Ordering::SeqCst);
        match request.holds_any(&[666]) {
            true => cloud::refused(),
            false => cloud::good(),
        }
    });
    world.sync().await;
    for key in ["p0", "p1"] {
        assert_eq!(world.engine.core.retry_queue.until(&id(key)), None, "{key}");
    }
}

/// No settled product can serve as a canary, and the one that breaks Digible comes first.
#[tokio::test(start_paused = true)]
async fn one_that_breaks_digible_lets_others_come_before_it() {
    let world = World::with(Options {
        batch_size: 1,
        max_in_flight: 1,
        bulk_threshold: 0,
        ..options()
    })
    .await;
    for key in ["p0", "p1", "p2"] {
        world.shop.put(key, 1);
    }
    world.upload().await;
    world.engine.journal().doubt_everything().await.unwrap();
    world.cloud.rule(|request| match request.holds_any(&[500]) {
        true => cloud::broken(Applied::Never),
        false => cloud::good(),
    });
    world.shop.put("p1", 500);
    for _ in 0..12 {
        world.sync().await;
    }
    assert!(world.is_parked("p1").await);
    assert!(!world.known("p0").await.is_in_doubt());
    assert!(!world.known("p2").await.is_in_doubt());
}

/// Unreadable answers that come as often as a product may fail, and end when others are accepted.
#[tokio::test(start_paused = true)]
async fn a_product_that_failed_while_digible_was_ill_is_not_parked() {
    let world = with_a_canary(Options {
        batch_size: 1,
        max_in_flight: 1,
        ..options()
    })
    .await;
    let mut ill = 3;
    world.cloud.rule(move |_| {
        ill -= 1;
        match ill {
            0.. => cloud::broken(Applied::Never),
            _ => cloud::good(),
        }
    });
    world.shop.put("p0", 1);
    for _ in 0..6 {
        world.sync().await;
        tokio::time::advance(Duration::from_secs(120)).await;
    }
    assert!(!world.is_parked("p0").await);
    assert!(world.cloud.has("p0", 1));
}

/// A product that is accepted after a login proves nothing about one that was refused before it.
#[tokio::test(start_paused = true)]
async fn nothing_is_parked_over_a_login() {
    let world = with_a_canary(Options {
        batch_size: 1,
        max_in_flight: 3,
        ..options()
    })
    .await;
    let logins = world.cloud.login_count();
    world.cloud.rule(move |request| {
        if logins.load(Ordering::SeqCst) > 0 {
            return cloud::good();
        }
        if request.is_about("p2") {
            // The client found out, logged in and tried again.
            logins.fetch_add(1, Ordering::SeqCst);
            return cloud::good();
        }
        cloud::refused()
    });
    for key in ["p0", "p1", "p2"] {
        world.shop.put(key, 1);
    }
    assert_eq!(world.sync().await.outcome, Some(Outcome::Completed));
    for key in ["p0", "p1", "p2"] {
        assert!(!world.is_parked(key).await, "{key}");
        assert!(world.cloud.has(key, 1), "{key}");
    }
}
