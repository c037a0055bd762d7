//! The time from a committed change to its arrival at Digible, at default settings.

use std::time::{Duration, Instant};

use shopmaster_harness::world::World;
use tokio::time::sleep;

use super::{BenchError, Figure, Unit, completed, samples::Samples, use_default_pace};

const ROUNDS: u32 = 10;
const PRODUCT: &str = "P0000001";
/// Longer than the time from one check of the ChangeLog to the next.
const LONGEST_PAUSE_MS: u64 = 2_500;

pub(super) async fn measure() -> Result<Vec<Figure>, BenchError> {
    let mut world = World::builder().products(5_000).start().await?;
    world.install_capture().await?;
    completed(world.upload().await?)?;
    use_default_pace(&mut world).await?;
    let mut random = fastrand::Rng::with_seed(1);
    let mut times = Samples::default();
    for round in 1..=ROUNDS {
        // At any time between two checks.
        sleep(Duration::from_millis(random.u64(..LONGEST_PAUSE_MS))).await;
        let price = format!("{round}.50");
        world.shop.set_price(PRODUCT, &price)?;
        let committed = Instant::now();
        world
            .wait_digible(|digible| {
                let product = digible.product(PRODUCT);
                product.is_some_and(|product| product.price == price)
            })
            .await?;
        times.add(committed.elapsed());
    }
    let figure = |what, value| Figure::new(what, value, Unit::Milliseconds);
    Ok(vec![
        figure("from commit to Digible, median", times.median()).at_most(3_000.0),
        figure("the same, maximum", times.most()),
    ])
}
