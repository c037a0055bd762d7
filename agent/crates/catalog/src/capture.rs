//! What capture is in a shop's database, and what installing it needs.

use super::{BREAKS_PROGRAM, CatalogError, Check};

/// The exact text of what installing and removing run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturePlan {
    /// Installs.
    pub install: String,
    /// Removes.
    pub remove: String,
}

/// What somebody agreed to, who installs capture all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InstallOptions {
    /// [`CatalogError::BreaksProgram`] is no reason not to.
    pub ignore_output: bool,
}

impl InstallOptions {
    /// Whether this refusal was agreed to.
    #[must_use]
    pub fn allow(self, refusal: &CatalogError) -> bool {
        self.ignore_output && matches!(refusal, CatalogError::BreaksProgram { .. })
    }

    /// Whether the failure of a check was.
    #[must_use]
    pub fn allow_check(self, check: &Check) -> bool {
        self.ignore_output && check.code == BREAKS_PROGRAM
    }
}

/// Whether capture is as it was installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptureStatus {
    /// Nothing of ours is there.
    NotInstalled,
    /// As planned.
    Installed,
    /// As an earlier version of shopMaster installed it. It works; installing again brings today's text, and
    /// keeps what waits. What is older, for people.
    Outdated(String),
    /// There, but different; what differs, a line each, for people.
    Drifted(Vec<String>),
    /// It cannot be captured, only scanned: a view. Why, for people.
    ScanOnly(String),
}

impl CaptureStatus {
    /// Whether every change is captured, by today's text or by an earlier one.
    #[must_use]
    pub fn works(&self) -> bool {
        matches!(self, Self::Installed | Self::Outdated(_))
    }

    /// Whether there is a ChangeLog of ours, whatever has become of the rest.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.works() || matches!(self, Self::Drifted(_))
    }
}

/// What of the old program was found in a database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Adoption {
    /// What was recognised and what is, or was, done about it; and what only looks like it and is left
    /// alone. A line each, for people.
    pub steps: Vec<String>,
    /// Something is left to adopt.
    pub is_needed: bool,
}

/// Who served a table last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The journal's id.
    pub journal: String,
    /// Grows from time to time: a restored database has an older one.
    pub generation: i64,
}
