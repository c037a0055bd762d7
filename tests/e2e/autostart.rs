//! `autostart`, with a home folder of its own, without an agent, and beside a made-up service manager.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt as _, symlink},
        net::UnixDatagram,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use shopmaster_harness::{programs::Programs, world::World};
use shopmaster_standins::needs;
use tempfile::TempDir;

use crate::support::{SECONDS, ctl_with};

/// A user's home, in which nothing of shopMaster is yet.
struct Home {
    folder: TempDir,
}

/// What `shopmasterctl` answered.
struct Answer {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// It answers what `systemctl` does, notes what it was asked, and keeps what is enabled and active.
const SYSTEMCTL: &str = r#"#!/bin/sh
state=$(dirname "$0")/state
echo "$*" >>"$state/asked"
if [ "$1" = --user ]; then shift; else state=$state/machine; fi
case $1 in
is-system-running) cat "$state/system" ;;
is-enabled) if [ -e "$state/enabled" ]; then echo enabled; else echo not-found; exit 4; fi ;;
is-active) if [ -e "$state/active" ]; then echo active; else echo inactive; exit 3; fi ;;
enable) touch "$state/enabled" ;;
restart) if [ -e "$state/refuse" ]; then echo "Job failed." >&2; exit 1; fi; touch "$state/active" ;;
disable) rm -f "$state/enabled" "$state/active" ;;
daemon-reload) ;;
*) exit 64 ;;
esac
"#;

