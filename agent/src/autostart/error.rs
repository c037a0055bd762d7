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
}

impl AutostartError {
    /// Stable, upper case, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Program(_) | Self::NotUnicode(_) | Self::NoHome => "BAD_PLACE",
            Self::Read { .. } | Self::Write { .. } | Self::Remove { .. } => "AUTOSTART_FAILED",
        }
    }

    /// What to do about it, for people.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        let remedy = match self {
            Self::NotUnicode(_) => "install it in a folder with a plain name",
            Self::NoHome => "run it as the user who is to run the agent",
            _ => return None,
        };
        Some(remedy.to_owned())
    }
}
