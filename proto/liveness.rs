//! Checks that the agent that accepted a connection also answers.
//!
//! The operating system accepts connections even for a suspended process, and the protocol requires no message of the
//! server before the first call: only an answer shows that the agent works.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::time::timeout;
use tonic::{Code, transport::Channel};

use crate::v1::{GetInfoRequest, agent_client::AgentClient};

/// How long the first answer may take. The agent answers from memory, even while it is starting or busy.
const FIRST_ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The result of the first call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The agent answered, whatever the answer.
    Given,
    /// The connection broke.
    Broken,
    /// No answer arrived in time.
    Missing,
}

/// Calls `GetInfo` to see that the agent answers.
pub(crate) async fn first_answer(agent: &mut AgentClient<Channel>) -> Answer {
    match timeout(FIRST_ANSWER_TIMEOUT, agent.get_info(GetInfoRequest {})).await {
        Err(_) => Answer::Missing,
        Ok(Err(status)) if is_break(status.code()) => Answer::Broken,
        Ok(_) => Answer::Given,
    }
}

/// Whether this is a code of a broken transport.
fn is_break(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal
    )
}

/// The process at the other end of a connection; 0 while it is not known.
#[derive(Debug, Default)]
pub(crate) struct Server(AtomicU32);

impl Server {
    /// Its process id, where the operating system reports it.
    pub(crate) fn process(&self) -> Option<u32> {
        Some(self.0.load(Ordering::Relaxed)).filter(|id| *id != 0)
    }

    /// Records the process at the other end.
    #[cfg(unix)]
    pub(crate) fn note(&self, stream: &tokio::net::UnixStream) {
        let peer = stream.peer_cred().ok().and_then(|peer| peer.pid());
        if let Some(id) = peer.and_then(|id| u32::try_from(id).ok()) {
            self.0.store(id, Ordering::Relaxed);
        }
    }

    /// Does nothing: on Windows the process is determined where the pipe's owner is checked.
    #[cfg(windows)]
    pub(crate) fn note(&self, _stream: &tokio::net::windows::named_pipe::NamedPipeClient) {}
}
