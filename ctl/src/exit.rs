//! The exit codes of the process.

use std::process::ExitCode;

/// How a command ended. The numbers are part of the interface: `docs/cli.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked. Products that Digible refuses are named, and do not make a run fail.
    Done = 0,
    /// It could not do what was asked.
    Failed = 1,
    /// The arguments or the input were not valid.
    Usage = 2,
    /// No agent answers, or the connection was lost.
    NoAgent = 3,
    /// `status --check` found an issue.
    Issue = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_stay() {
        let numbers = [
            Exit::Done,
            Exit::Failed,
            Exit::Usage,
            Exit::NoAgent,
            Exit::Issue,
        ]
        .map(|exit| exit as u8);
        assert_eq!(numbers, [0, 1, 2, 3, 4]);
    }
}
