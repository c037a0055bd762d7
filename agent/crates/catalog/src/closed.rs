//! Why a database server lets nobody into a database, or not us.

use std::fmt;

/// What a server's database is when it is not open to everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// One session at a time, and it is not for us to be that one.
    SingleUser,
    /// Administrators only.
    RestrictedUser,
    /// A backup is being read into it.
    Restoring,
    /// The server makes it whole after its start.
    Recovering,
    /// Somebody took it off.
    Offline,
    /// Somebody repairs it.
    Emergency,
    /// From one state to another.
    Changing,
    /// Our session in it was ended, and nobody else's.
    Taken,
    /// The server cannot make it whole.
    RecoveryPending,
    /// The server failed to make it whole.
    Suspect,
}

impl Closed {
    /// Whether somebody, or the server, has it alone for a while. Else it is damaged.
    #[must_use]
    pub fn is_reserved(self) -> bool {
        !matches!(self, Self::RecoveryPending | Self::Suspect)
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SingleUser => "is in single-user mode",
            Self::RestrictedUser => "is in restricted-user mode, for administrators only",
            Self::Restoring => "is being restored",
            Self::Recovering => "is being recovered by its server",
            Self::Offline => "is offline",
            Self::Emergency => "is in emergency mode, for its repair",
            Self::Changing => "is changing its state",
            Self::Taken => "is being reserved: its server ended our session",
            Self::RecoveryPending => "cannot be recovered by its server",
            Self::Suspect => "is marked as suspect by its server",
        })
    }
}
