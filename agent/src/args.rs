//! The agent's command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use shopmaster_proto::{Endpoint, InstanceName};

use super::autostart::AutostartArgs;
#[cfg(windows)]
use super::windows_service::ServiceArgs;

/// Keeps a Digible catalog in sync with a shop's database.
#[derive(Debug, Parser)]
#[command(
    name = "shopmaster-agent",
    version,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// Command; default: `run`.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Arguments of `run`, when no command is given.
    #[command(flatten)]
    pub run: RunArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the agent (the default)
    Run(RunArgs),
    /// Show the tray icon alone, for an agent that runs as a service
    Tray(TrayArgs),
    /// Start the agent automatically, or stop doing so; `shopmasterctl autostart` does the same
    Autostart(AutostartArgs),
    /// Run as a Windows service; only the service control manager can start it
    #[cfg(windows)]
    #[command(hide = true)]
    Service(ServiceArgs),
}

/// Arguments of `run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Run without a tray icon, and log to standard error
    #[arg(long)]
    pub headless: bool,
    /// Configuration file; default: `config.toml` in the instance's folder
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Name of this agent; its files and services include the name
    #[arg(long, value_name = "NAME", default_value_t = InstanceName::default())]
    pub instance: InstanceName,
}

/// Arguments of `tray`: the agent to show an icon for.
#[derive(Debug, Clone, Args)]
pub struct TrayArgs {
    /// Name of the agent
    #[arg(long, value_name = "NAME", default_value_t = InstanceName::default())]
    pub instance: InstanceName,
    /// Address of the agent; default: this user's own agent of that name
    #[arg(long, value_name = "unix:PATH|pipe:NAME")]
    pub agent: Option<Endpoint>,
}
