use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use shopmaster_catalog::{CaptureStatus, Drift};
use shopmaster_digible::{Session, SessionState};
use shopmaster_health::{
    Area, CatalogFacts, ChangeLogFacts, Facts, RemoteChange, Trouble,
    run::{Cause, Run},
};
use shopmaster_journal::{Asks, Counts, LastVerify, Shrank, Verified};

use super::*;
use gauges::gauges;

/// What a shop or a person may have written, and no label may say.
const PRIVATE: &str = "P1 Soap shop@example.com https://api.example.com C:\\shop.db";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

/// A shop in which something of everything is wrong.
fn facts() -> Facts {
    let mut facts = Facts {
        pending: 3,
        oldest_age: Some((Duration::from_secs(40), at(0))),
        counts: Counts {
            published: 12_431,
            in_doubt: 2,
            parked: 4,
            discarded: 5,
            removed: 6,
            ..Counts::default()
        },
        session: Some(Session {
            state: SessionState::Active,
            expires_at: Some(at(3_600)),
        }),
        capture: Some(CaptureStatus::Drifted(Drift::new(vec![PRIVATE.to_owned()]))),
        verified: Verified {
            missed: 7,
            cause: PRIVATE.to_owned(),
            asks: Some(Asks {
                differing: 8,
                products: 9,
            }),
            is_open: false,
            last: Some(LastVerify {
                began: at(-100),
                differing: 8,
            }),
        },
        shrank: Some(Shrank {
            missing: 10,
            known: 11,
        }),
        changes: 200_000,
        change_log: Some(ChangeLogFacts {
            changes: 200_000,
            bytes: None,
            oldest_at: None,
        }),
        catalog: CatalogFacts {
            kind: "sqlite",
            reachable: Some(true),
        },
        last_sent_at: Some(at(-10)),
        last_compared_at: Some(at(-20)),
        config_replaced: Some(PRIVATE.to_owned()),
        journal_replaced: Some(PRIVATE.to_owned()),
        journal_damaged: Some(PRIVATE.to_owned()),
        catalog_changed: true,
        blocked_until: Some(at(60)),
        last_remote_change: Some(RemoteChange {
            client: PRIVATE.to_owned(),
            text: PRIVATE.to_owned(),
            at: at(0),
        }),
        ..Facts::new()
    };
    let mut run = Run::start(Kind::Sync, Cause::Requested);
    run.refuse(
        &shopmaster_product::ProductId::Text(PRIVATE.to_owned()),
        PRIVATE,
    );
    run.message = PRIVATE.to_owned();
    facts.runs.push(run.clone());
    facts.last_sync = Some(run);
    for (area, code) in [
        (Area::Digible, "DIGIBLE_REFUSES"),
        (Area::Catalog, "DATABASE_FAILED"),
    ] {
        let trouble = Trouble::new(code, PRIVATE.to_owned(), PRIVATE);
        facts.fails(area, trouble.lasting());
    }
    facts
}

fn metrics(facts: Facts) -> Metrics {
    let store = Arc::new(StatusStore::new());
    store.update(|shown| *shown = facts);
    Metrics::new(store, at(-1_000))
}

/// The sample of a gauge with these labels.
fn value(facts: &Facts, name: &str, labels: &[(&'static str, &'static str)]) -> Option<f64> {
    let gauges = gauges(facts, at(-1_000), at(5));
    let gauge = gauges.into_iter().find(|gauge| gauge.name == name).unwrap();
    let mut samples = gauge.samples.into_iter();
    samples.find(|(of, _)| of == labels).map(|(_, value)| value)
}

#[test]
fn gauges_are_what_status_shows() {
    let facts = facts();
    for (name, expected) in [
        ("pending_products", 3.0),
        ("oldest_pending", 45.0),
        ("in_doubt_products", 2.0),
        ("refused_products", 4.0),
        ("dismissed_products", 5.0),
        ("removed_products", 6.0),
        ("published_products", 12_431.0),
        ("change_log_rows", 200_000.0),
        ("session_expiry_timestamp", 1_700_003_600.0),
        ("last_sent_timestamp", 1_699_999_990.0),
        ("last_compared_timestamp", 1_699_999_980.0),
        ("last_verify_timestamp", 1_699_999_900.0),
        ("last_verify_differing_products", 8.0),
        ("missed_changes", 7.0),
        ("process_start_time", 1_699_999_000.0),
    ] {
        assert_eq!(value(&facts, name, &[]), Some(expected), "{name}");
    }
    for (state, expected) in [("broken", 1.0), ("up_to_date", 0.0)] {
        assert_eq!(value(&facts, "state", &[("state", state)]), Some(expected));
    }
    for (state, expected) in [("drifted", 1.0), ("installed", 0.0)] {
        let labels = [("state", state)];
        assert_eq!(value(&facts, "capture_state", &labels), Some(expected));
    }
    let issue = [("code", "CATALOG_SHRANK"), ("severity", "warning")];
    assert_eq!(value(&facts, "issues", &issue), Some(1.0));
}

