//! The agent's secrets: the store that holds them, and how they change.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use secrecy::{ExposeSecret as _, SecretString};
use shopmaster_base::causes::with_causes;
use shopmaster_secrets::{
    Owner, SecretChange, SecretError, SecretName, SecretStore, StoreChoice, change, move_all,
};

use super::Supervisor;
use crate::config::Config;

/// New passwords. An empty one removes the stored one; none leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct NewSecrets {
    /// The password of the Digible account.
    pub digible_password: Option<SecretString>,
    /// The password of the SQL login.
    pub sql_password: Option<SecretString>,
}

/// Which secrets are set, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretsSet {
    /// The password of the Digible account.
    pub digible_password: bool,
    /// The password of the SQL login.
    pub sql_password: bool,
    /// `os` or `file`.
    pub store: &'static str,
}

impl Supervisor {
    /// The store that holds the secrets: `os` or `file`.
    pub fn secrets_store(&self) -> &'static str {
        self.read(|current| current.secrets.as_ref().map_or("file", SecretStore::name))
    }

    /// Which secrets are set. A store that does not answer counts as empty here, and is an issue.
    pub async fn secrets_set(&self) -> SecretsSet {
        let secrets = self.read(|current| current.secrets.clone());
        let is_set = async |name| match &secrets {
            Some(secrets) => matches!(secrets.get(name).await, Ok(Some(_))),
            None => false,
        };
        SecretsSet {
            digible_password: is_set(SecretName::DigiblePassword).await,
            sql_password: is_set(SecretName::SqlPassword).await,
            store: self.secrets_store(),
        }
    }

    /// Stores new passwords, and moves the other secrets if another store is used from now on.
    pub(super) async fn keep(
        &self,
        before: &Config,
        after: &Config,
        new: NewSecrets,
    ) -> Result<(), SecretError> {
        let moves = before.secrets.store != after.secrets.store;
        if new.is_empty() && !moves {
            return Ok(());
        }
        // From now on no token of a login with the old password is stored, however late it arrives.
        self.logins.end();
        let old = self.secrets(before)?;
        if !moves {
            return change(&old, new.into_changes()).await;
        }
        let secrets = self.open_secrets(after)?;
        // No store was used yet: what the credential store has under this name belongs to another agent.
        match before.missing().is_empty() || before.secrets.store == StoreChoice::File {
            true => move_all(&old, &secrets, new.into_changes()).await?,
            false => change(&secrets, new.into_changes()).await?,
        }
        self.write(|current| current.secrets = Some(secrets));
        Ok(())
    }

    pub(super) fn secrets(&self, config: &Config) -> Result<SecretStore, SecretError> {
        if let Some(secrets) = self.read(|current| current.secrets.clone()) {
            return Ok(secrets);
        }
        let secrets = self.open_secrets(config)?;
        self.write(|current| current.secrets = Some(secrets.clone()));
        Ok(secrets)
    }

    fn open_secrets(&self, config: &Config) -> Result<SecretStore, SecretError> {
        SecretStore::new(
            config.secrets.store,
            &Owner::Agent(self.instance.clone()),
            self.paths.secrets.clone(),
            self.environment.clone(),
        )
        .map_err(|_| SecretError::Stopped)
    }
}

impl NewSecrets {
    pub(super) fn is_empty(&self) -> bool {
        self.digible_password.is_none() && self.sql_password.is_none()
    }

    /// A new password also ends the old session. A token names its account, so a change of the account needs no
    /// change here.
    fn into_changes(self) -> Vec<SecretChange> {
        let change = |name, secret: SecretString| SecretChange {
            name,
            secret: Some(secret).filter(|secret| !secret.expose_secret().is_empty()),
        };
        let token = self.digible_password.is_some().then_some(SecretChange {
            name: SecretName::DigibleToken,
            secret: None,
        });
        let digible = self
            .digible_password
            .map(|secret| change(SecretName::DigiblePassword, secret));
        let sql = self
            .sql_password
            .map(|secret| change(SecretName::SqlPassword, secret));
        digible.into_iter().chain(sql).chain(token).collect()
    }
}

/// The stored token, if it belongs to this account: the file may name another address by now, and a token must only be
/// sent to the server that issued it.
pub(super) fn token_of(account: &str, kept: &SecretString) -> Option<SecretString> {
    let token = kept.expose_secret().strip_prefix(account)?;
    token.strip_prefix('\n').map(SecretString::from)
}

/// Counts changes of the secrets, so that a token is stored only if none was made since its login.
#[derive(Debug, Default)]
pub(super) struct Logins(Arc<AtomicU64>);

/// A login, whose token may be stored until the secrets change.
#[derive(Debug, Clone)]
pub(super) struct Login {
    changes: Arc<AtomicU64>,
    before: u64,
}

impl Logins {
    /// A login with the secrets as they are now.
    pub(super) fn login(&self) -> Login {
        Login {
            before: self.0.load(Ordering::SeqCst),
            changes: Arc::clone(&self.0),
        }
    }

    /// Ends all logins, because secrets change.
    fn end(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Login {
    fn is_current(&self) -> bool {
        self.changes.load(Ordering::SeqCst) == self.before
    }
}

/// Stores a token. It is called during a login, which must not wait for the store.
pub(super) fn keep_token(
    secrets: &SecretStore,
    account: &str,
    login: &Login,
    token: &SecretString,
) {
    let (secrets, login) = (secrets.clone(), login.clone());
    let token = SecretString::from(format!("{account}\n{}", token.expose_secret()));
    tokio::spawn(async move {
        let kept = secrets.set_if(SecretName::DigibleToken, token, move || login.is_current());
        if let Err(error) = kept.await {
            tracing::warn!(
                error = with_causes(&error),
                "the session's token could not be stored"
            );
        }
    });
}

#[cfg(test)]
mod tests {
    use shopmaster_proto::InstanceName;

    use super::*;

    #[tokio::test]
    async fn a_token_that_comes_after_a_new_password_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets.json");
        let owner = Owner::Agent(InstanceName::default());
        let store = SecretStore::new(StoreChoice::File, &owner, file, []).unwrap();
        let kept = async |store: &SecretStore| {
            let token = store.get(SecretName::DigibleToken).await.unwrap();
            token.map(|token| token.expose_secret().to_owned())
        };
        let logins = Logins::default();
        let (before, token) = (logins.login(), SecretString::from("old"));
        let set = |login: Login| {
            store.set_if(SecretName::DigibleToken, token.clone(), move || {
                login.is_current()
            })
        };
        set(before.clone()).await.unwrap();
        assert_eq!(kept(&store).await.as_deref(), Some("old"));
        // As a new password does it.
        logins.end();
        store.remove(SecretName::DigibleToken).await.unwrap();
        set(before).await.unwrap();
        assert_eq!(kept(&store).await, None);
        set(logins.login()).await.unwrap();
        assert_eq!(kept(&store).await.as_deref(), Some("old"));
    }
}
