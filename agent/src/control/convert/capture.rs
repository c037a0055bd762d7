//! Capture and checks.

use shopmaster_proto::v1;

use crate::catalog::{CaptureStatus, Check, Verdict};

pub(in crate::control) fn capture(status: Option<&CaptureStatus>) -> v1::Capture {
    let (state, drift) = match status {
        None => (v1::CaptureState::Unknown, Vec::new()),
        Some(CaptureStatus::NotInstalled) => (v1::CaptureState::NotInstalled, Vec::new()),
        Some(CaptureStatus::Installed) => (v1::CaptureState::Installed, Vec::new()),
        Some(CaptureStatus::ScanOnly(_)) => (v1::CaptureState::NotInstalled, Vec::new()),
        Some(CaptureStatus::Drifted(lines)) => (v1::CaptureState::Drifted, lines.clone()),
    };
    v1::Capture {
        mode: v1::CaptureMode::Trigger.into(),
        state: state.into(),
        drift,
    }
}

pub(in crate::control) fn check(check: &Check) -> v1::Check {
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{CatalogError, ConnectError};

    #[test]
    fn a_certificate_can_be_pinned_without_reading_text() {
        let fingerprint = "5e".repeat(32);
        let error = CatalogError::Connect {
            server: "shop".to_owned(),
            cause: ConnectError::CertificateNotTrusted {
                fingerprint: fingerprint.clone(),
                reason: "it is self-signed".to_owned(),
            },
        };
        let check = check(&Check::failed("catalog.open", &error));
        assert_eq!(check.code, "CERTIFICATE_NOT_TRUSTED");
        assert_eq!(check.fingerprint, fingerprint);
        assert!(check.text.contains("self-signed"), "{}", check.text);
        let trust: Result<crate::config::Trust, _> = format!("pin:{fingerprint}").parse();
        trust.unwrap();
    }
}
