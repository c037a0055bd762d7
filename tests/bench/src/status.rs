//! `shopmasterctl status --json`, from its start to its end.

use std::time::Instant;

use shopmaster_harness::world::World;

use super::{BenchError, Figure, Unit, completed, ctl, samples::Samples};

const ROUNDS: usize = 50;

pub(super) async fn measure() -> Result<Vec<Figure>, BenchError> {
    let world = World::builder().start().await?;
    world.install_capture().await?;
    completed(world.upload().await?)?;
    let mut times = Samples::default();
    for round in 0..=ROUNDS {
        let mut command = world.ctl_command();
        command.args(["status", "--json"]);
        let started = Instant::now();
        ctl(command)?;
        let time = started.elapsed();
        // The first one reads the program from the disk.
        if round > 0 {
            times.add(time);
        }
    }
    let figure = |what, value| Figure::new(what, value, Unit::Milliseconds);
    Ok(vec![
        figure("`shopmasterctl status --json`, median", times.median()).at_most(20.0),
        figure("the same, maximum", times.most()),
    ])
}
