//! A verify of a large shop: in which nothing has changed, and in which rows were changed past the triggers.

use std::time::Instant;

use shopmaster_proto::v1::{Run, RunKind, RunState, Status};

use super::{
    BenchError, Figure, Unit, completed, process, sent,
    server::{Database, Server},
};
use crate::{
    digible::{Remember, SimOptions},
    world::{World, WorldBuilder},
};

const PRODUCTS: usize = 1_000_000;
/// Every so many products one is changed past the triggers.
const EVERY: usize = 100;

pub(super) async fn measure() -> Result<Vec<Figure>, BenchError> {
    let mut world = counting(World::builder().products(PRODUCTS))
        .start()
        .await?;
    let mut figures = equal(&mut world).await?;
    past_the_triggers(&world)?;
    let started = Instant::now();
    let repaired = run(&world, RunKind::Verify).await?;
    let time = started.elapsed();
    if repaired.sent != (PRODUCTS / EVERY) as u64 {
        return Err(BenchError::Missing(repaired.sent as usize));
    }
    figures.extend([
        Figure::new(
            "one that finds 10,000 that differ, and sends them",
            time.as_secs_f64() * 1_000.0,
            Unit::Milliseconds,
        ),
        Figure::new(
            "the agent's peak memory",
            process::peak_memory(world.agent_id()),
            Unit::MiB,
        )
        .at_most(64.0),
    ]);
    Ok(figures)
}

/// The same shop on a T-SQL engine.
pub(super) async fn on_a_server(server: Server) -> Result<Vec<Figure>, BenchError> {
    eprintln!("On {}", server.version().await?);
    let mut database = server.create("shopmaster_verify").await?;
    let measured = with(&mut database).await;
    let dropped = database.drop().await;
    let figures = measured?;
    dropped?;
    Ok(figures)
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
    // The memory is that of the verify alone.
    world.restart().await?;
    world
        .wait_status(|status: &Status| status.published > 0)
        .await?;
    let (before, requests) = (process::memory_now(world.agent_id()), sent(&world.digible));
    let started = Instant::now();
    let verified = run(world, RunKind::Verify).await?;
    let seconds = started.elapsed().as_secs_f64();
    if verified.unchanged != PRODUCTS as u64 {
        return Err(BenchError::Missing(verified.unchanged as usize));
    }
    Ok(vec![
        Figure::new(
            "1,000,000 equal products, with rests as long as the reading",
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
            process::peak_memory(world.agent_id()),
            Unit::MiB,
        )
        .at_most(64.0),
        Figure::new("its memory before", before, Unit::MiB),
    ])
}

/// As a bulk load does it: no trigger tells of it, and all of them are there before and after.
fn past_the_triggers(world: &World) -> Result<(), BenchError> {
    let shop = world.shop.connection();
    let mut triggers =
        shop.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")?;
    let triggers: Vec<(String, String)> = triggers
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut batch = "BEGIN IMMEDIATE;".to_owned();
    for (name, _) in &triggers {
        batch.push_str(&format!("DROP TRIGGER {name};"));
    }
    batch.push_str(&format!(
        "UPDATE Products SET SellPrice = SellPrice + 1 WHERE CAST(substr(ProductID, 2) AS INTEGER) % {EVERY} = 0;"
    ));
    for (_, text) in &triggers {
        batch.push_str(&format!("{text};"));
    }
    batch.push_str("COMMIT");
    shop.execute_batch(&batch)?;
    Ok(())
}

async fn run(world: &World, kind: RunKind) -> Result<Run, BenchError> {
    let run = world.start_run(kind).await?;
    // Without the time limit that tests have.
    let ended = |run: &Run| run.state() == RunState::Finished;
    completed(world.watch_run(&run.id, ended).await?)
}