/// A zero would be a claim.
#[test]
fn what_is_not_known_is_absent() {
    let facts = Facts::new();
    for name in [
        "change_log_rows",
        "session_expiry_timestamp",
        "last_sent_timestamp",
        "last_compared_timestamp",
        "last_verify_timestamp",
        "last_verify_differing_products",
    ] {
        assert_eq!(value(&facts, name, &[]), None, "{name}");
    }
    assert_eq!(value(&facts, "oldest_pending", &[]), Some(0.0));
    let unknown = [("state", "unknown")];
    assert_eq!(value(&facts, "capture_state", &unknown), Some(1.0));
}

#[test]
fn exactly_one_state_is_set_whatever_the_facts_are() {
    for facts in [Facts::new(), facts()] {
        for name in ["state", "capture_state"] {
            let gauges = gauges(&facts, at(0), at(0));
            let gauge = gauges.iter().find(|gauge| gauge.name == name).unwrap();
            let sum: f64 = gauge.samples.iter().map(|(_, value)| value).sum();
            assert_eq!(sum, 1.0, "{name}");
        }
    }
}

#[test]
fn the_age_of_the_oldest_change_grows_and_never_shrinks_when_the_clock_is_set_back() {
    let facts = facts();
    let age = |second| {
        let gauges = gauges(&facts, at(0), at(second));
        gauges[1].samples[0].1
    };
    assert_eq!((age(0), age(20), age(-500)), (40.0, 60.0, 40.0));
}

#[test]
fn what_is_counted_is_in_the_text_of_the_same_scrape() {
    let metrics = metrics(facts());
    metrics.run_ended(Kind::Upload, Outcome::Completed);
    metrics.run_ended(Kind::Upload, Outcome::Completed);
    metrics.change_sent(Duration::from_millis(1_500));
    metrics.request_ended(
        Endpoint::Batch,
        RequestOutcome::NoAnswer,
        Duration::from_secs(30),
    );
    let text = metrics.text();
    for line in [
        "# TYPE shopmaster_runs counter",
        "shopmaster_runs_total{kind=\"upload\",outcome=\"completed\"} 2",
        "shopmaster_runs_total{kind=\"verify\",outcome=\"failed\"} 0",
        "shopmaster_digible_requests_total{endpoint=\"batch\",outcome=\"no_answer\"} 1",
        "shopmaster_digible_request_seconds_bucket{le=\"10.0\",endpoint=\"batch\"} 0",
        "shopmaster_digible_request_seconds_bucket{le=\"30.0\",endpoint=\"batch\"} 1",
        "# TYPE shopmaster_change_to_cloud_seconds histogram",
        "shopmaster_change_to_cloud_seconds_sum 1.5",
        "shopmaster_change_to_cloud_seconds_count 1",
        "shopmaster_change_to_cloud_seconds_bucket{le=\"1.0\"} 0",
        "shopmaster_change_to_cloud_seconds_bucket{le=\"2.0\"} 1",
        "shopmaster_change_to_cloud_seconds_bucket{le=\"600.0\"} 1",
        "# TYPE shopmaster_oldest_pending_seconds gauge",
        "# UNIT shopmaster_oldest_pending_seconds seconds",
        "shopmaster_published_products 12431.0",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\nnot in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert!(
        !text.contains("Soap") && !text.contains("example.com"),
        "{text}"
    );
}

/// The labels of all samples.
fn labels_in(text: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut labels: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((_, rest)) = line.split_once('{') else {
            continue;
        };
        let (inside, _) = rest.split_once('}').unwrap();
        for label in inside.split("\",") {
            let (name, value) = label.split_once("=\"").unwrap();
            let value = value.trim_end_matches('"');
            labels.entry(name).or_default().insert(value);
        }
    }
    labels
}

