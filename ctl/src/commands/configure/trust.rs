//! A database server's certificate that no authority has signed: the user compares its fingerprint once, then the
//! certificate is pinned.

use shopmaster_proto::v1::Check;

use crate::{
    error::Error,
    prompt,
    settings::{Changes, FIELDS},
};

/// Code of the check that fails because of such a certificate.
const NOT_TRUSTED: &str = "CERTIFICATE_NOT_TRUSTED";
/// The setting that holds the pinned fingerprint.
const SETTING: &str = "catalog.trust";
/// What the setting begins with when a certificate is pinned.
const PIN: &str = "pin:";

/// The fingerprint of the certificate that is not trusted; none when no check failed because of one.
pub fn untrusted(checks: &[Check]) -> Option<&str> {
    checks
        .iter()
        .filter(|check| check.code == NOT_TRUSTED)
        .map(|check| check.fingerprint.as_str())
        .find(|fingerprint| !fingerprint.is_empty())
}

/// Asks whether to trust a certificate from now on. None when the answer is no.
pub fn ask(fingerprint: &str, trusted: &str) -> Result<Option<Changes>, Error> {
    if trusted.starts_with(PIN) {
        prompt::say("It is NOT the certificate that was trusted until now:");
        prompt::say(&format!("  {}", trusted.trim_start_matches(PIN)));
    }
    prompt::say("The server has a certificate with this SHA-256 fingerprint:");
    prompt::say(&format!("  {fingerprint}"));
    prompt::say("Compare it with the fingerprint on the server itself before you trust it.");
    if !prompt::confirm("Trust this certificate from now on?", false)? {
        return Ok(None);
    }
    Ok(Some(keep(fingerprint)))
}

fn keep(fingerprint: &str) -> Changes {
    let mut changes = Changes::default();
    if let Some(field) = FIELDS.iter().find(|field| field.path == SETTING) {
        // The agent checks the value.
        let _ = changes.set(field, &format!("{PIN}{fingerprint}"));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, fingerprint: &str) -> Check {
        Check {
            code: code.to_owned(),
            fingerprint: fingerprint.to_owned(),
            ..Check::default()
        }
    }

    #[test]
    fn only_a_certificate_that_is_not_trusted_is_asked_about() {
        let good = check("", "");
        assert_eq!(untrusted(&[good.clone(), check("LOGIN_FAILED", "")]), None);
        assert_eq!(untrusted(&[check(NOT_TRUSTED, "")]), None);
        assert_eq!(untrusted(&[good, check(NOT_TRUSTED, "5e5e")]), Some("5e5e"));
    }

    #[test]
    fn it_is_kept_by_its_fingerprint() {
        let request = keep("5e5e").into_request();
        assert_eq!(request.update_mask.unwrap().paths, ["catalog.trust"]);
        assert_eq!(request.settings.unwrap().catalog.unwrap().trust, "pin:5e5e");
    }
}
