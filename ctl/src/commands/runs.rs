//! `runs`: list, show or cancel runs.

use clap::Subcommand;
use shopmaster_proto::v1::{CancelRunRequest, GetRunRequest, ListRunsRequest, Run, RunState};

use super::{Ctl, answer};
use crate::{
    error::Error,
    exit::Exit,
    render::{
        human::{self, Clock},
        json::{RunJson, RunsJson},
    },
};

/// The action; without one, the runs are listed.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    /// Number of runs to list, newest first
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show everything about one run
    Show {
        /// Id of the run
        id: String,
    },
    /// Ask a run to stop after its current step
    Cancel {
        /// Id of the run
        id: String,
    },
}

/// Runs the action.
pub async fn run(ctl: &Ctl, args: Args) -> Result<Exit, Error> {
    match args.action {
        None => list(ctl, args.limit).await,
        Some(Action::Show { id }) => show(ctl, id).await,
        Some(Action::Cancel { id }) => cancel(ctl, id).await,
    }?;
    Ok(Exit::Done)
}

async fn list(ctl: &Ctl, limit: u32) -> Result<(), Error> {
    let mut client = ctl.connect().await?;
    let runs = answer(client.runs.list_runs(ListRunsRequest { limit }))
        .await?
        .into_inner()
        .runs;
    if runs.is_empty() {
        ctl.output.note("No runs yet");
    }
    let text = human::run::list(&runs, &Clock::local());
    let json = RunsJson {
        runs: runs.into_iter().map(RunJson::from).collect(),
    };
    ctl.output.show(&json, || text)
}

async fn show(ctl: &Ctl, id: String) -> Result<(), Error> {
    let mut client = ctl.connect().await?;
    let response = answer(client.runs.get_run(GetRunRequest { id })).await?;
    print(ctl, response.into_inner().run)
}

async fn cancel(ctl: &Ctl, id: String) -> Result<(), Error> {
    let mut client = ctl.connect().await?;
    let response = answer(client.runs.cancel_run(CancelRunRequest { id })).await?;
    let run = response.into_inner().run;
    if run
        .as_ref()
        .is_some_and(|run| run.state() != RunState::Finished)
    {
        ctl.output
            .note("Cancellation requested; the run ends after its current step");
    }
    print(ctl, run)
}

fn print(ctl: &Ctl, run: Option<Run>) -> Result<(), Error> {
    let run = run.ok_or(Error::Incomplete("run"))?;
    let text = human::run::details(&run, &Clock::local());
    ctl.output.show(&RunJson::from(run), || text)
}
