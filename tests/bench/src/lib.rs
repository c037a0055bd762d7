//! Measures the numbers of the design. Each bench builds its own world of real programs on loopback with new folders,
//! and returns figures. They are printed, never asserted.

mod bare;
mod change;
mod figure;
mod idle;
mod reading;
mod remote;
mod sales;
mod samples;
mod scan;
mod server;
mod status;
mod sync;
mod table;
mod till;
mod trigger;
mod upload;
mod verify;
mod view;
mod watched;

use std::{io, process::Command};

use shopmaster_harness::world::{World, WorldError};
use shopmaster_proto::{
    ConnectError,
    v1::{Run, RunKind, RunOutcome, RunState},
};
use shopmaster_standins::{digible::DigibleSim, shop::ShopError};

use sales::Load;
use server::Server;

pub use figure::{Figure, Target, Unit};
pub use table::table;

/// Requests in flight at once: the agent's default, also for the client that it is compared with.
const MAX_IN_FLIGHT: usize = 8;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Bench {
    /// A sync of 10,000 changed products, against the same requests by a client that does nothing else
    Sync,
    /// An upload of 1,000,000 products
    Upload,
    /// A scan of 1,000,000 products, of which none has changed
    Scan,
    /// A verify of 1,000,000 products, of which none has changed, and then 10,000 past the triggers
    Verify,
    /// `shopmasterctl status --json` as a whole process
    Status,
    /// The agent with nothing to do
    Idle,
    /// A call over the network, and `shopmasterctl fleet status` over 500 agents
    Remote,
    /// From a committed change to its arrival at Digible
    Change,
    /// A minute of sales at a till on SQLite, with an agent that syncs all the time and without
    Sales,
    /// The same minute on SQLite while the agent verifies over and over
    SalesVerify,
    /// What capture costs a till on SQLite, statement by statement
    Trigger,
    /// A minute of sales at a till while other rows are locked for seconds; needs a T-SQL engine
    SalesSqlserver,
    /// The same minute while the agent verifies over and over; needs a T-SQL engine
    SalesVerifySqlserver,
    /// A verify of 1,000,000 unchanged products; needs a T-SQL engine
    VerifySqlserver,
    /// What capture costs a till; needs a T-SQL engine
    Till,
    /// What a watched table costs a till; needs a T-SQL engine
    WatchedSqlserver,
    /// An upload of 1,000,000 products from a T-SQL engine
    Reading,
}

