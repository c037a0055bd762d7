//! Why a database server cannot be used, whatever kind of server it is.

use std::{borrow::Cow, error::Error, fmt};

/// Why a database server cannot be used: the server's own error, and what a caller needs to know of it.
#[derive(Debug)]
pub struct ConnectFailure {
    /// A stable code, for programs.
    pub code: &'static str,
    /// What to do about it, for people.
    pub remedy: Cow<'static, str>,
    /// Whether waiting may help.
    pub passing: Passing,
    /// Nothing was there to talk to. What talks and fails is asked by logging in, and so not often.
    pub is_away: bool,
    /// Of a server's certificate that is not trusted: its SHA-256, as 64 hexadecimal digits.
    pub fingerprint: Option<String>,
    /// What failed.
    pub error: Box<dyn Error + Send + Sync>,
}

/// Whether a failure may be gone at a later try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    /// Most likely in a moment: a server that is being started again says so, and quickly.
    Soon,
    /// Perhaps, after however long.
    Perhaps,
    /// Not before somebody changes something.
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
