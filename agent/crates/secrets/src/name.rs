//! What a secret is for, and whose it is: together the name under which it is stored.

use std::{borrow::Cow, fmt, path::PathBuf};

use shopmaster_proto::{InstanceName, remote::AgentName};

/// Whose secrets they are. The credential store is one for all programs of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// The agent of this instance.
    Agent(InstanceName),
    /// The clients of remote agents that run as this user.
    Client {
        /// The folder that `SHOPMASTER_HOME` names; none for the user's own folders.
        home: Option<PathBuf>,
    },
}

/// What a secret is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretName {
    /// Password of the Digible account.
    DigiblePassword,
    /// The Digible session's token.
    DigibleToken,
    /// Password of the SQL Server login.
    SqlPassword,
    /// The token with which a client calls this remote agent.
    AgentToken(AgentName),
    /// A token that a client has made for an invitation of this remote agent, which may not be redeemed yet.
    InvitedToken(AgentName),
}

impl SecretName {
    /// The secrets of an agent.
    pub(crate) const OF_AGENT: [Self; 3] =
        [Self::DigiblePassword, Self::DigibleToken, Self::SqlPassword];

    /// The name under which it is stored. It must not change: entries in existing stores have it.
    #[must_use]
    pub fn key(&self) -> Cow<'static, str> {
        match self {
            Self::DigiblePassword => "digible-password".into(),
            Self::DigibleToken => "digible-token".into(),
            Self::SqlPassword => "sql-password".into(),
            Self::AgentToken(agent) => format!("agent-token/{agent}").into(),
            Self::InvitedToken(agent) => format!("invited-token/{agent}").into(),
        }
    }

    /// The secret that this variable of the environment overrides.
    pub(crate) fn of_variable(variable: &str) -> Option<Self> {
        match variable {
            "SHOPMASTER_DIGIBLE_PASSWORD" => Some(Self::DigiblePassword),
            "SHOPMASTER_SQL_PASSWORD" => Some(Self::SqlPassword),
            _ => None,
        }
    }
}

/// As in the names of stored secrets. No instance has a colon in its name, so owners do not share.
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(instance) => instance.fmt(f),
            Self::Client { home: None } => f.write_str("client:"),
            Self::Client { home: Some(home) } => write!(f, "client:{}", home.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_existing_entries_stay() {
        assert_eq!(
            SecretName::OF_AGENT.map(|name| name.key().into_owned()),
            ["digible-password", "digible-token", "sql-password"]
        );
        let agent = Owner::Agent("till-2".parse().unwrap());
        assert_eq!(agent.to_string(), "till-2");
        let token = SecretName::AgentToken("shop-7".parse().unwrap());
        assert_eq!(token.key(), "agent-token/shop-7");
        let invited = SecretName::InvitedToken("shop-7".parse().unwrap());
        assert_eq!(invited.key(), "invited-token/shop-7");
        assert_eq!(Owner::Client { home: None }.to_string(), "client:");
        let home = Some("/srv/fleet".into());
        assert_eq!(Owner::Client { home }.to_string(), "client:/srv/fleet");
    }
}
