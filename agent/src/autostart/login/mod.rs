//! The login item: what the desktop starts when this user logs in.
//!
//! No crate is used for it: the existing ones do not quote the program's path, ignore `XDG_CONFIG_HOME`, and report an
//! item that was switched off by hand as switched on.

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

/// The login item of one instance.
#[derive(Debug)]
pub struct LoginItem {
    entry: desktop::Entry,
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

/// The state of a login item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginState {
    /// There is no login item of this instance.
    Absent,
    /// It exists, but was switched off in the desktop's settings.
    SwitchedOff,
    /// The desktop starts this. None: something other than what `enable` would write, because the program has moved or
    /// the command was changed.
    On(Option<Starts>),
}

/// An item as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    /// The command line as it is stored.
    command: String,
    /// Whether the desktop starts it.
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
    /// The item of `instance`, for this user and this program. This changes nothing.
    ///
    /// # Errors
    ///
    /// When the user has no home folder, or the program's path cannot be determined.
    pub fn of(instance: &InstanceName) -> Result<Self, AutostartError> {
        let name = instance.as_str();
        Ok(Self {
            entry: desktop::Entry::of(instance)?,
            agent: Start::this_program(&["run", "--instance", name])?,
            icon: Start::this_program(&["tray", "--instance", name])?,
        })
    }

    /// Where the item is stored, for people: a file, or a value of the registry.
    #[must_use]
    pub fn place(&self) -> String {
        self.entry.to_string()
    }

    /// The item's state now.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn state(&self) -> Result<LoginState, AutostartError> {
        let found = self.entry.read().map_err(|source| AutostartError::Read {
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

    /// Makes the desktop start this at the next login. Replaces an existing item.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn enable(&self, starts: Starts) -> Result<(), AutostartError> {
        let start = match starts {
            Starts::Agent => &self.agent,
            Starts::Icon => &self.icon,
        };
        self.entry
            .write(start)
            .map_err(|source| AutostartError::Write {
                place: self.place(),
                source,
            })
    }

    /// Removes the item. Returns whether there was one.
    ///
    /// # Errors
    ///
    /// When it cannot be removed.
    pub fn disable(&self) -> Result<bool, AutostartError> {
        self.entry
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
