//! Child processes: an agent that never outlives its test, and `shopmasterctl`'s answers.

use std::{
    fs::File,
    io,
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::WorldError;

/// How long to wait between two checks of a process. Waiting for an event would require a runtime, and [`Drop`] must
/// work without one.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The output of `shopmasterctl`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CtlOutput {
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A running agent; killed and waited for when it is dropped.
#[derive(Debug)]
pub(super) struct AgentProcess(Child);

impl CtlOutput {
    /// Standard output as JSON.
    ///
    /// # Errors
    ///
    /// When it is not JSON.
    pub fn json(&self) -> Result<Value, WorldError> {
        serde_json::from_str(&self.stdout).map_err(|source| WorldError::NotJson {
            stdout: self.stdout.clone(),
            stderr: self.stderr.clone(),
            source,
        })
    }
}

impl From<Output> for CtlOutput {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl AgentProcess {
    /// Starts `command`; what it writes to standard error is appended to the file `stderr`.
    pub(super) fn spawn(mut command: Command, stderr: &Path) -> io::Result<Self> {
        let stderr = File::options().create(true).append(true).open(stderr)?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .map(Self)
    }

    /// The process id.
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Its exit status; none while it is running.
    pub(super) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    /// Waits for its end; none when it is still running after `limit`.
    pub(super) async fn wait(&mut self, limit: Duration) -> io::Result<Option<ExitStatus>> {
        let deadline = Instant::now() + limit;
        loop {
            let ended = self.ended()?;
            if ended.is_some() || Instant::now() >= deadline {
                return Ok(ended);
            }
            sleep(POLL_INTERVAL).await;
        }
    }
}

impl Drop for AgentProcess {
    fn drop(&mut self) {
        // Both fail only if it has already ended and was waited for.
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_agent_ends_with_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sleep");
        command.arg("3600");
        let mut agent = AgentProcess::spawn(command, &folder.path().join("stderr")).unwrap();
        let proc = format!("/proc/{}", agent.id());
        assert_eq!(agent.wait(Duration::ZERO).await.unwrap(), None);
        assert!(Path::new(&proc).exists());
        drop(agent);
        assert!(!Path::new(&proc).exists());
    }

    #[tokio::test]
    async fn what_it_says_on_standard_error_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let stderr = folder.path().join("stderr");
        for _ in 0..2 {
            let mut command = Command::new("sh");
            command.args(["-c", "echo no shop >&2; exit 3"]);
            let mut agent = AgentProcess::spawn(command, &stderr).unwrap();
            let ended = agent.wait(Duration::from_secs(60)).await.unwrap();
            assert_eq!(ended.unwrap().code(), Some(3));
        }
        let written = std::fs::read_to_string(stderr).unwrap();
        assert_eq!(written, "no shop\nno shop\n");
    }
}
