//! Checking a journal that is in use.

use std::{
    fs,
    io::{Seek as _, SeekFrom, Write as _},
};

use rusqlite::Connection;

use super::*;
use crate::Integrity;

/// Something in every table that steps write, and in the file itself, not only in its WAL.
async fn shop() -> Fixture {
    let shop = Fixture::new();
    shop.publish(&[&number(1), &number(2)], 7).await;
    shop.park(&number(3), 8, "400").await;
    shop.remove(&number(4)).await;
    shop
}

fn behind_its_back(shop: &Fixture) -> Connection {
    Connection::open(file(&shop.folder)).unwrap()
}

#[tokio::test]
async fn a_journal_in_use_is_sound() {
    let shop = shop().await;
    let step = shop.begin(&[&number(9)]).await;
    let Integrity::Sound { bytes } = shop.journal.check_integrity().await.unwrap() else {
        panic!("it is sound");
    };
    assert!(bytes > 0 && bytes % 4096 == 0, "{bytes}");
    shop.journal.settle(step, Vec::new(), None).await.unwrap();
    let shop = shop.reopen();
    assert_eq!(shop.known(&number(1)).await.published(), Some([7; 32]));
}

#[tokio::test]
async fn a_row_that_was_changed_is_found_while_the_journal_is_open() {
    for (sql, is_unusable) in [
        (
            "UPDATE published SET digest = zeroblob(32) WHERE id = 1",
            false,
        ),
        ("DELETE FROM parked", false),
        (
            "UPDATE checksum SET seals = seals + 1 WHERE name = 'run'",
            false,
        ),
        ("UPDATE meta SET value = 'b' WHERE key = 'account'", true),
        (
            "UPDATE published SET digest = zeroblob(31) WHERE id = 1",
            true,
        ),
    ] {
        let shop = shop().await;
        let changed = behind_its_back(&shop).execute(sql, []).unwrap();
        assert_eq!(changed, 1, "{sql}");
        let found = shop.journal.check_integrity().await.unwrap();
        let (Integrity::Doubtful(reason) | Integrity::Unusable(reason)) = &found else {
            panic!("{sql}: {found:?}");
        };
        assert!(reason.starts_with("it is damaged"), "{sql}: {reason}");
        let unusable = matches!(found, Integrity::Unusable(_));
        assert_eq!(unusable, is_unusable, "{sql}: {found:?}");
    }
}

#[tokio::test]
async fn a_page_that_was_overwritten_is_found_while_the_journal_is_open() {
    let shop = shop().await;
    let page = {
        let connection = behind_its_back(&shop);
        connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
        connection
            .query_row(
                "SELECT rootpage FROM sqlite_schema WHERE name = 'parked'",
                [],
                |row| row.get::<_, u32>(0),
            )
            .unwrap()
    };
    let mut file = fs::File::options()
        .write(true)
        .open(file(&shop.folder))
        .unwrap();
    file.seek(SeekFrom::Start(u64::from(page - 1) * 4096))
        .unwrap();
    file.write_all(&[0xff; 4096]).unwrap();
    let found = shop.journal.check_integrity().await.unwrap();
    assert!(matches!(found, Integrity::Unusable(_)), "{found:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_journal_that_is_not_in_its_place_is_not_checked() {
    let shop = shop().await;
    fs::remove_file(file(&shop.folder)).unwrap();
    let error = shop.journal.check_integrity().await.unwrap_err();
    assert_eq!(error.code(), "JOURNAL_GONE");
    assert!(!file(&shop.folder).exists(), "looking makes none");
}

/// What a check sees is one commit, however often others commit meanwhile; and they do not wait for it.
#[tokio::test]
async fn steps_go_on_while_the_journal_is_checked() {
    let shop = shop().await;
    execute(
        &shop.journal,
        "WITH RECURSIVE n (n) AS (SELECT 100 UNION ALL SELECT n + 1 FROM n WHERE n < 20000)
         INSERT INTO published SELECT n, zeroblob(32), 1, 1 FROM n",
    );
    let checks = async {
        for _ in 0..3 {
            let found = shop.journal.check_integrity().await.unwrap();
            assert!(matches!(found, Integrity::Sound { .. }), "{found:?}");
        }
    };
    let mut steps = 0_u8;
    let writes = async {
        loop {
            shop.publish(&[&number(7)], steps).await;
            steps = steps.wrapping_add(1);
        }
    };
    tokio::select! {
        () = checks => {}
        () = writes => {}
    }
    assert!(steps > 0);
}
