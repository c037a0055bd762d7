//! The commands, one file each.

mod autostart;
mod capture;
mod completions;
mod configure;
mod explain;
mod fleet;
pub mod follow;
mod logs;
mod parked;
mod pause;
mod proxy;
mod remote;
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

use crate::{
    agents::Directory,
    connect::{Route, connect},
    error::Error,
    exit::Exit,
    output::Output,
    ssh::Login,
    target::Target,
};

/// The command to run.
#[derive(Subcommand)]
pub enum Command {
    /// Show the agent's status, waiting changes and issues
    Status(status::Args),
    /// Send the products that changed
    Sync(sync::Args),
    /// Send every product, in batches
    Upload(upload::Args),
    /// Compare every product with what Digible last acknowledged, and send what differs
    Verify(verify::Args),
    /// Stop sending for a while, or until `resume`
    Pause(pause::Args),
    /// End a pause
    Resume,
    /// Show or change the configuration: by prompts, flags or standard input
    Configure(Box<configure::Args>),
    /// Check the database, the journal and Digible, one line per check
    Test,
    /// Show, install or remove change capture in the shop's database
    Capture(capture::Args),
    /// List, show or cancel runs
    Runs(runs::Args),
    /// List, retry or dismiss refused products
    Parked(parked::Args),
    /// List products that are gone from the shop but may be at Digible
    Removed(removed::Args),
    /// Show everything known about one product
    Explain(explain::Args),
    /// Print the agent's log
    Logs(logs::Args),
    /// Start the agent on this machine automatically, or stop doing so
    Autostart(autostart::Args),
    /// Let other computers reach this agent, or add agents of other computers
    Remote(remote::Args),
    /// Ask many shops at once, as listed in `fleet.toml`
    Fleet(fleet::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Join the standard streams to the agent on this computer: `--agent ssh://…` runs this at the other end
    #[command(hide = true)]
    Proxy,
}

/// What every command needs: an agent to talk to, and a way to print.
#[derive(Debug)]
pub struct Ctl {
    /// The agent to talk to.
    pub target: Target,
    /// How to print.
    pub output: Output,
}

impl Command {
    /// Runs the command. `command_line` is the whole command line, for `completions`.
    pub async fn run(self, ctl: &Ctl, command_line: clap::Command) -> Result<Exit, Error> {
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
            Self::Completions(args) => completions::run(ctl, command_line, &args),
            Self::Remote(args) => remote::run(ctl, args).await,
            Self::Fleet(args) => fleet::run(ctl, args).await,
            Self::Proxy => proxy::run(ctl).await,
        }
    }
}

impl Ctl {
    /// The target and the output that the command line names.
    pub fn new(target: Target, output: Output) -> Self {
        Self { target, output }
    }

    /// Connects to the agent.
    pub async fn connect(&self) -> Result<Client, Error> {
        let route = Route::to(&self.target.address()?, &Directory::default()).await?;
        connect(&route, Login::MayAsk).await
    }
}

/// Waits for the agent's answer, and turns its status into an error with a code and a remedy.
pub async fn answer<T, E>(call: impl Future<Output = Result<T, E>>) -> Result<T, Error>
where
    Failure: From<E>,
{
    call.await.map_err(|status| Failure::from(status).into())
}
