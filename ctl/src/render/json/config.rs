//! Configuration, checks and capture as JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use shopmaster_proto::v1::{
    AdoptResponse, CatalogEffect, Check, ConfigureResponse, GetCaptureResponse, GetConfigResponse,
    InstallCaptureResponse, Offer, PlanCaptureResponse, RemoveCaptureResponse, SecretsSet,
    Settings,
};

use super::status::CaptureJson;
use crate::{enums::Word as _, settings, time::rfc3339};

/// The configuration.
#[derive(Debug, Serialize)]
pub struct ConfigJson {
    /// All values in use, by the keys of the configuration file.
    settings: Value,
    /// Which secrets are set.
    secrets: SecretsJson,
    /// The file that holds it.
    file: String,
    /// Keys whose value comes from the environment.
    overridden: Vec<String>,
}

/// The configuration after a change.
#[derive(Debug, Serialize)]
pub struct ConfiguredJson {
    /// All values in use, by the keys of the configuration file.
    settings: Value,
    /// Which secrets are set.
    secrets: SecretsJson,
    /// Keys that changed.
    changed: Vec<String>,
    /// What was left out of the old program's file, for people.
    notes: Vec<String>,
    /// Warnings about the new configuration.
    warnings: Vec<CheckJson>,
    /// What the change means for the products that were sent before; null when it means nothing, or is not known.
    effect: Option<EffectJson>,
    /// The new journal that the change would start; null when it is kept, and without `--dry-run`.
    new_journal: Option<NewJournalJson>,
}

/// A new, empty journal.
#[derive(Debug, Serialize)]
struct NewJournalJson {
    /// Products that the journal in use knows at Digible.
    left_behind: u64,
    /// One sentence for people.
    text: String,
}

/// What another product table means for the products that were sent before.
#[derive(Debug, Serialize)]
struct EffectJson {
    /// Products that Digible has as they are in the new table.
    equal: u64,
    /// Products that differ, and are sent again.
    differing: u64,
    /// Products that were not sent before.
    new: u64,
    /// Products that were sent, are not in the new table, and stay at Digible.
    gone: u64,
    /// Some of their ids.
    gone_ids: Vec<String>,
    /// Products that would be refused.
    refused: u64,
    /// The first of them, and why each would be refused, for people.
    refused_examples: Vec<String>,
    /// One sentence for people.
    text: String,
}

/// Which secrets are set.
#[derive(Debug, Serialize)]
struct SecretsJson {
    /// Password of the Digible account.
    digible_password: bool,
    /// Password of the SQL login.
    sql_password: bool,
    /// Where they are kept: `os` or `file`.
    store: String,
}

/// One check and its verdict.
#[derive(Debug, Serialize)]
pub struct CheckJson {
    /// Stable: `catalog.key`.
    name: String,
    /// `ok`, `warning`, `failed` or `skipped`.
    verdict: Option<String>,
    /// What was found, for people.
    text: String,
    /// What to do about it, for people; empty when no action is needed.
    remedy: String,
    /// The code of the failure; null where there is none.
    code: Option<String>,
    /// SHA-256 of a certificate that is not trusted.
    fingerprint: Option<String>,
    /// Settings that may help.
    offers: Vec<OfferJson>,
    /// The first products as they would be sent.
    samples: Vec<Value>,
}

/// A setting that may help.
#[derive(Debug, Serialize)]
struct OfferJson {
    /// What it does, for people.
    text: String,
    /// The settings by their keys, as `configure --stdin` reads them.
    set: BTreeMap<String, String>,
    /// What it means, for people.
    explanation: String,
}

/// All checks.
#[derive(Debug, Serialize)]
pub struct ChecksJson {
    /// In the order in which they were made.
    pub checks: Vec<CheckJson>,
}

/// The statements that installing and removing capture would run.
#[derive(Debug, Serialize)]
pub struct PlanJson {
    /// The exact statements that installing runs.
    install: String,
    /// The exact statements that removing runs.
    remove: String,
    /// The preflight verdicts.
    checks: Vec<CheckJson>,
}

