//! Connects to an agent, wherever it is.

use shopmaster_proto::{Client, Endpoint};

use crate::{
    agents::{Access, AgentsError, Directory},
    error::Error,
    ssh::{self, Login, SshAddress},
    target::AgentAddress,
};

/// All that is needed to connect to an agent.
#[derive(Debug)]
pub enum Route {
    /// A socket or pipe on this computer.
    Local(Endpoint),
    /// The user's own `ssh`.
    Ssh(SshAddress),
    /// The network, with a token.
    Network(Box<Access>),
}

impl Route {
    /// The route to the agent at `address`. Reads the token of a known agent.
    pub async fn to(address: &AgentAddress, agents: &Directory) -> Result<Self, AgentsError> {
        Ok(match address {
            AgentAddress::Local(endpoint) => Self::Local(endpoint.clone()),
            AgentAddress::Ssh(at) => Self::Ssh(at.clone()),
            AgentAddress::Known(name) => Self::Network(Box::new(agents.access(name).await?)),
        })
    }
}

/// Connects to an agent, and makes sure that it answers.
pub async fn connect(route: &Route, login: Login) -> Result<Client, Error> {
    match route {
        Route::Local(endpoint) => Client::connect(endpoint).await.map_err(Error::NoAgent),
        Route::Ssh(at) => {
            let (stream, stderr) = ssh::open(at, login).map_err(|source| Error::Ssh {
                program: ssh::program().into(),
                source,
            })?;
            match Client::over(stream, &at.to_string()).await {
                Ok(client) => Ok(client),
                Err(error) => Err(Error::NoAgentThroughSsh {
                    error,
                    stderr: stderr.last_line().await,
                }),
            }
        }
        Route::Network(access) => {
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