/// Why there is no figure.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The world around the agent failed.
    #[error(transparent)]
    World(#[from] WorldError),
    /// The shop failed.
    #[error(transparent)]
    Shop(#[from] ShopError),
    /// A run did not do all of its work, so its time means nothing.
    #[error("the run `{id}` did not complete: {message}")]
    Run {
        /// Its id.
        id: String,
        /// The agent's message about it.
        message: String,
    },
    /// Products did not arrive, so the time means nothing.
    #[error("the stand-in has only {0} products")]
    Missing(usize),
    /// The till could not sell at all.
    #[error("the till of the bench failed")]
    Till(#[from] rusqlite::Error),
    /// The client for comparison could not send.
    #[error("the client for comparison failed")]
    Bare(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No T-SQL engine is configured.
    #[error(
        "`SHOPMASTER_TEST_SQLSERVER` is not set; set it to a connection string such as `Server=127.0.0.1,1433;User Id=sa;Password=…`"
    )]
    NoEngine,
    /// The T-SQL engine failed.
    #[error("the T-SQL engine failed")]
    Engine(#[from] tiberius::error::Error),
    /// `shopmasterctl` did not start.
    #[error("`shopmasterctl` cannot be run")]
    Ctl(#[source] io::Error),
    /// `shopmasterctl` ended with an error.
    #[error("`shopmasterctl` failed: {0}")]
    CtlFailed(String),
    /// The agent cannot be reached over the network.
    #[error("cannot connect to the agent over the network")]
    Connect(#[source] ConnectError),
    /// The agent refused a call.
    #[error("the agent refused a call")]
    Refused(#[from] tonic::Status),
}

impl Bench {
    /// All benches, in the order of the table.
    pub const ALL: [Self; 17] = [
        Self::Sync,
        Self::Upload,
        Self::Scan,
        Self::Verify,
        Self::Status,
        Self::Idle,
        Self::Remote,
        Self::Change,
        Self::Sales,
        Self::SalesVerify,
        Self::Trigger,
        Self::SalesSqlserver,
        Self::SalesVerifySqlserver,
        Self::VerifySqlserver,
        Self::Till,
        Self::WatchedSqlserver,
        Self::Reading,
    ];

    /// Its name, in the table and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Upload => "upload",
            Self::Scan => "scan",
            Self::Verify => "verify",
            Self::VerifySqlserver => "verify-sqlserver",
            Self::Status => "status",
            Self::Idle => "idle",
            Self::Remote => "remote",
            Self::Change => "change",
            Self::Sales => "sales",
            Self::SalesVerify => "sales-verify",
            Self::Trigger => "trigger",
            Self::SalesSqlserver => "sales-sqlserver",
            Self::SalesVerifySqlserver => "sales-verify-sqlserver",
            Self::Till => "till",
            Self::WatchedSqlserver => "watched-sqlserver",
            Self::Reading => "reading",
        }
    }

    /// Runs the bench.
    ///
    /// # Errors
    ///
    /// When a part cannot start, or a run failed.
    pub async fn measure(self) -> Result<Vec<Figure>, BenchError> {
        match self {
            Self::Sync => sync::measure().await,
            Self::Upload => upload::measure().await,
            Self::Scan => scan::measure().await,
            Self::Verify => verify::measure().await,
            Self::VerifySqlserver => verify::on_a_server(engine()?).await,
            Self::Status => status::measure().await,
            Self::Idle => idle::measure().await,
            Self::Remote => remote::measure().await,
            Self::Change => change::measure().await,
            Self::Sales => sales::sqlite::measure(Load::Syncs).await,
            Self::SalesVerify => sales::sqlite::measure(Load::Verifies).await,
            Self::Trigger => trigger::measure().await,
            Self::SalesSqlserver => sales::sqlserver::measure(engine()?, Load::Syncs).await,
            Self::SalesVerifySqlserver => {
                sales::sqlserver::measure(engine()?, Load::Verifies).await
            }
            Self::Till => till::measure(engine()?).await,
            Self::WatchedSqlserver => watched::measure(engine()?).await,
            Self::Reading => reading::measure(engine()?).await,
        }
    }
}

/// The T-SQL engine of the environment.
fn engine() -> Result<Server, BenchError> {
    Server::from_environment().ok_or(BenchError::NoEngine)
}

/// The run, if it did all of its work.
fn completed(run: Run) -> Result<Run, BenchError> {
    if run.outcome() == RunOutcome::Completed && run.failed == 0 && run.parked == 0 {
        return Ok(run);
    }
    Err(BenchError::Run {
        id: run.id,
        message: run.message,
    })
}

/// Runs something to its end, without the time limit that tests have.
async fn run(world: &World, kind: RunKind) -> Result<Run, BenchError> {
    let run = world.start_run(kind).await?;
    let ended = |run: &Run| run.state() == RunState::Finished;
    completed(world.watch_run(&run.id, ended).await?)
}

/// Runs `shopmasterctl` to its good end.
fn ctl(mut command: Command) -> Result<(), BenchError> {
    let output = command.output().map_err(BenchError::Ctl)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(BenchError::CtlFailed(said))
}

/// Number of requests with products that have arrived.
fn sent(digible: &DigibleSim) -> u64 {
    let counts = digible.counts();
    counts.batches + counts.updates
}

/// Restarts the agent with the default settings instead of those of tests.
async fn use_default_pace(world: &mut World) -> Result<(), WorldError> {
    let keys = [
        "digible.timeout",
        "sync.automatic",
        "sync.interval",
        "sync.probe",
        "sync.verify",
    ];
    world
        .reconfigure(|config| {
            for key in keys {
                config.unset(key);
            }
        })
        .await
}
