//! Many shops as JSON.

use serde::Serialize;

use super::{ChecksJson, RunJson, StartedRunJson, StatusJson, config::CheckJson};
use crate::fleet::{Report, Standing, Tally, report::Answer};

/// What a shop answered.
#[derive(Debug, Serialize)]
pub struct ShopJson {
    /// Its name.
    shop: String,
    /// Its group; null for none.
    group: Option<String>,
    /// Its agent, as for `--agent`.
    agent: String,
    /// `no_answer`, `failed`, `attention`, `unknown`, `unfinished` or `good`.
    standing: &'static str,
    /// The answer in one line, for people.
    text: String,
    /// The status; null for other commands, and without an answer.
    status: Option<StatusJson>,
    /// The run; null for other commands, and without an answer.
    run: Option<StartedRunJson>,
    /// The checks; null for other commands, and without an answer.
    checks: Option<Vec<CheckJson>>,
    /// Why there is no answer, or a refusal; null otherwise.
    error: Option<ShopErrorJson>,
}

#[derive(Debug, Serialize)]
struct ShopErrorJson {
    /// Stable, upper case.
    code: String,
    /// What happened, for people.
    message: String,
    /// What to do about it, for people; null when nothing can be said.
    remedy: Option<String>,
}

/// How many shops stand how: the last line.
#[derive(Debug, Serialize)]
pub struct FleetSummaryJson {
    summary: Summary,
}

#[derive(Debug, Serialize)]
struct Summary {
    good: u64,
    unfinished: u64,
    attention: u64,
    failed: u64,
    no_answer: u64,
    unknown: u64,
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::NoAnswer => "no_answer",
        Standing::Failed => "failed",
        Standing::Attention => "attention",
        Standing::Unknown => "unknown",
        Standing::Unfinished => "unfinished",
        Standing::Good => "good",
    }
}

impl From<&Report> for ShopJson {
    fn from(report: &Report) -> Self {
        let mut json = Self {
            shop: report.shop.name.clone(),
            group: report.shop.group.clone(),
            agent: report.shop.agent.to_string(),
            standing: standing(report.standing),
            text: report.text.clone(),
            status: None,
            run: None,
            checks: None,
            error: None,
        };
        match &report.answer {
            Answer::Status(status) | Answer::Changed(status) => {
                json.status = Some(StatusJson::from(status.as_ref().clone()));
            }
            Answer::Run { run, joined } => {
                json.run = Some(StartedRunJson {
                    run: RunJson::from(run.as_ref().clone()),
                    joined: *joined,
                });
            }
            Answer::Checks(checks) => json.checks = Some(ChecksJson::from(checks.clone()).checks),
            Answer::Error { code, remedy } => {
                json.error = Some(ShopErrorJson {
                    code: code.clone(),
                    message: report.text.clone(),
                    remedy: remedy.clone(),
                });
            }
            Answer::Nothing => {}
        }
        json
    }
}

impl From<Tally> for FleetSummaryJson {
    fn from(tally: Tally) -> Self {
        Self {
            summary: Summary {
                good: tally.good,
                unfinished: tally.unfinished,
                attention: tally.attention,
                failed: tally.failed,
                no_answer: tally.no_answer,
                unknown: tally.unknown,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shopmaster_proto::v1::{Run, RunKind};

    use super::*;
    use crate::{error::Error, fleet::Shop};

    fn shop() -> Shop {
        Shop {
            name: "ikeja".to_owned(),
            agent: "ssh://till@ikeja".parse().unwrap(),
            group: Some("lagos".to_owned()),
        }
    }

    #[test]
    fn a_shop_that_does_not_answer_has_an_error() {
        let error = Error::Late(std::time::Duration::from_secs(10));
        let report = Report::failed(shop(), &error, Some("try again".to_owned()));
        assert_eq!(
            serde_json::to_value(ShopJson::from(&report)).unwrap(),
            json!({
                "shop": "ikeja",
                "group": "lagos",
                "agent": "ssh://till@ikeja",
                "standing": "no_answer",
                "text": "no answer within 10 s",
                "status": null,
                "run": null,
                "checks": null,
                "error": {
                    "code": "AGENT_SILENT",
                    "message": "no answer within 10 s",
                    "remedy": "try again",
                },
            })
        );
    }

    #[test]
    fn a_run_has_the_keys_of_a_run() {
        let run = Run {
            id: "sync-1".to_owned(),
            kind: RunKind::Sync.into(),
            ..Run::default()
        };
        let run = Box::new(run);
        let report = Report::of(shop(), Answer::Run { run, joined: true });
        let json = serde_json::to_value(ShopJson::from(&report)).unwrap();
        assert_eq!(json["standing"], "good");
        assert_eq!(json["run"]["id"], "sync-1");
        assert_eq!(json["run"]["joined"], true);
        assert_eq!(json["error"], json!(null));
    }

    #[test]
    fn the_summary_has_every_count() {
        let tally = Tally {
            good: 497,
            attention: 2,
            no_answer: 1,
            ..Tally::default()
        };
        assert_eq!(
            serde_json::to_value(FleetSummaryJson::from(tally)).unwrap(),
            json!({"summary": {
                "good": 497,
                "unfinished": 0,
                "attention": 2,
                "failed": 0,
                "no_answer": 1,
                "unknown": 0,
            }})
        );
    }
}
