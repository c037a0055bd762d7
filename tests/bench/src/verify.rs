//! A verify of a large shop in which nothing has changed, and of one in which rows were changed without triggers.

use std::time::Instant;

use shopmaster_harness::{
    measure,
    world::{World, WorldBuilder},
};
use shopmaster_proto::v1::{RunKind, Status};
use shopmaster_standins::digible::{Remember, SimOptions};

use super::{
    BenchError, Figure, Unit, run, sent,
    server::{Database, Server},
};

const PRODUCTS: usize = 1_000_000;
/// One of this many products is changed without triggers.
const EVERY: usize = 100;

pub(super) async fn measure() -> Result<Vec<Figure>, BenchError> {
    let mut world = counting(World::builder().products(PRODUCTS))
        .start()
        .await?;
    let mut figures = equal(&mut world).await?;
    world.shop.past_the_triggers(&format!(
        "UPDATE Products SET SellPrice = SellPrice + 1 WHERE CAST(substr(ProductID, 2) AS INTEGER) % {EVERY} = 0"
    ))?;
    let started = Instant::now();
    let repaired = run(&world, RunKind::Verify).await?;
    let time = started.elapsed();
    if repaired.sent != (PRODUCTS / EVERY) as u64 {
        return Err(BenchError::Missing(repaired.sent as usize));
    }
    figures.extend([
        Figure::new(
            "one that finds 10,000 differences, and sends them",
            time.as_secs_f64() * 1_000.0,
            Unit::Milliseconds,
        ),
        Figure::new(
            "the agent's peak memory",
            measure::peak_memory(world.agent_id()),
            Unit::MiB,
        )
        .at_most(64.0),
    ]);
    Ok(figures)
}

/// The same shop on a T-SQL engine.
pub(super) async fn on_a_server(server: Server) -> Result<Vec<Figure>, BenchError> {
    eprintln!("On {}", server.version().await?);
    server.in_database("shopmaster_verify", with).await
}

async fn with(database: &mut Database) -> Result<Vec<Figure>, BenchError> {
    database.fill("Products", PRODUCTS).await?;
    let mut world = counting(database.served_by(World::builder()))
        .start()
        .await?;
    let figures = equal(&mut world).await;
    world.stop().await?;
    figures
}

fn counting(world: WorldBuilder) -> WorldBuilder {
    world.digible(SimOptions {
        remember: Remember::Counts,
        ..SimOptions::default()
    })
}

/// A verify that finds nothing, by an agent that does nothing else.
async fn equal(world: &mut World) -> Result<Vec<Figure>, BenchError> {
    world.install_capture().await?;
    run(world, RunKind::Upload).await?;
    // After a restart the memory is that of the verify only.
    world.restart().await?;
    world
        .wait_status(|status: &Status| status.published > 0)
        .await?;
    let (before, requests) = (measure::memory_now(world.agent_id()), sent(&world.digible));
    let started = Instant::now();
    let verified = run(world, RunKind::Verify).await?;
    let seconds = started.elapsed().as_secs_f64();
    if verified.unchanged != PRODUCTS as u64 {
        return Err(BenchError::Missing(verified.unchanged as usize));
    }
    Ok(vec![
        Figure::new(
            "1,000,000 unchanged products, with pauses as long as the reading",
            PRODUCTS as f64 / seconds,
            Unit::PerSecond,
        ),
        Figure::new(
            "  requests",
            (sent(&world.digible) - requests) as f64,
            Unit::Count,
        ),
        Figure::new(
            "the agent's peak memory",
            measure::peak_memory(world.agent_id()),
            Unit::MiB,
        )
        .at_most(64.0),
        Figure::new("its memory before", before, Unit::MiB),
    ])
}
