//! Why a run cannot continue, and how the user reads it.

use std::time::Duration;

use shopmaster_catalog::CatalogError;
use shopmaster_digible::Answer;
use shopmaster_health::Trouble;
use shopmaster_journal::JournalError;

/// The remedy for an error that only Digible can fix.
const ASK_DIGIBLE: &str =
    "No action needed: sending resumes automatically. If this lasts, ask Digible's support";

/// Why sending stopped before everything was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StopReason {
    /// The run was cancelled.
    Cancelled,
    /// Digible asked shopMaster to wait.
    Hold {
        /// For this long.
        wait: Duration,
        /// Digible's own words.
        reason: String,
    },
    /// Another program keeps the shop's database locked for too long.
    Busy(String),
    /// The shop's database is unavailable, and waiting may help.
    Away(String),
    /// Digible does not answer as it should, whatever is sent.
    Unreachable(String),
    /// Digible refuses everything.
    Refuses(String),
    /// The configuration has to be fixed.
    Misconfigured(String),
    /// Digible refuses the login. The reason is a sentence of its own.
    LoggedOut(String),
}

/// Why a step failed: in the shop's database or the journal, not at Digible.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The shop's database failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl StopReason {
    /// Whether trying again later may help without the user doing anything.
    pub(super) fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Hold { .. } | Self::Busy(_) | Self::Away(_) | Self::Unreachable(_)
        )
    }

    /// Whether the reason is Digible as a whole.
    pub(super) fn is_digible(&self) -> bool {
        !matches!(self, Self::Cancelled | Self::Busy(_) | Self::Away(_))
    }

    /// Why a login failed; none when it did not.
    pub(super) fn of_login(answer: &Answer) -> Option<Self> {
        let reason = match answer {
            Answer::Acknowledged => return None,
            Answer::LoggedOut { reason } => return Some(Self::LoggedOut(reason.clone())),
            Answer::Misconfigured { reason } => return Some(Self::Misconfigured(reason.clone())),
            Answer::Missing { reason } => return Some(Self::Refuses(reason.clone())),
            Answer::Retry {
                reason,
                wait: Some(wait),
                ..
            } => {
                return Some(Self::Hold {
                    wait: *wait,
                    reason: reason.clone(),
                });
            }
            Answer::Refused { reason }
            | Answer::Partly { reason, .. }
            | Answer::TooLarge { reason }
            | Answer::Broken { reason, .. }
            | Answer::Retry { reason, .. } => reason,
        };
        Some(Self::Unreachable(reason.clone()))
    }

    /// What is shown about Digible; none for reasons that are not a trouble of Digible.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        let trouble = match self {
            Self::Cancelled | Self::Hold { .. } | Self::Busy(_) | Self::Away(_) => return None,
            Self::Unreachable(reason) => unreachable(reason),
            Self::Refuses(reason) => Trouble::new(
                "DIGIBLE_REFUSES",
                format!("Digible refuses everything: {reason}"),
                "Check `digible.base_url` with `shopmasterctl configure --show`; if it is right, ask Digible's support",
            )
            .lasting(),
            Self::Misconfigured(reason) => Trouble::new(
                "DIGIBLE_MISCONFIGURED",
                format!("Digible cannot be used: {reason}"),
                "Fix the address or the certificate file with `shopmasterctl configure`",
            )
            .lasting(),
            Self::LoggedOut(reason) => Trouble::new(
                "SESSION_EXPIRED",
                reason.clone(),
                "Run `shopmasterctl configure` with the account's email and password",
            )
            .lasting(),
        };
        Some(trouble)
    }
}

/// An answer with an error is a different trouble than no answer: this computer's network is not the cause.
fn unreachable(reason: &str) -> Trouble {
    let (text, remedy) = match Answer::status_in(reason) {
        None => (
            "Digible not reachable",
            "Check this computer's internet connection; sending resumes automatically",
        ),
        Some(200..=299) => (
            "Digible's answer cannot be read",
            "Check this computer's internet connection, which may ask for a sign-in; sending resumes automatically",
        ),
        Some(_) => ("Digible answers with an error", ASK_DIGIBLE),
    };
    Trouble::new("DIGIBLE_UNREACHABLE", format!("{text}: {reason}"), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_not_the_internet_connections_fault() {
        for (reason, beginning, about_network) in [
            (
                "cannot connect to `x`: refused",
                "Digible not reachable: ",
                true,
            ),
            (
                "no answer from `x` within 30s",
                "Digible not reachable: ",
                true,
            ),
            (
                "503: Service Unavailable",
                "Digible answers with an error: 503",
                false,
            ),
            (
                "200: an HTML page: Welcome",
                "Digible's answer cannot be read: 200",
                true,
            ),
        ] {
            let trouble = StopReason::Unreachable(reason.to_owned()).trouble();
            let trouble = trouble.unwrap();
            assert!(trouble.text.starts_with(beginning), "{}", trouble.text);
            let names_network = trouble.remedy.contains("internet connection");
            assert_eq!(names_network, about_network, "{reason}");
        }
    }
}
