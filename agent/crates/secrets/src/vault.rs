//! The operating system's credential store.

use std::sync::Arc;

use keyring_core::{CredentialStore, Entry, Error};
use secrecy::{ExposeSecret as _, SecretString};

/// The service name of all entries.
const SERVICE: &str = "shopmaster";

/// An open credential store. A call may block until the user answers a prompt.
pub(super) trait Vault: Send {
    /// The secret of `user`; none when the store has no entry for it.
    fn get(&self, user: &str) -> Result<Option<SecretString>, VaultError>;
    /// Stores a secret.
    fn set(&self, user: &str, secret: &SecretString) -> Result<(), VaultError>;
    /// Removes a secret. Not an error if the store has no entry for it.
    fn remove(&self, user: &str) -> Result<(), VaultError>;
}

/// Opens a credential store. This may block, too.
pub(super) type Opener = Box<dyn FnMut() -> Result<Box<dyn Vault>, VaultError> + Send>;

/// Why a credential store fails.
#[derive(Debug)]
pub(super) enum VaultError {
    /// There is no store.
    NoStore(Error),
    /// The store exists but is locked.
    Locked(Error),
    /// Any other failure.
    Failed(Error),
}

/// Opens this system's credential store.
pub(super) fn open() -> Result<Box<dyn Vault>, VaultError> {
    match system_store() {
        Ok(store) => Ok(Box::new(SystemVault(store))),
        Err(error @ Error::NoStorageAccess(_)) => Err(VaultError::Locked(error)),
        Err(
            error @ (Error::PlatformFailure(_)
            | Error::NoDefaultStore
            | Error::NotSupportedByStore(_)),
        ) => Err(VaultError::NoStore(error)),
        Err(error) => Err(VaultError::Failed(error)),
    }
}

#[cfg(target_os = "linux")]
fn system_store() -> Result<Arc<CredentialStore>, Error> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

#[cfg(target_os = "macos")]
fn system_store() -> Result<Arc<CredentialStore>, Error> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(windows)]
fn system_store() -> Result<Arc<CredentialStore>, Error> {
    Ok(windows_native_keyring_store::Store::new()?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
fn system_store() -> Result<Arc<CredentialStore>, Error> {
    Err(Error::NoDefaultStore)
}

struct SystemVault(Arc<CredentialStore>);

impl SystemVault {
    fn entry(&self, user: &str) -> Result<Entry, VaultError> {
        Ok(self.0.build(SERVICE, user, None)?)
    }
}

impl Vault for SystemVault {
    fn get(&self, user: &str) -> Result<Option<SecretString>, VaultError> {
        let bytes = match self.entry(user)?.get_secret() {
            Err(Error::NoEntry) => return Ok(None),
            result => result?,
        };
        let text = String::from_utf8(bytes)
            .map_err(|error| VaultError::Failed(Error::BadEncoding(error.into_bytes())))?;
        Ok(Some(text.into()))
    }

    /// Stores bytes: Windows stores strings as UTF-16, and a token of that size would exceed its limit (2,560 bytes).
    fn set(&self, user: &str, secret: &SecretString) -> Result<(), VaultError> {
        let bytes = secret.expose_secret().as_bytes();
        Ok(self.entry(user)?.set_secret(bytes)?)
    }

    fn remove(&self, user: &str) -> Result<(), VaultError> {
        match self.entry(user)?.delete_credential() {
            Err(Error::NoEntry) => Ok(()),
            result => Ok(result?),
        }
    }
}

impl From<Error> for VaultError {
    /// For errors of an open store.
    fn from(error: Error) -> Self {
        match error {
            Error::NoStorageAccess(_) => Self::Locked(error),
            _ => Self::Failed(error),
        }
    }
}

#[cfg(test)]
pub(super) mod fake {
    //! A credential store in memory that can be locked and cut off.

    use std::{
        collections::BTreeMap,
        sync::{Mutex, MutexGuard},
    };

    use super::*;

    #[derive(Clone, Default)]
    pub(crate) struct FakeVault {
        state: Arc<Mutex<State>>,
    }

    #[derive(Default)]
    struct State {
        entries: BTreeMap<String, String>,
        calls: Vec<&'static str>,
        opening_fails: Option<fn(Error) -> VaultError>,
        broken: bool,
        refused: Option<&'static str>,
    }

    impl FakeVault {
        pub(crate) fn opener(&self) -> Opener {
            let vault = self.clone();
            Box::new(move || {
                vault.call("open")?;
                match vault.state().opening_fails {
                    Some(error) => Err(error(Error::NoDefaultStore)),
                    None => Ok(Box::new(vault.clone())),
                }
            })
        }

        pub(crate) fn fail_to_open(&self, with: fn(Error) -> VaultError) {
            self.state().opening_fails = Some(with);
        }

        pub(crate) fn break_connection(&self) {
            self.state().broken = true;
        }

        pub(crate) fn fail_to_set(&self, user: &'static str) {
            self.state().refused = Some(user);
        }

        pub(crate) fn mend(&self) {
            self.state().opening_fails = None;
        }

        pub(crate) fn users(&self) -> Vec<String> {
            self.state().entries.keys().cloned().collect()
        }

        pub(crate) fn calls(&self) -> Vec<&'static str> {
            self.state().calls.clone()
        }

        fn state(&self) -> MutexGuard<'_, State> {
            self.state.lock().unwrap()
        }

        fn call(&self, name: &'static str) -> Result<(), VaultError> {
            let mut state = self.state();
            state.calls.push(name);
            if std::mem::take(&mut state.broken) {
                return Err(VaultError::Failed(Error::NoDefaultStore));
            }
            Ok(())
        }
    }

    impl Vault for FakeVault {
        fn get(&self, user: &str) -> Result<Option<SecretString>, VaultError> {
            self.call("get")?;
            Ok(self.state().entries.get(user).cloned().map(Into::into))
        }

        fn set(&self, user: &str, secret: &SecretString) -> Result<(), VaultError> {
            self.call("set")?;
            if self.state().refused == Some(user) {
                return Err(VaultError::Failed(Error::NoDefaultStore));
            }
            let secret = secret.expose_secret().to_owned();
            self.state().entries.insert(user.to_owned(), secret);
            Ok(())
        }

        fn remove(&self, user: &str) -> Result<(), VaultError> {
            self.call("remove")?;
            self.state().entries.remove(user);
            Ok(())
        }
    }
}
