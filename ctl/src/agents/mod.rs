//! The agents that this client knows: where each is, how to recognize it, and its token.

mod error;
mod known_agents;
mod tokens;

pub use error::AgentsError;
pub use known_agents::{KnownAgent, KnownAgents, Role, one_line};
pub use tokens::Tokens;

#[cfg(test)]
pub use known_agents::tests;

use std::{cell::OnceCell, sync::Arc, time::Duration};

use shopmaster_proto::{
    NetworkAgent,
    remote::{AgentName, Secret},
};
use shopmaster_secrets::SecretError;
use tokio::{sync::Mutex, time::Instant};

/// How long a credential store that a person did not unlock is left alone.
const LOCKED_REST: Duration = Duration::from_secs(60);

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
    known: OnceCell<KnownAgents>,
    tokens: OnceCell<Tokens>,
    /// Since when the credential store is locked, and its error. The store may ask a person each time it is asked: while
    /// one answers, nobody else asks it.
    locked: Mutex<Option<(Instant, Arc<SecretError>)>>,
}

impl Directory {
    /// What is needed to call the agent of this name. A store that turned out to be locked is not asked again for a minute.
    pub async fn access(&self, name: &AgentName) -> Result<Access, AgentsError> {
        let agent = opened(&self.known, KnownAgents::open)?
            .find(name)?
            .network();
        let token = self.token(name).await?;
        let token = token.ok_or_else(|| AgentsError::NoToken(name.clone()))?;
        Ok(Access { agent, token })
    }

    async fn token(&self, name: &AgentName) -> Result<Option<Secret>, AgentsError> {
        let tokens = opened(&self.tokens, Tokens::open)?;
        let mut locked = self.locked.lock().await;
        if let Some((since, source)) = &*locked
            && since.elapsed() < LOCKED_REST
        {
            return Err(AgentsError::Token {
                name: name.clone(),
                source: Arc::clone(source),
            });
        }
        let token = tokens.get(name).await;
        *locked = match &token {
            Err(AgentsError::Token { source, .. }) if waits_for_a_person(source) => {
                Some((Instant::now(), Arc::clone(source)))
            }
            _ => None,
        };
        token
    }

    #[cfg(test)]
    pub fn with(known: KnownAgents, tokens: Tokens) -> Self {
        Self {
            known: known.into(),
            tokens: tokens.into(),
            locked: Mutex::default(),
        }
    }
}

fn waits_for_a_person(error: &SecretError) -> bool {
    matches!(error, SecretError::Locked(_) | SecretError::Timeout)
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
