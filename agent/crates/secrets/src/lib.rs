//! Secrets: in the operating system's credential store, or in a file where there is none.
//!
//! A credential store may ask the user something and wait for the answer without limit. Therefore a thread of its own
//! makes all calls, and a caller waits for at most ten seconds. Unlike the runtime's blocking threads, this thread does
//! not keep the process from ending.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, OnceLock, mpsc},
    thread,
    time::Duration,
};

use secrecy::SecretString;
use tokio::{sync::oneshot, time::timeout};

mod backends;
mod choice;
mod file;
mod name;
mod transfer;
mod vault;

use backends::{Backends, Location};
pub use choice::StoreChoice;
use file::FileStore;
pub use name::{Owner, SecretName};
pub use transfer::{SecretChange, change, move_all};
use vault::{Opener, VaultError};

/// How long a caller waits for the store.
const STORE_TIMEOUT: Duration = Duration::from_secs(10);

/// The secrets of one owner. Cheap to clone; all clones are the same store.
#[derive(Debug, Clone)]
pub struct SecretStore {
    jobs: mpsc::Sender<Job>,
    choice: StoreChoice,
    /// The store that is used; empty until a store was reached.
    location: Arc<OnceLock<Location>>,
    overrides: Arc<[(SecretName, SecretString)]>,
    /// How long a caller waits.
    timeout: Duration,
}

