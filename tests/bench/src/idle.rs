//! The agent with nothing to do, at its default settings.

use std::time::{Duration, Instant};

use shopmaster_harness::{measure, world::World};
use tokio::time::sleep;

use super::{BenchError, Figure, Unit, completed, use_default_pace};

/// How long to wait until the start no longer affects the measurement.
const SETTLE: Duration = Duration::from_secs(3);
/// How long the agent is measured.
const MEASURING: Duration = Duration::from_secs(20);

pub(super) async fn measure() -> Result<Vec<Figure>, BenchError> {
    let mut world = World::builder().products(5_000).start().await?;
    world.install_capture().await?;
    completed(world.upload().await?)?;
    // Restarted, because the memory of an upload belongs to another bench.
    use_default_pace(&mut world).await?;
    sleep(SETTLE).await;
    let id = world.agent_id();
    let (before, started) = (measure::cpu_time(id), Instant::now());
    sleep(MEASURING).await;
    let (after, elapsed) = (measure::cpu_time(id), started.elapsed());
    let share = before.zip(after).map(|(before, after)| {
        let used = after.saturating_sub(before);
        used.as_secs_f64() / elapsed.as_secs_f64() * 100.0
    });
    Ok(vec![
        Figure::new("processor time, default settings", share, Unit::PercentCpu).at_most(0.1),
        Figure::new("resident memory", measure::memory_now(id), Unit::MiB).at_most(30.0),
    ])
}
