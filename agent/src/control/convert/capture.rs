//! Capture and checks.

use shopmaster_catalog::{CaptureStatus, Check, Verdict};
use shopmaster_proto::v1;

use super::selection;
use crate::config::Config;

/// The state of capture. `scans`: the table is scanned, whatever is installed in the database.
pub(in crate::control) fn capture(status: Option<&CaptureStatus>, scans: bool) -> v1::Capture {
    use v1::CaptureState::{Drifted, Installed, NotInstalled, NotNeeded, Outdated, Unknown};
    let state = match status {
        None => Unknown,
        Some(CaptureStatus::NotInstalled) if scans => NotNeeded,
        Some(CaptureStatus::NotInstalled) => NotInstalled,
        Some(CaptureStatus::Installed) => Installed,
        Some(CaptureStatus::Outdated(_)) => Outdated,
        Some(CaptureStatus::ScanOnly { .. }) => NotNeeded,
        Some(CaptureStatus::Drifted(_)) => Drifted,
    };
    let mode = match scans {
        true => v1::CaptureMode::Scan,
        false => v1::CaptureMode::Trigger,
    };
    v1::Capture {
        mode: mode.into(),
        state: state.into(),
        drift: match status {
            Some(CaptureStatus::Drifted(drift)) => drift.lines.clone(),
            _ => Vec::new(),
        },
        reason: match status {
            Some(CaptureStatus::ScanOnly { reason, .. } | CaptureStatus::Outdated(reason)) => {
                reason.clone()
            }
            _ => String::new(),
        },
    }
}

pub(in crate::control) fn check(check: &Check, config: &Config) -> v1::Check {
    v1::Check {
        name: check.name.to_owned(),
        verdict: match check.verdict {
            Verdict::Ok => v1::Verdict::Ok,
            Verdict::Warning => v1::Verdict::Warning,
            Verdict::Failed => v1::Verdict::Failed,
            Verdict::Skipped => v1::Verdict::Skipped,
        }
        .into(),
        text: check.text.clone(),
        remedy: check.remedy.clone(),
        code: check.code.to_owned(),
        fingerprint: check.fingerprint.clone(),
        offers: check
            .suggestions
            .iter()
            .filter_map(|suggestion| selection::offer(suggestion, config))
            .collect(),
        samples: check.samples.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shopmaster_catalog::{CatalogError, ConnectFailure, Passing};

    #[test]
    fn a_certificate_can_be_pinned_without_reading_text() {
        let fingerprint = "5e".repeat(32);
        let error = CatalogError::Connect {
            server: "shop".to_owned(),
            cause: ConnectFailure {
                code: "CERTIFICATE_NOT_TRUSTED",
                remedy: "Compare the fingerprint".into(),
                passing: Passing::Never,
                is_away: false,
                fingerprint: Some(fingerprint.clone()),
                error: "it is self-signed".into(),
            },
        };
        let check = check(&Check::failed("catalog.open", &error), &Config::default());
        assert_eq!(check.code, "CERTIFICATE_NOT_TRUSTED");
        assert_eq!(check.fingerprint, fingerprint);
        assert!(check.text.contains("self-signed"), "{}", check.text);
        let trust: Result<crate::config::Trust, _> = format!("pin:{fingerprint}").parse();
        trust.unwrap();
    }
}
