//! The tokens of known agents: in the operating system's credential store, or in a file where there is none.

use std::{env, sync::Arc};

use secrecy::{ExposeSecret as _, SecretString};
use shopmaster_proto::{
    ClientFolders,
    remote::{AgentName, Secret, SecretKind},
};
use shopmaster_secrets::{Owner, SecretError, SecretName, SecretStore, StoreChoice};

use super::AgentsError;

/// The file's name.
const FILE: &str = "agent-tokens.json";
/// Which store to use, as for the agent.
const STORE_VARIABLE: &str = "SHOPMASTER_SECRETS__STORE";

/// The tokens.
#[derive(Debug, Clone)]
pub struct Tokens {
    store: SecretStore,
}

impl Tokens {
    /// The tokens of this user.
    pub fn open() -> Result<Self, AgentsError> {
        let choice = choice(env::var(STORE_VARIABLE).ok())?;
        Self::with(choice, ClientFolders::find()?)
    }

    pub(crate) fn with(choice: StoreChoice, folders: ClientFolders) -> Result<Self, AgentsError> {
        let ClientFolders { data, home, .. } = folders;
        let store = SecretStore::new(choice, &Owner::Client { home }, data.join(FILE), [])
            .map_err(AgentsError::Thread)?;
        Ok(Self { store })
    }

    /// The token for an agent; none when none is stored.
    pub async fn get(&self, agent: &AgentName) -> Result<Option<Secret>, AgentsError> {
        let stored = self.store.get(SecretName::AgentToken(agent.clone())).await;
        let stored = stored.map_err(|source| failed(agent, source))?;
        let Some(text) = stored else {
            return Ok(None);
        };
        // Something else under this name is no token of ours: it is never sent.
        let token: Option<Secret> = text.expose_secret().parse().ok();
        Ok(token.filter(|token| token.kind() == SecretKind::Token))
    }

    /// Stores the token for an agent.
    pub async fn set(&self, agent: &AgentName, token: &Secret) -> Result<(), AgentsError> {
        let name = SecretName::AgentToken(agent.clone());
        self.store_as(agent, name, token.expose().into()).await
    }

    /// Removes the token for an invitation: the agent is added, so redeeming needs no repetition.
    pub async fn settle(&self, agent: &AgentName) -> Result<(), AgentsError> {
        self.remove_as(agent, SecretName::InvitedToken(agent.clone()))
            .await
    }

    /// The token that is sent to redeem `invitation`: the one that was made for it before, so that redeeming can be
    /// repeated, or a new one, which is stored before it is used.
    pub async fn invited(
        &self,
        agent: &AgentName,
        invitation: &Secret,
    ) -> Result<Secret, AgentsError> {
        let name = SecretName::InvitedToken(agent.clone());
        let stored = self.store.get(name.clone()).await;
        let stored = stored.map_err(|source| failed(agent, source))?;
        let mark = mark(invitation);
        let kept = stored.as_ref().and_then(|text| {
            let token = text.expose_secret().strip_prefix(&mark)?;
            token.parse::<Secret>().ok()
        });
        if let Some(token) = kept {
            return Ok(token);
        }
        let token = Secret::generate(SecretKind::Token).map_err(AgentsError::NoRandomness)?;
        let text = format!("{mark}{}", token.expose());
        self.store_as(agent, name, text.into()).await?;
        Ok(token)
    }

    /// Removes the tokens for an agent.
    pub async fn remove(&self, agent: &AgentName) -> Result<(), AgentsError> {
        self.remove_as(agent, SecretName::AgentToken(agent.clone()))
            .await?;
        self.settle(agent).await
    }

    async fn store_as(
        &self,
        agent: &AgentName,
        name: SecretName,
        text: SecretString,
    ) -> Result<(), AgentsError> {
        let stored = self.store.set(name, text).await;
        stored.map_err(|source| failed(agent, source))
    }

    async fn remove_as(&self, agent: &AgentName, name: SecretName) -> Result<(), AgentsError> {
        let removed = self.store.remove(name).await;
        removed.map_err(|source| failed(agent, source))
    }

    /// Where they are: `os` or `file`.
    pub fn store(&self) -> &'static str {
        self.store.name()
    }
}

