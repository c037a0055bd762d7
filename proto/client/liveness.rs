//! Checks that the agent that accepted a connection also answers.
//!
//! The operating system accepts connections even for a suspended process, and the protocol requires no message of the
//! server before the first call: only an answer shows that the agent works.

use std::time::Duration;

use tokio::time::timeout;
use tonic::{Code, Status};

use super::Connection;
use crate::{
    Failure,
    v1::{GetInfoRequest, agent_client::AgentClient},
};

/// The result of the first call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The agent answered, whatever the answer.
    Given,
    /// The agent does not let this client in.
    Refused(Failure),
    /// The connection broke.
    Broken,
    /// No answer arrived in time.
    Missing,
}

/// Calls `GetInfo` to see that the agent answers within `patience`.
pub(super) async fn first_answer(
    agent: &mut AgentClient<Connection>,
    patience: Duration,
) -> Answer {
    match timeout(patience, agent.get_info(GetInfoRequest {})).await {
        Err(_) => Answer::Missing,
        Ok(Err(status)) => answer(status),
        Ok(Ok(_)) => Answer::Given,
    }
}

/// What an error says. A code of a broken transport is one only where the agent gives no code of its own: with one, it
/// refuses, for example after too many failed logins.
fn answer(status: Status) -> Answer {
    let code = status.code();
    let has_own_code = Failure::is_in(&status);
    let is_transport = matches!(
        code,
        Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal
    );
    let refuses = matches!(
        code,
        Code::Unauthenticated | Code::ResourceExhausted | Code::Unavailable
    );
    match has_own_code {
        false if is_transport => Answer::Broken,
        false if code == Code::Unauthenticated => Answer::Refused(status.into()),
        true if refuses => Answer::Refused(status.into()),
        _ => Answer::Given,
    }
}
