//! The name by which a client knows an agent.

use std::{fmt, str::FromStr};

/// The most characters of a name.
const LONGEST: usize = 64;

/// The name by which a client knows an agent: letters, digits, `-`, `_` and `.`, at most 64 characters, the first a letter
/// or digit. So it is neither an address nor an option.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentName(String);

/// A text is not the name of an agent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot be an agent's name: use letters, digits, `-`, `_` and `.`, at most {LONGEST}, and start with a letter or digit"
)]
pub struct AgentNameError(String);

impl AgentName {
    /// The name as a string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AgentName {
    type Err = AgentNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        match starts_well && text.len() <= LONGEST && text.chars().all(is_allowed) {
            true => Ok(Self(text.to_owned())),
            false => Err(AgentNameError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_neither_an_address_nor_an_option() {
        for name in ["a", "7", "Lagos_2.ikeja-mall", &"x".repeat(64)] {
            assert_eq!(name.parse::<AgentName>().unwrap().to_string(), name);
        }
        let addresses = ["unix:/a", "pipe:a", "ssh://a", "a:7443", "/a", r"\a"];
        let others = ["", "-a", ".a", "_a", "a b", "ä", "a\n"];
        for name in addresses.into_iter().chain(others) {
            assert!(name.parse::<AgentName>().is_err(), "{name:?}");
        }
        assert!("x".repeat(65).parse::<AgentName>().is_err());
    }
}
