//! At most one run of a kind works; who asks for a second one joins the first.

use std::{sync::Arc, time::Duration};

use shopmaster_health::run::{Cause, Kind, Outcome, Run, State};
use shopmaster_journal::Pause;
use tokio_util::sync::CancellationToken;

use super::{World, cloud, engine, options};
use crate::{
    Engine, Options, registry::StartError, run_handle::RunHandle, status_store::StatusStore,
};

fn begin(world: &World, kind: Kind) -> (Arc<RunHandle>, bool) {
    let begun = world.engine.runs.begin(
        kind,
        Cause::Requested,
        shopmaster_health::run::Wish::default(),
    );
    begun.unwrap()
}

async fn scheduled(engine: &Engine) -> Run {
    let begun = engine.runs.begin(
        Kind::Sync,
        Cause::Scheduled,
        shopmaster_health::run::Wish::default(),
    );
    begun.unwrap().0.ended().await
}

#[tokio::test(start_paused = true)]
async fn who_joins_a_sync_sees_his_change_sent() {
    let world = World::new().await;
    let gate = world.cloud.close_gate();
    world.shop.put("a", 1);
    let (first, joined) = begin(&world, Kind::Sync);
    assert!(!joined);
    world.cloud.arrived(1).await;
    world.shop.put("b", 1);
    let (second, joined) = begin(&world, Kind::Sync);
    assert!(joined);
    assert_eq!(first.now().id, second.now().id);
    let (upload, joined) = begin(&world, Kind::Upload);
    assert!(!joined);
    gate.add_permits(100);
    let run = second.ended().await;
    assert_eq!(run.outcome, Some(Outcome::Completed));
    assert!(world.cloud.has("b", 1));
    assert_eq!(upload.ended().await.outcome, Some(Outcome::Completed));
    // Each has ended: the next is a new one.
    let (third, joined) = begin(&world, Kind::Sync);
    assert!(!joined);
    assert_ne!(third.now().id, run.id);
}

#[test]
fn nobody_joins_a_run_that_has_read_its_last() {
    let handle = || {
        let run = Run::start(Kind::Sync, Cause::Requested);
        RunHandle::new(
            run,
            Arc::new(StatusStore::new()),
            CancellationToken::new(),
            false,
        )
    };
    let joined = handle();
    assert!(joined.join(false) && joined.join(false));
    assert!(joined.goes_once_more());
    assert!(joined.join(false));
    assert!(joined.goes_once_more());
    assert!(!joined.goes_once_more());
    assert!(!joined.join(false));
    let closed = handle();
    closed.close();
    assert!(!closed.join(false));
    let cancelled = handle();
    cancelled.cancel.cancel();
    assert!(!cancelled.join(false));
}

