//! How the agent starts by itself: as a login item of one user.

use std::{fs, io, path::PathBuf};

use shopmaster_proto::InstanceName;

/// What the desktop starts when this user logs in, for one instance.
#[derive(Debug)]
pub struct LoginItem {
    file: PathBuf,
    instance: InstanceName,
}

/// What a login item starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Starts {
    /// The agent, with its icon.
    Agent,
    /// The icon alone, for an agent that runs as a service.
    Icon,
}

/// What is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginState {
    /// Nothing of this instance.
    Absent,
    /// It is there, but somebody told the desktop not to start it.
    SwitchedOff,
    /// The desktop starts this.
    On(Option<Starts>),
}

/// Why starting by itself could not be looked at or changed.
#[derive(Debug, thiserror::Error)]
#[error("the login item cannot be changed")]
pub struct AutostartError(#[from] io::Error);

impl LoginItem {
    /// The item of `instance`, for this user and this program.
    ///
    /// # Errors
    ///
    /// When the user has no home folder.
    pub fn of(instance: &InstanceName) -> Result<Self, AutostartError> {
        let config = std::env::var_os("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")))
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Self {
            file: config.join(format!("autostart/shopmaster-{instance}.desktop")),
            instance: instance.clone(),
        })
    }

    /// What is there now.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn state(&self) -> Result<LoginState, AutostartError> {
        Ok(if self.file.try_exists()? {
            LoginState::On(None)
        } else {
            LoginState::Absent
        })
    }

    /// Makes the desktop start this at the next login.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn enable(&self, starts: Starts) -> Result<(), AutostartError> {
        let command = match starts {
            Starts::Agent => "run",
            Starts::Icon => "tray",
        };
        let program = std::env::current_exe()?;
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder)?;
        }
        let text = format!(
            "[Desktop Entry]\nType=Application\nName=shopMaster\nExec=\"{}\" {command} --instance {}\n",
            program.display(),
            self.instance
        );
        Ok(fs::write(&self.file, text)?)
    }

    /// Removes it. Tells whether anything was there.
    ///
    /// # Errors
    ///
    /// When it cannot be removed.
    pub fn disable(&self) -> Result<bool, AutostartError> {
        match fs::remove_file(&self.file) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