/// The state of capture after installing or removing it.
#[derive(Debug, Serialize)]
pub struct CaptureChangeJson {
    /// The state of capture now.
    capture: CaptureJson,
    /// False when there was nothing to do.
    changed: bool,
    /// The preflight verdicts; empty when removing.
    checks: Vec<CheckJson>,
}

/// The state of capture, as the database reports it now.
#[derive(Debug, Serialize)]
pub struct CaptureNowJson {
    /// The state of capture now.
    #[serde(flatten)]
    capture: CaptureJson,
    /// Rows in the ChangeLog.
    changes: u64,
    /// Distinct keys in them.
    pending: u64,
    /// When the oldest change was made, by the database's clock.
    oldest_pending_at: Option<String>,
}

/// What was, or would be, taken over from the old program.
#[derive(Debug, Serialize)]
pub struct AdoptionJson {
    /// What was recognized and what is done about it.
    steps: Vec<String>,
    /// The state of capture now.
    capture: CaptureJson,
    /// False when this only shows what would be done.
    adopted: bool,
    /// Whether something is left to take over.
    needed: bool,
}

impl From<GetConfigResponse> for ConfigJson {
    fn from(answer: GetConfigResponse) -> Self {
        Self {
            settings: values(answer.settings),
            secrets: answer.secrets.unwrap_or_default().into(),
            file: answer.file,
            overridden: answer.overridden,
        }
    }
}

impl ConfiguredJson {
    /// The configuration after a change, with notes about the old program's file.
    pub fn new(answer: ConfigureResponse, notes: Vec<String>) -> Self {
        Self {
            settings: values(answer.settings),
            secrets: answer.secrets.unwrap_or_default().into(),
            changed: answer.changed,
            notes,
            warnings: list(answer.warnings),
            effect: answer.effect.map(EffectJson::from),
            new_journal: answer.new_journal.map(|it| NewJournalJson {
                left_behind: it.left_behind,
                text: it.text,
            }),
        }
    }
}

fn values(settings: Option<Settings>) -> Value {
    settings::to_json(&settings.unwrap_or_default())
}

impl From<SecretsSet> for SecretsJson {
    fn from(secrets: SecretsSet) -> Self {
        Self {
            digible_password: secrets.digible_password,
            sql_password: secrets.sql_password,
            store: secrets.store,
        }
    }
}

impl From<CatalogEffect> for EffectJson {
    fn from(effect: CatalogEffect) -> Self {
        Self {
            equal: effect.equal,
            differing: effect.differing,
            new: effect.new,
            gone: effect.gone,
            gone_ids: effect.gone_ids,
            refused: effect.refused,
            refused_examples: effect.refused_examples,
            text: effect.text,
        }
    }
}

impl From<Offer> for OfferJson {
    fn from(offer: Offer) -> Self {
        let settings = offer.settings.unwrap_or_default();
        let paths = offer.update_mask.unwrap_or_default().paths;
        Self {
            text: offer.text,
            set: settings::to_lines(&settings, &paths),
            explanation: offer.explanation,
        }
    }
}

impl From<Check> for CheckJson {
    fn from(check: Check) -> Self {
        Self {
            verdict: check.verdict().word(),
            name: check.name,
            text: check.text,
            remedy: check.remedy,
            code: Some(check.code).filter(|code| !code.is_empty()),
            fingerprint: Some(check.fingerprint).filter(|digits| !digits.is_empty()),
            offers: check.offers.into_iter().map(OfferJson::from).collect(),
            samples: check.samples.iter().map(|sample| parsed(sample)).collect(),
        }
    }
}

impl From<Vec<Check>> for ChecksJson {
    fn from(checks: Vec<Check>) -> Self {
        Self {
            checks: list(checks),
        }
    }
}

impl From<PlanCaptureResponse> for PlanJson {
    fn from(plan: PlanCaptureResponse) -> Self {
        Self {
            install: plan.install,
            remove: plan.remove,
            checks: list(plan.checks),
        }
    }
}

