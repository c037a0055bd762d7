//! The gauges: a pure function from the facts that `status` shows.

use std::{collections::BTreeMap, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use prometheus_client::registry::Unit;
use shopmaster_health::{Facts, report};

use crate::labels::{self, CAPTURES, Labels, STATES};

/// A gauge with its samples; none where nothing is known.
#[derive(Debug)]
pub(crate) struct Gauge {
    /// Without the prefix and without the unit.
    pub(crate) name: &'static str,
    /// Its end of the name.
    pub(crate) unit: Option<Unit>,
    pub(crate) help: &'static str,
    pub(crate) samples: Vec<(Labels, f64)>,
}

impl Gauge {
    pub(crate) fn full_name(&self, prefix: &str) -> String {
        match &self.unit {
            Some(unit) => format!("{prefix}_{}_{}", self.name, unit.as_str()),
            None => format!("{prefix}_{}", self.name),
        }
    }
}

/// All gauges at the time `now`, of a process that started at `started_at`.
pub(crate) fn gauges(facts: &Facts, started_at: Timestamp, now: Timestamp) -> Vec<Gauge> {
    // The zone matters only to the headline, which is not used.
    let report = report(facts, now, &TimeZone::UTC);
    let counts = &facts.counts;
    let verify = facts.verified.last;
    let expires_at = facts
        .session
        .as_ref()
        .and_then(|session| session.expires_at);
    let change_log = facts.change_log.map(|log| number(log.changes));
    let captured = labels::capture(facts.capture.as_ref(), facts.scan.is_some());
    let mut issues = BTreeMap::new();
    for issue in &report.issues {
        let labels = vec![
            ("code", issue.code),
            ("severity", labels::severity(issue.severity)),
        ];
        *issues.entry(labels).or_insert(0.0) += 1.0;
    }
    vec![
        one(
            "pending_products",
            "Products whose changes are waiting",
            Some(number(facts.pending)),
        ),
        seconds(
            "oldest_pending",
            "Age of the oldest waiting change, by the clock of the shop's database; 0 when nothing is waiting",
            Some(oldest_pending(facts, now).as_secs_f64()),
        ),
        one(
            "in_doubt_products",
            "Unconfirmed products: Digible may have something other than what it last acknowledged",
            Some(number(counts.in_doubt)),
        ),
        one(
            "refused_products",
            "Products that Digible refuses, without the dismissed ones",
            Some(number(counts.parked)),
        ),
        one(
            "dismissed_products",
            "Refused products that were dismissed",
            Some(number(counts.discarded)),
        ),
        one(
            "removed_products",
            "Products that are gone from the shop and may still be at Digible",
            Some(number(counts.removed)),
        ),
        one(
            "published_products",
            "Products that Digible has acknowledged and that are in the shop",
            Some(number(counts.published)),
        ),
        one(
            "change_log_rows",
            "Rows of the ChangeLog in the shop's database; absent where there is none",
            change_log,
        ),
        set(
            "state",
            "The agent's state: 1 for the one it is in",
            STATES.map(labels::state),
            labels::state(report.state),
        ),
        set(
            "capture_state",
            "The state of capture: 1 for the one it is in",
            CAPTURES,
            captured,
        ),
        Gauge {
            name: "issues",
            unit: None,
            help: "Issues that status lists now, by code; an issue that is over is absent",
            samples: issues.into_iter().collect(),
        },
        time(
            "session_expiry_timestamp",
            "When the Digible session expires; absent while that is not known",
            expires_at,
        ),
        time(
            "last_sent_timestamp",
            "When Digible last acknowledged a product; absent if it never did",
            facts.last_sent_at,
        ),
        time(
            "last_compared_timestamp",
            "The time as of which every product was last compared, by an upload, a verify or a scan; absent if none was",
            facts.last_compared_at,
        ),
        time(
            "last_verify_timestamp",
            "When the last verify that compared every product began; absent if there was none",
            verify.map(|verify| verify.began),
        ),
        one(
            "last_verify_differing_products",
            "Products that differed in that verify, those gone from the shop included; absent if there was none",
            verify.map(|verify| number(verify.differing)),
        ),
        one(
            "missed_changes",
            "Changes that capture had missed, as the last verify found",
            Some(number(facts.verified.missed)),
        ),
        Gauge {
            name: "build_info",
            unit: None,
            help: "Always 1; the label has the agent's version",
            samples: vec![(vec![("version", env!("CARGO_PKG_VERSION"))], 1.0)],
        },
        seconds(
            "process_start_time",
            "When the agent started, in seconds since 1970",
            Some(since_1970(started_at)),
        ),
    ]
}

/// How old the oldest waiting change is now.
fn oldest_pending(facts: &Facts, now: Timestamp) -> Duration {
    let Some((age, asked_at)) = facts.oldest_age else {
        return Duration::ZERO;
    };
    // A clock that was set back adds nothing.
    age + Duration::try_from(now.duration_since(asked_at)).unwrap_or_default()
}

fn one(name: &'static str, help: &'static str, value: Option<f64>) -> Gauge {
    Gauge {
        name,
        unit: None,
        help,
        samples: value
            .map(|value| (Labels::new(), value))
            .into_iter()
            .collect(),
    }
}

fn seconds(name: &'static str, help: &'static str, value: Option<f64>) -> Gauge {
    Gauge {
        unit: Some(Unit::Seconds),
        ..one(name, help, value)
    }
}

fn time(name: &'static str, help: &'static str, at: Option<Timestamp>) -> Gauge {
    seconds(name, help, at.map(since_1970))
}

/// One sample for each state.
fn set<const N: usize>(
    name: &'static str,
    help: &'static str,
    values: [&'static str; N],
    current: &'static str,
) -> Gauge {
    let samples = values.map(|value| (vec![("state", value)], f64::from(value == current)));
    Gauge {
        name,
        unit: None,
        help,
        samples: samples.into(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "no shop has 2^53 products")]
fn number(count: u64) -> f64 {
    count as f64
}

fn since_1970(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}
