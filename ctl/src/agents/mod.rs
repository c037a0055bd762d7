//! The agents that this client knows: where each is, how to recognize it, and its token.

mod book;
mod error;
mod tokens;

pub use book::{Book, KnownAgent, Role, one_line};
pub use error::AgentsError;
pub use tokens::Tokens;

use std::cell::OnceCell;

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

/// Looks known agents up. The list and the store of tokens are opened when they are first needed, and once.
#[derive(Debug, Default)]
pub struct Directory {
    book: OnceCell<Book>,
    tokens: OnceCell<Tokens>,
}

impl Directory {
    /// What is needed to call the agent of this name.
    pub async fn access(&self, name: &AgentName) -> Result<Access, AgentsError> {
        let agent = opened(&self.book, Book::open)?.find(name)?.network();
        let token = opened(&self.tokens, Tokens::open)?.get(name).await?;
        let token = token.ok_or_else(|| AgentsError::NoToken(name.clone()))?;
        Ok(Access { agent, token })
    }
}

fn opened<T>(
    cell: &OnceCell<T>,
    open: impl FnOnce() -> Result<T, AgentsError>,
) -> Result<&T, AgentsError> {
    if let Some(open) = cell.get() {
        return Ok(open);
    }
    let open = open()?;
    Ok(cell.get_or_init(|| open))
}