#[tokio::test(start_paused = true)]
async fn a_sync_right_after_a_change_never_misses_it() {
    let world = World::new().await;
    // While one run is at its end, others ask for the next.
    for round in 0..20 {
        let (first, _) = begin(&world, Kind::Sync);
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        world.shop.put("a", round);
        let (second, _) = begin(&world, Kind::Sync);
        assert_eq!(second.ended().await.outcome, Some(Outcome::Completed));
        assert!(world.cloud.has("a", round), "round {round}");
        first.ended().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_who_joins_the_schedulers_sync_gets_as_many_tries() {
    let world = World::new().await;
    let gate = world.cloud.close_gate();
    world.shop.put("a", 1);
    let mut tries = 0;
    world.cloud.rule(move |_| {
        tries += 1;
        match tries {
            1..=3 => cloud::turned_away(),
            _ => cloud::good(),
        }
    });
    let begun = world.engine.runs.begin(
        Kind::Sync,
        Cause::Scheduled,
        shopmaster_health::run::Wish::default(),
    );
    begun.unwrap();
    world.cloud.arrived(1).await;
    let (joined, _) = begin(&world, Kind::Sync);
    gate.add_permits(100);
    assert_eq!(joined.ended().await.outcome, Some(Outcome::Completed));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_sync_records_what_was_under_way() {
    let world = World::with(Options {
        batch_size: 1,
        max_in_flight: 1,
        ..options()
    })
    .await;
    let gate = world.cloud.close_gate();
    for key in ["a", "b", "c"] {
        world.shop.put(key, 1);
    }
    let (handle, _) = begin(&world, Kind::Sync);
    world.cloud.arrived(1).await;
    world.engine.runs.cancel(&handle.now().id).unwrap();
    let (next, joined) = begin(&world, Kind::Sync);
    assert!(!joined, "one that ends is of no use to others");
    gate.add_permits(1);
    let run = handle.ended().await;
    assert_eq!((run.outcome, run.sent), (Some(Outcome::Cancelled), 1));
    gate.add_permits(100);
    assert_eq!(next.ended().await.sent, 2);
    assert_eq!(world.engine.runs.cancel(&run.id), None);
    assert_eq!(world.engine.runs.get(&run.id).await.unwrap(), Some(run));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_can_be_cancelled() {
    let world = World::new().await;
    world.shop.put("a", 1);
    world.cloud.rule(|_| cloud::asked_to_wait(900));
    let (handle, _) = begin(&world, Kind::Sync);
    let mut progress = handle.watch();
    let retry_queue = progress.wait_for(|run| run.state == State::Waiting);
    assert!(
        retry_queue
            .await
            .unwrap()
            .message
            .contains("asks shopMaster to wait")
    );
    let began = tokio::time::Instant::now();
    handle.cancel.cancel();
    assert_eq!(handle.ended().await.outcome, Some(Outcome::Cancelled));
    assert!(began.elapsed() < Duration::from_secs(900));
}

#[tokio::test(start_paused = true)]
async fn a_run_waits_for_the_end_of_a_pause() {
    let world = World::with(Options {
        batch_size: 1,
        max_in_flight: 1,
        ..options()
    })
    .await;
    let gate = world.cloud.close_gate();
    for key in ["a", "b", "c"] {
        world.shop.put(key, 1);
    }
    let (handle, _) = begin(&world, Kind::Sync);
    world.cloud.arrived(1).await;
    world.engine.pause(Pause::UntilResumed).await.unwrap();
    gate.add_permits(100);
    let mut progress = handle.watch();
    let paused = progress.wait_for(|run| run.message == "Paused").await;
    // The step that was under way ends; the next one does not begin.
    assert_eq!(paused.unwrap().sent, 1);
    let refused = world.engine.runs.start(
        Kind::Sync,
        Cause::Requested,
        shopmaster_health::run::Wish::default(),
    );
    assert_eq!(refused.unwrap_err(), StartError::Paused);
    // Prices that were read ahead are hours old when it goes on.
    world.shop.put("c", 2);
    world.engine.resume().await.unwrap();
    assert_eq!(handle.ended().await.outcome, Some(Outcome::Completed));
    let acknowledged = world.cloud.acknowledged();
    let of_c = acknowledged.iter().filter(|(id, _)| *id == super::id("c"));
    assert!(of_c.clone().all(|(_, body)| body.contains("\"0.02\"")));
    assert!(world.cloud.has("c", 2));
}

#[tokio::test(start_paused = true)]
async fn stopping_interrupts() {
    let world = World::new().await;
    world.engine.start();
    world.shop.put("a", 1);
    world.cloud.rule(|_| cloud::asked_to_wait(900));
    let (handle, _) = begin(&world, Kind::Sync);
    let mut progress = handle.watch();
    let retry_queue = progress.wait_for(|run| run.state == State::Waiting);
    retry_queue.await.unwrap();
    world.engine.stop().await;
    let run = handle.now();
    assert_eq!(
        (run.state, run.outcome),
        (State::Finished, Some(Outcome::Interrupted))
    );
    let refused = world.engine.runs.start(
        Kind::Sync,
        Cause::Requested,
        shopmaster_health::run::Wish::default(),
    );
    assert_eq!(refused.unwrap_err(), StartError::Stopping);
}

#[tokio::test(start_paused = true)]
async fn a_run_of_a_process_that_was_killed_was_interrupted() {
    let world = World::new().await;
    world.cloud.close_gate();
    world.shop.put("a", 1);
    let (handle, _) = begin(&world, Kind::Sync);
    world.cloud.arrived(1).await;
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
    assert_eq!(run.outcome, Some(Outcome::Interrupted));
    assert_eq!(status_store.facts().last_sync, Some(run));
}

#[tokio::test(start_paused = true)]
async fn syncs_with_nothing_to_do_are_kept_once() {
    let world = World::new().await;
    let asked_for = world.sync().await;
    let mut last = asked_for.clone();
    for _ in 0..3 {
        last = scheduled(&world.engine).await;
    }
    let kept = world.engine.runs.list(10).await.unwrap();
    let mut ids: Vec<_> = kept.into_iter().map(|run| run.id).collect();
    ids.sort();
    let mut expected = [asked_for.id, last.id];
    expected.sort();
    assert_eq!(ids, expected);
}

#[tokio::test(start_paused = true)]
async fn syncs_that_fail_alike_are_kept_once() {
    let world = World::new().await;
    world.shop.put("a", 1);
    world.cloud.rule(|_| cloud::missing());
    for _ in 0..3 {
        assert_eq!(
            scheduled(&world.engine).await.outcome,
            Some(Outcome::Failed)
        );
    }
    assert_eq!(world.engine.runs.list(10).await.unwrap().len(), 1);
    world.cloud.is_well();
    // Until the next try.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let sent = scheduled(&world.engine).await;
    assert_eq!(sent.sent, 1);
    assert_eq!(world.engine.runs.list(10).await.unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_goes_cannot_begin_anew() {
    let world = World::new().await;
    let gate = world.cloud.close_gate();
    world.shop.put("a", 1);
    let (going, _) = begin(&world, Kind::Upload);
    world.cloud.arrived(1).await;
    let refused = world.engine.runs.start(
        Kind::Upload,
        Cause::Requested,
        shopmaster_health::run::Wish {
            from_start: true,
            confirmed: false,
        },
    );
    assert_eq!(refused.unwrap_err(), StartError::Going(going.now().id));
    gate.add_permits(100);
    going.ended().await;
    let begun = world.engine.runs.begin(
        Kind::Upload,
        Cause::Requested,
        shopmaster_health::run::Wish {
            from_start: true,
            confirmed: false,
        },
    );
    assert_eq!(begun.unwrap().0.ended().await.sent, 1);
}
