//! The folders of an instance.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use directories::ProjectDirs;

/// The variable that puts all files below one folder: for portable installations, the demo and tests.
const HOME_VARIABLE: &str = "SHOPMASTER_HOME";

/// The name of an agent, which is part of the names of its files and services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceName(String);

/// The folders of one instance. Making this value creates no folder.
#[derive(Debug, Clone)]
pub struct Folders {
    /// The configuration file's folder.
    pub config: PathBuf,
    /// The journal's and the secrets file's folder, on a local disk.
    pub data: PathBuf,
    /// The log files' folder.
    pub log: PathBuf,
    /// The socket's and the lock file's folder.
    pub run: PathBuf,
}

/// The folders of this user's clients of remote agents. Making this value creates no folder.
#[derive(Debug, Clone)]
pub struct ClientFolders {
    /// The folder of the list of agents. The folders of the instances' configurations are in it, too.
    pub config: PathBuf,
    /// The folder of the tokens, where there is no credential store.
    pub data: PathBuf,
    /// The folder that `SHOPMASTER_HOME` names; none for the user's own folders.
    pub home: Option<PathBuf>,
}

/// Why a string is not an instance name.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not an instance name: use 1 to 32 of the letters a-z, digits, `-` and `_`, and start with a letter or digit"
)]
pub struct InstanceNameError(String);

/// Why the folders cannot be determined.
#[derive(Debug, thiserror::Error)]
pub enum FoldersError {
    /// The user's home folder cannot be determined.
    #[error(
        "this user has no home folder; set `SHOPMASTER_HOME` to a folder that shopMaster may use"
    )]
    NoHome,
    /// `SHOPMASTER_HOME` is relative, so two programs could understand it differently.
    #[error("`SHOPMASTER_HOME` must be an absolute path, not `{0}`")]
    RelativeHome(PathBuf),
}

impl Folders {
    /// The folders of `instance` for this user.
    ///
    /// The socket is not in `XDG_RUNTIME_DIR`, which is set in some sessions and not in others: two programs could
    /// compute different paths.
    ///
    /// # Errors
    ///
    /// When there is no home folder, or `SHOPMASTER_HOME` is relative.
    pub fn of(instance: &InstanceName) -> Result<Self, FoldersError> {
        let name = instance.as_str();
        if let Some(home) = home()? {
            return Ok(Self::below(&home, instance));
        }
        let dirs = dirs()?;
        let local = dirs.data_local_dir();
        Ok(Self {
            config: dirs.config_dir().join(name),
            data: local.join("data").join(name),
            log: local.join("log").join(name),
            run: local.join("run").join(name),
        })
    }

    /// The folders of `instance` when `home`, an absolute path, is `SHOPMASTER_HOME`.
    #[must_use]
    pub fn below(home: &Path, instance: &InstanceName) -> Self {
        let name = instance.as_str();
        Self {
            config: home.join("config").join(name),
            data: home.join("data").join(name),
            log: home.join("log").join(name),
            run: home.join("run").join(name),
        }
    }
}

impl ClientFolders {
    /// The folders for this user.
    ///
    /// # Errors
    ///
    /// When there is no home folder, or `SHOPMASTER_HOME` is relative.
    pub fn find() -> Result<Self, FoldersError> {
        if let Some(home) = home()? {
            return Ok(Self::below(home));
        }
        let dirs = dirs()?;
        Ok(Self {
            config: dirs.config_dir().to_owned(),
            data: dirs.data_local_dir().join("data"),
            home: None,
        })
    }

    /// The folders when `home`, an absolute path, is `SHOPMASTER_HOME`.
    #[must_use]
    pub fn below(home: PathBuf) -> Self {
        Self {
            config: home.join("config"),
            data: home.join("data"),
            home: Some(home),
        }
    }
}

/// The folder that the environment names for all files.
fn home() -> Result<Option<PathBuf>, FoldersError> {
    let named = env::var_os(HOME_VARIABLE).filter(|home| !home.is_empty());
    match named.map(PathBuf::from) {
        Some(home) if !home.is_absolute() => Err(FoldersError::RelativeHome(home)),
        home => Ok(home),
    }
}

fn dirs() -> Result<ProjectDirs, FoldersError> {
    ProjectDirs::from("one", "Digible", "shopmaster").ok_or(FoldersError::NoHome)
}

impl InstanceName {
    /// The name as a string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the instance's service. On Windows it is also the name of the account that the service runs under.
    #[must_use]
    pub fn service(&self) -> String {
        format!("shopmaster-{self}")
    }
}

impl Default for InstanceName {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for InstanceName {
    type Err = InstanceNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        if !starts_well || text.len() > 32 || !text.chars().all(allowed) {
            return Err(InstanceNameError(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_a_folder_are_refused() {
        for bad in ["", "..", "a/b", "A", "-x", "a b", &"x".repeat(33)] {
            assert!(bad.parse::<InstanceName>().is_err(), "{bad}");
        }
        for good in ["default", "shop-2", "2_b"] {
            assert!(good.parse::<InstanceName>().is_ok(), "{good}");
        }
    }
}