/// Why a secret cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The credential store exists but is locked. The next call asks it again.
    #[error("the credential store is locked")]
    Locked(#[source] keyring_core::Error),
    /// The credential store does not answer. The next call asks it again.
    #[error("the credential store does not answer")]
    Timeout,
    /// There is no credential store, and the configuration does not allow a file instead.
    #[error("this session has no credential store")]
    NoStore(#[source] keyring_core::Error),
    /// The credential store failed.
    #[error("the credential store failed")]
    Failed(#[source] keyring_core::Error),
    /// The secrets file cannot be read or written.
    #[error("cannot use the secrets file `{path}`")]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The secrets file is not valid.
    #[error("the secrets file `{path}` is damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The error of the JSON parser.
        #[source]
        source: serde_json::Error,
    },
    /// The thread that calls the store has ended.
    #[error("the thread for the credential store has ended")]
    Stopped,
}

type Job = Box<dyn FnOnce(&mut Backends) + Send>;

impl SecretStore {
    /// The secrets of `owner`, in the store that `choice` selects; `file` is used where `choice` allows it. These
    /// variables of `environment` override what is stored: `SHOPMASTER_DIGIBLE_PASSWORD`, `SHOPMASTER_SQL_PASSWORD`.
    ///
    /// Nothing is opened before the first call.
    ///
    /// # Errors
    ///
    /// When the operating system refuses a new thread.
    pub fn new(
        choice: StoreChoice,
        owner: &Owner,
        file: PathBuf,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> io::Result<Self> {
        let overrides = environment
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .filter_map(|(variable, value)| {
                let name = SecretName::of_variable(&variable)?;
                Some((name, SecretString::from(value)))
            })
            .collect();
        Self::with_vault(choice, owner, file, overrides, Box::new(vault::open))
    }

    fn with_vault(
        choice: StoreChoice,
        owner: &Owner,
        file: PathBuf,
        overrides: Arc<[(SecretName, SecretString)]>,
        open: Opener,
    ) -> io::Result<Self> {
        let location = Arc::new(OnceLock::new());
        let mut backends = Backends {
            choice,
            owner: owner.to_string(),
            file: FileStore::new(file),
            open,
            vault: None,
            location: Arc::clone(&location),
        };
        let (jobs, work) = mpsc::channel::<Job>();
        thread::Builder::new()
            .name("secrets".to_owned())
            .spawn(move || work.iter().for_each(|job| job(&mut backends)))?;
        Ok(Self {
            jobs,
            choice,
            location,
            overrides,
            timeout: STORE_TIMEOUT,
        })
    }

    /// `os` or `file`. Until a store was reached, the store that will be tried first.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match (self.location.get(), self.choice) {
            (Some(Location::File), _) | (None, StoreChoice::File) => "file",
            (Some(Location::Os), _) | (None, _) => "os",
        }
    }

    /// The secret; none when it was never set.
    ///
    /// # Errors
    ///
    /// When the store is locked or fails, or does not answer within ten seconds.
    pub async fn get(&self, name: SecretName) -> Result<Option<SecretString>, SecretError> {
        if let Some((_, secret)) = self.overrides.iter().find(|(of, _)| *of == name) {
            return Ok(Some(secret.clone()));
        }
        self.kept(name).await
    }

    /// The stored secret, without the environment.
    async fn kept(&self, name: SecretName) -> Result<Option<SecretString>, SecretError> {
        self.call(move |backends| backends.get(&name)).await
    }

    /// Stores a secret.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get). After a [`SecretError::Timeout`] it may still be stored later.
    pub async fn set(&self, name: SecretName, secret: SecretString) -> Result<(), SecretError> {
        self.call(move |backends| backends.set(&name, &secret))
            .await
    }

    /// Stores a secret if `is_wanted` returns true when its turn comes: something may have changed until then.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set).
    pub async fn set_if(
        &self,
        name: SecretName,
        secret: SecretString,
        is_wanted: impl FnOnce() -> bool + Send + 'static,
    ) -> Result<(), SecretError> {
        self.call(move |backends| match is_wanted() {
            true => backends.set(&name, &secret),
            false => Ok(()),
        })
        .await
    }

    /// Removes a secret. Not an error if it was never set.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set).
    pub async fn remove(&self, name: SecretName) -> Result<(), SecretError> {
        self.call(move |backends| backends.remove(&name)).await
    }

    /// Removes all secrets from the store that `other` does not use.
    async fn leave_to(&self, other: &Self) -> Result<(), SecretError> {
        let stays = other.call(Backends::location).await?;
        self.call(move |backends| {
            let mut names = SecretName::OF_AGENT.iter();
            names.try_for_each(|name| backends.remove_unless_in(stays, name))
        })
        .await
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Backends) -> Result<T, SecretError> + Send + 'static,
    ) -> Result<T, SecretError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |backends| {
            // The caller no longer waits: a store that was stuck is not asked for everything that was queued.
            if !reply.is_closed() {
                let _ = reply.send(work(backends));
            }
        });
        self.jobs.send(job).map_err(|_| SecretError::Stopped)?;
        match timeout(self.timeout, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(SecretError::Stopped),
            Err(_) => Err(SecretError::Timeout),
        }
    }
}

impl SecretError {
    /// What to do about it, for people.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Locked(_) => {
                "Unlock the credential store (shopMaster retries automatically), or keep the passwords in a file: set `store = \"file\"` below `[secrets]` in the configuration file, restart the agent and run `shopmasterctl configure`"
            }
            Self::Timeout => {
                "Answer the credential store's prompt; shopMaster retries automatically"
            }
            Self::NoStore(_) => {
                "Keep the passwords in a file: run `shopmasterctl configure` with `--secrets-store file`"
            }
            Self::Failed(_) => {
                "Check the operating system's credential store; shopMaster retries automatically"
            }
            Self::File { .. } => {
                "Check that the disk is not full and that this user may read and write the file"
            }
            Self::Damaged { .. } => {
                "Move the file away and set the passwords again with `shopmasterctl configure`"
            }
            Self::Stopped => "Restart the agent",
        }
    }
}

