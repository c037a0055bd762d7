//! `remote`: who may reach this agent over the network, and which agents this client reaches.

mod add;
mod clients;
mod invite;
mod known;
mod listener;

use clap::Subcommand;

use super::{Ctl, answer};
use crate::{error::Error, exit::Exit};

/// The action.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Let the agent listen on the network, and show where and with which key
    Enable(listener::Enable),
    /// Stop listening on the network
    Disable(listener::Disable),
    /// Invite a client: print one line that works once
    Invite(invite::Args),
    /// List the clients that may reach the agent
    List,
    /// Withdraw a client's access, or its invitation
    Revoke(clients::Revoke),
    /// Show what remote clients changed, and who was refused
    Log(clients::Log),
    /// Print the agent's certificate, for tools that cannot pin its key
    Certificate,
    /// Add an agent of another computer to this client, with an invitation
    Add(add::Args),
    /// Forget an agent of another computer, and its token
    Forget(known::Forget),
    /// List the agents of other computers that this client knows
    Agents,
}

/// Runs one of the actions.
pub async fn run(ctl: &Ctl, args: Args) -> Result<Exit, Error> {
    match args.action {
        Action::Enable(args) => return listener::enable(ctl, args).await,
        Action::Disable(args) => listener::disable(ctl, args).await,
        Action::Certificate => listener::certificate(ctl).await,
        Action::Invite(args) => invite::run(ctl, args).await,
        Action::List => clients::list(ctl).await,
        Action::Revoke(args) => clients::revoke(ctl, args).await,
        Action::Log(args) => clients::log(ctl, args).await,
        Action::Add(args) => add::run(ctl, args).await,
        Action::Forget(args) => known::forget(ctl, args).await,
        Action::Agents => known::list(ctl),
    }?;
    Ok(Exit::Done)
}

/// Fails when an agent was named: the command is about this client's own list.
fn is_about_this_client(ctl: &Ctl, command: &str) -> Result<(), Error> {
    if !ctl.target.is_named() {
        return Ok(());
    }
    Err(Error::Usage {
        message: format!(
            "`remote {command}` is about the agents that this client knows, and cannot be used with `--agent` or `--instance`"
        ),
        remedy: "omit it".to_owned(),
    })
}
