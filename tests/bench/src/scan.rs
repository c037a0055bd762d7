//! A scan of a large shop in which nothing has changed.

use std::time::Instant;

use shopmaster_harness::{measure, world::World};
use shopmaster_proto::v1::{RunKind, Status};
use shopmaster_standins::digible::{Remember, SimOptions};

use super::{BenchError, Figure, Unit, run, samples::Samples};

const PRODUCTS: usize = 1_000_000;
const ROUNDS: usize = 5;

pub(super) async fn measure() -> Result<Vec<Figure>, BenchError> {
    let mut world = World::builder()
        .products(PRODUCTS)
        .set("catalog.capture", "scan")
        .digible(SimOptions {
            remember: Remember::Counts,
            ..SimOptions::default()
        })
        .start()
        .await?;
    run(&world, RunKind::Upload).await?;
    // After a restart the memory is that of scans only.
    world.restart().await?;
    world
        .wait_status(|status: &Status| status.published > 0)
        .await?;
    let before = measure::memory_now(world.agent_id());
    let mut times = Samples::default();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let walk = run(&world, RunKind::Sync).await?;
        times.add(started.elapsed());
        if walk.unchanged != PRODUCTS as u64 {
            return Err(BenchError::Missing(walk.unchanged as usize));
        }
    }
    let peak = measure::peak_memory(world.agent_id());
    Ok(vec![
        Figure::new(
            "1,000,000 unchanged products, median",
            times.median(),
            Unit::Milliseconds,
        ),
        Figure::new("the same, minimum", times.least(), Unit::Milliseconds),
        Figure::new("the agent's peak memory", peak, Unit::MiB).at_most(64.0),
        Figure::new("its memory before", before, Unit::MiB),
    ])
}
