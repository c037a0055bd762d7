//! `remote forget` and `agents`: the agents that this client knows.

use shopmaster_proto::remote::AgentName;

use super::{Ctl, is_about_this_client};
use crate::{
    agents::{KnownAgents, Tokens},
    error::Error,
    render::{
        human,
        json::{KnownAgentJson, KnownAgentsJson},
    },
};

/// Which agent to forget.
#[derive(Debug, clap::Args)]
pub struct Forget {
    /// Name of the agent
    name: AgentName,
}

/// Lists the known agents.
pub fn list(ctl: &Ctl) -> Result<(), Error> {
    is_about_this_client(ctl, "agents")?;
    let known = KnownAgents::open()?;
    let agents: Vec<_> = known.agents().cloned().collect();
    if agents.is_empty() {
        ctl.output.note("No agent is known here");
        ctl.output
            .hint("run `shopmasterctl remote add NAME` to add one with an invitation");
    }
    let text = human::remote::agents(&agents);
    ctl.output.show(&KnownAgentsJson::from(agents), || text)
}

/// Forgets an agent and its token. The agent is not asked.
pub async fn forget(ctl: &Ctl, args: Forget) -> Result<(), Error> {
    is_about_this_client(ctl, "forget")?;
    // The token first: without it, the entry is of no use, and the command can be repeated.
    KnownAgents::open()?.find(&args.name)?;
    Tokens::open()?.remove(&args.name).await?;
    let agent = KnownAgents::change(|known| known.remove(&args.name))?;
    ctl.output.hint(&format!(
        "the agent still has the client `{}`; run `shopmasterctl remote revoke {}` on its computer to remove it there, too",
        agent.client, agent.client
    ));
    let text = format!("Forgot `{}`", args.name);
    ctl.output.show(&KnownAgentJson::from(agent), || text)
}
