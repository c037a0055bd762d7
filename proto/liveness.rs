//! Whether the agent that accepted a connection also answers.
//!
//! The operating system accepts for a process that is stopped, and the protocol needs no word of the server
//! before the first call: only an answer shows that somebody is there.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::time::timeout;
use tonic::{Code, transport::Channel};

use crate::v1::{GetInfoRequest, agent_client::AgentClient};

/// How long the first answer may take. It is given from memory, also while the agent is starting or busy.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// What became of the first call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The agent answered, whatever it said.
    Given,
    /// The connection broke.
    Broken,
    /// Nothing came in time.
    Missing,
}

/// Asks the agent what it is, to see that it answers.
pub(crate) async fn first_answer(agent: &mut AgentClient<Channel>) -> Answer {
    match timeout(FIRST_ANSWER, agent.get_info(GetInfoRequest {})).await {
        Err(_) => Answer::Missing,
        Ok(Err(status)) if is_break(status.code()) => Answer::Broken,
        Ok(_) => Answer::Given,
    }
}

/// Codes that the transport gives when it breaks.
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
    /// Its process id, where the operating system tells.
    pub(crate) fn process(&self) -> Option<u32> {
        Some(self.0.load(Ordering::Relaxed)).filter(|id| *id != 0)
    }

    /// Notes who listens at the other end.
    #[cfg(unix)]
    pub(crate) fn note(&self, stream: &tokio::net::UnixStream) {
        let peer = stream.peer_cred().ok().and_then(|peer| peer.pid());
        if let Some(id) = peer.and_then(|id| u32::try_from(id).ok()) {
            self.0.store(id, Ordering::Relaxed);
        }
    }

    /// Windows: the pipe's other end is looked at where its owner is checked.
    #[cfg(windows)]
    pub(crate) fn note(&self, _stream: &tokio::net::windows::named_pipe::NamedPipeClient) {}
}