impl Home {
    /// On a machine whose service manager is in this state, as `systemctl` calls it.
    fn new(system: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir_all(bin.join("state/machine")).unwrap();
        fs::write(bin.join("state/system"), system).unwrap();
        fs::write(bin.join("systemctl"), SYSTEMCTL).unwrap();
        fs::set_permissions(bin.join("systemctl"), fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn ctl(&self, arguments: &str) -> Answer {
        let search = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let output = Command::new(&Programs::build().unwrap().ctl)
            .args(arguments.split(' '))
            .env_clear()
            .env("HOME", self.folder.path())
            .env("XDG_CONFIG_HOME", self.path("settings"))
            .env("PATH", search)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Answer {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn json(&self, arguments: &str) -> Value {
        let answer = self.ctl(&format!("{arguments} --json"));
        assert_eq!(
            (answer.code, answer.stderr.as_str()),
            (Some(0), ""),
            "{arguments}"
        );
        serde_json::from_str(&answer.stdout).unwrap()
    }

    fn asked(&self) -> Vec<String> {
        let asked = fs::read_to_string(self.path("bin/state/asked")).unwrap_or_default();
        asked
            .lines()
            .filter(|line| !line.contains("is-"))
            .map(str::to_owned)
            .collect()
    }
}

fn agent() -> &'static Path {
    &Programs::build().unwrap().agent
}

#[test]
fn a_login_item_is_written_shown_and_removed() {
    let home = Home::new("offline");
    let file = home.path("settings/autostart/shopmaster-till-2.desktop");
    let login = |command: &str| home.json(&format!("--instance till-2 autostart {command}"));
    assert_eq!(login("status")["login"]["state"], "absent");

    let enabled = login("enable --as login");
    assert_eq!(
        enabled["undo"],
        "shopmasterctl --instance till-2 autostart disable"
    );
    assert_eq!(enabled["done"].as_array().unwrap().len(), 1);
    let text = fs::read_to_string(&file).unwrap();
    let exec = format!("Exec={} run --instance till-2\n", agent().display());
    assert!(text.contains(&exec), "{text}");
    let now = login("status");
    assert_eq!(
        now["login"],
        json!({"state": "on", "starts": "agent", "place": format!("`{}`", file.display())})
    );
    assert_eq!(now["problems"], json!([]));
    assert_eq!(enabled["autostart"], now);

    // Another instance has another one.
    assert_eq!(home.json("autostart status")["login"]["state"], "absent");

    let disabled = login("disable");
    assert_eq!(
        disabled["done"],
        json!([format!("removed `{}`", file.display())])
    );
    assert!(!file.exists());
    assert_eq!(login("disable")["done"], json!([]));
}

#[test]
fn what_somebody_changed_by_hand_is_told() {
    let home = Home::new("offline");
    let file = home.path("settings/autostart/shopmaster-default.desktop");
    home.json("autostart enable --as login");
    let text = fs::read_to_string(&file).unwrap();

    fs::write(&file, format!("{text}Hidden=true\n")).unwrap();
    let answer = home.ctl("autostart status");
    assert!(
        answer
            .stdout
            .contains("switched off in the desktop's settings"),
        "{}",
        answer.stdout
    );
    fs::write(&file, text.replace("Exec=", "Exec=/old")).unwrap();
    let now = home.json("autostart status");
    assert_eq!(now["login"]["starts"], Value::Null);
    assert_eq!(now["problems"].as_array().unwrap().len(), 1);
    let answer = home.ctl("autostart status");
    assert!(answer.stderr.starts_with("warning: "), "{}", answer.stderr);

    home.json("autostart enable --as login");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn without_a_service_manager_a_service_is_refused_in_a_plain_sentence() {
    let home = Home::new("offline");
    let answer = home.ctl("autostart enable --as service --json");
    assert_eq!((answer.code, answer.stdout.as_str()), (Some(1), ""));
    let error: Value = serde_json::from_str(&answer.stderr).unwrap();
    assert_eq!(error["error"]["code"], "NO_SERVICE_MANAGER");
    assert!(
        error["error"]["remedy"]
            .as_str()
            .unwrap()
            .contains("--as login")
    );
    assert!(!home.path("settings/systemd").exists());
}

#[test]
fn a_users_service_takes_the_place_of_the_login_item() {
    let home = Home::new("degraded");
    let unit = home.path("settings/systemd/user/shopmaster-default.service");
    home.json("autostart enable --as login");

    let enabled = home.json("autostart enable --as service");
    let done = enabled["done"].as_array().unwrap();
    assert_eq!(done.len(), 4, "{done:?}");
    assert!(
        done[3]
            .as_str()
            .unwrap()
            .starts_with("removed the login item")
    );
    assert_eq!(
        home.asked(),
        [
            "--user daemon-reload",
            "--user enable shopmaster-default.service",
            "--user restart shopmaster-default.service"
        ]
    );
    let text = fs::read_to_string(&unit).unwrap();
    let exec = format!("ExecStart={} run --instance default\n", agent().display());
    assert!(text.contains(&exec), "{text}");
    let writable = format!("ReadWritePaths=-{}\n", home.folder.path().display());
    assert!(text.contains(&writable), "{text}");

    let now = home.json("autostart status");
    let service = &now["services"][0];
    assert_eq!(
        (
            &service["scope"],
            &service["state"],
            &service["running"],
            &service["changed"]
        ),
        (
            &json!("user"),
            &json!("enabled"),
            &json!(true),
            &json!(false)
        )
    );
    assert_eq!(now["login"]["state"], "absent");
    assert_eq!(now["problems"], json!([]));

    // One agent per instance.
    let refused = home.ctl("autostart enable --as login --json");
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("STARTED_ALREADY"),
        "{}",
        refused.stderr
    );

    // Again: nothing changes, and what runs is left alone.
    let asked = home.asked().len();
    home.json("autostart enable --as service");
    assert!(
        !home.asked()[asked..]
            .iter()
            .any(|line| line.contains("restart"))
    );

    fs::write(&unit, text.replace("RestartSec=10", "RestartSec=1")).unwrap();
    assert_eq!(
        home.json("autostart status")["services"][0]["changed"],
        true
    );

    home.json("autostart disable");
    assert!(!unit.exists());
    let after = home.json("autostart status");
    assert_eq!(after["services"][0]["state"], "absent");
    assert!(
        home.asked()
            .contains(&"--user disable --now shopmaster-default.service".to_owned())
    );
}

#[test]
fn a_service_that_does_not_start_is_told_in_the_service_managers_words() {
    let home = Home::new("running");
    fs::write(home.path("bin/state/refuse"), "").unwrap();
    let answer = home.ctl("autostart enable --as service");
    assert_eq!(answer.code, Some(1));
    assert_eq!(
        answer.stderr,
        "error: `systemctl --user restart shopmaster-default.service` failed: Job failed.\n"
    );
    // It would be tried for ever.
    let now = home.json("autostart status");
    assert_eq!(now["services"][0]["state"], "absent");
}

#[test]
fn a_service_is_removed_whole_where_no_service_manager_answers() {
    let home = Home::new("offline");
    let unit = home.path("settings/systemd/user/shopmaster-default.service");
    let wants = home.path("settings/systemd/user/default.target.wants");
    fs::create_dir_all(&wants).unwrap();
    fs::write(&unit, "[Service]\n").unwrap();
    symlink(&unit, wants.join("shopmaster-default.service")).unwrap();
    let before = home.json("autostart status");
    assert_eq!(before["services"][0]["state"], "enabled");

    home.json("autostart disable");
    assert!(!unit.exists());
    assert_eq!(fs::read_dir(&wants).unwrap().count(), 0);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let home = Home::new("offline");
    for arguments in [
        "autostart",
        "autostart enable",
        "autostart enable --as cron",
        "autostart enable --as service --run-as shop",
        "autostart enable --as login --system",
        "--agent unix:/a autostart status",
    ] {
        let answer = home.ctl(arguments);
        assert_eq!(
            (answer.code, answer.stdout.as_str()),
            (Some(2), ""),
            "{arguments}"
        );
    }
}

/// `systemd-analyze` knows keys and values of units better than we do.
#[test]
#[ignore = "needs `systemd-analyze`: install systemd"]
fn systemd_takes_the_unit() {
    let home = Home::new("running");
    home.json("autostart enable --as service");
    let unit = home.path("settings/systemd/user/shopmaster-default.service");
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--user"])
        .arg(&unit)
        .env("XDG_RUNTIME_DIR", home.folder.path())
        .output()
        .expect(needs::SYSTEMD);
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(
        verified.status.success() && !said.contains("shopmaster"),
        "{said}"
    );
}

#[tokio::test]
async fn a_notified_service_manager_hears_when_the_agent_is_ready_and_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(SECONDS)).unwrap();
    let heard = || {
        let mut buffer = [0; 1000];
        let length = socket.recv(&mut buffer).expect("nothing is told");
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    let mut world = World::builder().start().await.unwrap();
    world.stop().await.unwrap();
    world.set_env("NOTIFY_SOCKET", path.to_str().unwrap());
    world.launch().await.unwrap();
    assert_eq!(heard().trim(), "READY=1");
    assert!(heard().starts_with("STATUS="));
    world.stop().await.unwrap();
    // The agent has ended: all that it told is here.
    socket.set_nonblocking(true).unwrap();
    let mut told = Vec::new();
    let mut buffer = [0; 1000];
    while let Ok(length) = socket.recv(&mut buffer) {
        told.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
    }
    let stopping = told.iter().filter(|text| text.starts_with("STOPPING=1"));
    assert_eq!(stopping.count(), 1, "{told:?}");
}

/// Whoever stops an agent for good leaves a ChangeLog that grows in the shop's database, unless capture goes first.
#[tokio::test]
async fn disabling_says_that_capture_stays_behind() {
    let mut world = World::builder().products(2).start().await.unwrap();
    let home = Home::new("offline");
    let folder = home.folder.path().to_str().unwrap().to_owned();
    let search = format!("{}:/usr/bin:/bin", home.path("bin").display());
    let settings = home.path("settings").display().to_string();
    let disable = async |world: &World, arguments: &[&str]| {
        let environment = [
            ("HOME", folder.as_str()),
            ("XDG_CONFIG_HOME", settings.as_str()),
            ("PATH", search.as_str()),
        ];
        let arguments = [&["autostart", "disable"], arguments].concat();
        let answer = ctl_with(world, &arguments, "", &environment).await;
        assert_eq!(answer.status.code(), Some(0), "{answer:?}");
        String::from_utf8(answer.stderr).unwrap()
    };
    assert_eq!(disable(&world, &[]).await, "");
    world.install_capture().await.unwrap();
    let said = disable(&world, &[]).await;
    assert!(said.contains("capture is still installed"), "{said}");
    assert!(said.contains("`shopmasterctl capture remove`"), "{said}");
    for silent in ["--json", "--quiet"] {
        assert_eq!(disable(&world, &[silent]).await, "");
    }
    world.stop().await.unwrap();
    assert_eq!(
        disable(&world, &[]).await,
        "",
        "without an agent nobody knows"
    );
}
