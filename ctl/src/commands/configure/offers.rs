//! Problems that a check finds and a setting solves: `configure` offers the setting once, and checks again.

use shopmaster_proto::v1::{self as proto, CatalogSettings, Check, Verdict};

use super::trust;
use crate::{
    error::Error,
    prompt,
    settings::{Changes, FIELDS},
};

/// Codes of checks that say that the table must not have a trigger. It can still be scanned.
const NO_TRIGGER: [&str; 2] = ["CAPTURE_BREAKS_PROGRAM", "CAPTURE_UNSAFE"];
/// The setting that says how changes are found.
const CAPTURE: &str = "catalog.capture";

/// A setting that may help.
#[derive(Debug, Clone, PartialEq)]
pub enum Offer {
    /// Trust the certificate with this fingerprint.
    Trust(String),
    /// Scan the table instead of putting a trigger on it.
    Scan,
    /// What the database suggests.
    Suggested(Box<proto::Offer>),
}

/// The first offer that fits these checks and was not made yet.
pub fn next(checks: &[Check], made: &[Offer]) -> Option<Offer> {
    let trust = trust::untrusted(checks).map(|fingerprint| Offer::Trust(fingerprint.to_owned()));
    let needs_scan = |check: &Check| {
        check.verdict() == Verdict::Failed && NO_TRIGGER.contains(&check.code.as_str())
    };
    let scan = checks.iter().any(needs_scan).then_some(Offer::Scan);
    let suggested = checks.iter().flat_map(|check| &check.offers);
    trust
        .into_iter()
        .chain(scan)
        .chain(suggested.map(|offer| Offer::Suggested(Box::new(offer.clone()))))
        .find(|offer| !made.iter().any(|made| made.is_same(offer)))
}

impl Offer {
    /// Asks the user at the terminal. None when the answer is no.
    pub fn ask(&self, now: &CatalogSettings) -> Result<Option<Changes>, Error> {
        match self {
            Self::Trust(fingerprint) => trust::ask(fingerprint, &now.trust),
            Self::Scan => scan(),
            Self::Suggested(offer) => suggested(offer),
        }
    }

    /// Whether nothing works without it.
    pub fn is_needed(&self) -> bool {
        !matches!(self, Self::Suggested(_))
    }

    /// Whether it asks the same. What is suggested for a list holds the list as it was then.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Suggested(one), Self::Suggested(two)) => one.text == two.text,
            (one, two) => one == two,
        }
    }
}

fn suggested(offer: &proto::Offer) -> Result<Option<Changes>, Error> {
    prompt::say(&format!("{}.", offer.explanation));
    if !prompt::confirm(&format!("{}?", offer.text), false)? {
        return Ok(None);
    }
    let settings = offer.settings.clone().unwrap_or_default();
    Ok(Some(Changes::of(
        settings,
        offer.update_mask.clone().unwrap_or_default(),
    )))
}

fn scan() -> Result<Option<Changes>, Error> {
    prompt::say("A trigger cannot be used on this table, as the check above says.");
    prompt::say(
        "In scan mode nothing is installed: shopMaster reads and compares the table at each interval,",
    );
    prompt::say("and a change reaches Digible within that time.");
    if !prompt::confirm("Use scan mode?", true)? {
        return Ok(None);
    }
    Ok(Some(scan_mode()))
}

fn scan_mode() -> Changes {
    let mut changes = Changes::default();
    if let Some(field) = FIELDS.iter().find(|field| field.path == CAPTURE) {
        // The field accepts its own words.
        let _ = changes.set(field, "scan");
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(verdict: Verdict, code: &str, fingerprint: &str) -> Check {
        Check {
            verdict: verdict.into(),
            code: code.to_owned(),
            fingerprint: fingerprint.to_owned(),
            ..Check::default()
        }
    }

    #[test]
    fn scan_mode_is_offered_where_a_trigger_must_not_be() {
        for code in NO_TRIGGER {
            let checks = [check(Verdict::Failed, code, "")];
            assert_eq!(next(&checks, &[]), Some(Offer::Scan));
            assert_eq!(next(&checks, &[Offer::Scan]), None);
        }
        for checks in [
            [check(Verdict::Failed, "DATABASE_DENIED", "")],
            [check(Verdict::Warning, "", "")],
        ] {
            assert_eq!(next(&checks, &[]), None);
        }
        let request = scan_mode().into_request();
        assert_eq!(request.update_mask.unwrap().paths, [CAPTURE]);
        assert_eq!(request.settings.unwrap().catalog.unwrap().capture, "scan");
    }

    #[test]
    fn an_offer_is_made_once() {
        let checks = [check(Verdict::Failed, "CERTIFICATE_NOT_TRUSTED", "5e5e")];
        let offer = next(&checks, &[]).unwrap();
        assert_eq!(offer, Offer::Trust("5e5e".to_owned()));
        assert_eq!(next(&checks, &[offer]), None);
    }
}