impl From<InstallCaptureResponse> for CaptureChangeJson {
    fn from(answer: InstallCaptureResponse) -> Self {
        Self {
            capture: answer.capture.unwrap_or_default().into(),
            changed: answer.changed,
            checks: list(answer.checks),
        }
    }
}

impl From<RemoveCaptureResponse> for CaptureChangeJson {
    fn from(answer: RemoveCaptureResponse) -> Self {
        Self {
            capture: answer.capture.unwrap_or_default().into(),
            changed: answer.changed,
            checks: Vec::new(),
        }
    }
}

impl From<GetCaptureResponse> for CaptureNowJson {
    fn from(answer: GetCaptureResponse) -> Self {
        Self {
            capture: answer.capture.unwrap_or_default().into(),
            changes: answer.changes,
            pending: answer.pending,
            oldest_pending_at: rfc3339(answer.oldest_pending_at),
        }
    }
}

impl AdoptionJson {
    /// The steps that were made, or would be made while `adopted` is false.
    pub fn new(answer: AdoptResponse, adopted: bool) -> Self {
        Self {
            steps: answer.steps,
            capture: answer.capture.unwrap_or_default().into(),
            adopted,
            needed: answer.needed,
        }
    }
}

/// A product as it would be sent. What is no JSON stays text.
fn parsed(sample: &str) -> Value {
    serde_json::from_str(sample).unwrap_or_else(|_| Value::from(sample))
}

fn list(checks: Vec<Check>) -> Vec<CheckJson> {
    checks.into_iter().map(CheckJson::from).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shopmaster_proto::v1::{Capture, CaptureMode, CaptureState, Verdict};

    use super::*;

    fn check() -> Check {
        Check {
            name: "catalog.key".to_owned(),
            verdict: Verdict::Failed.into(),
            text: "the key is not unique".to_owned(),
            remedy: "add a unique index".to_owned(),
            code: "KEY_UNFIT".to_owned(),
            fingerprint: String::new(),
            ..Check::default()
        }
    }

    #[test]
    fn an_install_has_all_of_its_keys() {
        let answer = InstallCaptureResponse {
            capture: Some(Capture {
                mode: CaptureMode::Trigger.into(),
                state: CaptureState::NotInstalled.into(),
                drift: Vec::new(),
                reason: String::new(),
            }),
            changed: true,
            checks: vec![check()],
        };
        assert_eq!(
            serde_json::to_value(CaptureChangeJson::from(answer)).unwrap(),
            json!({
                "capture": {"mode": "trigger", "state": "not_installed", "drift": [], "reason": null},
                "changed": true,
                "checks": [{
                    "name": "catalog.key",
                    "verdict": "failed",
                    "text": "the key is not unique",
                    "remedy": "add a unique index",
                    "code": "KEY_UNFIT",
                    "fingerprint": null,
                    "offers": [],
                    "samples": [],
                }],
            })
        );
    }

    #[test]
    fn an_adoption_has_all_of_its_keys() {
        let answer = AdoptResponse {
            steps: vec!["`dbo.trgAfterInsert` is dropped".to_owned()],
            capture: None,
            needed: true,
        };
        assert_eq!(
            serde_json::to_value(AdoptionJson::new(answer, false)).unwrap(),
            json!({
                "steps": ["`dbo.trgAfterInsert` is dropped"],
                "capture": {"mode": null, "state": null, "drift": [], "reason": null},
                "adopted": false,
                "needed": true,
            })
        );
    }

    #[test]
    fn capture_now_has_all_of_its_keys() {
        let answer = GetCaptureResponse {
            changes: 4,
            pending: 3,
            ..GetCaptureResponse::default()
        };
        assert_eq!(
            serde_json::to_value(CaptureNowJson::from(answer)).unwrap(),
            json!({
                "mode": null,
                "state": null,
                "drift": [],
                "reason": null,
                "changes": 4,
                "pending": 3,
                "oldest_pending_at": null,
            })
        );
    }
}
