//! What a preflight check found, when it did not fail.

use super::{Check, Verdict};

/// What a check that did not fail found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Never [`Verdict::Failed`].
    pub verdict: Verdict,
    /// What was found, for people.
    pub text: String,
    /// What to do about it; empty when there is nothing to do.
    pub remedy: String,
}

impl Finding {
    /// The check of this name, with this finding.
    #[must_use]
    pub fn check(self, name: &'static str) -> Check {
        Check::new(name, self.verdict, self.text, self.remedy)
    }
}

/// A finding with nothing to do about it.
#[must_use]
pub fn good(text: impl Into<String>) -> Finding {
    Finding {
        verdict: Verdict::Ok,
        text: text.into(),
        remedy: String::new(),
    }
}

/// A finding that the user should know about, and what to do about it.
#[must_use]
pub fn warning(text: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding {
        verdict: Verdict::Warning,
        text: text.into(),
        remedy: remedy.into(),
    }
}
