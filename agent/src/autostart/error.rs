//! Why starting by itself could not be looked at or changed.

use std::{io, path::PathBuf};

/// Why starting by itself could not be looked at or changed.
#[derive(Debug, thiserror::Error)]
pub enum AutostartError {
    /// The operating system does not say which program this is.
    #[error("cannot tell where this program is")]
    Program(#[source] io::Error),
    /// Start-up files are text.
    #[error("the path `{0}` is not Unicode")]
    NotUnicode(PathBuf),
    /// The operating system names no home folder.
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
    /// Nothing here starts services.
    #[error("no service manager that shopMaster knows runs here (systemd, or Windows' own)")]
    NoServiceManager,
    /// A service that is there already starts the same agent.
    #[error("{place} starts this agent already")]
    OtherService {
        /// Where it is written down.
        place: String,
        /// How to remove it.
        remedy: &'static str,
    },
    /// A unit of the machine has to run under some account.
    #[error("it is not said which account the agent is to run under")]
    NoAccount,
    /// There is no such account.
    #[error("there is no account `{0}` on this machine")]
    UnknownAccount(String),
    /// The service manager said no.
    #[error("`{command}` failed: {said}")]
    Refused {
        /// What was asked.
        command: String,
        /// What it answered.
        said: String,
    },
    /// Services are for administrators.
    #[cfg(windows)]
    #[error("only an administrator may change services")]
    NotAdministrator,
    /// The service control manager said no.
    #[cfg(windows)]
    #[error("the service control manager refuses")]
    ServiceManager(#[source] windows_service::Error),
    /// A program that it takes is not there.
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
    /// Stable, upper case, for programs.
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
            Self::NotUnicode(_) => "install it in a folder with a plain name",
            Self::NoHome => "run it as the user who is to run the agent",
            Self::NoServiceManager => {
                "use `shopmasterctl autostart enable --as login`, or let your own service manager run `shopmaster-agent run --headless`"
            }
            Self::OtherService { remedy, .. } => remedy,
            Self::NoAccount | Self::UnknownAccount(_) => "name one with `--run-as USER`",
            #[cfg(windows)]
            Self::NotAdministrator => "run it in a terminal that was started as administrator",
            #[cfg(unix)]
            Self::Read { source, .. }
            | Self::Write { source, .. }
            | Self::Remove { source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                "run it as root"
            }
            _ => return None,
        };
        Some(remedy.to_owned())
    }
}
