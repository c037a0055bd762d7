//! Why a command failed, with a stable code, a remedy and an exit code.

use std::{error::Error as _, io, net::SocketAddr, path::PathBuf, time::Duration};

use shopmaster_proto::{ConnectError, Failure, v1::Issue};

use crate::{
    agents::AgentsError,
    exit::Exit,
    fleet::FleetError,
    target::{Target, TargetError},
};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No agent accepts connections at the address, or it does not answer.
    #[error(transparent)]
    NoAgent(ConnectError),
    /// As [`NoAgent`](Self::NoAgent), through `ssh`.
    #[error("{error}{}", after_colon(stderr))]
    NoAgentThroughSsh {
        /// What happened.
        error: ConnectError,
        /// The last line of the standard error of `ssh`, where the user did not see it; else empty.
        stderr: String,
    },
    /// The connection broke, or a stream ended early.
    #[error("the connection to the agent was lost")]
    AgentLeft,
    /// The connection broke while a run was watched.
    #[error(
        "the connection to the agent was lost while `{id}` was running; the work is safe and continues when the agent starts"
    )]
    AgentLeftRun {
        /// The run.
        id: String,
    },
    /// The agent answered with an error.
    #[error(transparent)]
    Refused(Failure),
    /// An answer lacks a field that the contract requires.
    #[error("the agent's answer has no {0}")]
    Incomplete(&'static str),
    /// The user pressed Ctrl-C while a run was watched.
    #[error("no longer watching; `{id}` continues in the agent")]
    Detached {
        /// The run.
        id: String,
    },
    /// The agent does not listen on the network where it is set to.
    #[error("{}", not_listening(*address, issue.as_deref()))]
    NotListening {
        /// Where it should.
        address: SocketAddr,
        /// Why not, as the agent's status says it.
        issue: Option<Box<Issue>>,
    },
    /// The user answered no.
    #[error("{0}")]
    Declined(&'static str),
    /// The environment of the agent has another value, which wins.
    #[error("the agent takes `{setting}` from its environment, so it cannot be changed here")]
    Overridden {
        /// The setting.
        setting: &'static str,
        /// The variable that sets it.
        variable: &'static str,
    },
    /// A usage error.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to write instead.
        remedy: String,
    },
    /// The agent's address cannot be determined.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A known agent is unknown, or its token is not there.
    #[error(transparent)]
    Agents(AgentsError),
    /// The list of shops cannot be used.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// A shop did not answer in the time that it was given.
    #[error("no answer within {} s", .0.as_secs_f64())]
    Late(Duration),
    /// `ssh` cannot be run.
    #[error("cannot run `{}`", program.display())]
    Ssh {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The agent's program cannot be run.
    #[error("cannot run `{path}`")]
    Program {
        /// Its expected path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file with settings cannot be read.
    #[error("cannot read `{path}`")]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write `{path}`")]
    WriteFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Standard input cannot be read.
    #[error("cannot read standard input")]
    Input(#[source] io::Error),
    /// Standard output cannot be written.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    /// Shops were changed, and what they answered cannot be written to standard output.
    #[error("the shops were asked, but their answers cannot be written to standard output")]
    AnswersUnwritten(#[source] io::Error),
    /// The answer cannot be encoded as JSON.
    #[error("cannot write the answer as JSON")]
    Encode(#[source] serde_json::Error),
}

impl Error {
    /// The stable code for programs, in upper case.
    pub fn code(&self) -> &str {
        match self {
            Self::Late(_) | Self::NoAgent(ConnectError::Silent { .. }) => "AGENT_SILENT",
            Self::Fleet(error) => error.code(),
            Self::NoAgent(ConnectError::Stranger { .. }) => "NOT_THIS_USERS_AGENT",
            Self::NoAgent(ConnectError::WrongKey { .. }) => "WRONG_KEY",
            Self::NoAgent(ConnectError::NotAnAgent { .. }) => "NOT_AN_AGENT",
            Self::NoAgent(ConnectError::Refused { failure, .. }) => &failure.code,
            Self::NoAgentThroughSsh {
                error: ConnectError::Silent { .. },
                ..
            } => "AGENT_SILENT",
            Self::NoAgent(_) | Self::NoAgentThroughSsh { .. } => "NO_AGENT",
            Self::AgentLeft | Self::AgentLeftRun { .. } => "AGENT_LEFT",
            Self::Refused(failure) => &failure.code,
            Self::Incomplete(_) => "INCOMPLETE_ANSWER",
            Self::Detached { .. } => "DETACHED",
            Self::NotListening { issue, .. } => issue
                .as_ref()
                .map_or("REMOTE_NOT_LISTENING", |issue| &issue.code),
            Self::Declined(_) => "DECLINED",
            Self::Overridden { .. } => "OVERRIDDEN",
            Self::Usage { .. } => "USAGE",
            Self::Target(_) => "BAD_ADDRESS",
            Self::Agents(error) => error.code(),
            Self::Ssh { .. } | Self::Program { .. } => "NO_PROGRAM",
            Self::ReadFile { .. } | Self::Input(_) => "INPUT",
            Self::WriteFile { .. }
            | Self::Output(_)
            | Self::AnswersUnwritten(_)
            | Self::Encode(_) => "OUTPUT",
        }
    }

    /// What happened, and its innermost cause.
    pub fn message(&self) -> String {
        let mut cause = self.source();
        while let Some(deeper) = cause.and_then(|error| error.source()) {
            cause = Some(deeper);
        }
        cause.map_or_else(|| self.to_string(), |cause| format!("{self}: {cause}"))
    }

    /// What to do about it, for people; none when nothing can be said.
    pub fn remedy(&self, target: &Target) -> Option<String> {
        match self {
            Self::NoAgent(ConnectError::Silent { process, .. }) => {
                Some(end_and_start(*process, target))
            }
            Self::NoAgent(ConnectError::Stranger { .. }) => Some(format!(
                "find the program that listens there and end it, or ask an administrator; then {}",
                target.start()
            )),
            Self::NoAgent(ConnectError::WrongKey { .. }) => Some(
                "ask whoever runs the agent for its key (`shopmasterctl remote enable` shows it): if the key is new, run `shopmasterctl remote forget` and add the agent again with a new invitation; if it is not, another computer pretends to be the agent".to_owned(),
            ),
            Self::NoAgent(ConnectError::NotAnAgent { .. }) => Some(
                "check the address and the port, and that the agent's computer listens there: `shopmasterctl remote enable` on it shows where".to_owned(),
            ),
            Self::NoAgent(ConnectError::Refused { failure, .. }) => Some(failure.remedy.clone()),
            Self::NoAgent(ConnectError::Unreachable { .. }) => Some(
                "check that the agent runs and listens (`shopmasterctl remote enable` on its computer shows where), and that no firewall is in between".to_owned(),
            ),
            Self::NoAgentThroughSsh { stderr, .. } => {
                let says = match stderr.is_empty() {
                    true => "`ssh` says above what happened; ",
                    false => "",
                };
                Some(format!(
                    "{says}`shopmasterctl` must be installed on the agent's computer, and the agent must run there as the user that you log in as"
                ))
            }
            Self::NoAgent(_) => Some(target.start()),
            Self::AgentLeft | Self::AgentLeftRun { .. } => Some(format!(
                "if the agent was not stopped on purpose, {}",
                target.start()
            )),
            Self::Agents(error) => error.remedy(),
            Self::Fleet(error) => error.remedy(),
            Self::Late(_) => Some(
                "check the connection and the agent, or give it more time with `--timeout`".to_owned(),
            ),
            Self::Ssh { .. } => Some(
                "install an OpenSSH client, or name the program in `SHOPMASTER_SSH`".to_owned(),
            ),
            Self::Refused(failure) => Some(failure.remedy.clone()),
            Self::NotListening { issue, .. } => Some(issue.as_ref().map_or_else(
                || format!("run {} to see where it listens", target.ctl("remote enable")),
                |issue| issue.remedy.clone(),
            )),
            Self::Detached { id } => Some(format!(
                "run {} to cancel it",
                target.ctl(&format!("runs cancel {id}"))
            )),
            Self::Program { .. } => {
                Some("install `shopmaster-agent` in the folder of `shopmasterctl`".to_owned())
            }
            Self::Overridden { variable, .. } => Some(format!(
                "change or unset `{variable}` where the agent is started, then restart the agent"
            )),
            Self::Usage { remedy, .. } => Some(remedy.clone()),
            Self::Incomplete(_) => Some(
                "install the same version of `shopmasterctl` and `shopmaster-agent`".to_owned(),
            ),
            Self::ReadFile { source, .. } if source.kind() == io::ErrorKind::InvalidData => {
                Some("save the file as UTF-8".to_owned())
            }
            Self::AnswersUnwritten(_) => Some(
                "run `shopmasterctl fleet status` to see the state of each shop".to_owned(),
            ),
            Self::Declined(_)
            | Self::Target(_)
            | Self::ReadFile { .. }
            | Self::WriteFile { .. }
            | Self::Input(_)
            | Self::Output(_)
            | Self::Encode(_) => None,
        }
        .filter(|remedy| !remedy.is_empty())
    }

    /// The exit code of the process.
    pub fn exit(&self) -> Exit {
        match self {
            // A script that starts an agent when there is none would only find the other program again.
            Self::NoAgent(
                ConnectError::Stranger { .. }
                | ConnectError::WrongKey { .. }
                | ConnectError::Refused { .. },
            ) => Exit::Failed,
            Self::Agents(error) if error.is_usage() => Exit::Usage,
            Self::Fleet(_) => Exit::Usage,
            Self::Late(_)
            | Self::NoAgent(_)
            | Self::NoAgentThroughSsh { .. }
            | Self::AgentLeft
            | Self::AgentLeftRun { .. } => Exit::NoAgent,
            Self::Usage { .. } => Exit::Usage,
            _ => Exit::Failed,
        }
    }

    /// True when the reader of standard output closed the pipe.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(source) if source.kind() == io::ErrorKind::BrokenPipe)
    }
}

fn after_colon(text: &str) -> String {
    match text {
        "" => String::new(),
        text => format!(": {text}"),
    }
}

fn not_listening(address: SocketAddr, issue: Option<&Issue>) -> String {
    issue.map_or_else(
        || format!("the agent does not listen at `{address}` yet"),
        |issue| issue.text.clone(),
    )
}

/// How to end an agent that does not answer, and how to start it again.
fn end_and_start(process: Option<u32>, target: &Target) -> String {
    let end = match process {
        Some(id) if cfg!(windows) => format!("end it with `taskkill /F /PID {id}`"),
        Some(id) => format!("end it with `kill -KILL {id}`"),
        None => "end the process `shopmaster-agent`".to_owned(),
    };
    format!(
        "if it still does not answer, {end}, then {}; its work is safe",
        target.start()
    )
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        if failure.disconnected {
            return Self::AgentLeft;
        }
        Self::Refused(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target {
            instance: "demo".parse().unwrap(),
            agent: None,
        }
    }

    fn failure(disconnected: bool) -> Failure {
        Failure {
            code: "NOT_CONFIGURED".to_owned(),
            message: "no shop is set".to_owned(),
            remedy: String::new(),
            disconnected,
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn no_agent_is_named_with_its_address_and_the_remedy() {
        use shopmaster_proto::{Client, Endpoint};

        let endpoint: Endpoint = "unix:/nowhere/agent.sock".parse().unwrap();
        let error = Error::NoAgent(Client::connect(&endpoint).await.unwrap_err());
        assert_eq!(
            error.message(),
            "no agent answers at `unix:/nowhere/agent.sock`: No such file or directory (os error 2)"
        );
        assert_eq!(
            error.remedy(&target()).unwrap(),
            "start the agent with `shopmaster-agent --instance demo`"
        );
        assert_eq!((error.code(), error.exit()), ("NO_AGENT", Exit::NoAgent));
    }

    #[cfg(unix)]
    #[tokio::test(start_paused = true)]
    async fn what_accepts_and_says_nothing_is_named_with_its_process() {
        use shopmaster_proto::{Client, Endpoint};

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        let _accepts = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let endpoint: Endpoint = format!("unix:{}", path.display()).parse().unwrap();
        let error = Error::NoAgent(Client::connect(&endpoint).await.unwrap_err());
        assert_eq!(
            error.message(),
            format!("the agent at `{endpoint}` does not answer")
        );
        assert_eq!(
            (error.code(), error.exit()),
            ("AGENT_SILENT", Exit::NoAgent)
        );
        let remedy = error.remedy(&target()).unwrap();
        let id = std::process::id();
        assert!(
            remedy.contains(&format!("`kill -KILL {id}`"))
                && remedy.contains("`shopmaster-agent --instance demo`"),
            "{remedy}"
        );
    }

    #[test]
    fn a_stranger_in_the_agents_place_is_named() {
        let error = Error::NoAgent(ConnectError::Stranger {
            endpoint: shopmaster_proto::Endpoint::Unix("/run/agent.sock".into()),
            owner: "user 1001".to_owned(),
        });
        assert_eq!(
            error.message(),
            "`unix:/run/agent.sock` does not belong to this user's agent but to user 1001; nothing was sent"
        );
        assert_eq!(
            (error.code(), error.exit()),
            ("NOT_THIS_USERS_AGENT", Exit::Failed)
        );
        assert!(error.remedy(&target()).unwrap().contains("end it"));
    }

    #[test]
    fn a_refusal_keeps_its_code_and_a_broken_connection_is_no_refusal() {
        let refused = Error::from(failure(false));
        assert_eq!(
            (refused.code(), refused.exit()),
            ("NOT_CONFIGURED", Exit::Failed)
        );
        assert_eq!(refused.message(), "no shop is set");
        assert_eq!(refused.remedy(&target()), None);
        let left = Error::from(failure(true));
        assert_eq!((left.code(), left.exit()), ("AGENT_LEFT", Exit::NoAgent));
    }

    #[test]
    fn leaving_a_run_says_how_to_cancel_it() {
        let error = Error::Detached {
            id: "sync-1".to_owned(),
        };
        assert_eq!(
            error.remedy(&target()).unwrap(),
            "run `shopmasterctl --instance demo runs cancel sync-1` to cancel it"
        );
        assert_eq!(error.exit(), Exit::Failed);
    }

    #[test]
    fn only_a_broken_pipe_is_success() {
        let output = |kind: io::ErrorKind| Error::Output(kind.into());
        assert!(output(io::ErrorKind::BrokenPipe).is_broken_pipe());
        assert!(!output(io::ErrorKind::StorageFull).is_broken_pipe());
    }
}
