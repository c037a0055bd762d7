//! What a client may do.

use serde::{Deserialize, Serialize};

/// What a client may do. Each role may do all that the one before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Redeems its own invitation, and nothing else.
    Invited,
    /// Reads the status, runs and products.
    Viewer,
    /// Starts and cancels runs, pauses, retries and dismisses refused products, tests connections, reads the log.
    Operator,
    /// Changes the configuration, the change capture and who may use the agent, and stops the agent.
    Admin,
}

impl Role {
    /// The word for people and in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}
