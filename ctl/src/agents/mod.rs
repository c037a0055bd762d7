//! The agents that this client knows: where each is, how to recognize it, and its token.

mod book;
mod error;
mod tokens;

pub use book::{Book, KnownAgent, Role};
pub use error::AgentsError;
pub use tokens::Tokens;

use shopmaster_proto::{
    NetworkAgent,
    remote::{AgentName, Secret},
};

/// What is needed to call a known agent.
#[derive(Debug)]
pub struct Access {
    /// Where it is, and its key.
    pub agent: NetworkAgent,
    /// The token that it gave this client.
    pub token: Secret,
}

/// Looks a known agent up.
pub async fn access(name: &AgentName) -> Result<Access, AgentsError> {
    let known = Book::open()?.find(name)?.clone();
    let token = Tokens::open()?.get(name).await?;
    let token = token.ok_or_else(|| AgentsError::NoToken(name.clone()))?;
    let agent = known.network();
    Ok(Access { agent, token })
}
