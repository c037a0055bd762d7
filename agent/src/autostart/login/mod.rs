//! The login item: what the desktop starts when this user logs in.
//!
//! Written by us and not by a crate: those that do it put the program's path into command lines
//! unquoted, know no `XDG_CONFIG_HOME`, and take an item that was switched off by hand for one that is on.

use serde::{Serialize, Serializer, ser::SerializeStruct as _};
use shopmaster_proto::InstanceName;

use super::{AutostartError, Start};

#[cfg(target_os = "macos")]
mod launch_agent;
#[cfg(windows)]
mod run_key;
#[cfg(not(any(windows, target_os = "macos")))]
mod xdg;

#[cfg(target_os = "macos")]
use launch_agent as desktop;
#[cfg(windows)]
use run_key as desktop;
#[cfg(not(any(windows, target_os = "macos")))]
use xdg as desktop;

/// What the desktop starts when this user logs in, for one instance.
#[derive(Debug)]
pub struct LoginItem {
    place: desktop::Place,
    agent: Start,
    icon: Start,
}

/// What a login item starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Starts {
    /// The agent, with its icon.
    Agent,
    /// The icon alone, for an agent that runs as a service.
    Icon,
}

/// What is there now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginState {
    /// Nothing of this instance.
    Absent,
    /// It is there, but somebody told the desktop not to start it.
    SwitchedOff,
    /// The desktop starts this. None: neither of what we would write, because the program has moved or
    /// somebody changed the command.
    On(Option<Starts>),
}

/// An item as it is, before anybody judges it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    /// The command line as it is written there.
    command: String,
    /// Whether the desktop runs it.
    switched_on: bool,
}

impl Serialize for LoginState {
    /// `{"state": …, "starts": …}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (state, starts) = match self {
            Self::Absent => ("absent", None),
            Self::SwitchedOff => ("switched_off", None),
            Self::On(starts) => ("on", *starts),
        };
        let mut object = serializer.serialize_struct("LoginState", 2)?;
        object.serialize_field("state", state)?;
        object.serialize_field("starts", &starts)?;
        object.end()
    }
}

impl LoginItem {
    /// The item of `instance`, for this user and this program. Nothing is changed by asking for it.
    ///
    /// # Errors
    ///
    /// When the user has no home folder, or the program's path cannot be told.
    pub fn of(instance: &InstanceName) -> Result<Self, AutostartError> {
        let name = instance.as_str();
        Ok(Self {
            place: desktop::Place::of(instance)?,
            agent: Start::this_program(&["run", "--instance", name])?,
            icon: Start::this_program(&["tray", "--instance", name])?,
        })
    }

    /// Where it is, for people: a file, or a value of the registry.
    #[must_use]
    pub fn place(&self) -> String {
        self.place.to_string()
    }

    /// What is there now.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn state(&self) -> Result<LoginState, AutostartError> {
        let found = self.place.read().map_err(|source| AutostartError::Read {
            place: self.place(),
            source,
        })?;
        Ok(match found {
            None => LoginState::Absent,
            Some(found) if !found.switched_on => LoginState::SwitchedOff,
            Some(found) if found.command == desktop::command_line(&self.agent) => {
                LoginState::On(Some(Starts::Agent))
            }
            Some(found) if found.command == desktop::command_line(&self.icon) => {
                LoginState::On(Some(Starts::Icon))
            }
            Some(_) => LoginState::On(None),
        })
    }

    /// Makes the desktop start this at the next login, whatever was there before.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn enable(&self, starts: Starts) -> Result<(), AutostartError> {
        let start = match starts {
            Starts::Agent => &self.agent,
            Starts::Icon => &self.icon,
        };
        self.place
            .write(start)
            .map_err(|source| AutostartError::Write {
                place: self.place(),
                source,
            })
    }

    /// Removes it. Tells whether anything was there.
    ///
    /// # Errors
    ///
    /// When it cannot be removed.
    pub fn disable(&self) -> Result<bool, AutostartError> {
        self.place
            .remove()
            .map_err(|source| AutostartError::Remove {
                place: self.place(),
                source,
            })
    }
}

#[cfg(not(windows))]
mod file {
    //! Items that are files.

    use std::{fs, io, path::Path};

    use shopmaster_base::atomic_file::write_atomically;

    pub fn read(path: &Path) -> io::Result<Option<String>> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub fn write(path: &Path, text: &str) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        write_atomically(path, text.as_bytes())
    }

    pub fn remove(path: &Path) -> io::Result<bool> {
        match fs::remove_file(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}
