//! An upload of a large shop.

use std::time::Instant;

use shopmaster_harness::{measure, world::World};
use shopmaster_proto::v1::RunKind;
use shopmaster_standins::digible::{Remember, SimOptions};

use super::{
    BenchError, Figure, MAX_IN_FLIGHT, Unit,
    bare::{Bare, Call},
    run,
};

const PRODUCTS: usize = 1_000_000;

pub(super) async fn measure() -> Result<Vec<Figure>, BenchError> {
    let world = World::builder()
        .products(PRODUCTS)
        .digible(SimOptions {
            remember: Remember::Counts,
            ..SimOptions::default()
        })
        .start()
        .await?;
    world.install_capture().await?;
    let before = measure::memory_now(world.agent_id());
    let started = Instant::now();
    run(&world, RunKind::Upload).await?;
    let seconds = started.elapsed().as_secs_f64();
    let arrived = world.digible.count();
    if arrived != PRODUCTS {
        return Err(BenchError::Missing(arrived));
    }
    let peak = measure::peak_memory(world.agent_id());
    let bare = Bare::log_in(&world.digible).await?;
    let calls = Call::batches(&world.shop)?;
    let least = bare.all_at_once(calls, MAX_IN_FLIGHT).await?.as_secs_f64();
    Ok(vec![
        Figure::new(
            "1,000,000 products at 0 ms",
            PRODUCTS as f64 / seconds,
            Unit::PerSecond,
        )
        .at_least(200_000.0),
        Figure::new(
            "the same requests by a bare client: the stand-in's own time",
            PRODUCTS as f64 / least,
            Unit::PerSecond,
        ),
        Figure::new("the agent's peak memory", peak, Unit::MiB).at_most(64.0),
        Figure::new("its memory before", before, Unit::MiB),
    ])
}