/// What stands before a token that was made for an invitation: which one. A digest is no secret.
fn mark(invitation: &Secret) -> String {
    let digest = invitation.digest();
    let bytes = digest.as_bytes().iter();
    let digits: String = bytes.map(|byte| format!("{byte:02x}")).collect();
    format!("{digits} ")
}

fn choice(variable: Option<String>) -> Result<StoreChoice, AgentsError> {
    match variable.as_deref() {
        None | Some("" | "auto") => Ok(StoreChoice::Auto),
        Some("os") => Ok(StoreChoice::Os),
        Some("file") => Ok(StoreChoice::File),
        Some(other) => Err(AgentsError::Store(other.to_owned())),
    }
}

fn failed(agent: &AgentName, source: SecretError) -> AgentsError {
    AgentsError::Token {
        name: agent.clone(),
        source: Arc::new(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_agent_has_a_token_of_its_own() {
        let home = tempfile::tempdir().unwrap();
        let folders = ClientFolders::below(home.path().to_owned());
        let tokens = Tokens::with(StoreChoice::File, folders).unwrap();
        let names = ["shop-7", "shop-8"].map(|name| name.parse::<AgentName>().unwrap());
        let secrets = [(), ()].map(|()| Secret::generate(SecretKind::Token).unwrap());
        assert!(tokens.get(&names[0]).await.unwrap().is_none());
        for (name, secret) in names.iter().zip(&secrets) {
            tokens.set(name, secret).await.unwrap();
        }
        let digest = async |name| tokens.get(name).await.unwrap().map(|it| it.digest());
        assert!(digest(&names[0]).await == Some(secrets[0].digest()));
        assert!(digest(&names[1]).await == Some(secrets[1].digest()));
        tokens.remove(&names[0]).await.unwrap();
        assert!(digest(&names[0]).await.is_none());
        assert!(digest(&names[1]).await.is_some());
    }

    #[tokio::test]
    async fn only_a_token_is_one() {
        let home = tempfile::tempdir().unwrap();
        let folders = ClientFolders::below(home.path().to_owned());
        let tokens = Tokens::with(StoreChoice::File, folders).unwrap();
        let name: AgentName = "shop-7".parse().unwrap();
        let invitation = Secret::generate(SecretKind::Invitation).unwrap();
        tokens.set(&name, &invitation).await.unwrap();
        assert!(tokens.get(&name).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn an_invitation_keeps_its_token_until_it_is_redeemed() {
        let home = tempfile::tempdir().unwrap();
        let folders = ClientFolders::below(home.path().to_owned());
        let tokens = Tokens::with(StoreChoice::File, folders).unwrap();
        let name: AgentName = "shop-7".parse().unwrap();
        let old = Secret::generate(SecretKind::Token).unwrap();
        tokens.set(&name, &old).await.unwrap();
        let invitations = [(), ()].map(|()| Secret::generate(SecretKind::Invitation).unwrap());
        let invited = async |invitation| {
            let token = tokens.invited(&name, invitation).await.unwrap();
            token.digest()
        };
        let first = invited(&invitations[0]).await;
        assert!(invited(&invitations[0]).await == first, "a repetition");
        let second = invited(&invitations[1]).await;
        assert!(second != first);
        let kept = tokens.get(&name).await.unwrap().unwrap();
        assert!(kept.digest() == old.digest(), "it still works");
        let token = tokens.invited(&name, &invitations[1]).await.unwrap();
        tokens.set(&name, &token).await.unwrap();
        assert!(invited(&invitations[1]).await == second, "not settled yet");
        tokens.settle(&name).await.unwrap();
        assert!(invited(&invitations[1]).await != second, "it is redeemed");
    }

    #[test]
    fn the_store_is_one_of_three() {
        for (text, expected) in [
            (None, StoreChoice::Auto),
            (Some(""), StoreChoice::Auto),
            (Some("os"), StoreChoice::Os),
            (Some("file"), StoreChoice::File),
        ] {
            assert_eq!(choice(text.map(str::to_owned)).unwrap(), expected);
        }
        assert!(choice(Some("disk".to_owned())).is_err());
    }
}
