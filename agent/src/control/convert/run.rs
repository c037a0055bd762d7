//! Converts runs.

use std::time::Duration;

use shopmaster_health::run::{Cause, Kind, Outcome, Run, State};
use shopmaster_proto::v1;

use super::time::{length, timestamp};

/// A run in a list: without its refused products, so that the list stays small.
pub(in crate::control) fn listed(run: &Run) -> v1::Run {
    v1::Run {
        refused: Vec::new(),
        ..self::run(run)
    }
}

pub(in crate::control) fn run(run: &Run) -> v1::Run {
    v1::Run {
        id: run.id.clone(),
        kind: match run.kind {
            Kind::Sync => v1::RunKind::Sync,
            Kind::Upload => v1::RunKind::Upload,
            Kind::Verify => v1::RunKind::Verify,
        }
        .into(),
        state: match run.state {
            State::Running => v1::RunState::Running,
            State::Waiting => v1::RunState::Waiting,
            State::Finished => v1::RunState::Finished,
        }
        .into(),
        outcome: match run.outcome {
            None => v1::RunOutcome::Unspecified,
            Some(Outcome::Completed) => v1::RunOutcome::Completed,
            Some(Outcome::Failed) => v1::RunOutcome::Failed,
            Some(Outcome::Cancelled) => v1::RunOutcome::Cancelled,
            Some(Outcome::Interrupted) => v1::RunOutcome::Interrupted,
        }
        .into(),
        cause: match run.cause {
            Cause::Requested => v1::RunCause::Requested,
            Cause::Scheduled => v1::RunCause::Scheduled,
            Cause::Resumed => v1::RunCause::Resumed,
        }
        .into(),
        started_at: Some(timestamp(run.started_at)),
        finished_at: run.finished_at.map(timestamp),
        total: run.total,
        done: run.done,
        sent: run.sent,
        unchanged: run.unchanged,
        failed: run.failed,
        parked: run.parked,
        removed: run.removed,
        requests: run.requests,
        message: run.message.clone(),
        still_parked: run.still_parked,
        earlier: run.earlier,
        took: run.took_ms.map(|took| length(Duration::from_millis(took))),
        refused: run
            .refused
            .iter()
            .map(|refused| v1::RefusedProduct {
                product_id: refused.product_id.clone(),
                reason: refused.reason.clone(),
            })
            .collect(),
    }
}
