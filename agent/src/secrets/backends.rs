//! Which store a secret is in.

use std::sync::{Arc, OnceLock};

use secrecy::SecretString;

use super::{
    SecretError, SecretName,
    file::FileStore,
    vault::{Opener, Vault, VaultError},
};
use crate::config::StoreChoice;

/// Where secrets are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the operating system's credential store.
    Os,
    /// In the file.
    File,
}

/// Both stores, and the choice between them.
pub(super) struct Backends {
    pub(super) choice: StoreChoice,
    pub(super) instance: String,
    pub(super) file: FileStore,
    pub(super) open: Opener,
    /// Once open, until it fails.
    pub(super) vault: Option<Box<dyn Vault>>,
    /// Set once, for the life of the process: secrets do not wander between stores.
    pub(super) place: Arc<OnceLock<Place>>,
}

impl Backends {
    pub(super) fn get(&mut self, name: SecretName) -> Result<Option<SecretString>, SecretError> {
        let kept = match self.place()? {
            Place::File => None,
            Place::Os => self.ask(name, |vault, user| vault.get(user))?,
        };
        // It may have been kept when there was no credential store.
        match kept {
            None if self.uses_file() => self.file.get(name.as_str()),
            kept => Ok(kept),
        }
    }

    pub(super) fn set(
        &mut self,
        name: SecretName,
        secret: &SecretString,
    ) -> Result<(), SecretError> {
        if self.place()? == Place::File {
            return self.file.set(name.as_str(), secret);
        }
        self.ask(name, |vault, user| vault.set(user, secret))?;
        self.remove_from_file(name)
    }

    pub(super) fn remove(&mut self, name: SecretName) -> Result<(), SecretError> {
        if self.place()? == Place::Os {
            self.ask(name, |vault, user| vault.remove(user))?;
        }
        self.remove_from_file(name)
    }

    /// Removes the secret from the store that is not `stays`.
    pub(super) fn remove_unless_in(
        &mut self,
        stays: Place,
        name: SecretName,
    ) -> Result<(), SecretError> {
        match stays {
            Place::Os => self.file.remove(name.as_str()),
            Place::File if self.place()? == Place::Os => {
                self.ask(name, |vault, user| vault.remove(user))
            }
            Place::File => Ok(()),
        }
    }

    /// Where secrets are kept. Opens the credential store when it is not open.
    pub(super) fn place(&mut self) -> Result<Place, SecretError> {
        if self.choice == StoreChoice::File {
            return Ok(*self.place.get_or_init(|| Place::File));
        }
        if self.place.get() == Some(&Place::File) || self.vault.is_some() {
            return Ok(*self.place.get_or_init(|| Place::Os));
        }
        match (self.open)() {
            Ok(vault) => {
                self.vault = Some(vault);
                Ok(*self.place.get_or_init(|| Place::Os))
            }
            Err(VaultError::NoStore(reason))
                if self.choice == StoreChoice::Auto && self.place.get().is_none() =>
            {
                tracing::info!(%reason, "no credential store in this session, secrets are kept in a file");
                Ok(*self.place.get_or_init(|| Place::File))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn ask<T>(
        &mut self,
        name: SecretName,
        question: impl FnOnce(&dyn Vault, &str) -> Result<T, VaultError>,
    ) -> Result<T, SecretError> {
        let user = format!("{}/{}", self.instance, name.as_str());
        let Some(vault) = &self.vault else {
            return Err(SecretError::Stopped);
        };
        let answer = question(vault.as_ref(), &user);
        if matches!(answer, Err(VaultError::Failed(_))) {
            // Its connection may be gone: opened anew for the next question.
            self.vault = None;
        }
        Ok(answer?)
    }

    fn uses_file(&self) -> bool {
        self.choice != StoreChoice::Os
    }

    fn remove_from_file(&self, name: SecretName) -> Result<(), SecretError> {
        if !self.uses_file() {
            return Ok(());
        }
        self.file.remove(name.as_str())
    }
}
