//! What a check of a preflight found, when it did not fail.

use super::{Check, Verdict};

/// What a check that did not fail found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Never [`Verdict::Failed`].
    pub verdict: Verdict,
    /// What was found, for people.
    pub text: String,
    /// Empty when nothing is to be done.
    pub remedy: String,
}

impl Finding {
    /// As the check of this name.
    #[must_use]
    pub fn check(self, name: &'static str) -> Check {
        Check::new(name, self.verdict, self.text, self.remedy)
    }
}

/// Nothing to be done.
#[must_use]
pub fn good(text: impl Into<String>) -> Finding {
    Finding {
        verdict: Verdict::Ok,
        text: text.into(),
        remedy: String::new(),
    }
}

/// Something that a person should know, and what to do about it.
#[must_use]
pub fn warning(text: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding {
        verdict: Verdict::Warning,
        text: text.into(),
        remedy: remedy.into(),
    }
}
