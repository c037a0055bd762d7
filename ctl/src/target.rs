//! Which agent a command is for, and how to name that agent in a command.

use clap::Args;
use shopmaster_proto::{Endpoint, EndpointError, Folders, FoldersError, InstanceName};

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

/// The agent that a command is for.
#[derive(Debug, Args)]
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
    /// Address of the agent: unix:PATH or pipe:NAME
    #[arg(
        long,
        value_name = "ADDRESS",
        global = true,
        conflicts_with = "instance",
        help_heading = "For every command"
    )]
    pub agent: Option<Endpoint>,
}

impl Target {
    /// Where the agent listens.
    pub fn endpoint(&self) -> Result<Endpoint, TargetError> {
        if let Some(endpoint) = &self.agent {
            return Ok(endpoint.clone());
        }
        let folders = Folders::of(&self.instance)?;
        Ok(Endpoint::local(&self.instance, &folders)?)
    }

    /// The `shopmasterctl` command that reaches the same agent, in backticks.
    pub fn ctl(&self, rest: &str) -> String {
        match &self.agent {
            Some(endpoint) => format!("`shopmasterctl --agent {endpoint} {rest}`"),
            None => format!("`shopmasterctl{} {rest}`", self.instance_flag()),
        }
    }

    /// The command that starts this agent, in backticks.
    pub fn start(&self) -> String {
        format!("`shopmaster-agent{}`", self.instance_flag())
    }

    fn instance_flag(&self) -> String {
        if self.instance == InstanceName::default() {
            return String::new();
        }
        format!(" --instance {}", self.instance)
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

    #[test]
    fn commands_name_the_instance_only_when_needed() {
        assert_eq!(target("default").ctl("status"), "`shopmasterctl status`");
        assert_eq!(
            target("demo").ctl("status"),
            "`shopmasterctl --instance demo status`"
        );
        assert_eq!(target("demo").start(), "`shopmaster-agent --instance demo`");
    }

    #[cfg(unix)]
    #[test]
    fn commands_name_the_address_when_one_was_given() {
        let target = Target {
            agent: Some("unix:/tmp/a.sock".parse().unwrap()),
            ..target("default")
        };
        assert_eq!(
            target.ctl("status"),
            "`shopmasterctl --agent unix:/tmp/a.sock status`"
        );
    }
}
