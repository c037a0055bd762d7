//! What capture is in a shop's database, and what installing it requires.

use super::{BREAKS_PROGRAM, CatalogError, Check};

/// The exact SQL that installing and removing capture run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturePlan {
    /// The SQL that installs capture.
    pub install: String,
    /// The SQL that removes capture.
    pub remove: String,
}

/// What the user agreed to, so that capture is installed all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InstallOptions {
    /// [`CatalogError::BreaksProgram`] does not prevent installing.
    pub ignore_output: bool,
}

impl InstallOptions {
    /// Whether the user agreed to install despite this refusal.
    #[must_use]
    pub fn allow(self, refusal: &CatalogError) -> bool {
        self.ignore_output && matches!(refusal, CatalogError::BreaksProgram { .. })
    }

    /// Whether the user agreed to install despite this check's failure.
    #[must_use]
    pub fn allow_check(self, check: &Check) -> bool {
        self.ignore_output && check.code == BREAKS_PROGRAM
    }
}

/// Whether capture is still as it was installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptureStatus {
    /// Nothing of shopMaster's is installed.
    NotInstalled,
    /// Installed as planned.
    Installed,
    /// Installed by an earlier version of shopMaster. It works; installing again brings it up to the current
    /// version and keeps waiting changes. Holds what is older, for people.
    Outdated(String),
    /// Installed, but different from the plan.
    Drifted(Drift),
    /// The table cannot be captured, only scanned: it is a view.
    ScanOnly {
        /// Why, for people.
        reason: String,
        /// Whether capture of another table is still installed: it slows down the till, and nothing reads it.
        is_installed: bool,
    },
}

/// How capture differs from the plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Drift {
    /// What differs, one line each, for people.
    pub lines: Vec<String>,
    /// What to do before capture can be installed again; none when installing is enough.
    pub first: Option<String>,
}

impl Drift {
    /// What installing again repairs.
    #[must_use]
    pub fn new(lines: Vec<String>) -> Self {
        Self { lines, first: None }
    }

    /// What differs, for people.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.join("; ")
    }

    /// What to do about it, for people.
    #[must_use]
    pub fn remedy(&self) -> &str {
        let install = "Run `shopmasterctl capture install`, then `shopmasterctl verify`";
        self.first.as_deref().unwrap_or(install)
    }
}

impl CaptureStatus {
    /// Whether every change is captured, by the current version or by an earlier one.
    #[must_use]
    pub fn works(&self) -> bool {
        matches!(self, Self::Installed | Self::Outdated(_))
    }

    /// Whether shopMaster's ChangeLog exists, whatever the state of the rest.
    #[must_use]
    pub fn is_there(&self) -> bool {
        let is_left_over = matches!(
            self,
            Self::ScanOnly {
                is_installed: true,
                ..
            }
        );
        self.works() || is_left_over || matches!(self, Self::Drifted(_))
    }
}

/// What remains of the old program in a database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Adoption {
    /// What was recognized and what is, or was, done about it; and what only looks similar and is left alone.
    /// One line each, for people.
    pub steps: Vec<String>,
    /// Whether anything is left to adopt.
    pub is_needed: bool,
}

/// Which agent served a table last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The journal's id.
    pub journal: String,
    /// Increases from time to time: a restored database has an older one.
    pub generation: i64,
}
