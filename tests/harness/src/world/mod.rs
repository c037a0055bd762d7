//! The world of an end-to-end test: a folder, a shop, a stand-in for Digible, and the two real programs.
//!
//! ```no_run
//! # async fn example() -> Result<(), shopmaster_harness::world::WorldError> {
//! use shopmaster_harness::world::World;
//!
//! let world = World::builder().products(500).start().await?;
//! world.install_capture().await?;
//! world.upload().await?;
//! world.shop.set_price("P0000001", "12.50")?;
//! world.sync().await?;
//! assert_eq!(world.assert_equal().await?.equal, 500);
//! # Ok(())
//! # }
//! ```
//!
//! When a test panics, the agent's output and log are shown.

mod builder;
mod calls;
mod config;
mod conservation;
mod error;
mod kind;
mod leaks;
mod process;
mod remote;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Duration,
};

use shopmaster_proto::{Client, Endpoint, Folders, InstanceName};
use shopmaster_standins::{digible::DigibleSim, shop::Shop, tds::SqlServerSim};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

pub use builder::WorldBuilder;
pub use config::Config;
pub use conservation::Conservation;
pub use error::WorldError;
pub use kind::ShopKind;
pub use process::CtlOutput;

use super::programs::{self, Programs};
use process::AgentProcess;

/// How long a test waits for anything; much longer than it should take, so that only a defect reaches it.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long to wait between attempts to connect to the agent.
const CONNECT_RETRY_INTERVAL: Duration = Duration::from_millis(10);
/// How many lines of the agent's output and log a failed test shows.
const LINES_SHOWN: usize = 60;

/// The world of a test. When it is dropped, the agent ends and the folder is removed.
// The fields are dropped in this order: the agent first, its folder last.
#[derive(Debug)]
pub struct World {
    agent: Option<AgentProcess>,
    client: Option<Client>,
    sql_server: Option<SqlServerSim>,
    /// The stand-in for Digible.
    pub digible: DigibleSim,
    /// The shop.
    pub shop: Shop,
    programs: &'static Programs,
    config: Config,
    environment: Vec<(String, String)>,
    icon: bool,
    folders: Folders,
    folder: TempDir,
}

impl World {
    /// The stand-in for SQL Server.
    ///
    /// # Errors
    ///
    /// When the agent reads the shop's file itself.
    pub fn sql_server(&self) -> Result<&SqlServerSim, WorldError> {
        self.sql_server.as_ref().ok_or(WorldError::NoSqlServer)
    }

