//! An upload of a large shop from a T-SQL engine: memory, and whether reading is faster than sending.

use std::time::{Duration, Instant};

use shopmaster_harness::{measure, world::World};
use shopmaster_proto::v1::RunKind;
use shopmaster_standins::digible::{BATCH_LIMIT, Remember, Settings, SimOptions};

use super::{
    BenchError, Figure, MAX_IN_FLIGHT, Unit, run,
    server::{Database, Server},
};

const PRODUCTS: usize = 1_000_000;
/// How long the stand-in takes for a request.
const LATENCY: Duration = Duration::from_millis(20);

pub(super) async fn measure(server: Server) -> Result<Vec<Figure>, BenchError> {
    eprintln!("On {}", server.version().await?);
    server.in_database("shopmaster_reading", with).await
}

async fn with(database: &mut Database) -> Result<Vec<Figure>, BenchError> {
    database.fill("Products", PRODUCTS).await?;
    let at_once = upload(database, Duration::ZERO).await?;
    let slow = upload(database, LATENCY).await?;
    // The least time that the stand-in's delay allows.
    let least =
        LATENCY.as_secs_f64() * PRODUCTS.div_ceil(BATCH_LIMIT) as f64 / MAX_IN_FLIGHT as f64;
    Ok(vec![
        Figure::new(
            "1,000,000 products at 0 ms",
            PRODUCTS as f64 / at_once.seconds,
            Unit::PerSecond,
        ),
        Figure::new("the agent's peak memory", at_once.peak, Unit::MiB).at_most(64.0),
        Figure::new(
            "1,000,000 products at 20 ms, against the time of that delay alone",
            slow.seconds / least,
            Unit::Times,
        ),
        Figure::new("the agent's peak memory", slow.peak, Unit::MiB).at_most(64.0),
    ])
}

/// One upload by a new agent with an empty journal.
struct Upload {
    seconds: f64,
    peak: Option<f64>,
}

async fn upload(database: &Database, latency: Duration) -> Result<Upload, BenchError> {
    let world = World::builder().digible(SimOptions {
        remember: Remember::Counts,
        settings: Settings {
            latency,
            ..Settings::default()
        },
        ..SimOptions::default()
    });
    let world = database.served_by(world).start().await?;
    world.install_capture().await?;
    let started = Instant::now();
    run(&world, RunKind::Upload).await?;
    let seconds = started.elapsed().as_secs_f64();
    let arrived = world.digible.count();
    if arrived != PRODUCTS {
        return Err(BenchError::Missing(arrived));
    }
    Ok(Upload {
        seconds,
        peak: measure::peak_memory(world.agent_id()),
    })
}
