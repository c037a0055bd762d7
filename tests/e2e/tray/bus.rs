//! A session bus of the test's own, which knows no services but those that the test brings.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Stdio,
};

use shopmaster_standins::needs;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Child,
};

/// A private session bus; it ends when this is dropped.
#[derive(Debug)]
pub struct Bus {
    daemon: Child,
    folder: TempDir,
}

impl Bus {
    /// Starts one.
    pub async fn start() -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("smbus").tempdir()?;
        fs::write(folder.path().join("bus.conf"), config(folder.path()))?;
        let daemon = spawn(folder.path()).await?;
        Ok(Self { daemon, folder })
    }

    /// Where clients connect.
    pub fn address(&self) -> String {
        format!("unix:path={}", socket(self.folder.path()).display())
    }

    /// Ends it as a crash does: everybody is cut off.
    pub async fn kill(&mut self) -> io::Result<()> {
        self.daemon.kill().await
    }

    /// Starts it again at the same address.
    pub async fn restart(&mut self) -> io::Result<()> {
        self.daemon = spawn(self.folder.path()).await?;
        Ok(())
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("bus")
}

async fn spawn(folder: &Path) -> io::Result<Child> {
    // A killed one leaves it behind.
    let _absent = fs::remove_file(socket(folder));
    let mut daemon = tokio::process::Command::new("dbus-daemon")
        .arg(format!("--config-file={}/bus.conf", folder.display()))
        .args(["--nofork", "--print-address"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::other(needs::BUS),
            _ => error,
        })?;
    // It says where it listens when it does.
    let stdout = daemon.stdout.take();
    let mut line = String::new();
    if let Some(stdout) = stdout {
        BufReader::new(stdout).read_line(&mut line).await?;
    }
    if line.is_empty() {
        return Err(io::Error::other("dbus-daemon does not start"));
    }
    Ok(daemon)
}

fn config(folder: &Path) -> String {
    format!(
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#,
        socket(folder).display()
    )
}
