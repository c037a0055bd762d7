//! Why a run cannot go on, and what people are told about it.

use std::time::Duration;

use crate::{catalog::CatalogError, health::Trouble, journal::JournalError};

/// Why sending stopped before everything was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Halt {
    /// Somebody asked for it.
    Cancelled,
    /// Digible asked us to wait so long.
    Hold {
        /// How long.
        wait: Duration,
        /// What it said.
        reason: String,
    },
    /// Somebody holds the shop's database for too long.
    Busy(String),
    /// The shop's database is away, and waiting may help.
    Away(String),
    /// Digible does not answer as it should, whatever is sent.
    Unreachable(String),
    /// Digible refuses everything.
    Refuses(String),
    /// The configuration has to be mended.
    Misconfigured(String),
    /// The login is refused.
    LoggedOut(String),
}

/// Why a step failed: on our side, not at Digible.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The shop's database.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Halt {
    /// Whether trying again later may help without anybody doing anything.
    pub(super) fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Hold { .. } | Self::Busy(_) | Self::Away(_) | Self::Unreachable(_)
        )
    }

    /// Whether it is about Digible as a whole.
    pub(super) fn is_digible(&self) -> bool {
        !matches!(self, Self::Cancelled | Self::Busy(_) | Self::Away(_))
    }

    /// What people are told of Digible; nothing for what is no trouble of it.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        let trouble = match self {
            Self::Cancelled | Self::Hold { .. } | Self::Busy(_) | Self::Away(_) => return None,
            Self::Unreachable(reason) => Trouble::new(
                "DIGIBLE_UNREACHABLE",
                format!("Digible not reachable: {reason}"),
                "Check this computer's internet connection; sending goes on by itself",
            ),
            Self::Refuses(reason) => Trouble::new(
                "DIGIBLE_REFUSES",
                format!("Digible refuses everything: {reason}"),
                "Check `digible.base_url` with `shopmasterctl configure --show`; if it is right, ask Digible's support",
            )
            .lasting(),
            Self::Misconfigured(reason) => Trouble::new(
                "DIGIBLE_MISCONFIGURED",
                format!("Digible cannot be used: {reason}"),
                "Mend the address or the certificate file with `shopmasterctl configure`",
            )
            .lasting(),
            Self::LoggedOut(reason) => Trouble::new(
                "SESSION_EXPIRED",
                format!("Session expired: {reason}"),
                "Run `shopmasterctl configure` with the account's email and password",
            )
            .lasting(),
        };
        Some(trouble)
    }
}