    /// The folder that holds everything: `SHOPMASTER_HOME`.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.folder.path()
    }

    /// The agent's folders in it.
    #[must_use]
    pub fn folders(&self) -> &Folders {
        &self.folders
    }

    /// The configuration file.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.folders.config.join("config.toml")
    }

    /// Where the agent listens.
    ///
    /// # Errors
    ///
    /// When the folder's path is too long.
    pub fn endpoint(&self) -> Result<Endpoint, WorldError> {
        Ok(Endpoint::local(&InstanceName::default(), &self.folders)?)
    }

    /// A client of the running agent.
    ///
    /// # Errors
    ///
    /// When no agent was started, or it was stopped.
    pub fn client(&self) -> Result<Client, WorldError> {
        self.client.clone().ok_or(WorldError::NotRunning)
    }

    /// The agent's process id; none when it is not running.
    #[must_use]
    pub fn agent_id(&self) -> Option<u32> {
        self.agent.as_ref().map(AgentProcess::id)
    }

    /// A command that runs this world's `shopmaster-agent`.
    #[must_use]
    pub fn agent_command(&self) -> Command {
        let mut command = programs::command(&self.programs.agent, self.home());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// A command that runs this world's `shopmasterctl`.
    #[must_use]
    pub fn ctl_command(&self) -> Command {
        programs::command(&self.programs.ctl, self.home())
    }

    /// Runs `shopmasterctl` to its end.
    ///
    /// # Errors
    ///
    /// When it cannot be run or does not end.
    pub async fn ctl(&self, arguments: &[&str]) -> Result<CtlOutput, WorldError> {
        let mut command = tokio::process::Command::from(self.ctl_command());
        command
            .args(arguments)
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true);
        let what = format!("`shopmasterctl {}`", arguments.join(" "));
        let output = within(&what, command.output())
            .await?
            .map_err(failed_process("shopmasterctl"))?;
        Ok(output.into())
    }

    /// Starts the agent and waits until it answers.
    ///
    /// # Errors
    ///
    /// When it ends, or does not answer.
    pub async fn launch(&mut self) -> Result<(), WorldError> {
        let mut command = self.agent_command();
        command.arg("run");
        if !self.icon {
            command.arg("--headless");
        }
        let mut agent = AgentProcess::spawn(command, &self.stderr_file())
            .map_err(failed_process("shopmaster-agent"))?;
        let endpoint = self.endpoint()?;
        let deadline = Instant::now() + TEST_TIMEOUT;
        self.client = loop {
            if let Ok(client) = Client::connect(&endpoint).await {
                break Some(client);
            }
            if let Some(status) = agent.ended().map_err(failed_process("shopmaster-agent"))? {
                let stderr = self.stderr();
                return Err(WorldError::EndedEarly { status, stderr });
            }
            if Instant::now() >= deadline {
                return Err(WorldError::TimedOut("the agent's answer".to_owned()));
            }
            sleep(CONNECT_RETRY_INTERVAL).await;
        };
        self.agent = Some(agent);
        Ok(())
    }

    /// Kills the agent with SIGKILL, and waits until it has ended.
    pub fn kill9(&mut self) {
        self.client = None;
        self.agent = None;
    }

    /// Waits until the agent has ended on its own.
    ///
    /// # Errors
    ///
    /// When it does not end, or none is running.
    pub async fn wait_end(&mut self) -> Result<ExitStatus, WorldError> {
        let mut agent = self.agent.take().ok_or(WorldError::NotRunning)?;
        self.client = None;
        let ended = agent.wait(TEST_TIMEOUT).await;
        let ended = ended.map_err(failed_process("shopmaster-agent"))?;
        ended.ok_or_else(|| WorldError::TimedOut("the agent's end".to_owned()))
    }

    /// Asks the agent to stop and waits until it has; does nothing when none is running.
    ///
    /// # Errors
    ///
    /// When it refuses or does not end.
    pub async fn stop(&mut self) -> Result<(), WorldError> {
        let Some(mut agent) = self.agent.take() else {
            return Ok(());
        };
        self.shut_down().await?;
        self.client = None;
        let ended = agent.wait(TEST_TIMEOUT).await;
        match ended.map_err(failed_process("shopmaster-agent"))? {
            Some(_) => Ok(()),
            None => Err(WorldError::TimedOut("the agent's end".to_owned())),
        }
    }

    /// Starts the agent again; asks it to stop first if it is running.
    ///
    /// # Errors
    ///
    /// When it does not end, or does not answer.
    pub async fn restart(&mut self) -> Result<(), WorldError> {
        self.stop().await?;
        self.launch().await
    }

    /// Starts the agent again with a changed configuration file.
    ///
    /// # Errors
    ///
    /// When it does not end, or does not answer.
    pub async fn reconfigure(&mut self, edit: impl FnOnce(&mut Config)) -> Result<(), WorldError> {
        self.stop().await?;
        edit(&mut self.config);
        self.write_config()?;
        self.launch().await
    }

    /// Sets one of the agent's environment variables, for its next start.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Everything that the agents of this world wrote to standard error.
    #[must_use]
    pub fn stderr(&self) -> String {
        fs::read_to_string(self.stderr_file()).unwrap_or_default()
    }

    fn stderr_file(&self) -> PathBuf {
        self.home().join("agent.stderr")
    }

    fn write_config(&self) -> Result<(), WorldError> {
        fs::write(self.config_file(), self.config.to_toml()).map_err(WorldError::Files)
    }

    fn log(&self) -> String {
        let files = fs::read_dir(&self.folders.log).into_iter().flatten();
        let mut paths: Vec<_> = files.flatten().map(|file| file.path()).collect();
        paths.sort();
        let newest = paths.last().map(fs::read_to_string);
        newest.and_then(Result::ok).unwrap_or_default()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let unknown = self.sql_server.as_ref().map(SqlServerSim::unknown);
        let unknown = unknown.unwrap_or_default();
        if !std::thread::panicking() {
            assert!(
                unknown.is_empty(),
                "the stand-in for SQL Server does not know:\n{}",
                unknown.join("\n")
            );
            let leaks = self.leaks();
            assert!(leaks.is_empty(), "a secret is shown:\n{}", leaks.join("\n"));
            return;
        }
        for text in unknown {
            eprintln!("--- the stand-in for SQL Server does not know\n{text}");
        }
        for (what, text) in [("standard error", self.stderr()), ("log", self.log())] {
            let lines: Vec<_> = text.lines().collect();
            let last = &lines[lines.len().saturating_sub(LINES_SHOWN)..];
            eprintln!("--- the agent's {what}\n{}", last.join("\n"));
        }
    }
}

/// Waits for a future, up to the test's timeout.
async fn within<T>(what: &str, future: impl Future<Output = T>) -> Result<T, WorldError> {
    tokio::time::timeout(TEST_TIMEOUT, future)
        .await
        .map_err(|_| WorldError::TimedOut(what.to_owned()))
}

fn failed_process(program: &str) -> impl FnOnce(std::io::Error) -> WorldError {
    let program = program.to_owned();
    move |source| WorldError::Process { program, source }
}
