//! `remote add`: makes this program a client of an agent, with an invitation.

use std::{
    io::{self, BufRead as _, IsTerminal as _, Read as _},
    time::Duration,
};

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
/// No more is read from standard input, in bytes: an invitation is shorter.
const LONGEST: u64 = 8 * 1_024;

/// Which agent to add.
#[derive(clap::Args)]
pub struct Args {
    /// Name for the agent, of your choice
    name: AgentName,
    /// The invitation that `remote invite` printed.
    #[arg(
        help = "`-` to read the invitation from standard input; without it, it is asked for on a terminal, and read elsewhere. Given itself, others may see it: the shell remembers it, and the list of processes shows it",
        value_name = "INVITATION"
    )]
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
    let line = match given {
        Some(line) if line != "-" => line,
        // As for a password: until it is redeemed, it is a secret.
        None if io::stdin().is_terminal() => {
            prompt::aside(|| prompt::password("Invitation")).await?
        }
        _ => {
            let mut line = String::new();
            let mut input = io::stdin().lock().take(LONGEST);
            input.read_line(&mut line).map_err(Error::Input)?;
            line
        }
    };
    match line.trim() {
        "" => Err(Error::Usage {
            message: "no invitation was given".to_owned(),
            remedy: "enter the line that `shopmasterctl remote invite` printed, or pass it on standard input"
                .to_owned(),
        }),
        _ => Ok(line),
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
