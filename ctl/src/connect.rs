//! Connects to an agent, wherever it is.

use shopmaster_proto::Client;

use crate::{
    agents::{AgentsError, Directory},
    error::Error,
    ssh::{self, Login},
    target::AgentAddress,
};

/// Connects to the agent at `address`, and makes sure that it answers.
pub async fn connect(
    address: &AgentAddress,
    login: Login,
    agents: &Directory,
) -> Result<Client, Error> {
    match address {
        AgentAddress::Local(endpoint) => Client::connect(endpoint).await.map_err(Error::NoAgent),
        AgentAddress::Ssh(at) => {
            let (stream, words) = ssh::open(at, login).map_err(|source| Error::Ssh {
                program: ssh::program().into(),
                source,
            })?;
            match Client::over(stream, &at.to_string()).await {
                Ok(client) => Ok(client),
                Err(error) => Err(Error::NoAgentThroughSsh {
                    error,
                    words: words.read().await,
                }),
            }
        }
        AgentAddress::Known(name) => {
            let access = agents.access(name).await?;
            let client = Client::connect_network(&access.agent, &access.token).await;
            client.map_err(Error::NoAgent)
        }
    }
}

impl From<AgentsError> for Error {
    fn from(error: AgentsError) -> Self {
        Self::Agents(error)
    }
}
