//! The checks of a preflight, and their verdicts.

use shopmaster_base::causes::with_causes;

use super::{CatalogError, Result};

/// One check and its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Stable, for programs: `catalog.key`.
    pub name: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// What was found, for people.
    pub text: String,
    /// What to do about it; empty when nothing is to be done.
    pub remedy: String,
    /// Why it failed, for programs; empty where it did not.
    pub code: &'static str,
    /// Of a server's certificate that is not trusted, as 64 hexadecimal digits; else empty.
    pub fingerprint: String,
}

impl Check {
    /// A check that did not fail, or that was not tried.
    #[must_use]
    pub fn new(name: &'static str, verdict: Verdict, text: String, remedy: String) -> Self {
        Self {
            name,
            verdict,
            text,
            remedy,
            code: "",
            fingerprint: String::new(),
        }
    }

    /// Whether enough is known of the table to claim it. Nothing of capture is needed for that.
    #[must_use]
    pub fn allow_claim(checks: &[Self]) -> bool {
        let is_good = |check: &Self| matches!(check.verdict, Verdict::Ok | Verdict::Warning);
        let mut columns = checks
            .iter()
            .filter(|check| check.name == "catalog.columns");
        columns.any(is_good)
    }

    /// Whether another agent serves the table: what came of claiming it. None when an earlier check failed, so
    /// that it was not tried.
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

    /// A check that was not tried, because an earlier one failed.
    #[must_use]
    pub fn skipped(name: &'static str) -> Self {
        let text = "not tried, because an earlier check failed".to_owned();
        Self::new(name, Verdict::Skipped, text, String::new())
    }

    /// A check that could not be made, or whose answer was no.
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
    /// Good.
    Ok,
    /// Works, but a person should know.
    Warning,
    /// Does not work: capture is not installed over it.
    Failed,
    /// Not tried, because an earlier check failed.
    Skipped,
}
