//! Disks that are full or may not be written: small ones in memory, where this user may mount them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use shopmaster_proto::v1::{RunOutcome, State};
use shopmaster_testkit::world::World;

use crate::support::{codes, needs_a_shop_file, wait_issue, wait_up_to_date};

/// A disk of a megabyte or two; unmounted when it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where this user may not mount.
    fn mount(path: &Path) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let mounted = mount(&["-t", "tmpfs", "-o", "size=2m", "tmpfs"], path);
        if !mounted {
            println!("skipped: this user may not mount a small disk");
        }
        mounted.then(|| Self(path.to_owned()))
    }

    /// Leaves no byte free.
    fn fill(&self) {
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

    fn free(&self) {
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
async fn without_room_for_the_journal_nothing_is_sent_and_nothing_lost() {
    let mut world = World::builder().products(40).prepare().await.unwrap();
    let Some(disk) = SmallDisk::mount(&world.folders().data) else {
        return;
    };
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
    assert!(issue.remedy.contains("disk is not full"), "{issue:?}");
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
async fn without_room_for_the_log_it_goes_on() {
    let mut world = World::builder()
        .products(10)
        .set("log.level", "trace")
        .prepare()
        .await
        .unwrap();
    let Some(disk) = SmallDisk::mount(&world.folders().log) else {
        return;
    };
    disk.fill();
    world.launch().await.unwrap();
    world.install_capture().await.unwrap();
    assert_eq!(world.upload().await.unwrap().sent, 10);
    wait_up_to_date(&world).await;
    let logs = world.ctl(&["logs"]).await.unwrap();
    assert!(logs.stdout.contains("run ended"), "{logs:?}");
}

#[tokio::test]
async fn a_configuration_that_cannot_be_written_stays_as_it_is() {
    let mut world = World::builder().products(3).prepare().await.unwrap();
    let text = fs::read_to_string(world.config_file()).unwrap();
    let Some(disk) = SmallDisk::mount(&world.folders().config) else {
        return;
    };
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

/// The changes cannot be deleted: they are found unchanged later, and sent once.
#[tokio::test]
async fn without_room_in_the_shops_own_disk_nothing_is_sent_twice() {
    if needs_a_shop_file("it fills the disk that the file is on") {
        return;
    }
    let mut world = World::builder().products(3).prepare().await.unwrap();
    let folder = world.home().join("pos");
    let Some(disk) = SmallDisk::mount(&folder) else {
        return;
    };
    let path = folder.join("shop.db");
    drop(shopmaster_testkit::shop::Shop::create(&path, 200).unwrap());
    let shop = shopmaster_testkit::shop::Shop::open(&path).unwrap();
    world
        .reconfigure(|config| {
            config.set("catalog.path", path.to_string_lossy());
        })
        .await
        .unwrap();
    world.install_capture().await.unwrap();
    world.upload().await.unwrap();
    world.sync().await.unwrap();
    world.digible.clear_requests();
    shop.connection()
        .execute("UPDATE Products SET SellPrice = 7.77", [])
        .unwrap();
    disk.fill();
    let run = world.sync().await.unwrap();
    assert_eq!((run.outcome(), run.sent), (RunOutcome::Failed, 200));
    assert!(run.message.contains("disk is full"), "{}", run.message);
    let status = world.wait_status(|_| true).await.unwrap();
    assert_eq!((status.state(), status.pending), (State::Pending, 200));
    disk.free();
    let run = world.sync().await.unwrap();
    assert_eq!(run.outcome(), RunOutcome::Completed, "{run:?}");
    wait_up_to_date(&world).await;
    assert_eq!(world.digible.counts().products_applied, 200);
    for listing in world.digible.products().values() {
        assert_eq!(listing.price, "7.77");
    }
}
