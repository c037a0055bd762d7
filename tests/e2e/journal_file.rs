//! What people and disks do to the journal's file: nothing is sent that cannot be recorded, nothing is green
//! that is not, and a pause outlives it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use shopmaster_harness::world::World;
use shopmaster_proto::v1::{RunOutcome, State};

use crate::support::{codes, issue, wait_issue, wait_up_to_date};

/// A shop of six whose last product is gone from it.
async fn with_one_removed() -> World {
    let world = World::builder().products(6).start().await.unwrap();
    world.install_capture().await.unwrap();
    world.upload().await.unwrap();
    world.shop.delete("P0000006").unwrap();
    world.sync().await.unwrap();
    world
}

fn journal(world: &World) -> PathBuf {
    world.folders().data.join("journal.sqlite")
}

fn files(world: &World) -> Vec<PathBuf> {
    let found = fs::read_dir(&world.folders().data).unwrap();
    let paths = found.map(|file| file.unwrap().path());
    paths
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("journal.sqlite")
        })
        .collect()
}

/// Asserts that the agent notices at its next step, and sends nothing.
async fn assert_noticed(world: &World) {
    let before = world.digible.counts().requests;
    world.shop.set_price("P0000001", "1.00").unwrap();
    let run = world.sync().await.unwrap();
    assert_eq!(run.outcome(), RunOutcome::Failed, "{run:?}");
    assert_eq!(world.digible.counts().requests, before);
    let issue = wait_issue(world, "JOURNAL_GONE").await;
    assert!(issue.text.contains("journal.sqlite"), "{issue:?}");
    assert_eq!(
        issue.remedy,
        "Restart the agent, then run `shopmasterctl upload`"
    );
    let status = world.wait_status(|_| true).await.unwrap();
    assert_eq!(status.state(), State::Broken, "{status:?}");
}

/// Asserts that the agent says at its start that it knows less than before.
async fn assert_amber(world: &World, reason: &str) {
    let status = world
        .wait_status(|status| issue(status, "NEVER_UPLOADED").is_some())
        .await
        .unwrap();
    assert_eq!(status.state(), State::Attention, "{status:?}");
    let replaced = issue(&status, "JOURNAL_REPLACED").unwrap();
    assert!(replaced.text.contains(reason), "{replaced:?}");
}

#[tokio::test]
async fn a_journal_that_is_deleted_under_the_agent_is_missed_at_the_next_step() {
    let mut world = with_one_removed().await;
    for file in files(&world) {
        fs::remove_file(file).unwrap();
    }
    assert_noticed(&world).await;
    world.restart().await.unwrap();
    assert_amber(&world, "it was missing").await;
    assert_eq!(world.upload().await.unwrap().sent, 5);
}

#[tokio::test]
async fn a_journal_that_is_replaced_under_the_agent_is_missed_at_the_next_step() {
    let mut world = with_one_removed().await;
    world.stop().await.unwrap();
    let old = journal(&world).with_extension("old");
    fs::copy(journal(&world), &old).unwrap();
    world.launch().await.unwrap();
    world.shop.set_price("P0000002", "2.00").unwrap();
    world.sync().await.unwrap();
    fs::rename(&old, journal(&world)).unwrap();
    assert_noticed(&world).await;
    world.restart().await.unwrap();
    assert_amber(&world, "may be old").await;
    world.upload().await.unwrap();
    assert_eq!(world.assert_equal().await.unwrap().equal, 5);
}

