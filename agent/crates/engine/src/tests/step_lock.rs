//! Steps of an upload and of a sync alternate, and never send an older state than was sent before.

use std::time::Duration;

use shopmaster_health::run::{Cause, Kind, Outcome};

use super::{World, id, options};
use crate::Options;

#[tokio::test(start_paused = true)]
async fn a_page_that_was_read_ahead_is_thrown_away_when_a_sync_ran_in_between() {
    let world = World::with(Options {
        batch_size: 2,
        max_in_flight: 1,
        ..options()
    })
    .await;
    // Two pages of four.
    world.shop.stock("abcdefgh".chars().map(String::from), 1);
    let gate = world.cloud.close_gate();
    let begin = |kind| {
        world.engine.runs.begin(
            kind,
            Cause::Requested,
            shopmaster_health::run::Wish::default(),
        )
    };
    let (upload, _) = begin(Kind::Upload).unwrap();
    world.cloud.arrived(1).await;
    everybody_waits().await;
    assert_eq!(world.shop.scans(), 2);
    // The second page has been read. Now it becomes outdated, and the sync is next.
    world.shop.put("e", 2);
    let (sync, _) = begin(Kind::Sync).unwrap();
    everybody_waits().await;
    gate.add_permits(100);
    assert_eq!(sync.ended().await.outcome, Some(Outcome::Completed));
    assert_eq!(upload.ended().await.outcome, Some(Outcome::Completed));
    let of_e: Vec<_> = world.cloud.acknowledged();
    let of_e: Vec<_> = of_e
        .into_iter()
        .filter(|(sent, _)| *sent == id("e"))
        .collect();
    assert_eq!(of_e.len(), 2, "the sync and the upload");
    assert!(
        of_e.iter().all(|(_, body)| body.contains("\"0.02\"")),
        "{of_e:?}"
    );
    assert!(world.shop.scans() > 2, "the page was read again");
}

/// Paused time passes only when no task has anything left to do.
async fn everybody_waits() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}
