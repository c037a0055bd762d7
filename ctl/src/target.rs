//! Which agent a command is for, and how to name that agent in a command.

use std::{fmt, str::FromStr};

use clap::Args;
use shopmaster_proto::{
    Endpoint, EndpointError, Folders, FoldersError, InstanceName,
    remote::{AgentName, AgentNameError},
};

use crate::ssh::{SshAddress, SshAddressError};

/// Why the address of an agent cannot be determined.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The instance's folders cannot be determined.
    #[error(transparent)]
    Folders(#[from] FoldersError),
    /// The folders make no valid address.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}

/// What `--agent` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentAddress {
    /// A socket or pipe on this computer.
    Local(Endpoint),
    /// Another computer, through the user's own `ssh`.
    Ssh(SshAddress),
    /// An agent that was added with `remote add`.
    Known(AgentName),
}

/// Why a text names no agent.
#[derive(Debug, thiserror::Error)]
pub enum AgentAddressError {
    /// It starts like a socket or pipe.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// It starts like an address for `ssh`.
    #[error(transparent)]
    Ssh(#[from] SshAddressError),
    /// It has the form of an address, but none that is known.
    #[error(
        "`{0}` is not an agent's address: use `unix:PATH`, `pipe:NAME`, `ssh://[USER@]HOST[:PORT][/INSTANCE]`, or the name of an agent that was added with `shopmasterctl remote add`"
    )]
    Scheme(String),
    /// It is no name.
    #[error(transparent)]
    Name(#[from] AgentNameError),
}

/// The agent that a command is for.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// Name of the agent on this machine
    #[arg(
        long,
        value_name = "NAME",
        global = true,
        default_value_t,
        help_heading = "For every command"
    )]
    pub instance: InstanceName,
    /// Another agent than the one of an instance on this machine.
    #[arg(
        long,
        help = "Another agent: unix:PATH, pipe:NAME, ssh://[USER@]HOST[:PORT][/INSTANCE], or the name of a known agent",
        value_name = "AGENT",
        global = true,
        conflicts_with = "instance",
        help_heading = "For every command"
    )]
    pub agent: Option<AgentAddress>,
}

impl Target {
    /// The agent at this address.
    pub fn of(address: AgentAddress) -> Self {
        Self {
            instance: InstanceName::default(),
            agent: Some(address),
        }
    }

    /// The agent that is named, or where the agent of the instance listens.
    pub fn address(&self) -> Result<AgentAddress, TargetError> {
        if let Some(address) = &self.agent {
            return Ok(address.clone());
        }
        let folders = Folders::of(&self.instance)?;
        let endpoint = Endpoint::local(&self.instance, &folders)?;
        Ok(AgentAddress::Local(endpoint))
    }

    /// Whether one agent was named, and not the one that a command is for by itself.
    pub fn is_named(&self) -> bool {
        self.agent.is_some() || self.instance != InstanceName::default()
    }

    /// Whether the agent may run on another computer: then its files are not here.
    pub fn is_remote(&self) -> bool {
        self.agent.as_ref().is_some_and(AgentAddress::is_remote)
    }

    /// The `shopmasterctl` command that reaches the same agent, in backticks.
    pub fn ctl(&self, rest: &str) -> String {
        match &self.agent {
            Some(address) => format!("`shopmasterctl --agent {address} {rest}`"),
            None => format!("`shopmasterctl{} {rest}`", self.instance_flag()),
        }
    }

    /// How to start this agent: `start the agent with …`.
    pub fn start(&self) -> String {
        match self.is_remote() {
            true => "start the agent on its own computer".to_owned(),
            false => format!(
                "start the agent with `shopmaster-agent{}`",
                self.instance_flag()
            ),
        }
    }

    fn instance_flag(&self) -> String {
        if self.instance == InstanceName::default() {
            return String::new();
        }
        format!(" --instance {}", self.instance)
    }
}

impl AgentAddress {
    /// Whether it may lead to another computer.
    pub fn is_remote(&self) -> bool {
        match self {
            Self::Local(_) => false,
            Self::Ssh(_) | Self::Known(_) => true,
        }
    }
}

impl fmt::Display for AgentAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(endpoint) => endpoint.fmt(f),
            Self::Ssh(address) => address.fmt(f),
            Self::Known(name) => name.fmt(f),
        }
    }
}

impl FromStr for AgentAddress {
    type Err = AgentAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("ssh://") {
            return Ok(Self::Ssh(text.parse()?));
        }
        if ["unix:", "pipe:", "https://"]
            .iter()
            .any(|it| text.starts_with(it))
        {
            return Ok(Self::Local(text.parse()?));
        }
        if text.contains([':', '/', '\\']) {
            return Err(AgentAddressError::Scheme(text.to_owned()));
        }
        Ok(Self::Known(text.parse()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(instance: &str) -> Target {
        Target {
            instance: instance.parse().unwrap(),
            agent: None,
        }
    }

    fn at(address: &str) -> Target {
        Target {
            agent: Some(address.parse().unwrap()),
            ..target("default")
        }
    }

    #[test]
    fn commands_name_the_instance_only_when_needed() {
        assert_eq!(target("default").ctl("status"), "`shopmasterctl status`");
        assert_eq!(
            target("demo").ctl("status"),
            "`shopmasterctl --instance demo status`"
        );
        assert_eq!(
            target("demo").start(),
            "start the agent with `shopmaster-agent --instance demo`"
        );
    }

    #[test]
    fn commands_name_the_address_when_one_was_given() {
        for address in ["shop-7", "ssh://ben@shop-7/till-2"] {
            let target = at(address);
            assert_eq!(
                target.ctl("status"),
                format!("`shopmasterctl --agent {address} status`")
            );
            assert_eq!(target.start(), "start the agent on its own computer");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_socket_is_on_this_computer() {
        let target = at("unix:/tmp/a.sock");
        assert!(!target.is_remote());
        assert_eq!(
            target.ctl("status"),
            "`shopmasterctl --agent unix:/tmp/a.sock status`"
        );
    }

    #[test]
    fn what_names_no_agent_is_said_so() {
        let error = |text: &str| text.parse::<AgentAddress>().unwrap_err().to_string();
        for (text, expected) in [
            ("shop-7:7443", "use `unix:PATH`"),
            ("http://shop", "use `unix:PATH`"),
            ("https://shop:7443", "remote add NAME"),
            ("ssh://-x", "ssh://[USER@]HOST"),
            ("", "cannot be an agent's name"),
            ("-x", "cannot be an agent's name"),
        ] {
            assert!(error(text).contains(expected), "{text}: {}", error(text));
        }
    }
}
