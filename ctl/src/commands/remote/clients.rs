//! `remote list`, `revoke` and `log`: the agent's clients, and what they did.

use serde::Serialize;
use shopmaster_proto::v1::{ListClientsRequest, ListRemoteLogRequest, RevokeClientRequest};

use super::{Ctl, answer};
use crate::{
    error::Error,
    prompt,
    render::{
        human::{self, Clock},
        json::{RemoteClientsJson, RemoteLogJson},
    },
};

/// Whose access to withdraw.
#[derive(Debug, clap::Args)]
pub struct Revoke {
    /// Name of the client
    name: String,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
}

/// How much to show.
#[derive(Debug, clap::Args)]
pub struct Log {
    /// Number of entries
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

#[derive(Debug, Serialize)]
struct RevokedJson {
    /// The client's name.
    name: String,
    /// True.
    revoked: bool,
}

/// Lists the clients and the open invitations.
pub async fn list(ctl: &Ctl) -> Result<(), Error> {
    let mut client = ctl.connect().await?;
    let clients = answer(client.remote.list_clients(ListClientsRequest {})).await?;
    let clients = clients.into_inner().clients;
    if clients.is_empty() {
        ctl.output.note("No client has access to this agent");
    }
    let text = human::remote::clients(&clients, &Clock::local());
    ctl.output.show(&RemoteClientsJson::from(clients), || text)
}

/// Withdraws a client's access; asks first on a terminal.
pub async fn revoke(ctl: &Ctl, args: Revoke) -> Result<(), Error> {
    let mut client = ctl.connect().await?;
    let Revoke { name, yes } = args;
    if !yes && prompt::is_interactive() {
        let question = format!("Withdraw the access of `{name}`? Its calls in progress end");
        if !prompt::aside(move || prompt::confirm(&question, false)).await? {
            return Err(Error::Declined("the client keeps its access"));
        }
    }
    let request = RevokeClientRequest { name: name.clone() };
    answer(client.remote.revoke_client(request)).await?;
    let text = format!("`{name}` no longer has access");
    let json = RevokedJson {
        name,
        revoked: true,
    };
    ctl.output.show(&json, || text)
}

/// Shows what remote clients changed, newest first.
pub async fn log(ctl: &Ctl, args: Log) -> Result<(), Error> {
    let mut client = ctl.connect().await?;
    let request = ListRemoteLogRequest { limit: args.limit };
    let log = answer(client.remote.list_remote_log(request)).await?;
    let entries = log.into_inner().entries;
    if entries.is_empty() {
        ctl.output
            .note("No remote client has changed anything, and none was refused");
    }
    let text = human::remote::log(&entries, &Clock::local());
    ctl.output.show(&RemoteLogJson::from(entries), || text)
}
