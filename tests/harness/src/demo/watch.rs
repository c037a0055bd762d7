//! The demo's lines about runs and about changes at the till.

use shopmaster_proto::{
    Client,
    v1::{ListRunsRequest, Run, RunKind, RunOutcome, RunState, WatchStatusRequest},
};
use shopmaster_standins::shop::TillStep;

use super::{DemoError, say};

/// Prints a line for each run that ended, until the agent stops.
pub(super) async fn report_runs(mut client: Client) -> Result<(), DemoError> {
    let refused = |status| DemoError::Refused("send its status", status);
    let watched = client.agent.watch_status(WatchStatusRequest {}).await;
    let mut changes = watched
        .map_err(|status| refused(status.into()))?
        .into_inner();
    let mut printed: Vec<String> = Vec::new();
    while let Ok(Some(_)) = changes.message().await {
        let listed = client.runs.list_runs(ListRunsRequest { limit: 5 }).await;
        let Ok(listed) = listed else {
            return Ok(());
        };
        for run in listed.into_inner().runs.iter().rev() {
            if run.state() == RunState::Finished && !printed.contains(&run.id) {
                printed.push(run.id.clone());
                if !is_idle(run) {
                    say(&run_line(run))?;
                }
            }
        }
        let old = printed.len().saturating_sub(20);
        printed.drain(..old);
    }
    Ok(())
}

/// The line for a change at the till.
pub(super) fn till_line(step: &TillStep) -> String {
    match step {
        TillStep::Priced { id, price } => format!("till: {id} now costs {price}"),
        TillStep::Renamed { id, name } => format!("till: {id} is now called {name}"),
        TillStep::Added { id } => format!("till: {id} is new"),
        TillStep::Deleted { id } => format!("till: {id} was deleted"),
        TillStep::Rewritten { id } => format!("till: {id} was written without a change"),
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
        RunOutcome::Cancelled => "canceled",
        RunOutcome::Interrupted | RunOutcome::Unspecified => "interrupted",
    };
    format!(
        "{kind} {outcome}: {} ({})",
        run.message,
        shopmaster_view::noun(run.requests, "request")
    )
}

fn is_idle(run: &Run) -> bool {
    run.outcome() == RunOutcome::Completed && run.done == 0 && run.requests == 0
}
