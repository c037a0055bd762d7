//! The checks of a preflight, and their verdicts.

use shopmaster_base::causes::with_causes;

use super::{CatalogError, Result, Suggestion};

/// One check and its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Stable, for programs: `catalog.key`.
    pub name: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// What was found, for people.
    pub text: String,
    /// What to do about it; empty when there is nothing to do.
    pub remedy: String,
    /// Why it failed, as a code for programs; empty when it did not fail.
    pub code: &'static str,
    /// The SHA-256 fingerprint of a server's certificate that is not trusted, as 64 hexadecimal digits;
    /// otherwise empty.
    pub fingerprint: String,
    /// What the database suggests to configure.
    pub suggestions: Vec<Suggestion>,
    /// The first products as they would be sent.
    pub samples: Vec<String>,
}

impl Check {
    /// A check that did not fail, or that was skipped.
    #[must_use]
    pub fn new(name: &'static str, verdict: Verdict, text: String, remedy: String) -> Self {
        Self {
            name,
            verdict,
            text,
            remedy,
            code: "",
            fingerprint: String::new(),
            suggestions: Vec::new(),
            samples: Vec::new(),
        }
    }

    /// Whether enough is known about the table to claim it. Claiming does not need capture.
    #[must_use]
    pub fn allow_claim(checks: &[Self]) -> bool {
        let is_good = |check: &Self| matches!(check.verdict, Verdict::Ok | Verdict::Warning);
        let mut columns = checks
            .iter()
            .filter(|check| check.name == "catalog.columns");
        columns.any(is_good)
    }

    /// Whether another agent serves the table: the result of claiming it. `claimed` is none when an earlier
    /// check failed and so claiming was not tried.
    #[must_use]
    pub fn of_claim(claimed: Option<Result<()>>) -> Self {
        let name = "catalog.claim";
        match claimed {
            None => Self::skipped(name),
            Some(Ok(())) => {
                let text = "no other agent serves the table".to_owned();
                Self::new(name, Verdict::Ok, text, String::new())
            }
            Some(Err(error)) => Self::failed(name, &error),
        }
    }

    /// A check that was skipped because an earlier one failed.
    #[must_use]
    pub fn skipped(name: &'static str) -> Self {
        let text = "not tried, because an earlier check failed".to_owned();
        Self::new(name, Verdict::Skipped, text, String::new())
    }

    /// A check that could not be made, or that failed.
    #[must_use]
    pub fn failed(name: &'static str, error: &CatalogError) -> Self {
        let text = with_causes(error);
        let fingerprint = match error {
            CatalogError::Connect { cause, .. } => cause.fingerprint.clone().unwrap_or_default(),
            _ => String::new(),
        };
        Self {
            code: error.code(),
            fingerprint,
            ..Self::new(name, Verdict::Failed, text, error.remedy().into_owned())
        }
    }
}

/// A check's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The check passed.
    Ok,
    /// It works, but the user should know about the finding.
    Warning,
    /// It does not work, and capture is not installed.
    Failed,
    /// Not tried, because an earlier check failed.
    Skipped,
}
