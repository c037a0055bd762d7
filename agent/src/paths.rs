//! The paths of an agent's files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use shopmaster_proto::Folders;

/// The paths of one agent's files. Making this value creates no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The configuration file.
    pub config: PathBuf,
    /// The journal.
    pub journal: PathBuf,
    /// The secrets, where the operating system's credential store is not used.
    pub secrets: PathBuf,
    /// State that outlives every journal, such as a pause.
    pub state: PathBuf,
    /// The notifications that the tray has shown.
    pub notices: PathBuf,
    /// The folder of remote management: its clients, certificate and log.
    pub remote: PathBuf,
    /// The log file's folder.
    pub log_dir: PathBuf,
    /// The lock file, which ensures that an instance has only one agent.
    pub lock: PathBuf,
    /// The folders that are the agent's own.
    folders: [PathBuf; 5],
}

/// A folder cannot be created, or cannot be made private to this user.
#[derive(Debug, thiserror::Error)]
#[error("cannot create the folder `{path}`; make its parent folder writable for this user")]
pub struct CreateError {
    /// The folder.
    pub path: PathBuf,
    /// The error of the operating system.
    #[source]
    pub source: io::Error,
}

impl Paths {
    /// The files below `folders`; the configuration file is at `config` if that is given.
    #[must_use]
    pub fn new(folders: Folders, config: Option<PathBuf>) -> Self {
        Self {
            config: config.unwrap_or_else(|| folders.config.join("config.toml")),
            journal: folders.data.join("journal.sqlite"),
            secrets: folders.data.join("secrets.json"),
            state: folders.data.join("state.json"),
            notices: folders.data.join("notices.json"),
            remote: folders.data.join("remote"),
            log_dir: folders.log.clone(),
            lock: folders.run.join("agent.lock"),
            folders: [
                folders.config,
                folders.data.clone(),
                folders.data.join("remote"),
                folders.log,
                folders.run,
            ],
        }
    }

    /// Creates the agent's own folders, private to this user (mode 0700). Existing folders get this mode, too.
    ///
    /// # Errors
    ///
    /// When a folder cannot be created, or belongs to another user.
    pub fn create(&self) -> Result<(), CreateError> {
        for path in &self.folders {
            create_private(path).map_err(|source| CreateError {
                path: path.clone(),
                source,
            })?;
        }
        Ok(())
    }
}

/// Creates a folder and its parents, private to this user.
#[cfg(unix)]
pub(crate) fn create_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};

    const OWN: u32 = 0o700;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(OWN)
        .create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(OWN))
}

/// Creates a folder and its parents. They are in the user's profile, which other users cannot open.
#[cfg(not(unix))]
pub(crate) fn create_private(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(home: &Path) -> Folders {
        Folders {
            config: home.join("config/shop"),
            data: home.join("data/shop"),
            log: home.join("log/shop"),
            run: home.join("run/shop"),
        }
    }

    #[test]
    fn the_configuration_may_lie_elsewhere() {
        let home = Path::new("/home");
        let own = Paths::new(folders(home), None);
        assert_eq!(own.config, home.join("config/shop/config.toml"));
        let given = Paths::new(folders(home), Some("/etc/shop.toml".into()));
        assert_eq!(given.config, Path::new("/etc/shop.toml"));
        assert_eq!(given.journal, own.journal);
    }

    #[cfg(unix)]
    #[test]
    fn the_folders_are_this_users_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let home = tempfile::tempdir().unwrap();
        let open = home.path().join("run/shop");
        fs::create_dir_all(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        let paths = Paths::new(folders(home.path()), None);
        paths.create().unwrap();
        for file in [&paths.config, &paths.journal, &paths.lock] {
            let folder = fs::metadata(file.parent().unwrap()).unwrap();
            assert_eq!(folder.permissions().mode() & 0o777, 0o700);
        }
        paths.create().unwrap();
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("data"), "").unwrap();
        let paths = Paths::new(folders(home.path()), None);
        let error = paths.create().unwrap_err();
        assert_eq!(error.path, home.path().join("data/shop"));
    }
}
