//! `remote add`: makes this program a client of an agent, with an invitation.

use std::{io, time::Duration};

use shopmaster_proto::{
    Client, NetworkAgent,
    remote::{AgentName, Invitation, NetworkAddress},
    v1::RedeemRequest,
};
use tokio::time::timeout;

use super::{Ctl, answer, is_about_this_client};
use crate::{
    agents::{KnownAgent, KnownAgents, Role, Tokens},
    error::Error,
    prompt,
    render::{human, json::KnownAgentJson},
};

/// How long the agent may take to redeem an invitation.
const REDEEM_TIMEOUT: Duration = Duration::from_secs(30);

/// Which agent to add.
#[derive(clap::Args)]
pub struct Args {
    /// Name for the agent, of your choice
    name: AgentName,
    /// The invitation that `remote invite` printed; `-` reads it from standard input. Without it, on a terminal, it is asked for
    #[arg(value_name = "INVITATION")]
    invitation: Option<String>,
}

/// Redeems the invitation, and stores the agent and the token. The token is stored before it is sent: when the answer is
/// lost, the same command can be repeated.
pub async fn run(ctl: &Ctl, args: Args) -> Result<(), Error> {
    is_about_this_client(ctl, "add")?;
    let Args { name, invitation } = args;
    let invitation = parse(&line(invitation).await?)?;
    let network = network(&invitation)?;
    KnownAgents::open()?.check_free(&name, network.pin)?;
    let tokens = Tokens::open()?;
    let token = tokens.invited(&name, &invitation.secret).await?;
    let connected = Client::connect_network(&network, &invitation.secret).await;
    let mut client = connected.map_err(Error::NoAgent)?;
    let request = RedeemRequest {
        token_sha256: token.digest().as_bytes().to_vec(),
    };
    let redeemed = match timeout(REDEEM_TIMEOUT, answer(client.remote.redeem(request))).await {
        Ok(redeemed) => redeemed?.into_inner(),
        Err(_) => return Err(Error::AgentLeft),
    };
    let there = redeemed.client.ok_or(Error::Incomplete("client"))?;
    let role = Role::from_proto(there.role()).ok_or(Error::Incomplete("role"))?;
    let agent = KnownAgent {
        name: name.clone(),
        addresses: network.addresses,
        key: network.pin,
        client: there.name,
        role,
        instance: redeemed.instance,
    };
    tokens.set(&name, &token).await?;
    KnownAgents::change(|known| known.add(agent.clone()))?;
    tokens.settle(&name).await?;
    ctl.output
        .hint(&format!("run `shopmasterctl --agent {name} status`"));
    let text = human::remote::added(&agent, tokens.store());
    ctl.output.show(&KnownAgentJson::from(agent), || text)
}

async fn line(given: Option<String>) -> Result<String, Error> {
    match given {
        Some(line) if line == "-" => {
            let mut line = String::new();
            io::stdin().read_line(&mut line).map_err(Error::Input)?;
            Ok(line)
        }
        Some(line) => Ok(line),
        None if prompt::is_interactive() => {
            // As for a password: until it is redeemed, it is a secret.
            prompt::aside(|| prompt::password("Invitation")).await
        }
        None => Err(Error::Usage {
            message: "no invitation was given".to_owned(),
            remedy: "write it after the name, or `-` to read it from standard input".to_owned(),
        }),
    }
}

fn parse(line: &str) -> Result<Invitation, Error> {
    line.parse().map_err(
        |error: shopmaster_proto::remote::InvitationError| Error::Usage {
            message: error.to_string(),
            remedy: "copy the whole line that `shopmasterctl remote invite` printed".to_owned(),
        },
    )
}

/// Where the agent is. An address that this version does not understand is left out.
fn network(invitation: &Invitation) -> Result<NetworkAgent, Error> {
    let addresses: Vec<NetworkAddress> = invitation
        .addresses
        .iter()
        .filter_map(|address| address.parse().ok())
        .collect();
    if addresses.is_empty() {
        return Err(Error::Usage {
            message: "the invitation has no address that this version understands".to_owned(),
            remedy: "ask for an invitation that was made with `--address HOST:PORT`".to_owned(),
        });
    }
    Ok(NetworkAgent {
        addresses,
        pin: invitation.pin,
    })
}
