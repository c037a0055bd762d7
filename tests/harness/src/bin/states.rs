//! Puts a real agent, with its icon on this session's bus, into one state after the other. In each state it runs a
//! command with the state's name as its last argument: for pictures of the tray.
//!
//! ```text
//! states docs/pictures/shoot
//! ```

use std::{
    env,
    error::Error,
    io::{self, Write as _},
    process::{Command, ExitCode},
};

use prost_types::Duration;
use shopmaster_harness::world::{World, WorldError};
use shopmaster_proto::v1::{
    CancelRunRequest, PauseRequest, ResumeRequest, RunKind, RunState, State, pause_request::End,
};
use shopmaster_standins::digible::{Endpoint, Fault, HangEffect, RetryAfter};

/// Products in the shop.
const PRODUCTS: usize = 12_431;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let bus = env::var("DBUS_SESSION_BUS_ADDRESS")?;
    let world = World::builder().unconfigured().icon(&bus).start().await?;
    reached(&world, State::Unconfigured).await?;
    drop(world);

    let world = shop(&bus).await?;
    let hang = Fault::hang(HangEffect::AtOnce).on(Endpoint::Batch).once();
    world.digible.inject(hang);
    let upload = world.start_run(RunKind::Upload).await?;
    world
        .wait_status(|status| status.current_run.as_ref().is_some_and(|run| run.done > 0))
        .await?;
    reached(&world, State::Sending).await?;
    world.digible.release();
    world.finished(&upload.id).await?;

    for number in 1..=12 {
        world.shop.set_price(&id(number), "12.50")?;
    }
    world.sync().await?;
    reached(&world, State::UpToDate).await?;

    let end = Some(End::Duration(Duration {
        seconds: 30 * 60,
        nanos: 0,
    }));
    world.client()?.agent.pause(PauseRequest { end }).await?;
    reached(&world, State::Paused).await?;
    world.client()?.agent.resume(ResumeRequest {}).await?;

    let busy = Fault::refuse_for(429, RetryAfter::Seconds(600));
    world.digible.inject(busy);
    for number in 1..=3 {
        world.shop.set_price(&id(number), "99.00")?;
    }
    let sync = world.start_run(RunKind::Sync).await?;
    world
        .wait_run(&sync.id, |run| run.state() == RunState::Waiting)
        .await?;
    let cancel = CancelRunRequest { id: sync.id };
    world.client()?.runs.cancel_run(cancel).await?;
    reached(&world, State::Pending).await?;
    drop(world);

    let poison = [id(7), id(8)];
    let world = shop(&bus).await?;
    let ids = poison.iter().map(String::as_str);
    world.digible.inject(Fault::poison(422, ids));
    world.upload().await?;
    world.sync().await?;
    reached(&world, State::Attention).await?;

    world.digible.inject(Fault::refuse(401));
    world.shop.set_price(&id(1), "1.11")?;
    world.sync().await?;
    reached(&world, State::Broken).await
}

/// A shop whose changes are captured, and that has not sent anything yet.
async fn shop(bus: &str) -> Result<World, WorldError> {
    let world = World::builder()
        .products(PRODUCTS)
        .icon(bus)
        // Long enough to take a picture while a request hangs.
        .set("digible.timeout", "60s")
        .start()
        .await?;
    world
        .wait_status(|status| status.state() == State::Broken)
        .await?;
    world.install_capture().await?;
    Ok(world)
}

fn id(number: usize) -> String {
    format!("P{number:07}")
}

/// Waits for the state, and runs the command in it.
async fn reached(world: &World, state: State) -> Result<(), Box<dyn Error>> {
    world.wait_status(|status| status.state() == state).await?;
    let mut arguments = env::args_os().skip(1);
    let program = arguments
        .next()
        .ok_or("name the command to run in each state")?;
    let name = state.as_str_name().trim_start_matches("STATE_");
    let ran = Command::new(program)
        .args(arguments)
        .arg(name.to_lowercase())
        .status()?;
    if ran.success() {
        Ok(())
    } else {
        Err(format!("the command ended with {ran}").into())
    }
}
