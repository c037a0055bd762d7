//! Starting a run and watching it to its end: what `sync`, `upload` and `verify` share.

use std::pin::pin;

use shopmaster_proto::{
    Client,
    v1::{Run, RunKind, RunOutcome, RunState, StartRunRequest, WatchRunRequest},
};
use tokio::signal::ctrl_c;

use super::{Ctl, answer};
use crate::{
    error::Error,
    exit::Exit,
    render::{
        human,
        json::{RunJson, StartedRunJson},
        progress::Progress,
    },
};

/// Whether to stay until the run has ended.
#[derive(Debug, clap::Args)]
pub struct Waiting {
    /// Start the run and print its id, without waiting for its end
    #[arg(long)]
    no_wait: bool,
}

/// Starts a run, or joins the one in progress, and watches it to its end.
pub async fn start(ctl: &Ctl, request: StartRunRequest, waiting: &Waiting) -> Result<Exit, Error> {
    let mut client = ctl.connect().await?;
    let started = answer(client.runs.start_run(request)).await?.into_inner();
    let run = started.run.ok_or(Error::Incomplete("run"))?;
    if started.joined {
        ctl.output
            .note(&format!("`{}` is already running: joined it", run.id));
    }
    if waiting.no_wait {
        let id = run.id.clone();
        let json = StartedRunJson {
            run: run.into(),
            joined: started.joined,
        };
        ctl.output.show(&json, || id)?;
        return Ok(Exit::Done);
    }
    let run = watch(ctl, &mut client, run.id).await?;
    show_ended(ctl, run)
}

/// Watches until the run has ended. Ctrl-C stops watching; the run continues in the agent.
async fn watch(ctl: &Ctl, client: &mut Client, id: String) -> Result<Run, Error> {
    let progress = Progress::new(ctl.output.shows_progress());
    let mut leave = pin!(ctrl_c());
    let watched = tokio::select! {
        // First: Ctrl-C also ends `ssh`, and so the connection.
        biased;
        _ = &mut leave => Err(Error::Detached { id: id.clone() }),
        run = to_the_end(client, id.clone(), |run| progress.show(run)) => run,
    };
    progress.clear();
    watched
}

/// Waits for the end of a run. `show` gets each state before it.
pub async fn to_the_end(
    client: &mut Client,
    id: String,
    mut show: impl FnMut(&Run),
) -> Result<Run, Error> {
    let left = |error| match error {
        Error::AgentLeft => Error::AgentLeftRun { id: id.clone() },
        other => other,
    };
    let request = WatchRunRequest { id: id.clone() };
    let stream = answer(client.runs.watch_run(request)).await;
    let mut stream = stream.map_err(left)?.into_inner();
    while let Some(message) = answer(stream.message()).await.map_err(left)? {
        let run = message.run.ok_or(Error::Incomplete("run"))?;
        if run.state() == RunState::Finished {
            return Ok(run);
        }
        show(&run);
    }
    Err(left(Error::AgentLeft))
}

fn show_ended(ctl: &Ctl, run: Run) -> Result<Exit, Error> {
    let text = human::run::summary(&run);
    let (kind, outcome, refused, failed) = (run.kind(), run.outcome(), run.parked, run.failed);
    ctl.output.show(&RunJson::from(run), || text)?;
    if refused > 0 {
        ctl.output.hint(&format!(
            "{} lists refused products, and {} sends them again",
            ctl.target.ctl("parked"),
            ctl.target.ctl("parked retry --all")
        ));
    }
    // Products that an upload did not reach have no change that a sync would find: its message says what to do.
    if outcome == RunOutcome::Failed && failed > 0 && kind != RunKind::Upload {
        ctl.output
            .hint("what is still waiting will be sent by the next sync");
    }
    Ok(exit(outcome))
}

/// The exit code for an outcome. Products that Digible refuses do not make a run fail.
fn exit(outcome: RunOutcome) -> Exit {
    match outcome {
        RunOutcome::Completed => Exit::Done,
        _ => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_completed_run_is_success() {
        assert_eq!(exit(RunOutcome::Completed), Exit::Done);
        for outcome in [
            RunOutcome::Failed,
            RunOutcome::Cancelled,
            RunOutcome::Interrupted,
            RunOutcome::Unspecified,
        ] {
            assert_eq!(exit(outcome), Exit::Failed, "{outcome:?}");
        }
    }
}
