//! The secrets file, for sessions without a credential store.

use std::{collections::BTreeMap, io, path::PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use shopmaster_base::exclusive_file::{self, ExclusiveFile};

use super::SecretError;

/// A file with one JSON object of strings, which only this user can read.
pub(super) struct FileStore {
    path: PathBuf,
}

type Secrets = BTreeMap<String, String>;

impl FileStore {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<SecretString>, SecretError> {
        let bytes = exclusive_file::read(&self.path).map_err(|source| self.failed(source))?;
        Ok(self.parse(bytes)?.remove(name).map(SecretString::from))
    }

    pub(super) fn set(&self, name: &str, secret: &SecretString) -> Result<(), SecretError> {
        self.change(|secrets| {
            secrets.insert(name.to_owned(), secret.expose_secret().to_owned());
        })
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), SecretError> {
        // Where there is nothing to remove, no file is made.
        if self.get(name)?.is_none() {
            return Ok(());
        }
        self.change(|secrets| {
            secrets.remove(name);
        })
    }

    /// Changes the secrets while no other process does.
    fn change(&self, change: impl FnOnce(&mut Secrets)) -> Result<(), SecretError> {
        let failed = |source| self.failed(source);
        let file = ExclusiveFile::lock(&self.path).map_err(failed)?;
        let mut secrets = self.parse(file.read().map_err(failed)?)?;
        change(&mut secrets);
        let bytes = serde_json::to_vec_pretty(&secrets).map_err(|source| self.damaged(source))?;
        file.write(&bytes).map_err(failed)
    }

    fn parse(&self, bytes: Option<Vec<u8>>) -> Result<Secrets, SecretError> {
        let Some(bytes) = bytes else {
            return Ok(Secrets::new());
        };
        serde_json::from_slice(&bytes).map_err(|source| self.damaged(source))
    }

    fn damaged(&self, source: serde_json::Error) -> SecretError {
        SecretError::Damaged {
            path: self.path.clone(),
            source,
        }
    }

    fn failed(&self, source: io::Error) -> SecretError {
        SecretError::File {
            path: self.path.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use super::*;

    fn shown(store: &FileStore, name: &str) -> Option<String> {
        let secret = store.get(name).unwrap();
        secret.map(|secret| secret.expose_secret().to_owned())
    }

    #[test]
    fn what_is_kept_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().join("secrets.json"));
        assert_eq!(shown(&store, "a"), None);
        store.remove("a").unwrap();
        assert!(!store.path.exists());
        store.set("a", &"pass \"wörd\"\n".into()).unwrap();
        store.set("b", &"other".into()).unwrap();
        assert_eq!(shown(&store, "a").as_deref(), Some("pass \"wörd\"\n"));
        store.remove("a").unwrap();
        assert_eq!(shown(&store, "a"), None);
        assert_eq!(shown(&store, "b").as_deref(), Some("other"));
    }

    #[test]
    fn programs_that_store_at_once_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/secrets.json");
        let names: Vec<_> = (0..40).map(|n| format!("agent-token/{n}")).collect();
        thread::scope(|scope| {
            for names in names.chunks(5) {
                // One each, as separate programs have them.
                let store = FileStore::new(path.clone());
                scope.spawn(move || {
                    for name in names {
                        store.set(name, &name.as_str().into()).unwrap();
                    }
                });
            }
        });
        let store = FileStore::new(path);
        for name in &names {
            assert_eq!(shown(&store, name).as_ref(), Some(name));
        }
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().join("secrets.json"));
        store.set("a", &"b".into()).unwrap();
        let mode = fs::metadata(&store.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_file_is_reported_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().join("secrets.json"));
        fs::write(&store.path, "{\"a\": \"b").unwrap();
        assert!(matches!(
            store.set("a", &"c".into()),
            Err(SecretError::Damaged { .. })
        ));
        assert_eq!(fs::read_to_string(&store.path).unwrap(), "{\"a\": \"b");
    }
}
