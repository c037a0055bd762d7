//! Why automatic starting could not be read or changed.

use std::{io, path::PathBuf};

/// Why automatic starting could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum AutostartError {
    /// The operating system does not report this program's path.
    #[error("cannot determine the path of this program")]
    Program(#[source] io::Error),
    /// A path cannot be written to a text file.
    #[error("the path `{0}` is not Unicode")]
    NotUnicode(PathBuf),
    /// The user's home folder cannot be determined.
    #[error("this user has no home folder")]
    NoHome,
    /// What starts the agent cannot be read.
    #[error("cannot read {place}")]
    Read {
        /// The file or the registry value.
        place: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What starts the agent cannot be written.
    #[error("cannot write {place}")]
    Write {
        /// The file or the registry value.
        place: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What starts the agent cannot be removed.
    #[error("cannot remove {place}")]
    Remove {
        /// The file or the registry value.
        place: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No supported service manager is running.
    #[error(
        "no supported service manager (systemd or the Windows service control manager) is running here"
    )]
    NoServiceManager,
    /// An existing service starts the same agent.
    #[error("{place} already starts this agent")]
    OtherService {
        /// The service's unit or name.
        place: String,
        /// How to remove it.
        remedy: &'static str,
    },
    /// A system unit needs an account.
    #[error("the account that the agent runs under is not specified")]
    NoAccount,
    /// The account does not exist.
    #[error("account `{0}` was not found on this machine")]
    UnknownAccount(String),
    /// The service manager refused a command.
    #[error("`{command}` failed: {said}")]
    Refused {
        /// The command.
        command: String,
        /// Its error output.
        said: String,
    },
    /// Changing services requires an administrator.
    #[cfg(windows)]
    #[error("only an administrator can change services")]
    NotAdministrator,
    /// The service control manager refused.
    #[cfg(windows)]
    #[error("the service control manager refused")]
    ServiceManager(#[source] windows_service::Error),
    /// A required program cannot be run.
    #[error("cannot run `{program}`")]
    Start {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl AutostartError {
    /// The stable code for programs, in upper case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Program(_) | Self::NotUnicode(_) | Self::NoHome => "BAD_PLACE",
            Self::NoServiceManager => "NO_SERVICE_MANAGER",
            Self::OtherService { .. } => "STARTED_ALREADY",
            Self::NoAccount | Self::UnknownAccount(_) => "BAD_ACCOUNT",
            Self::Read { .. }
            | Self::Write { .. }
            | Self::Remove { .. }
            | Self::Refused { .. }
            | Self::Start { .. } => "AUTOSTART_FAILED",
            #[cfg(windows)]
            Self::ServiceManager(_) => "AUTOSTART_FAILED",
            #[cfg(windows)]
            Self::NotAdministrator => "NOT_ADMINISTRATOR",
        }
    }

    /// What to do about it, for people.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        let remedy = match self {
            Self::NotUnicode(_) => "install shopMaster in a folder whose name is valid Unicode",
            Self::NoHome => "run this command as the user who will run the agent",
            Self::NoServiceManager => {
                "use `shopmasterctl autostart enable --as login`, or let your own service manager run `shopmaster-agent run --headless`"
            }
            Self::OtherService { remedy, .. } => remedy,
            Self::NoAccount | Self::UnknownAccount(_) => "name an account with `--run-as USER`",
            #[cfg(windows)]
            Self::NotAdministrator => {
                "run this command in an elevated terminal (Run as administrator)"
            }
            #[cfg(unix)]
            Self::Read { source, .. }
            | Self::Write { source, .. }
            | Self::Remove { source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                "run this command as root"
            }
            _ => return None,
        };
        Some(remedy.to_owned())
    }
}
