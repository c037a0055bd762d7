//! Another user's program where an agent is looked for.

use std::{
    fs, io,
    os::unix::{
        fs::{PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Instant,
};

use shopmaster_harness::programs::Programs;
use shopmaster_standins::needs;
use tempfile::TempDir;

use crate::support::SECONDS;

/// Two users without a name: the operating system takes any number.
const BOB: u32 = 61_001;
const EVE: u32 = 61_002;
const ROOT: u32 = 0;

/// A home of Eve's, and her agent in it, in a place that everybody may enter.
struct Place {
    folder: TempDir,
    agent: Child,
}

impl Place {
    fn with_eves_agent() -> Self {
        let folder = tempfile::Builder::new().prefix("smuid").tempdir().unwrap();
        open(folder.path(), 0o755);
        let programs = Programs::build().unwrap();
        for program in [&programs.agent, &programs.ctl] {
            let copy = folder.path().join(program.file_name().unwrap());
            fs::copy(program, &copy).unwrap();
            open(&copy, 0o755);
        }
        let home = folder.path().join("home");
        fs::create_dir(&home).unwrap();
        chown(&home, Some(EVE), Some(EVE)).expect(needs::OTHER_USERS);
        let mut agent = command(folder.path(), "shopmaster-agent", EVE);
        let agent = agent
            .args(["run", "--headless"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect(needs::OTHER_USERS);
        let place = Self { folder, agent };
        place.wait_for_the_agent();
        place
    }

    /// Until it answers to Eve.
    fn wait_for_the_agent(&self) {
        let begun = Instant::now();
        while self.ctl(EVE).status.code() != Some(0) {
            assert!(begun.elapsed() < SECONDS, "{:?}", self.ctl(EVE));
        }
    }

    fn ctl(&self, user: u32) -> Output {
        let mut command = command(self.folder.path(), "shopmasterctl", user);
        command.args(["status", "--json"]).output().unwrap()
    }

    fn run_folder(&self) -> PathBuf {
        self.folder.path().join("home/run/default")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ended = self.agent.kill().and_then(|()| self.agent.wait());
    }
}

fn command(folder: &Path, program: &str, user: u32) -> Command {
    let mut command = Command::new(folder.join(program));
    command
        .current_dir(folder)
        .env_clear()
        .env("SHOPMASTER_HOME", folder.join("home"))
        .uid(user)
        .gid(user);
    command
}

fn open(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn assert_sent_nothing(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for expected in [
        "NOT_THIS_USERS_AGENT",
        "but to user 61002",
        "nothing was sent",
    ] {
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
#[ignore = "needs to start programs as other users: run it as root"]
fn another_users_agent_is_sent_nothing() -> io::Result<()> {
    let place = Place::with_eves_agent();
    // Root administers every agent that is in a private folder of its user.
    assert_eq!(place.ctl(ROOT).status.code(), Some(0));
    // As Eve would have it, who made the folder before Bob, or in a home that both may write.
    for folder in ["home", "home/run", "home/run/default"] {
        open(&place.folder.path().join(folder), 0o777);
    }
    open(&place.run_folder().join("agent.sock"), 0o666);
    assert_sent_nothing(&place.ctl(BOB));
    assert_sent_nothing(&place.ctl(ROOT));
    chown(place.run_folder(), Some(BOB), Some(BOB))?;
    open(&place.run_folder(), 0o700);
    assert_sent_nothing(&place.ctl(BOB));
    assert_sent_nothing(&place.ctl(ROOT));
    Ok(())
}
