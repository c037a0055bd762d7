//! Why a database server cannot be used, whatever kind of server it is.

use std::{borrow::Cow, error::Error, fmt};

/// Why a database server cannot be used: the server's own error, and what a caller needs to know about it.
#[derive(Debug)]
pub struct ConnectFailure {
    /// A stable code, for programs.
    pub code: &'static str,
    /// What to do about it, for people.
    pub remedy: Cow<'static, str>,
    /// Whether waiting may help.
    pub passing: Passing,
    /// Whether no server answered at all. A server that answers but fails can be tested only by logging in, and
    /// so not often.
    pub is_away: bool,
    /// The SHA-256 fingerprint of a server's certificate that is not trusted, as 64 hexadecimal digits.
    pub fingerprint: Option<String>,
    /// What failed.
    pub error: Box<dyn Error + Send + Sync>,
}

/// Whether a failure may have passed by a later attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    /// Most likely in a moment: a server that is restarting says so, and quickly.
    Soon,
    /// Perhaps, but after an unknown time.
    Perhaps,
    /// Not until a person changes something.
    Never,
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for ConnectFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}
