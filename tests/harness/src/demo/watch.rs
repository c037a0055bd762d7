//! A line for each run and for each change at the till.

use shopmaster_proto::{
    Client,
    v1::{ListRunsRequest, Run, RunKind, RunOutcome, RunState, WatchStatusRequest},
};
use shopmaster_standins::shop::TillStep;

use super::{DemoError, say};

/// Says how each run ended, until the agent ends.
pub(super) async fn report_runs(mut client: Client) -> Result<(), DemoError> {
    let refused = |status| DemoError::Refused("tell its state", status);
    let watched = client.agent.watch_status(WatchStatusRequest {}).await;
    let mut changes = watched
        .map_err(|status| refused(status.into()))?
        .into_inner();
    let mut said: Vec<String> = Vec::new();
    while let Ok(Some(_)) = changes.message().await {
        let listed = client.runs.list_runs(ListRunsRequest { limit: 5 }).await;
        let Ok(listed) = listed else {
            return Ok(());
        };
        for run in listed.into_inner().runs.iter().rev() {
            if run.state() == RunState::Finished && !said.contains(&run.id) {
                said.push(run.id.clone());
                if !is_idle(run) {
                    say(&run_line(run))?;
                }
            }
        }
        let old = said.len().saturating_sub(20);
        said.drain(..old);
    }
    Ok(())
}

/// What the till did.
pub(super) fn till_line(step: &TillStep) -> String {
    match step {
        TillStep::Priced { id, price } => format!("till: {id} costs {price} now"),
        TillStep::Renamed { id, name } => format!("till: {id} is called {name} now"),
        TillStep::Added { id } => format!("till: {id} is new"),
        TillStep::Deleted { id } => format!("till: {id} is gone"),
        TillStep::Rewritten { id } => format!("till: {id} was written as it was"),
    }
}

fn run_line(run: &Run) -> String {
    let kind = match run.kind() {
        RunKind::Sync => "sync",
        RunKind::Upload => "upload",
        RunKind::Verify => "verify",
        RunKind::Unspecified => "run",
    };
    let outcome = match run.outcome() {
        RunOutcome::Completed => "completed",
        RunOutcome::Failed => "failed",
        RunOutcome::Cancelled => "cancelled",
        RunOutcome::Interrupted | RunOutcome::Unspecified => "interrupted",
    };
    format!(
        "{kind} {outcome}: {} ({} requests)",
        run.message, run.requests
    )
}

fn is_idle(run: &Run) -> bool {
    run.outcome() == RunOutcome::Completed && run.done == 0 && run.requests == 0
}
