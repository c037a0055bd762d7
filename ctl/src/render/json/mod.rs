//! What `--json` prints. The keys are stable, and documented in `docs/cli.md`.
//!
//! Times are RFC 3339 in UTC, or null. Enums are words in snake case, or null when unspecified.

mod config;
mod fleet;
mod product;
mod remote;
mod run;
mod status;

use serde::Serialize;

use super::printable::escaped;
use crate::error::Error;

pub use config::{
    AdoptionJson, CaptureChangeJson, CaptureNowJson, ChecksJson, ConfigJson, ConfiguredJson,
    PlanJson,
};
pub use fleet::{FleetSummaryJson, ShopJson};
pub use product::{
    CountJson, ExplainJson, ParkedJson, ParkedListJson, RemovedJson, RemovedListJson,
};
pub use remote::{
    CertificateJson, InvitationJson, KnownAgentJson, KnownAgentsJson, ListenerJson,
    RemoteClientJson, RemoteClientsJson, RemoteLogJson, TokenJson,
};
pub use run::{RunJson, RunsJson, StartedRunJson};
pub use status::{StatusJson, WatchedStatusJson};

/// A value as one line of JSON, with its end. A terminal obeys nothing in it.
pub fn line(value: &impl Serialize) -> Result<String, Error> {
    let line = serde_json::to_string(value).map_err(Error::Encode)?;
    Ok(escaped(&line) + "\n")
}

/// One line of the agent's log.
#[derive(Debug, Serialize)]
pub struct LogLineJson {
    /// The line, without its end.
    pub line: String,
    /// True when lines before this one were left out because this client was too slow.
    pub lagged: bool,
}

/// What a failed command prints to standard error.
#[derive(Debug, Serialize)]
pub struct ErrorLine<'a> {
    error: ErrorBody<'a>,
}

#[derive(Debug, Serialize)]
struct ErrorBody<'a> {
    /// Stable, upper case.
    code: &'a str,
    /// What happened, for people.
    message: &'a str,
    /// What to do about it, for people; null when nothing can be said.
    remedy: Option<String>,
}

impl<'a> ErrorLine<'a> {
    /// The line for an error.
    pub fn new(code: &'a str, message: &'a str, remedy: Option<String>) -> Self {
        Self {
            error: ErrorBody {
                code,
                message,
                remedy,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_object() {
        let line = ErrorLine::new("NO_AGENT", "no agent answers", None);
        assert_eq!(
            serde_json::to_string(&line).unwrap(),
            r#"{"error":{"code":"NO_AGENT","message":"no agent answers","remedy":null}}"#
        );
    }
}
