//! Why the list of agents, or a token, cannot be used.

use std::{io, path::PathBuf, sync::Arc};

use shopmaster_proto::{FoldersError, remote::AgentName};
use shopmaster_secrets::SecretError;

/// Why the list of agents, or a token, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AgentsError {
    /// The user's folders cannot be determined.
    #[error(transparent)]
    Folders(#[from] FoldersError),
    /// No agent of this name is known.
    #[error("no agent `{name}` is known here{}", did_you_mean(similar))]
    Unknown {
        /// The name.
        name: AgentName,
        /// Known names that are spelled like it.
        similar: Vec<AgentName>,
    },
    /// The name belongs to another agent.
    #[error("`{0}` is already the name of another agent")]
    Taken(AgentName),
    /// The agent is known, but its token is not stored.
    #[error(
        "the token for the agent `{0}` is neither in the credential store nor in the file of tokens"
    )]
    NoToken(AgentName),
    /// The list cannot be read or written.
    #[error("cannot use `{path}`")]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The list is not valid.
    #[error("`{path}` is not valid: {problem}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, on one line.
        problem: String,
    },
    /// The token cannot be read or stored.
    #[error("the token for the agent `{name}` cannot be used")]
    Token {
        /// The agent.
        name: AgentName,
        /// Why.
        #[source]
        source: Arc<SecretError>,
    },
    /// The thread for the credential store cannot be started.
    #[error("the operating system refuses a thread for the credential store")]
    Thread(#[source] io::Error),
    /// No token can be made.
    #[error(transparent)]
    NoRandomness(shopmaster_proto::remote::SecretError),
    /// `SHOPMASTER_SECRETS__STORE` has another value.
    #[error("`SHOPMASTER_SECRETS__STORE` is `{0}`")]
    Store(String),
}

impl AgentsError {
    /// The stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Folders(_) => "BAD_ADDRESS",
            Self::Unknown { .. } => "UNKNOWN_AGENT",
            Self::Taken(_) => "NAME_TAKEN",
            Self::NoToken(_) => "NO_TOKEN",
            Self::File { .. } | Self::Damaged { .. } => "BAD_AGENTS_FILE",
            Self::Token { .. } | Self::Thread(_) | Self::NoRandomness(_) | Self::Store(_) => {
                "SECRETS"
            }
        }
    }

    /// What to do about it, for people.
    pub fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Folders(_) | Self::NoRandomness(_) => return None,
            Self::Unknown { name, .. } => format!(
                "run `shopmasterctl remote add {name}` to add it with an invitation, or `shopmasterctl remote agents` to list the known ones"
            ),
            Self::Taken(name) => format!(
                "use another name, or run `shopmasterctl remote forget {name}` first"
            ),
            Self::NoToken(name) => format!(
                "run `shopmasterctl remote forget {name}`, and add the agent again with a new invitation"
            ),
            Self::File { .. } => {
                "check that this user may read and write the file and its folder".to_owned()
            }
            Self::Damaged { .. } => "fix the file, or move it away".to_owned(),
            Self::Token { source, .. } => match **source {
                SecretError::Locked(_) => "unlock the credential store, or set `SHOPMASTER_SECRETS__STORE=file` to keep tokens in a file".to_owned(),
                SecretError::Timeout => "answer the credential store's prompt, and try again".to_owned(),
                SecretError::Damaged { .. } => "move the file away, and add the agents again".to_owned(),
                SecretError::File { .. } => "check that the disk is not full and that this user may read and write the file".to_owned(),
                _ => "check the operating system's credential store, or set `SHOPMASTER_SECRETS__STORE=file` to keep tokens in a file".to_owned(),
            },
            Self::Thread(_) => "close other programs, and try again".to_owned(),
            Self::Store(_) => "set it to `auto`, `os` or `file`".to_owned(),
        })
    }

    /// True when the user named something that does not exist.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::Store(_))
    }
}

fn did_you_mean(similar: &[AgentName]) -> String {
    if similar.is_empty() {
        return String::new();
    }
    let names: Vec<_> = similar.iter().map(|name| format!("`{name}`")).collect();
    format!("; did you mean {}?", names.join(" or "))
}
