//! Values that are not what was written, and a WAL that cannot be read to its end.

use std::{fs, path::PathBuf};

use rusqlite::Connection;

use super::{opening::copy_of, *};

/// Two published products, one that is refused, one that is gone, and a finished upload.
async fn shop() -> Fixture {
    let shop = Fixture::new();
    shop.publish(&[&number(1), &number(2)], 7).await;
    shop.park(&number(3), 8, "400").await;
    shop.remove(&number(4)).await;
    let upload = shop.journal.begin_upload().await.unwrap();
    shop.journal.finish_upload(upload).await.unwrap();
    shop
}

/// A closed journal that was changed behind the agent's back.
async fn changed(sql: &str) -> Opened {
    let Fixture { folder, journal } = shop().await;
    drop(journal);
    let connection = Connection::open(file(&folder)).unwrap();
    assert_eq!(connection.execute(sql, []).unwrap(), 1, "{sql}");
    drop(connection);
    let opened = open(&folder);
    let kept = opened.kept.as_ref().or(opened.damaged.as_ref()).unwrap();
    assert!(kept.reason.contains("damaged"), "{kept:?}");
    assert!(kept.path.exists());
    opened
}

async fn assert_everything_is_in_doubt(opened: Opened) {
    assert_eq!(opened.kept, None);
    let journal = opened.journal;
    assert!(journal.uploaded_at().await.unwrap().is_none());
    let all = journal.in_shop(None, 100).await.unwrap();
    for known in journal.known(all).await.unwrap() {
        assert!(known.is_in_doubt() || known.parked().is_some(), "{known:?}");
    }
    assert_eq!(
        journal.counts().await.unwrap().published,
        really_published(&journal)
    );
}

#[tokio::test]
async fn a_changed_or_vanished_row_puts_everything_in_doubt() {
    for sql in [
        "UPDATE published SET digest = zeroblob(32) WHERE id = 1",
        "UPDATE published SET id = 7 WHERE id = 1",
        "UPDATE published SET upload = 1 WHERE id = 1",
        "DELETE FROM published WHERE id = 1",
        "DELETE FROM parked",
        "UPDATE parked SET discarded = 1",
        "DELETE FROM removed",
        "INSERT INTO in_flight VALUES (9, 9)",
        "INSERT INTO doubt VALUES (9, 0, 0)",
        "UPDATE upload SET finished_at = NULL",
        "UPDATE checksum SET seals = seals + 1 WHERE name = 'run'",
        "DELETE FROM checksum WHERE name = 'doubt'",
    ] {
        let opened = changed(sql).await;
        assert!(opened.damaged.is_some(), "{sql}");
        assert_everything_is_in_doubt(opened).await;
    }
}

#[tokio::test]
async fn a_journal_that_says_something_else_of_itself_is_kept_aside() {
    for sql in [
        "UPDATE meta SET value = 'b' WHERE key = 'account'",
        "DELETE FROM meta WHERE key = 'journal'",
        "UPDATE published SET digest = zeroblob(31) WHERE id = 1",
        "UPDATE parked SET reason = CAST(x'ff' AS TEXT)",
        "UPDATE published SET id = 1.5 WHERE id = 1",
    ] {
        let opened = changed(sql).await;
        assert!(opened.kept.is_some(), "{sql}");
        assert_eq!(opened.journal.counts().await.unwrap().published, 0);
    }
}

#[tokio::test]
async fn damage_is_told_once() {
    let Fixture { folder, journal } = shop().await;
    drop(journal);
    let connection = Connection::open(file(&folder)).unwrap();
    connection.execute("DELETE FROM removed", []).unwrap();
    drop(connection);
    assert!(open(&folder).damaged.is_some());
    let opened = open(&folder);
    assert_eq!((opened.kept, opened.damaged), (None, None));
}

fn wal_of(folder: &TempDir) -> PathBuf {
    folder.path().join("journal.sqlite-wal")
}

/// Opens what a kill leaves, with one byte of its WAL changed.
fn with_flipped(shop: &Fixture, at: usize) -> Opened {
    let copy = copy_of(shop);
    let mut bytes = fs::read(wal_of(&copy)).unwrap();
    bytes[at] ^= 0x10;
    fs::write(wal_of(&copy), &bytes).unwrap();
    let opened = open(&copy);
    if let Some(damaged) = &opened.damaged {
        let mut wal = damaged.path.clone().into_os_string();
        wal.push("-wal");
        assert!(fs::read(wal).unwrap() == bytes, "the copy has its WAL");
    }
    opened
}

#[tokio::test]
async fn a_flipped_byte_of_a_wal_puts_everything_in_doubt() {
    let shop = shop().await;
    let frame = 32 + 24 + 4096;
    // Its header, the header of a frame, its salts, its checksum, and its page.
    for at in [
        0,
        9,
        17,
        30,
        32,
        36,
        40,
        45,
        50,
        500,
        frame + 8,
        frame + 900,
    ] {
        let opened = with_flipped(&shop, at);
        assert!(opened.damaged.is_some(), "byte {at}");
        assert_everything_is_in_doubt(opened).await;
    }
}

#[tokio::test]
async fn a_torn_last_commit_is_no_damage() {
    let shop = shop().await;
    let length = fs::metadata(wal_of(&shop.folder)).unwrap().len();
    let opened = with_flipped(&shop, usize::try_from(length).unwrap() - 100);
    assert_eq!((opened.kept, opened.damaged), (None, None));
    // It was the end of the upload.
    assert!(opened.journal.uploaded_at().await.unwrap().is_none());
    assert_eq!(opened.journal.counts().await.unwrap().published, 2);
}
