//! Disks that are full or may not be written: small ones in memory, where this user may mount them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use shopmaster_harness::world::World;
use shopmaster_proto::v1::{RunOutcome, State};
use shopmaster_standins::needs;

use crate::support::{codes, wait_issue, wait_up_to_date};

/// A disk of a megabyte or two; unmounted when it is dropped.
pub(super) struct SmallDisk(PathBuf);

impl SmallDisk {
    pub(super) fn mount(path: &Path) -> Self {
        fs::create_dir_all(path).unwrap();
        let mounted = mount(&["-t", "tmpfs", "-o", "size=2m", "tmpfs"], path);
        assert!(mounted, "{}", needs::SMALL_DISK);
        Self(path.to_owned())
    }

    /// Leaves no byte free.
    pub(super) fn fill(&self) {
        let filler = self.0.join("filler");
        let chunk = [0; 4_096];
        let mut content = Vec::new();
        loop {
            content.extend_from_slice(&chunk);
            if fs::write(&filler, &content).is_err() {
                return;
            }
        }
    }

    pub(super) fn free(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }

    fn lock(&self, mode: &str) {
        assert!(mount(&["-o", &format!("remount,{mode}"), "tmpfs"], &self.0));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the agent may still have files there.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str], path: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(arguments).arg(path);
    command.output().is_ok_and(|output| output.status.success())
}

#[tokio::test]
#[ignore = "needs to mount a small disk: run it as root"]
async fn without_room_for_the_journal_nothing_is_sent_and_nothing_lost() {
    let mut world = World::builder().products(40).prepare().await.unwrap();
    let disk = SmallDisk::mount(&world.folders().data);
    world.launch().await.unwrap();
    world.install_capture().await.unwrap();
    world.upload().await.unwrap();
    wait_up_to_date(&world).await;
    disk.fill();
    world.digible.clear_requests();
    for number in 1..=40 {
        let id = format!("P{number:07}");
        world.shop.set_price(&id, "12.34").unwrap();
    }
    let run = world.sync().await.unwrap();
    assert_eq!(run.outcome(), RunOutcome::Failed, "{run:?}");
    assert!(run.message.contains("full"), "{}", run.message);
    let issue = wait_issue(&world, "JOURNAL_FAILED").await;
    assert!(issue.remedy.contains("Free disk space"), "{issue:?}");
    let status = world.wait_status(|_| true).await.unwrap();
    assert_eq!((status.state(), status.pending), (State::Broken, 40));
    // What was not marked in doubt was not sent.
    assert_eq!(world.digible.counts().updates, 0);
    // Neither a kill nor a start without room changes that.
    world.kill9();
    world.launch().await.unwrap();
    world
        .wait_status(|status| codes(status).contains(&"JOURNAL_FAILED") || status.pending == 40)
        .await
        .unwrap();
    disk.free();
    world.restart().await.unwrap();
    let run = world.sync().await.unwrap();
    assert_eq!((run.outcome(), run.sent), (RunOutcome::Completed, 40));
    wait_up_to_date(&world).await;
    assert_eq!(world.assert_equal().await.unwrap().equal, 40);
}

#[tokio::test]
#[ignore = "needs to mount a small disk: run it as root"]
async fn without_room_for_the_log_it_goes_on() {
    let mut world = World::builder()
        .products(10)
        .set("log.level", "trace")
        .prepare()
        .await
        .unwrap();
    let disk = SmallDisk::mount(&world.folders().log);
    disk.fill();
    world.launch().await.unwrap();
    world.install_capture().await.unwrap();
    assert_eq!(world.upload().await.unwrap().sent, 10);
    wait_up_to_date(&world).await;
    let logs = world.ctl(&["logs"]).await.unwrap();
    assert!(logs.stdout.contains("run ended"), "{logs:?}");
}

#[tokio::test]
#[ignore = "needs to mount a small disk: run it as root"]
async fn a_configuration_that_cannot_be_written_stays_as_it_is() {
    let mut world = World::builder().products(3).prepare().await.unwrap();
    let text = fs::read_to_string(world.config_file()).unwrap();
    let disk = SmallDisk::mount(&world.folders().config);
    fs::write(world.config_file(), &text).unwrap();
    world.launch().await.unwrap();
    world.install_capture().await.unwrap();
    let assert_refused = async |world: &World, why: &str| {
        let refused = world
            .ctl(&["configure", "--interval", "9s", "--json"])
            .await
            .unwrap();
        assert_eq!(refused.code, 1);
        assert!(
            refused.stderr.contains("\"CONFIG_NOT_WRITTEN\""),
            "{refused:?}"
        );
        assert!(refused.stderr.contains(why), "{refused:?}");
        assert_eq!(fs::read_to_string(world.config_file()).unwrap(), text);
        let shown = world.ctl(&["configure", "--show", "--json"]).await.unwrap();
        assert_eq!(shown.json().unwrap()["settings"]["sync"]["interval"], "5s");
    };
    disk.fill();
    assert_refused(&world, "No space left").await;
    disk.free();
    disk.lock("ro");
    assert_refused(&world, "Read-only file system").await;
    disk.lock("rw");
    let done = world.ctl(&["configure", "--interval", "9s"]).await.unwrap();
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(world.upload().await.unwrap().sent, 3);
}
