//! A Digible that fails as a whole gets one request at a time.

use std::time::Duration;

use shopmaster_digible::{Answer, Fate};
use shopmaster_health::run::{Cause, Kind, Outcome};

use super::{
    World,
    cloud::{self, Applied, Reaction},
};
use crate::stop_reason::StopReason;

/// A web page in place of an answer.
fn a_page() -> Reaction {
    Reaction {
        applied: Applied::Never,
        answer: Answer::Broken {
            reason: "200: an HTML page: Please sign in".to_owned(),
            fate: Fate::MayStillLand,
        },
    }
}

fn stock(world: &World) {
    for number in 0..200 {
        world.shop.put(&format!("p{number}"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn one_request_asks_whether_the_wait_is_over() {
    let world = World::new().await;
    stock(&world);
    world.cloud.rule(|_| cloud::asked_to_wait(1));
    let (handle, _) = world
        .engine
        .runs
        .begin(
            Kind::Sync,
            Cause::Requested,
            shopmaster_health::run::Wish::default(),
        )
        .unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let requests = world.cloud.requests().len();
    // The first step sent several at once.
    assert!((30..=66).contains(&requests), "{requests} in a minute");
    world.cloud.is_well();
    assert_eq!(handle.ended().await.outcome, Some(Outcome::Completed));
    assert!(world.cloud.has("p199", 1));
}

#[tokio::test(start_paused = true)]
async fn answers_that_cannot_be_read_are_soon_believed() {
    let world = World::new().await;
    stock(&world);
    world.cloud.rule(|_| a_page());
    let run = world.sync().await;
    assert_eq!(run.outcome, Some(Outcome::Failed), "{run:?}");
    assert!(run.message.contains("Please sign in"), "{}", run.message);
    // Four tries: the first with several requests at once, then one each.
    let requests = world.cloud.requests().len();
    assert!(requests <= 4 + 4, "{requests} requests");
    assert_eq!(world.engine.journal().counts().await.unwrap().parked, 0);
    world.cloud.is_well();
    assert_eq!(world.sync().await.outcome, Some(Outcome::Completed));
    assert!(world.cloud.has("p199", 1));
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_everything_reads_why() {
    let world = World::new().await;
    stock(&world);
    world.cloud.rule(|_| Reaction {
        applied: Applied::Never,
        answer: Answer::Refused {
            reason: "400: store 17 is not activated yet".to_owned(),
        },
    });
    let run = world.sync().await;
    assert_eq!(run.outcome, Some(Outcome::Failed));
    assert!(
        run.message.contains("store 17 is not activated yet"),
        "{}",
        run.message
    );
    assert!(world.codes().contains(&"DIGIBLE_REFUSES"));
}

/// No answer to requests with `p000`, and good ones to all others.
fn loses_one(world: &World) {
    world.cloud.rule(|request| match request.is_about("p000") {
        true => cloud::lost(Applied::Never),
        false => cloud::good(),
    });
}

#[tokio::test(start_paused = true)]
async fn a_product_that_never_gets_an_answer_holds_up_no_others() {
    for run_kind in [Kind::Sync, Kind::Upload] {
        let world = World::new().await;
        for number in 0..60 {
            world.shop.put(&format!("p{number:03}"), 1);
        }
        loses_one(&world);
        // As after an outage, the very first job is the one that fails.
        world.engine.core.note_stop(&StopReason::Hold {
            wait: Duration::ZERO,
            reason: String::new(),
        });
        let run = world.run(run_kind).await;
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_secs(120)).await;
            world.sync().await;
        }
        for number in 1..60 {
            assert!(
                world.cloud.has(&format!("p{number:03}"), 1),
                "{number} {run:?}"
            );
        }
        assert!(!world.is_parked("p000").await && world.known("p000").await.is_in_doubt());
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_ends_though_one_product_never_gets_an_answer() {
    let world = World::new().await;
    for number in 0..60 {
        world.shop.put(&format!("p{number:03}"), 1);
    }
    loses_one(&world);
    let ended = tokio::time::timeout(Duration::from_secs(7_200), world.upload()).await;
    let run = ended.expect("the upload does not end");
    assert_eq!(
        (run.outcome, run.failed),
        (Some(Outcome::Failed), 1),
        "{run:?}"
    );
    assert!(
        world
            .engine
            .journal()
            .uploaded_at()
            .await
            .unwrap()
            .is_some()
    );
    assert!(world.known("p000").await.is_in_doubt());
}
