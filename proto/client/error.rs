//! Why there is no connection.

use std::{fmt, io};

use crate::{
    Endpoint, Failure,
    remote::{NetworkAddress, Pin},
};

/// Where a client connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A socket or pipe on this computer.
    Local(Endpoint),
    /// An address on the network.
    Network(NetworkAddress),
    /// A stream of another program, by its name.
    Stream(String),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No program accepts connections at the address.
    #[error("no agent answers at `{endpoint}`")]
    NoAnswer {
        /// The address.
        endpoint: Endpoint,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// No agent was reached at any of the addresses.
    #[error("no agent answers at {}", list(attempts))]
    Unreachable {
        /// What happened at each address.
        attempts: Vec<Attempt>,
    },
    /// A program with another key answers at an address of the agent. Nothing was sent.
    #[error(
        "the program at `{address}` does not have the agent's key: it has `{found}`, not `{expected}`; nothing was sent"
    )]
    WrongKey {
        /// The address.
        address: NetworkAddress,
        /// The agent's key.
        expected: Pin,
        /// The key of the program.
        found: Pin,
    },
    /// The programs at the addresses do not speak the agent's protocol. Nothing was sent.
    #[error("another program answers at {}; nothing was sent", list(attempts))]
    NotAnAgent {
        /// What happened at each address.
        attempts: Vec<Attempt>,
    },
    /// The agent does not let this client in.
    #[error("the agent at `{address}` refuses this client: {failure}")]
    Refused {
        /// The address.
        address: Address,
        /// The agent's own code, message and remedy.
        failure: Box<Failure>,
    },
    /// TLS cannot be used on this computer.
    #[error("TLS cannot be used")]
    NoTls {
        /// The error of the TLS library.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A program accepts the connection but does not answer: the agent hangs or is suspended.
    #[error("the agent at `{address}` does not answer")]
    Silent {
        /// The address.
        address: Address,
        /// The process that listens there, where the operating system reports it.
        process: Option<u32>,
    },
    /// The connection broke before the first answer.
    #[error("the connection to the agent at `{address}` was lost")]
    Left {
        /// The address.
        address: Address,
    },
    /// A program of another user listens there, not of this user, root or the system. Nothing was sent.
    #[error("`{endpoint}` does not belong to this user's agent but to {owner}; nothing was sent")]
    Stranger {
        /// The address.
        endpoint: Endpoint,
        /// The owner of the program, for people.
        owner: String,
    },
}

/// One address that did not lead to the agent.
#[derive(Debug)]
pub struct Attempt {
    /// The address.
    pub address: NetworkAddress,
    /// Why it did not.
    pub failure: AttemptFailure,
}

/// Why an address did not lead to the agent.
#[derive(Debug, thiserror::Error)]
pub enum AttemptFailure {
    /// The name is unknown, or there is no connection.
    #[error("{0}")]
    NoConnection(io::Error),
    /// No answer arrived in time.
    #[error("no answer in time")]
    Silent,
    /// The program there has another key.
    #[error("the key is `{0}`")]
    WrongKey(Pin),
    /// The program there does not speak TLS 1.3 with HTTP/2.
    #[error("{0}")]
    NotAnAgent(String),
}

impl ConnectError {
    /// The error after these attempts to reach the agent with the key `expected`. A wrong key comes first: a computer
    /// may stand in for the agent.
    pub(super) fn after(attempts: Vec<Attempt>, expected: Pin) -> Self {
        for attempt in &attempts {
            if let AttemptFailure::WrongKey(found) = attempt.failure {
                let address = attempt.address.clone();
                return Self::WrongKey {
                    address,
                    expected,
                    found,
                };
            }
        }
        let is_other = |it: &Attempt| matches!(it.failure, AttemptFailure::NotAnAgent(_));
        match !attempts.is_empty() && attempts.iter().all(is_other) {
            true => Self::NotAnAgent { attempts },
            false => Self::Unreachable { attempts },
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(endpoint) => endpoint.fmt(f),
            Self::Network(address) => address.fmt(f),
            Self::Stream(name) => f.write_str(name),
        }
    }
}

/// `` `a:1` (connection refused) or `b:2` (no answer in time) ``.
fn list(attempts: &[Attempt]) -> String {
    let each = attempts
        .iter()
        .map(|attempt| format!("`{}` ({})", attempt.address, attempt.failure));
    match each.collect::<Vec<_>>() {
        none if none.is_empty() => "any address: none is known".to_owned(),
        texts => texts.join(" or "),
    }
}