impl From<VaultError> for SecretError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::NoStore(source) => Self::NoStore(source),
            VaultError::Locked(source) => Self::Locked(source),
            VaultError::Failed(source) => Self::Failed(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::{vault::fake::FakeVault, *};

    const NAME: SecretName = SecretName::DigiblePassword;

    fn owner(instance: &str) -> Owner {
        Owner::Agent(instance.parse().unwrap())
    }

    struct Fixture {
        folder: tempfile::TempDir,
        vault: FakeVault,
    }

    impl Fixture {
        fn new() -> Self {
            Self {
                folder: tempfile::tempdir().unwrap(),
                vault: FakeVault::default(),
            }
        }

        fn file(&self) -> PathBuf {
            self.folder.path().join("secrets.json")
        }

        fn store(&self, choice: StoreChoice) -> SecretStore {
            let (file, owner) = (self.file(), owner("default"));
            let open = self.vault.opener();
            SecretStore::with_vault(choice, &owner, file, Arc::new([]), open).unwrap()
        }
    }

    async fn got(store: &SecretStore) -> Option<String> {
        let secret = store.get(NAME).await.unwrap();
        secret.map(|secret| secret.expose_secret().to_owned())
    }

    #[tokio::test]
    async fn the_credential_store_is_the_first_choice() {
        let fixture = Fixture::new();
        let store = fixture.store(StoreChoice::Auto);
        assert_eq!(got(&store).await, None);
        store.set(NAME, "a".into()).await.unwrap();
        assert_eq!(got(&store).await.as_deref(), Some("a"));
        assert_eq!(store.name(), "os");
        assert_eq!(fixture.vault.users(), ["default/digible-password"]);
        assert!(!fixture.file().exists());
        store.remove(NAME).await.unwrap();
        assert_eq!(got(&store).await, None);
        store.remove(NAME).await.unwrap();
    }

    #[tokio::test]
    async fn without_a_credential_store_a_file_stands_in() {
        let fixture = Fixture::new();
        fixture.vault.fail_to_open(VaultError::NoStore);
        let store = fixture.store(StoreChoice::Auto);
        store.set(NAME, "a".into()).await.unwrap();
        assert_eq!(store.name(), "file");
        assert!(fixture.file().exists());
        // Once per start: a store that comes up later would not have what was just kept.
        fixture.vault.mend();
        assert_eq!(got(&store).await.as_deref(), Some("a"));
        assert!(fixture.vault.users().is_empty());
    }

    #[tokio::test]
    async fn a_secret_moves_to_the_credential_store_when_there_is_one_later() {
        let fixture = Fixture::new();
        let before = fixture.store(StoreChoice::File);
        before.set(NAME, "a".into()).await.unwrap();
        let store = fixture.store(StoreChoice::Auto);
        assert_eq!(got(&store).await.as_deref(), Some("a"));
        store.set(NAME, "b".into()).await.unwrap();
        assert_eq!(got(&before).await, None);
        assert_eq!(got(&store).await.as_deref(), Some("b"));
    }

    #[tokio::test]
    async fn another_choice_takes_all_secrets_along() {
        let fixture = Fixture::new();
        let file = fixture.store(StoreChoice::File);
        file.set(NAME, "a".into()).await.unwrap();
        file.set(SecretName::SqlPassword, "b".into()).await.unwrap();
        let os = fixture.store(StoreChoice::Os);
        os.set(SecretName::DigibleToken, "stale".into())
            .await
            .unwrap();
        move_all(&file, &os, Vec::new()).await.unwrap();
        assert_eq!(
            fixture.vault.users(),
            ["default/digible-password", "default/sql-password"]
        );
        assert_eq!(got(&os).await.as_deref(), Some("a"));
        assert_eq!(std::fs::read_to_string(fixture.file()).unwrap(), "{}");

        let new = SecretChange {
            name: NAME,
            secret: Some("c".into()),
        };
        move_all(&os, &file, vec![new]).await.unwrap();
        assert_eq!(got(&file).await.as_deref(), Some("c"));
        let sql = file.get(SecretName::SqlPassword).await.unwrap().unwrap();
        assert_eq!(sql.expose_secret(), "b");
        assert!(fixture.vault.users().is_empty());
    }

    #[tokio::test]
    async fn a_move_within_one_place_removes_nothing() {
        let fixture = Fixture::new();
        let auto = fixture.store(StoreChoice::Auto);
        auto.set(NAME, "a".into()).await.unwrap();
        let os = fixture.store(StoreChoice::Os);
        move_all(&auto, &os, Vec::new()).await.unwrap();
        assert_eq!(got(&os).await.as_deref(), Some("a"));

        let fixture = Fixture::new();
        fixture.vault.fail_to_open(VaultError::NoStore);
        let auto = fixture.store(StoreChoice::Auto);
        auto.set(NAME, "a".into()).await.unwrap();
        let file = fixture.store(StoreChoice::File);
        move_all(&auto, &file, Vec::new()).await.unwrap();
        assert_eq!(got(&file).await.as_deref(), Some("a"));
    }

    #[tokio::test]
    async fn a_move_to_a_store_that_fails_loses_nothing() {
        let fixture = Fixture::new();
        let file = fixture.store(StoreChoice::File);
        file.set(NAME, "a".into()).await.unwrap();
        file.set(SecretName::SqlPassword, "b".into()).await.unwrap();
        let before = std::fs::read(fixture.file()).unwrap();
        let os = fixture.store(StoreChoice::Os);
        fixture.vault.fail_to_open(VaultError::Locked);
        let error = move_all(&file, &os, Vec::new()).await.unwrap_err();
        assert!(matches!(error, SecretError::Locked(_)), "{error}");
        assert_eq!(std::fs::read(fixture.file()).unwrap(), before);
        fixture.vault.mend();
        fixture.vault.fail_to_set("default/sql-password");
        let error = move_all(&file, &os, Vec::new()).await.unwrap_err();
        assert!(matches!(error, SecretError::Failed(_)), "{error}");
        assert_eq!(std::fs::read(fixture.file()).unwrap(), before);
        assert!(fixture.vault.users().is_empty());
    }

    #[tokio::test]
    async fn without_a_store_to_move_from_the_new_one_is_taken_into_use() {
        let fixture = Fixture::new();
        fixture.vault.fail_to_open(VaultError::NoStore);
        let (os, file) = (
            fixture.store(StoreChoice::Os),
            fixture.store(StoreChoice::File),
        );
        let new = SecretChange {
            name: NAME,
            secret: Some("a".into()),
        };
        move_all(&os, &file, vec![new]).await.unwrap();
        assert_eq!(got(&file).await.as_deref(), Some("a"));
    }

    #[tokio::test]
    async fn of_several_changes_all_are_made_or_none() {
        let fixture = Fixture::new();
        let store = fixture.store(StoreChoice::Os);
        store.set(NAME, "a".into()).await.unwrap();
        fixture.vault.fail_to_set("default/sql-password");
        let changes = [NAME, SecretName::SqlPassword].map(|name| SecretChange {
            name,
            secret: Some("new".into()),
        });
        assert!(change(&store, changes.to_vec()).await.is_err());
        assert_eq!(got(&store).await.as_deref(), Some("a"));
        assert_eq!(fixture.vault.users(), ["default/digible-password"]);
    }

    #[tokio::test]
    async fn os_never_writes_a_file() {
        let fixture = Fixture::new();
        fixture.vault.fail_to_open(VaultError::NoStore);
        let store = fixture.store(StoreChoice::Os);
        let error = store.set(NAME, "a".into()).await.unwrap_err();
        assert!(matches!(error, SecretError::NoStore(_)), "{error}");
        assert_eq!(store.name(), "os");
        assert!(!fixture.file().exists());
        fixture.vault.mend();
        store.set(NAME, "a".into()).await.unwrap();
    }

    #[tokio::test]
    async fn a_locked_store_is_asked_again_and_no_file_is_written() {
        let fixture = Fixture::new();
        fixture.vault.fail_to_open(VaultError::Locked);
        let store = fixture.store(StoreChoice::Auto);
        let error = store.set(NAME, "a".into()).await.unwrap_err();
        assert!(matches!(error, SecretError::Locked(_)), "{error}");
        assert!(!fixture.file().exists());
        fixture.vault.mend();
        store.set(NAME, "a".into()).await.unwrap();
        assert_eq!(store.name(), "os");
    }

    #[tokio::test]
    async fn a_store_that_worked_and_then_vanishes_does_not_become_a_file() {
        let fixture = Fixture::new();
        let store = fixture.store(StoreChoice::Auto);
        store.set(NAME, "a".into()).await.unwrap();
        fixture.vault.fail_to_open(VaultError::NoStore);
        fixture.vault.break_connection();
        assert!(matches!(store.get(NAME).await, Err(SecretError::Failed(_))));
        assert!(matches!(
            store.get(NAME).await,
            Err(SecretError::NoStore(_))
        ));
        assert!(!fixture.file().exists());
        fixture.vault.mend();
        assert_eq!(got(&store).await.as_deref(), Some("a"));
    }

    #[tokio::test]
    async fn a_silent_store_is_given_up_on_and_asked_again() {
        let fixture = Fixture::new();
        let store = fixture.store(StoreChoice::Auto);
        let (end_silence, silence) = mpsc::channel::<()>();
        let stuck: Job = Box::new(move |_| {
            let _ = silence.recv();
        });
        store.jobs.send(stuck).unwrap();
        let hasty = SecretStore {
            timeout: Duration::ZERO,
            ..store.clone()
        };
        let error = hasty.set(NAME, "a".into()).await.unwrap_err();
        assert!(matches!(error, SecretError::Timeout), "{error}");
        assert!(matches!(hasty.get(NAME).await, Err(SecretError::Timeout)));
        assert!(!fixture.file().exists());
        drop(end_silence);
        store.set(NAME, "b".into()).await.unwrap();
        assert_eq!(got(&store).await.as_deref(), Some("b"));
        // The store was not asked for the calls that timed out in the queue.
        assert_eq!(fixture.vault.calls(), ["open", "set", "get"]);
    }

    #[tokio::test]
    async fn the_environment_wins_and_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets.json");
        let variables = [
            ("SHOPMASTER_DIGIBLE_PASSWORD", "from outside"),
            ("SHOPMASTER_SQL_PASSWORD", ""),
            ("SHOPMASTER_DIGIBLE_TOKEN", "x"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let owner = owner("default");
        let store = SecretStore::new(StoreChoice::File, &owner, file.clone(), variables).unwrap();
        assert_eq!(got(&store).await.as_deref(), Some("from outside"));
        for name in [SecretName::SqlPassword, SecretName::DigibleToken] {
            assert!(store.get(name).await.unwrap().is_none());
        }
        assert!(!file.exists());
        assert!(!format!("{store:?}").contains("outside"));
    }

    #[tokio::test]
    async fn instances_do_not_share() {
        let fixture = Fixture::new();
        let first = fixture.store(StoreChoice::Os);
        first.set(NAME, "a".into()).await.unwrap();
        let second = SecretStore::with_vault(
            StoreChoice::Os,
            &owner("second"),
            fixture.file(),
            Arc::new([]),
            fixture.vault.opener(),
        )
        .unwrap();
        assert_eq!(got(&second).await, None);
    }

    #[tokio::test]
    async fn a_panic_in_a_store_is_an_error() {
        let fixture = Fixture::new();
        let store = SecretStore::with_vault(
            StoreChoice::Auto,
            &owner("default"),
            fixture.file(),
            Arc::new([]),
            Box::new(|| panic!("a fault of the store's own")),
        )
        .unwrap();
        assert!(matches!(store.get(NAME).await, Err(SecretError::Stopped)));
        assert!(matches!(store.get(NAME).await, Err(SecretError::Stopped)));
    }
}
