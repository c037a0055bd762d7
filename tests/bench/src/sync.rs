//! A sync of many changed products, compared with the same requests by a client that does nothing else.

use std::time::{Duration, Instant};

use shopmaster_harness::world::World;
use shopmaster_proto::v1::Run;
use shopmaster_standins::digible::{Remember, SimOptions};

use super::{
    BenchError, Figure, MAX_IN_FLIGHT, Unit,
    bare::{Bare, Call},
    completed,
    samples::{Samples, ratio},
    sent,
};

const PRODUCTS: usize = 10_000;
const LATENCY: Duration = Duration::from_millis(20);
const ROUNDS: usize = 9;
/// Rows with which the old program's method is measured; ten thousand would take four minutes.
const OLD_WAY_ROWS: usize = 200;

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
    completed(world.upload().await?)?;
    world
        .digible
        .configure(|settings| settings.latency = LATENCY);
    let bare = Bare::log_in(&world.digible).await?;

    let (mut ours, mut seen, mut ideal) = <(Samples, Samples, Samples)>::default();
    let mut requests = 0;
    for round in 0..=ROUNDS {
        world.shop.raise_prices()?;
        let before = sent(&world.digible);
        let started = Instant::now();
        let run = completed(world.sync().await?)?;
        let client_saw = started.elapsed();
        requests = sent(&world.digible) - before;
        let calls = Call::batches(&world.shop)?;
        let least = bare.all_at_once(calls, MAX_IN_FLIGHT).await?;
        // The first round warms both up.
        if round > 0 {
            ours.add(duration(&run));
            seen.add(client_saw);
            ideal.add(least);
        }
    }
    let rows = Call::updates(&world.shop, OLD_WAY_ROWS)?;
    let scale = (PRODUCTS / OLD_WAY_ROWS) as f64;
    let old_way = bare.one_by_one(rows).await?.as_secs_f64() * 1_000.0 * scale;

    let unit = Unit::Milliseconds;
    let times = |median, least| [("median", median), ("least", least)];
    let mut figures = vec![
        Figure::new(
            "10,000 changes at 20 ms, against the ideal (medians)",
            ratio(ours.median(), ideal.median()),
            Unit::Times,
        )
        .at_most(1.2),
        Figure::new(
            "the same, minimum times",
            ratio(ours.least(), ideal.least()),
            Unit::Times,
        ),
    ];
    for (what, samples) in [
        ("the run", &ours),
        ("as the client sees it", &seen),
        ("the ideal: the same requests by a bare client", &ideal),
    ] {
        for (which, value) in times(samples.median(), samples.least()) {
            figures.push(Figure::new(format!("{what}, {which}"), value, unit));
        }
    }
    figures.extend([
        Figure::new("requests", requests as f64, Unit::Count),
        Figure::new(
            "faster than a fresh connection per row, in sequence",
            ratio(Some(old_way), ours.median()),
            Unit::Times,
        )
        .at_least(30.0),
        Figure::new(format!("that way, from {OLD_WAY_ROWS} rows"), old_way, unit),
    ]);
    Ok(figures)
}

/// From a run's start to its end, as the agent notes them.
fn duration(run: &Run) -> Duration {
    let (Some(start), Some(end)) = (run.started_at, run.finished_at) else {
        return Duration::ZERO;
    };
    let seconds = (end.seconds - start.seconds) as f64;
    Duration::from_secs_f64(seconds + f64::from(end.nanos - start.nanos) / 1e9)
}
