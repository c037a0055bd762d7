//! A call over the network, and `fleet status` over 500 agents.

use std::time::Instant;

use shopmaster_harness::{fleet::Fleet, world::World};
use shopmaster_proto::{
    Client,
    v1::{GetStatusRequest, Role},
};

use super::{
    BenchError, Figure, Unit, ctl,
    samples::{Samples, ratio},
};

/// How many calls are made on one connection.
const CALLS: usize = 1_000;
/// How many agents there are: stand-ins in the process of the bench.
const AGENTS: usize = 500;
/// How often all of them are asked.
const ROUNDS: usize = 9;

pub(super) async fn measure() -> Result<Vec<Figure>, BenchError> {
    let mut figures = call().await?;
    figures.extend(fleet().await?);
    Ok(figures)
}

/// The same call over TLS and over the local socket, each on a connection that is kept.
async fn call() -> Result<Vec<Figure>, BenchError> {
    let world = World::builder().set("remote.listen", "127.0.0.1:0");
    let world = world.start().await?;
    let token = world.token(Role::Viewer, "bench").await?;
    let remote = Client::connect_network(&world.network_agent().await?, &token).await;
    let (mut local, mut remote) = (world.client()?, remote.map_err(BenchError::Connect)?);
    let (mut over_socket, mut over_tls) = (Samples::default(), Samples::default());
    for _ in 0..CALLS {
        for (client, times) in [(&mut local, &mut over_socket), (&mut remote, &mut over_tls)] {
            let started = Instant::now();
            client.agent.get_status(GetStatusRequest {}).await?;
            times.add(started.elapsed());
        }
    }
    let times = ratio(over_tls.median(), over_socket.median());
    let figure = |what, value| Figure::new(what, value, Unit::Milliseconds);
    Ok(vec![
        figure("a status call over TLS, median", over_tls.median()).at_most(5.0),
        Figure::new("  as a multiple of the local socket", times, Unit::Times),
        figure("the same, maximum", over_tls.most()),
    ])
}

async fn fleet() -> Result<Vec<Figure>, BenchError> {
    let fleet = Fleet::open(AGENTS).await?;
    let mut times = Samples::default();
    for _ in 0..ROUNDS {
        let mut command = fleet.ctl_command();
        command.args(["fleet", "status"]);
        let started = Instant::now();
        ctl(command)?;
        times.add(started.elapsed());
    }
    let figure = |what, value| Figure::new(what, value, Unit::Milliseconds);
    Ok(vec![
        figure("`fleet status` over 500 agents, median", times.median()).at_most(3_000.0),
        figure("the same, maximum", times.most()),
    ])
}
