//! Runs as JSON.

use serde::Serialize;
use shopmaster_proto::v1::{RefusedProduct, Run};

use crate::{enums::Word as _, time::rfc3339};

/// One run.
#[derive(Debug, Serialize)]
pub struct RunJson {
    /// Unique and readable: `sync-20261121-093012-5f0c9a`.
    id: String,
    /// `sync`, `upload` or `verify`.
    kind: Option<String>,
    /// `running`, `waiting` or `finished`.
    state: Option<String>,
    /// `completed`, `failed`, `cancelled` or `interrupted`; null while it is in progress.
    outcome: Option<String>,
    /// `requested`, `scheduled` or `resumed`.
    cause: Option<String>,
    /// When it started.
    started_at: Option<String>,
    /// When it ended; null while it is in progress.
    finished_at: Option<String>,
    /// How long it took in milliseconds, by a monotonic clock; null while it is in progress.
    took_ms: Option<u64>,
    /// Products known to be part of it; grows while a sync finds more.
    total: u64,
    /// Products processed so far, whatever the result.
    done: u64,
    /// Products processed by an earlier run of the same upload, which this one resumes.
    earlier: u64,
    /// Products that Digible acknowledged in it.
    sent: u64,
    /// Products that needed no sending.
    unchanged: u64,
    /// Products that are still waiting or unconfirmed after it.
    failed: u64,
    /// Products refused in it.
    parked: u64,
    /// Products that were refused before it and have not changed.
    still_parked: u64,
    /// Products that it recorded as gone from the shop.
    removed: u64,
    /// Requests to Digible that it made, without logins.
    requests: u64,
    /// One sentence for people.
    message: String,
    /// Products refused in it, at most the first 100.
    refused: Vec<RefusedJson>,
}

/// A product that was refused in a run.
#[derive(Debug, Serialize)]
struct RefusedJson {
    /// Its id as text.
    product_id: String,
    /// Why it was refused, for people.
    reason: String,
}

/// A run that was just started.
#[derive(Debug, Serialize)]
pub struct StartedRunJson {
    /// The run.
    #[serde(flatten)]
    pub run: RunJson,
    /// True when it was already running.
    pub joined: bool,
}

/// Several runs.
#[derive(Debug, Serialize)]
pub struct RunsJson {
    /// Newest first.
    pub runs: Vec<RunJson>,
}

impl From<Run> for RunJson {
    fn from(run: Run) -> Self {
        Self {
            kind: run.kind().word(),
            state: run.state().word(),
            outcome: run.outcome().word(),
            cause: run.cause().word(),
            id: run.id,
            started_at: rfc3339(run.started_at),
            finished_at: rfc3339(run.finished_at),
            took_ms: run.took.and_then(milliseconds),
            total: run.total,
            done: run.done,
            earlier: run.earlier,
            sent: run.sent,
            unchanged: run.unchanged,
            failed: run.failed,
            parked: run.parked,
            still_parked: run.still_parked,
            removed: run.removed,
            requests: run.requests,
            message: run.message,
            refused: run.refused.into_iter().map(RefusedJson::from).collect(),
        }
    }
}

fn milliseconds(duration: prost_types::Duration) -> Option<u64> {
    let duration = std::time::Duration::try_from(duration).ok()?;
    u64::try_from(duration.as_millis()).ok()
}

impl From<RefusedProduct> for RefusedJson {
    fn from(product: RefusedProduct) -> Self {
        Self {
            product_id: product.product_id,
            reason: product.reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shopmaster_proto::v1::{RunCause, RunKind, RunOutcome, RunState};

    use super::*;

    #[test]
    fn a_run_has_all_of_its_keys() {
        let run = Run {
            id: "sync-1".to_owned(),
            kind: RunKind::Sync.into(),
            state: RunState::Finished.into(),
            outcome: RunOutcome::Completed.into(),
            started_at: Some(prost_types::Timestamp {
                seconds: 0,
                nanos: 0,
            }),
            finished_at: None,
            total: 26,
            done: 25,
            earlier: 5,
            sent: 12,
            unchanged: 3,
            failed: 1,
            parked: 1,
            still_parked: 2,
            removed: 2,
            took: Some(prost_types::Duration {
                seconds: 1,
                nanos: 500_000_000,
            }),
            requests: 4,
            message: "done".to_owned(),
            cause: RunCause::Requested.into(),
            refused: vec![RefusedProduct {
                product_id: "P1".to_owned(),
                reason: "the price is NULL".to_owned(),
            }],
        };
        let started = StartedRunJson {
            run: run.into(),
            joined: true,
        };
        assert_eq!(
            serde_json::to_value(started).unwrap(),
            json!({
                "id": "sync-1",
                "kind": "sync",
                "state": "finished",
                "outcome": "completed",
                "cause": "requested",
                "started_at": "1970-01-01T00:00:00Z",
                "finished_at": null,
                "took_ms": 1500,
                "total": 26,
                "done": 25,
                "earlier": 5,
                "sent": 12,
                "unchanged": 3,
                "failed": 1,
                "parked": 1,
                "still_parked": 2,
                "removed": 2,
                "requests": 4,
                "message": "done",
                "refused": [{"product_id": "P1", "reason": "the price is NULL"}],
                "joined": true,
            })
        );
    }

    #[test]
    fn a_run_that_goes_has_no_outcome() {
        let run = RunJson::from(Run::default());
        assert_eq!(
            (run.outcome, run.finished_at, run.took_ms),
            (None, None, None)
        );
    }
}
