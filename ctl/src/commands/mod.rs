//! The commands, one file each.

mod autostart;
mod capture;
mod completions;
mod configure;
mod explain;
mod follow;
mod logs;
mod parked;
mod pause;
mod removed;
mod resume;
mod runs;
mod selection;
mod status;
mod sync;
mod test;
mod upload;
mod verify;

use std::future::Future;

use clap::Subcommand;
use shopmaster_proto::{Client, Failure};

use crate::{error::Error, exit::Exit, output::Output, target::Target};

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Tell how the agent is: the headline, what waits, and what is wrong
    Status(status::Args),
    /// Send the products that changed
    Sync(sync::Args),
    /// Send every product, in batches
    Upload(upload::Args),
    /// Compare every product with what Digible last acknowledged, and repair
    Verify(verify::Args),
    /// Stop sending for a while, or until `resume`
    Pause(pause::Args),
    /// End a pause
    Resume,
    /// Change the configuration: by prompts, flags or standard input
    Configure(Box<configure::Args>),
    /// Try the database and Digible, one line for each check
    Test,
    /// Look at, install or remove the change capture in the shop's database
    Capture(capture::Args),
    /// List, show or cancel runs
    Runs(runs::Args),
    /// List products that Digible refuses, try them again, or stop showing them
    Parked(parked::Args),
    /// List products that are gone from the shop but may be at Digible
    Removed(removed::Args),
    /// Tell all that is known of one product
    Explain(explain::Args),
    /// Print the agent's log
    Logs(logs::Args),
    /// Make the agent of this machine start by itself, or no longer
    Autostart(autostart::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
}

/// What every command works with.
#[derive(Debug)]
pub struct Ctl {
    /// Which agent is meant.
    pub target: Target,
    /// How to speak.
    pub output: Output,
}

impl Command {
    /// Does it.
    pub async fn run(self, ctl: &Ctl) -> Result<Exit, Error> {
        match self {
            Self::Status(args) => status::run(ctl, args).await,
            Self::Sync(args) => sync::run(ctl, args).await,
            Self::Upload(args) => upload::run(ctl, args).await,
            Self::Verify(args) => verify::run(ctl, args).await,
            Self::Pause(args) => pause::run(ctl, args).await,
            Self::Resume => resume::run(ctl).await,
            Self::Configure(args) => configure::run(ctl, *args).await,
            Self::Test => test::run(ctl).await,
            Self::Capture(args) => capture::run(ctl, args).await,
            Self::Runs(args) => runs::run(ctl, args).await,
            Self::Parked(args) => parked::run(ctl, args).await,
            Self::Removed(args) => removed::run(ctl, args).await,
            Self::Explain(args) => explain::run(ctl, args).await,
            Self::Logs(args) => logs::run(ctl, args).await,
            Self::Autostart(args) => autostart::run(ctl, &args).await,
            Self::Completions(args) => completions::run(ctl, &args),
        }
    }
}

impl Ctl {
    /// What a command line asks for.
    pub fn new(target: Target, output: Output) -> Self {
        Self { target, output }
    }

    /// Connects to the agent.
    pub async fn connect(&self) -> Result<Client, Error> {
        self.target.connect().await
    }
}

/// Waits for the agent's answer.
async fn answer<T, E>(call: impl Future<Output = Result<T, E>>) -> Result<T, Error>
where
    Failure: From<E>,
{
    call.await.map_err(|status| Failure::from(status).into())
}
