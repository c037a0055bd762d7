//! Why a database server accepts no logins to a database, or none from the agent.

use std::fmt;

/// The state of a server's database that is not open to everyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// One session at a time, and the agent must not take it.
    SingleUser,
    /// Administrators only.
    RestrictedUser,
    /// A backup is being read into it.
    Restoring,
    /// The server recovers it after starting.
    Recovering,
    /// An administrator set it offline.
    Offline,
    /// An administrator set it to emergency mode, for repair.
    Emergency,
    /// It is changing from one state to another.
    Changing,
    /// The server ended the agent's session in it, and no other program's.
    Taken,
    /// The server cannot recover it.
    RecoveryPending,
    /// The server failed to recover it.
    Suspect,
}

impl Closed {
    /// Whether an administrator, or the server, has it exclusively for a while. Otherwise it is damaged.
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
            Self::Emergency => "is in emergency mode, for repair",
            Self::Changing => "is changing its state",
            Self::Taken => "is being reserved: its server ended shopMaster's session",
            Self::RecoveryPending => "cannot be recovered by its server",
            Self::Suspect => "is marked as suspect by its server",
        })
    }
}
