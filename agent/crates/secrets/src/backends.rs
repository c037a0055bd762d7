//! The two stores of secrets, and which of them is used.

use std::sync::{Arc, OnceLock};

use secrecy::SecretString;

use super::{
    SecretError, SecretName, StoreChoice,
    file::FileStore,
    vault::{Opener, Vault, VaultError},
};

/// The store that holds the secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Location {
    /// The operating system's credential store.
    Os,
    /// The file.
    File,
}

/// Both stores, and the choice between them.
pub(super) struct Backends {
    pub(super) choice: StoreChoice,
    /// Whose secrets they are, as in the names of entries.
    pub(super) owner: String,
    pub(super) file: FileStore,
    pub(super) open: Opener,
    /// The open credential store; none before it was opened, and after a failure.
    pub(super) vault: Option<Box<dyn Vault>>,
    /// Set once per process, so that secrets do not move between stores.
    pub(super) location: Arc<OnceLock<Location>>,
}

impl Backends {
    pub(super) fn get(&mut self, name: &SecretName) -> Result<Option<SecretString>, SecretError> {
        let kept = match self.location()? {
            Location::File => None,
            Location::Os => self.ask(name, |vault, user| vault.get(user))?,
        };
        // It may have been stored in the file when there was no credential store.
        match kept {
            None if self.uses_file() => self.file.get(&name.key()),
            kept => Ok(kept),
        }
    }

    pub(super) fn set(
        &mut self,
        name: &SecretName,
        secret: &SecretString,
    ) -> Result<(), SecretError> {
        if self.location()? == Location::File {
            return self.file.set(&name.key(), secret);
        }
        self.ask(name, |vault, user| vault.set(user, secret))?;
        self.remove_from_file(name)
    }

    pub(super) fn remove(&mut self, name: &SecretName) -> Result<(), SecretError> {
        if self.location()? == Location::Os {
            self.ask(name, |vault, user| vault.remove(user))?;
        }
        self.remove_from_file(name)
    }

    /// Removes the secret from the store that is not `stays`.
    pub(super) fn remove_unless_in(
        &mut self,
        stays: Location,
        name: &SecretName,
    ) -> Result<(), SecretError> {
        match stays {
            Location::Os => self.file.remove(&name.key()),
            Location::File if self.location()? == Location::Os => {
                self.ask(name, |vault, user| vault.remove(user))
            }
            Location::File => Ok(()),
        }
    }

    /// The store that is used. Opens the credential store if it is not open.
    pub(super) fn location(&mut self) -> Result<Location, SecretError> {
        if self.choice == StoreChoice::File {
            return Ok(*self.location.get_or_init(|| Location::File));
        }
        if self.location.get() == Some(&Location::File) || self.vault.is_some() {
            return Ok(*self.location.get_or_init(|| Location::Os));
        }
        match (self.open)() {
            Ok(vault) => {
                self.vault = Some(vault);
                Ok(*self.location.get_or_init(|| Location::Os))
            }
            Err(VaultError::NoStore(reason))
                if self.choice == StoreChoice::Auto && self.location.get().is_none() =>
            {
                tracing::info!(%reason, "this session has no credential store; secrets are kept in a file");
                Ok(*self.location.get_or_init(|| Location::File))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn ask<T>(
        &mut self,
        name: &SecretName,
        question: impl FnOnce(&dyn Vault, &str) -> Result<T, VaultError>,
    ) -> Result<T, SecretError> {
        let user = format!("{}/{}", self.owner, name.key());
        let Some(vault) = &self.vault else {
            return Err(SecretError::Stopped);
        };
        let answer = question(vault.as_ref(), &user);
        if matches!(answer, Err(VaultError::Failed(_))) {
            // Its connection may be lost: it is opened again for the next call.
            self.vault = None;
        }
        Ok(answer?)
    }

    fn uses_file(&self) -> bool {
        self.choice != StoreChoice::Os
    }

    fn remove_from_file(&self, name: &SecretName) -> Result<(), SecretError> {
        if !self.uses_file() {
            return Ok(());
        }
        self.file.remove(&name.key())
    }
}
