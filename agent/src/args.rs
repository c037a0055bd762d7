//! The agent's command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use shopmaster_proto::{Endpoint, InstanceName};

use super::autostart::AutostartArgs;
#[cfg(windows)]
use super::windows_service::ServiceArgs;

/// Keeps a Digible catalogue equal to a shop's product database.
#[derive(Debug, Parser)]
#[command(
    name = "shopmaster-agent",
    version,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// What to do; without it, run.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to run.
    #[command(flatten)]
    pub run: RunArgs,
}

/// What the agent can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the agent (the default)
    Run(RunArgs),
    /// Show the tray icon alone, for an agent that runs as a service
    Tray(TrayArgs),
    /// Make the agent start by itself, or no longer; `shopmasterctl autostart` does the same
    Autostart(AutostartArgs),
    /// Run as a service of Windows, which only its service control manager can start
    #[cfg(windows)]
    #[command(hide = true)]
    Service(ServiceArgs),
}

/// How to run.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Run without a tray icon, and log to standard error
    #[arg(long)]
    pub headless: bool,
    /// Configuration file, instead of the one in the instance's own folder
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Name of this agent; everything that is per agent carries it
    #[arg(long, value_name = "NAME", default_value_t = InstanceName::default())]
    pub instance: InstanceName,
}

/// Which agent to show an icon for.
#[derive(Debug, Clone, Args)]
pub struct TrayArgs {
    /// Name of the agent
    #[arg(long, value_name = "NAME", default_value_t = InstanceName::default())]
    pub instance: InstanceName,
    /// Where it listens, instead of where this user's own agent of that name does
    #[arg(long, value_name = "unix:PATH|pipe:NAME")]
    pub agent: Option<Endpoint>,
}
