//! Failed calls: their code, message and remedy, to and from a gRPC status.

use std::{collections::HashMap, error, fmt};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The error domain of shopMaster's codes (`google.rpc.ErrorInfo`).
pub const DOMAIN: &str = "shopmaster";

/// A failed call: a stable code, what happened, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Stable, upper case, for programs: `NOT_CONFIGURED`.
    pub code: String,
    /// What happened, for people.
    pub message: String,
    /// What to do about it, for people; empty when nothing can be said.
    pub remedy: String,
    /// True when the connection to the agent broke.
    pub disconnected: bool,
}

impl Failure {
    /// Whether a status carries a code of the agent's own: then it is not one of the transport.
    pub(crate) fn is_in(status: &Status) -> bool {
        let details = status.get_error_details();
        let info = details.error_info();
        info.is_some_and(|info| info.domain == DOMAIN)
    }

    /// The gRPC status that carries this failure.
    #[must_use]
    pub fn into_status(self, code: Code) -> Status {
        let mut details = ErrorDetails::with_error_info(self.code, DOMAIN, HashMap::new());
        if !self.remedy.is_empty() {
            details.set_localized_message("en", self.remedy);
        }
        Status::with_error_details(code, self.message, details)
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let code = details
            .error_info()
            .filter(|info| info.domain == DOMAIN)
            .map_or_else(
                || format!("{:?}", status.code()).to_uppercase(),
                |info| info.reason.clone(),
            );
        let remedy = details
            .localized_message()
            .map(|remedy| remedy.message.clone())
            .unwrap_or_default();
        Self {
            code,
            message: status.message().to_owned(),
            remedy,
            disconnected: details.error_info().is_none()
                && matches!(
                    status.code(),
                    Code::Unavailable | Code::Unknown | Code::Cancelled
                ),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_survives_the_wire() {
        let failure = Failure {
            code: "NOT_CONFIGURED".to_owned(),
            message: "No shop is set".to_owned(),
            remedy: "Run `shopmasterctl configure`".to_owned(),
            disconnected: false,
        };
        let status = failure.clone().into_status(Code::FailedPrecondition);
        assert_eq!(Failure::from(status), failure);
    }

    #[test]
    fn a_status_without_details_keeps_its_code() {
        let failure = Failure::from(Status::unavailable("transport error"));
        assert_eq!(failure.code, "UNAVAILABLE");
        assert!(failure.disconnected);
    }
}
