//! `fleet`: asks many shops at once.

mod watch;

use std::{convert::Infallible, num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Subcommand, ValueHint};
use jiff::SignedDuration;
use shopmaster_proto::v1::{PauseRequest, RunKind, StartRunRequest};
use tokio::signal::ctrl_c;

use super::{Ctl, pause};
use crate::{
    error::Error,
    exit::Exit,
    fleet::{Connector, Report, Tally, ask, list, tally, task::Task},
    render::{
        human,
        json::{FleetSummaryJson, ShopJson},
    },
    time,
};

/// How long a shop may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long its checks may take.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How many shops are asked at once.
const JOBS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(63);

/// The shops, and what to ask.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    #[command(subcommand)]
    action: Action,
}

/// The shops, and the limits.
#[derive(Debug, clap::Args)]
struct Which {
    /// The list of shops; without it, `fleet.toml` in the folder of the known agents
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, global = true)]
    fleet: Option<PathBuf>,
    /// Only the shops of this group
    #[arg(long, value_name = "GROUP", global = true)]
    group: Option<String>,
    /// How many shops to ask at once
    #[arg(long, value_name = "COUNT", default_value_t = JOBS, global = true)]
    jobs: NonZeroUsize,
    /// How long a shop may take: until it has answered, or until its run has started; 10s, for `test` 60s
    #[arg(long, value_name = "DURATION", value_parser = time::parse_duration, global = true)]
    timeout: Option<SignedDuration>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the status of each shop, worst first
    Status,
    /// Show the status of each shop whenever it changes, until Ctrl-C
    Watch,
    /// Send the products that changed
    Sync(Waiting),
    /// Send every product, in batches
    Upload(Upload),
    /// Compare every product with what Digible last acknowledged, and send what differs
    Verify(Verify),
    /// Stop sending for a while, or until `fleet resume`
    Pause(pause::Args),
    /// End a pause
    Resume,
    /// Check the database, the journal and Digible
    Test,
}

/// Whether to stay until the runs have ended.
#[derive(Debug, clap::Args)]
struct Waiting {
    /// Wait until the run of each shop has ended
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, clap::Args)]
struct Upload {
    /// Start from the beginning, even if an earlier upload did not finish
    #[arg(long)]
    from_start: bool,
    /// Allow more than a tenth of a shop's products to be listed as gone from the shop
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    waiting: Waiting,
}

#[derive(Debug, clap::Args)]
struct Verify {
    /// Send what differs, and list what is gone from the shop, even if it is more than a tenth of a shop's products
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    waiting: Waiting,
}

/// Asks all shops.
pub async fn run(ctl: &Ctl, args: Args) -> Result<Exit, Error> {
    if ctl.target.is_named() {
        return Err(Error::Usage {
            message: "`fleet` asks the agents of a list, and cannot be used with `--agent` or `--instance`"
                .to_owned(),
            remedy: "omit it, or name a list of shops with `--fleet FILE`".to_owned(),
        });
    }
    let Args { which, action } = args;
    let shops = list::read(which.fleet.as_deref(), which.group.as_deref())?;
    let timeout = match &action {
        Action::Test => TEST_TIMEOUT,
        _ => TIMEOUT,
    };
    let given = which.timeout.and_then(|given| given.try_into().ok());
    let connector = &Connector::new(which.jobs, given.unwrap_or(timeout));
    let task = match action {
        Action::Watch => return watch::run(ctl, shops, connector).await,
        Action::Status => Task::Status,
        Action::Pause(args) => Task::Pause(PauseRequest { end: args.end() }),
        Action::Resume => Task::Resume,
        Action::Test => Task::Test,
        Action::Sync(waiting) => start(RunKind::Sync, false, false, &waiting),
        Action::Upload(args) => start(RunKind::Upload, args.from_start, args.yes, &args.waiting),
        Action::Verify(args) => start(RunKind::Verify, false, args.yes, &args.waiting),
    };
    let task = &task;
    let ask = |shop| async move { task.ask(shop, connector).await };
    if !task.is_change() {
        let reports = ask::all(shops, ask, ctrl_c(), |report| show(ctl, report)).await?;
        return sum_up(ctl, task, reports);
    }
    // All shops are asked, whether or not somebody still reads what they answer.
    let mut unwritten = None;
    let show = |report: &Report| {
        if let Err(error) = show(ctl, report) {
            unwritten.get_or_insert(error);
        }
        Ok::<_, Infallible>(())
    };
    let Ok(reports) = ask::all(shops, ask, ctrl_c(), show).await;
    let exit = match unwritten {
        Some(error) => Err(error),
        None => sum_up(ctl, task, reports),
    };
    exit.map_err(|error| match error {
        Error::Output(source) => Error::AnswersUnwritten(source),
        other => other,
    })
}

fn start(kind: RunKind, from_start: bool, confirmed: bool, waiting: &Waiting) -> Task {
    Task::Run {
        request: StartRunRequest {
            kind: kind.into(),
            from_start,
            confirmed,
        },
        wait: waiting.wait,
    }
}

/// Shows an answer as soon as it is there.
fn show(ctl: &Ctl, report: &Report) -> Result<(), Error> {
    if ctl.output.json {
        return ctl.output.show(&ShopJson::from(report), String::new);
    }
    ctl.output.note(&human::fleet::line(report));
    Ok(())
}

/// Shows all answers, worst first, and how many there are of each kind.
fn sum_up(ctl: &Ctl, task: &Task, mut reports: Vec<Report>) -> Result<Exit, Error> {
    tally::sort(&mut reports);
    let tally = Tally::of(reports.iter().map(|report| report.standing));
    if ctl.output.json {
        // Those that did not answer have no line yet.
        for report in reports.iter().filter(|it| it.is_unanswered()) {
            ctl.output.show(&ShopJson::from(report), String::new)?;
        }
    }
    let all: Vec<&Report> = reports.iter().collect();
    ctl.output.show(&FleetSummaryJson::from(tally), || {
        let mut text = human::fleet::table(&all, None, None);
        text.gap();
        text.line(tally.summary(task.good()));
        text
    })?;
    Ok(tally.exit())
}