/// The words that stand in backticks in a text.
fn code_in(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_label_has_a_value_of_a_closed_set() {
    let metrics = metrics(facts());
    metrics.change_sent(Duration::from_secs(1));
    let text = metrics.text();
    let found = labels_in(&text);
    let codes = code_in(include_str!("../../../../docs/issues.md"));
    let is_word = |set: &[&str], value: &str| set.contains(&value);
    for (name, values) in &found {
        for value in values {
            let is_closed = match *name {
                "kind" => is_word(&["sync", "upload", "verify"], value),
                "outcome" => {
                    RequestOutcome::ALL.iter().any(|it| it.word() == *value)
                        || is_word(&["completed", "failed", "cancelled", "interrupted"], value)
                }
                "endpoint" => is_word(&["login", "batch", "update"], value),
                "state" => {
                    labels::CAPTURES.contains(value)
                        || labels::STATES.iter().any(|it| labels::state(*it) == *value)
                }
                "severity" => is_word(&["info", "warning", "error"], value),
                "code" => codes.contains(value),
                "version" => *value == env!("CARGO_PKG_VERSION"),
                "le" => *value == "+Inf" || value.parse::<f64>().is_ok(),
                _ => false,
            };
            assert!(is_closed, "{name}=\"{value}\"");
        }
    }
    assert!(found["code"].len() > 8, "{found:?}");
}

/// A label with the same values twice would make the scraper refuse everything.
#[test]
fn no_sample_is_there_twice() {
    let mut facts = facts();
    // The same code from two places.
    for area in [Area::Digible, Area::Catalog] {
        let trouble = Trouble::new("DIGIBLE_BUSY", String::new(), "").waiting();
        facts.fails(area, trouble);
    }
    let text = metrics(facts).text();
    let mut samples = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (sample, _) = line.rsplit_once(' ').unwrap();
        assert!(samples.insert(sample), "{sample}");
    }
    let busy = "shopmaster_issues{code=\"DIGIBLE_BUSY\",severity=\"info\"} 3.0";
    assert!(text.contains(busy), "{text}");
}

/// The metrics of the page, each with its labels.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let page = include_str!("../../../../docs/metrics.md");
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| `shopmaster_"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').collect();
        let words = |cell: &str| code_in(cell).into_iter().map(str::to_owned).collect();
        let names: BTreeSet<String> = words(cells[1]);
        (names.into_iter().next().unwrap(), words(cells[2]))
    })
    .collect()
}

#[test]
fn the_page_has_every_metric_with_its_labels_and_no_other() {
    let text = metrics(facts()).text();
    let mut metrics: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines() {
        let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split_once(' '))
        else {
            continue;
        };
        let end = if kind == "counter" { "_total" } else { "" };
        let samples = text.lines().filter(|line| line.starts_with(name));
        let labels = samples
            .flat_map(|sample| labels_in(sample).into_keys())
            .filter(|label| *label != "le");
        let labels = labels.map(str::to_owned).collect();
        metrics.insert(format!("{name}{end}"), labels);
    }
    assert_eq!(metrics, documented());
}

#[test]
fn the_page_has_every_word_of_a_label() {
    let page = code_in(include_str!("../../../../docs/metrics.md"));
    let text = metrics(Facts::new()).text();
    let found = labels_in(&text);
    for label in ["state", "kind", "outcome", "endpoint"] {
        for word in &found[label] {
            assert!(page.contains(word), "{label}: {word}");
        }
    }
}

#[test]
fn the_series_are_the_samples_of_the_text() {
    // An age differs from one moment to the next.
    let metrics = metrics(Facts {
        oldest_age: None,
        ..facts()
    });
    metrics.run_ended(Kind::Sync, Outcome::Failed);
    let text = metrics.text();
    let in_text = |series: &Series, labels: &Labels| {
        let mut lines = text.lines().filter(|line| {
            let rest = line.strip_prefix(&series.name);
            rest.is_some_and(|rest| rest.starts_with([' ', '{']))
                && labels
                    .iter()
                    .all(|(key, value)| line.contains(&format!("{key}=\"{value}\"")))
        });
        let line = lines.next().unwrap_or_else(|| panic!("{series:?}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    let mut count = 0;
    for series in metrics.series() {
        for (labels, value) in &series.samples {
            count += 1;
            assert_eq!(in_text(&series, labels), *value, "{series:?}");
        }
    }
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let histograms = ["_seconds_bucket", "_seconds_sum", "_seconds_count"];
    let other = samples.filter(|line| !histograms.iter().any(|part| line.contains(part)));
    assert_eq!(count, other.count());
}
