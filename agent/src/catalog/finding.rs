//! What a check of a preflight found, when it did not fail.

use super::{Check, Verdict};

/// What a check that did not fail found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) text: String,
    /// Empty when nothing is to be done.
    pub(super) remedy: String,
}

impl Finding {
    /// As the check of this name.
    pub(super) fn check(self, name: &'static str) -> Check {
        Check::new(name, self.verdict, self.text, self.remedy)
    }
}

pub(super) fn good(text: impl Into<String>) -> Finding {
    Finding {
        verdict: Verdict::Ok,
        text: text.into(),
        remedy: String::new(),
    }
}

pub(super) fn warning(text: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding {
        verdict: Verdict::Warning,
        text: text.into(),
        remedy: remedy.into(),
    }
}
