//! The secrets file, for sessions without a credential store.

use std::{collections::BTreeMap, fs, io, path::PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use shopmaster_base::atomic_file::write_atomically;

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
        Ok(self.read()?.remove(name).map(SecretString::from))
    }

    pub(super) fn set(&self, name: &str, secret: &SecretString) -> Result<(), SecretError> {
        let mut secrets = self.read()?;
        secrets.insert(name.to_owned(), secret.expose_secret().to_owned());
        self.write(&secrets)
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), SecretError> {
        let mut secrets = self.read()?;
        if secrets.remove(name).is_none() {
            return Ok(());
        }
        self.write(&secrets)
    }

    fn read(&self) -> Result<Secrets, SecretError> {
        match fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|source| self.damaged(source)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Secrets::new()),
            Err(source) => Err(self.failed(source)),
        }
    }

    fn write(&self, secrets: &Secrets) -> Result<(), SecretError> {
        let bytes = serde_json::to_vec_pretty(secrets).map_err(|source| self.damaged(source))?;
        write_atomically(&self.path, &bytes).map_err(|source| self.failed(source))
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