/// Makes a table's first page none.
fn flip(path: &Path) {
    /// The size of SQLite's pages; the second one is a table's first.
    const PAGE: usize = 4096;
    let mut bytes = fs::read(path).unwrap();
    bytes[PAGE] ^= 0x40;
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_flipped_byte_is_noticed_and_a_pause_outlives_it() {
    let mut world = World::builder().products(5).start().await.unwrap();
    world.install_capture().await.unwrap();
    world.upload().await.unwrap();
    assert_eq!(world.ctl(&["pause"]).await.unwrap().code, 0);
    world.stop().await.unwrap();
    flip(&journal(&world));
    let before = world.digible.counts().requests;
    world.launch().await.unwrap();
    let status = world
        .wait_status(|status| issue(status, "JOURNAL_REPLACED").is_some())
        .await
        .unwrap();
    assert_eq!(status.state(), State::Paused, "{status:?}");
    assert_eq!(status.headline, "Paused");
    let refused = world.ctl(&["sync", "--json"]).await.unwrap();
    assert!(refused.stderr.contains("\"PAUSED\""), "{refused:?}");
    assert_eq!(world.digible.counts().requests, before);
    assert_eq!(world.ctl(&["resume"]).await.unwrap().code, 0);
    assert_amber(&world, "damaged").await;
    world.restart().await.unwrap();
    wait_issue(&world, "NEVER_UPLOADED").await;
    world.upload().await.unwrap();
    assert_eq!(world.assert_equal().await.unwrap().equal, 5);
}

#[tokio::test]
async fn a_journal_that_is_damaged_under_the_agent_fails_the_test_until_its_remedy_was_followed() {
    let mut world = World::builder().products(5).start().await.unwrap();
    world.install_capture().await.unwrap();
    world.upload().await.unwrap();
    let check = async |world: &World, code: i32| {
        let tested = world.ctl(&["test", "--json"]).await.unwrap();
        assert_eq!(tested.code, code, "{tested:?}");
        let checks = tested.json().unwrap()["checks"].clone();
        let mut checks = checks.as_array().unwrap().clone();
        checks.retain(|check| check["name"] == "journal.integrity");
        assert_eq!(checks.len(), 1, "{tested:?}");
        checks.remove(0)
    };
    assert_eq!(check(&world, 0).await["verdict"], "ok");
    let other = rusqlite::Connection::open(journal(&world)).unwrap();
    other
        .busy_timeout(std::time::Duration::from_secs(5))
        .unwrap();
    other
        .execute("DELETE FROM published WHERE id = 'P0000003'", [])
        .unwrap();
    drop(other);
    let failed = check(&world, 1).await;
    assert_eq!(failed["verdict"], "failed", "{failed}");
    assert_eq!(failed["code"], "JOURNAL_DAMAGED", "{failed}");
    let remedy = failed["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("Restart the agent"), "{failed}");
    assert!(remedy.contains("`shopmasterctl upload`"), "{failed}");
    world.restart().await.unwrap();
    wait_issue(&world, "JOURNAL_DAMAGED").await;
    world.upload().await.unwrap();
    assert_eq!(check(&world, 0).await["verdict"], "ok");
    assert_eq!(world.assert_equal().await.unwrap().equal, 5);
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_whose_target_is_away_at_the_start_forgets_nothing() {
    let mut world = with_one_removed().await;
    let (link, away) = (world.home().join("link.db"), world.home().join("away.db"));
    std::os::unix::fs::symlink(world.shop.path(), &link).unwrap();
    let path = link.to_string_lossy().into_owned();
    world
        .reconfigure(|config| {
            config.set("catalog.path", path);
        })
        .await
        .unwrap();
    world.upload().await.unwrap();
    let known = async |world: &World| {
        let status = world.wait_status(|status| status.published > 0).await;
        let status = status.unwrap();
        assert!(issue(&status, "NEVER_UPLOADED").is_none(), "{status:?}");
        assert!(issue(&status, "JOURNAL_REPLACED").is_none(), "{status:?}");
        (status.published, status.removed)
    };
    assert_eq!(known(&world).await, (5, 1));
    assert_eq!(world.ctl(&["pause"]).await.unwrap().code, 0);
    world.stop().await.unwrap();
    fs::rename(world.shop.path(), &away).unwrap();
    world.launch().await.unwrap();
    assert_eq!(known(&world).await, (5, 1));
    world.stop().await.unwrap();
    fs::rename(&away, world.shop.path()).unwrap();
    world.launch().await.unwrap();
    assert_eq!(known(&world).await, (5, 1));
    let status = world.wait_status(|_| true).await.unwrap();
    assert!(status.paused, "{:?}", codes(&status));
    assert_eq!(world.ctl(&["resume"]).await.unwrap().code, 0);
    wait_up_to_date(&world).await;
}

#[tokio::test]
async fn an_install_that_is_refused_makes_no_upload_due() {
    let world = World::builder().products(3).prepare().await.unwrap();
    world
        .shop
        .connection()
        .execute_batch("CREATE VIEW Sold AS SELECT * FROM Products")
        .unwrap();
    let mut world = world;
    world
        .reconfigure(|config| {
            config.set("catalog.table", "Sold");
        })
        .await
        .unwrap();
    world.upload().await.unwrap();
    world.sync().await.unwrap();
    let before = world
        .wait_status(|status| issue(status, "NEVER_UPLOADED").is_none())
        .await
        .unwrap();
    let refused = world.ctl(&["capture", "install"]).await.unwrap();
    assert_eq!(refused.code, 1, "{refused:?}");
    world.sync().await.unwrap();
    let after = world.wait_status(|_| true).await.unwrap();
    assert_eq!(codes(&before), codes(&after));
}
