//! Settings with a few allowed words.

use std::{fmt, str::FromStr};

use jiff::civil::{Time, time};
use serde::{Deserialize, Serialize};

/// The word for no daily verify.
const OFF: &str = "off";
/// `HH:MM`.
const CLOCK: &str = "%H:%M";

/// The kind of the shop's database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CatalogKind {
    /// Microsoft SQL Server.
    SqlServer,
    /// SQLite.
    Sqlite,
}

/// How to log in to SQL Server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// As the user that runs the agent.
    #[default]
    Windows,
    /// With a login's name and password.
    Sql,
}

/// Which part of a connection to SQL Server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encryption {
    /// Everything.
    Required,
    /// Only the login.
    LoginOnly,
    /// Nothing.
    None,
}

/// Which certificate of SQL Server is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Trust {
    /// The certificates that the operating system trusts.
    System,
    /// The certificate with this SHA-256 digest.
    Pin([u8; 32]),
    /// Any certificate.
    Any,
}

/// How changes are found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaptureMode {
    /// Triggers in the database record them.
    #[default]
    Trigger,
    /// The agent scans the table.
    Scan,
    /// Triggers record them, and the agent scans the table as well, for what fires no trigger.
    Both,
}

/// When the daily verify starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Verify {
    /// Never.
    Off,
    /// At this local time, to the minute.
    At(Time),
}

/// What products that are gone from the shop, and may still be at Digible, mean for the state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RemovedProducts {
    /// They need attention until they are forgotten.
    #[default]
    Attention,
    /// The headline names them.
    Note,
}

/// The least severe log records that are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Failures.
    Error,
    /// Problems that need attention.
    Warn,
    /// Events.
    #[default]
    Info,
    /// Details of events.
    Debug,
    /// Every step.
    Trace,
}

/// A string is not one of the allowed words.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not one of the allowed values")]
pub struct WordError(String);

impl LogLevel {
    /// The level's name in the configuration file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl Default for Verify {
    fn default() -> Self {
        Self::At(time(3, 0, 0, 0))
    }
}

impl fmt::Display for Verify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str(OFF),
            Self::At(time) => write!(f, "{}", time.strftime(CLOCK)),
        }
    }
}

impl FromStr for Verify {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == OFF {
            return Ok(Self::Off);
        }
        Time::strptime(CLOCK, text)
            .map(Self::At)
            .map_err(|_| WordError(text.to_owned()))
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Any => f.write_str("any"),
            Self::Pin(digest) => {
                f.write_str("pin:")?;
                digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl FromStr for Trust {
    type Err = WordError;

    /// The digest may be in capitals and with colons, as certificate viewers show it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || WordError(text.to_owned());
        match text.split_once(':') {
            None if text == "system" => Ok(Self::System),
            None if text == "any" => Ok(Self::Any),
            Some(("pin", digest)) => sha256(digest).map(Self::Pin).ok_or_else(refused),
            _ => Err(refused()),
        }
    }
}

/// A digest from 64 hexadecimal digits.
fn sha256(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| *c != ':')
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    if digits.len() != 64 {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Some(digest)
}

impl TryFrom<String> for Verify {
    type Error = WordError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Verify> for String {
    fn from(verify: Verify) -> Self {
        verify.to_string()
    }
}

impl TryFrom<String> for Trust {
    type Error = WordError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Trust> for String {
    fn from(trust: Trust) -> Self {
        trust.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_as_viewers_show_it() {
        let plain = format!("pin:{}", "0a".repeat(32));
        let shown = format!("pin:{}", vec!["0A"; 32].join(":"));
        let trust: Trust = shown.parse().unwrap();
        assert_eq!(trust, Trust::Pin([10; 32]));
        assert_eq!(trust.to_string(), plain);
        for bad in ["pin:", "pin:0a", "Any", "", "pin:zz"] {
            assert!(bad.parse::<Trust>().is_err(), "{bad}");
        }
    }

    #[test]
    fn verify_is_a_time_of_day_or_off() {
        assert_eq!("off".parse::<Verify>().unwrap(), Verify::Off);
        assert_eq!("03:00".parse::<Verify>().unwrap(), Verify::default());
        assert_eq!(Verify::default().to_string(), "03:00");
        for bad in ["", "24:00", "03:60", "03:00:01", "3 am", "Off"] {
            assert!(bad.parse::<Verify>().is_err(), "{bad}");
        }
    }
}
