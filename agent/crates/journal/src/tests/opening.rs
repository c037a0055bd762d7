//! Opening: whose journal it is, and what is kept aside.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use rusqlite::Connection;
use shopmaster_product::position::Position;

use super::*;
use crate::{JournalError, Kept, migrations, starts_over};

/// What the files of a folder hold. SQLite's index of a WAL holds nothing of its own.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.to_string_lossy().ends_with("-shm"))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .filter(|(_, bytes)| !bytes.is_empty())
        .collect()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn kept(opened: &Opened) -> &Kept {
    opened.kept.as_ref().unwrap()
}

async fn assert_empty(journal: &Journal) {
    assert_eq!(
        journal.counts().await.unwrap(),
        super::super::Counts::default()
    );
    assert!(journal.uploaded_at().await.unwrap().is_none());
    assert!(journal.due(None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_missing_journal_starts_empty_and_keeps_its_id() {
    let shop = Fixture::new();
    assert_empty(&shop.journal).await;
    let id = shop.journal.stamp().await.unwrap().journal;
    assert_eq!(id.len(), 32);
    let shop = shop.reopen();
    assert_eq!(shop.journal.stamp().await.unwrap().journal, id);
    assert_ne!(Fixture::new().journal.stamp().await.unwrap().journal, id);
}

#[tokio::test]
async fn it_survives_a_power_cut() {
    let shop = Fixture::new();
    let pragma = |name: &str| {
        let connection = shop.journal.connection.lock().unwrap();
        connection
            .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
            .unwrap()
    };
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
    assert_eq!(pragma("synchronous"), 2.into());
}

/// A journal that knows of each kind of product.
async fn known() -> Fixture {
    let shop = Fixture::new();
    shop.publish(&[&number(1), &number(2)], 7).await;
    shop.park(&number(3), 7, "no").await;
    shop.remove(&number(2)).await;
    let upload = shop.journal.begin_upload().await.unwrap();
    shop.journal.finish_upload(upload).await.unwrap();
    shop
}

/// Asserts that nothing of [`known`] was forgotten, and nothing of it counts as settled.
async fn assert_known_and_doubted(journal: &Journal) {
    assert_known(journal, 1).await;
}

/// What is known stays, `in_doubt` of it in doubt, and an upload is due.
async fn assert_known(journal: &Journal, in_doubt: u64) {
    let counts = journal.counts().await.unwrap();
    assert_eq!(
        (
            counts.published,
            counts.in_doubt,
            counts.parked,
            counts.removed
        ),
        (1, in_doubt, 1, 1)
    );
    assert!(journal.uploaded_at().await.unwrap().is_none());
}

fn of_catalog(catalog: &str) -> Binding {
    Binding {
        catalog: catalog.to_owned(),
        captured: catalog.to_owned(),
        ..binding("a")
    }
}

#[tokio::test]
async fn another_catalog_of_the_account_keeps_the_journal_and_is_to_be_compared() {
    let shop = known().await;
    let id = shop.journal.stamp().await.unwrap().journal;
    let Fixture { folder, journal } = shop;
    drop(journal);
    let opened = Journal::open(&file(&folder), &of_catalog("another"), WINDOW).unwrap();
    assert!(opened.catalog_changed && !opened.is_new);
    assert_eq!((opened.kept, opened.taken_up), (None, None));
    assert_known(&opened.journal, 0).await;
    assert_eq!(opened.journal.stamp().await.unwrap().journal, id);
    drop(opened.journal);
    let again = Journal::open(&file(&folder), &of_catalog("another"), WINDOW).unwrap();
    assert!(!again.catalog_changed);
    assert_known(&again.journal, 0).await;
    // Until everything was compared, and what differs sent.
    assert!(again.journal.has_another_catalog().await.unwrap());
    again.journal.note_uploaded().await.unwrap();
    assert!(!again.journal.has_another_catalog().await.unwrap());
}

/// Another price column, or another condition.
#[tokio::test]
async fn what_was_dealt_with_is_no_new_change_while_the_same_table_is_captured() {
    let Fixture { folder, journal } = known().await;
    let position = Position {
        began: 7,
        ..Position::default()
    };
    journal.keep_position(position.clone()).await.unwrap();
    drop(journal);
    for (binding, is_kept) in [
        (
            Binding {
                catalog: "another".to_owned(),
                ..binding("a")
            },
            true,
        ),
        (of_catalog("yet another"), false),
    ] {
        let opened = Journal::open(&file(&folder), &binding, WINDOW).unwrap();
        assert!(opened.catalog_changed);
        let found = opened.journal.position().await.unwrap();
        assert_eq!(found.as_ref() == Some(&position), is_kept, "{found:?}");
    }
}

#[test]
fn another_catalog_of_a_journal_that_knows_nothing_is_no_change() {
    let Fixture { folder, journal } = Fixture::new();
    drop(journal);
    let opened = Journal::open(&file(&folder), &of_catalog("another"), WINDOW).unwrap();
    assert!(!opened.catalog_changed);
}

#[tokio::test]
async fn another_account_keeps_the_journal_aside_until_it_fits_again() {
    let shop = known().await;
    let id = shop.journal.stamp().await.unwrap().journal;
    let Fixture { folder, journal } = shop;
    drop(journal);
    assert!(!starts_over(&file(&folder), &binding("a").account));
    assert!(starts_over(&file(&folder), &binding("b").account));

    let other = Journal::open(&file(&folder), &binding("b"), WINDOW).unwrap();
    assert!(other.is_new && other.taken_up.is_none());
    let reason = &kept(&other).reason;
    assert!(reason.contains("another Digible account"), "{reason}");
    let aside = kept(&other).path.clone();
    assert_empty(&other.journal).await;
    assert_ne!(other.journal.stamp().await.unwrap().journal, id);
    drop(other.journal);

    // The way back leaves nothing behind that anybody knew, and is no loss.
    assert!(!starts_over(&file(&folder), &binding("a").account));
    let back = Journal::open(&file(&folder), &binding("a"), WINDOW).unwrap();
    assert!(kept(&back).reason.contains("another Digible account"));
    assert_eq!(back.taken_up.as_ref(), Some(&aside));
    assert!(!aside.exists());
    assert_eq!(back.journal.stamp().await.unwrap().journal, id);
    assert_known_and_doubted(&back.journal).await;
    // No more than the one of the other account is left over.
    let left = contents(folder.path()).into_keys();
    let left: Vec<_> = left.filter(|path| *path != file(&folder)).collect();
    let aside = kept(&back).path.clone();
    assert!(
        left.iter()
            .all(|path| *path == aside || path.to_string_lossy().ends_with("-wal")),
        "{left:?}"
    );
}

#[tokio::test]
async fn of_several_that_fit_the_newest_is_taken_up_and_a_damaged_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut ids = Vec::new();
    for name in [
        "journal-20261129-100000.sqlite",
        "journal-20261129-100000-10.sqlite",
        "journal-20261129-100000-9.sqlite",
    ] {
        let opened = Journal::open(&folder.path().join(name), &binding("a"), WINDOW).unwrap();
        ids.push(opened.journal.stamp().await.unwrap().journal);
    }
    let damaged = folder.path().join("journal-20261129-110000.sqlite");
    fs::copy(
        folder.path().join("journal-20261129-100000.sqlite"),
        &damaged,
    )
    .unwrap();
    let mut bytes = fs::read(&damaged).unwrap();
    let length = bytes.len();
    bytes[4096..length].fill(0xAA);
    fs::write(&damaged, bytes).unwrap();
    fs::write(folder.path().join("journal-newest.sqlite"), "mine").unwrap();
    // As when the journal was deleted, and not what belongs to it.
    fs::write(with_suffix(&file(&folder), "-wal"), "of another").unwrap();
    let opened = Journal::open(&file(&folder), &binding("a"), WINDOW).unwrap();
    assert_eq!(
        opened.taken_up,
        Some(folder.path().join("journal-20261129-100000-10.sqlite"))
    );
    assert_eq!(opened.journal.stamp().await.unwrap().journal, ids[1]);
    assert!(damaged.exists());
}

#[tokio::test]
async fn a_journal_that_is_deleted_or_replaced_while_it_is_open_is_missed() {
    for replaced in [false, true] {
        let shop = known().await;
        shop.journal.check_in_place().await.unwrap();
        // The WAL folded into it is no other file.
        execute_alone(&shop.journal, "PRAGMA wal_checkpoint(TRUNCATE)");
        shop.publish(&[&number(5)], 7).await;
        shop.journal.check_in_place().await.unwrap();
        let path = file(&shop.folder);
        let copy = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        if replaced {
            // Not at once: its number would be free for the next file.
            let new = path.with_extension("new");
            fs::write(&new, copy).unwrap();
            fs::rename(new, &path).unwrap();
        }
        let error = shop.journal.check_in_place().await.unwrap_err();
        assert!(matches!(error, JournalError::Gone { .. }), "{error}");
        assert_eq!(error.code(), "JOURNAL_GONE");
        assert!(error.remedy().contains("shopmasterctl upload"));
    }
}

#[tokio::test]
async fn what_is_no_database_is_kept_aside_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let garbage =
        b"<html>not a database, and longer than a header of a hundred bytes</html>".repeat(99);
    fs::write(file(&folder), &garbage).unwrap();
    fs::write(with_suffix(&file(&folder), "-wal"), b"its own").unwrap();
    let opened = open(&folder);
    let kept = kept(&opened);
    assert_eq!(kept.path.parent(), Some(folder.path()));
    assert!(kept.reason.contains("could not be read"), "{}", kept.reason);
    assert_eq!(fs::read(&kept.path).unwrap(), garbage);
    assert_eq!(
        fs::read(with_suffix(&kept.path, "-wal")).unwrap(),
        b"its own"
    );
    assert_empty(&opened.journal).await;
}

#[tokio::test]
async fn an_empty_file_is_an_empty_journal() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(file(&folder), b"").unwrap();
    let opened = open(&folder);
    assert_eq!(opened.kept, None);
    assert_empty(&opened.journal).await;
}

#[tokio::test]
async fn a_damaged_page_is_found_at_the_start() {
    let shop = Fixture::new();
    let many: Vec<_> = (0..20_000).map(number).collect();
    shop.hand_over(&many.iter().collect::<Vec<_>>()).await;
    let Fixture { folder, journal } = shop;
    drop(journal);
    let mut bytes = fs::read(file(&folder)).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xAA);
    fs::write(file(&folder), &bytes).unwrap();

    let opened = open(&folder);
    assert!(!kept(&opened).reason.contains('\n'));
    assert!(
        kept(&opened).reason.contains("damaged"),
        "{:?}",
        opened.kept
    );
    assert!(fs::read(&kept(&opened).path).unwrap() == bytes);
    assert_empty(&opened.journal).await;
}

#[tokio::test]
async fn a_journal_cut_short_is_kept_aside() {
    let shop = Fixture::new();
    let many: Vec<_> = (0..20_000).map(number).collect();
    shop.hand_over(&many.iter().collect::<Vec<_>>()).await;
    let Fixture { folder, journal } = shop;
    drop(journal);
    let whole = fs::read(file(&folder)).unwrap();
    for length in [99, 4096, 4097, whole.len() / 2] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(file(&folder), &whole[..length]).unwrap();
        let opened = open(&folder);
        assert!(fs::read(&kept(&opened).path).unwrap() == whole[..length]);
        assert_empty(&opened.journal).await;
    }
}

#[tokio::test]
async fn a_database_of_another_program_is_kept_aside_untouched() {
    for format in [-1, 0, migrations::NEWEST] {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(file(&folder)).unwrap();
        connection
            .execute_batch("CREATE TABLE product (x)")
            .unwrap();
        connection
            .pragma_update(None, "user_version", format)
            .unwrap();
        drop(connection);
        let bytes = fs::read(file(&folder)).unwrap();
        let opened = open(&folder);
        assert_eq!(kept(&opened).reason, "it is not a journal");
        assert!(fs::read(&kept(&opened).path).unwrap() == bytes);
        assert_empty(&opened.journal).await;
    }
}

fn assert_newer(folder: &TempDir) {
    let before = contents(folder.path());
    let error = Journal::open(&file(folder), &binding("a"), WINDOW).unwrap_err();
    assert!(
        matches!(error, JournalError::Newer { found: 99, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("newer version"));
    assert!(contents(folder.path()) == before);
}

#[test]
fn a_newer_journal_is_left_byte_for_byte_alone() {
    let shop = Fixture::new();
    execute(&shop.journal, "PRAGMA user_version = 99");
    let Fixture { folder, journal } = shop;
    drop(journal);
    assert_newer(&folder);
    assert_newer(&folder);
}

#[test]
fn a_newer_journal_is_left_alone_when_only_its_wal_says_so() {
    let shop = Fixture::new();
    execute_alone(
        &shop.journal,
        "PRAGMA wal_checkpoint; PRAGMA user_version = 99",
    );
    let copy = copy_of(&shop);
    let header = fs::read(file(&copy)).unwrap();
    assert_eq!(
        header[60..64],
        [0, 0, 0, u8::try_from(migrations::NEWEST).unwrap()]
    );
    assert_newer(&copy);
}

#[test]
fn a_newer_journal_of_another_mode_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::open(file(&folder)).unwrap();
    connection
        .execute_batch("CREATE TABLE other (x); PRAGMA user_version = 99")
        .unwrap();
    drop(connection);
    assert_newer(&folder);
}

/// As after a kill while the old one was moved aside.
#[tokio::test]
async fn a_wal_without_its_journal_is_not_taken_up() {
    let shop = Fixture::new();
    shop.publish(&[&number(1)], 7).await;
    let copy = copy_of(&shop);
    fs::remove_file(file(&copy)).unwrap();
    assert_empty(&open(&copy).journal).await;
}

#[test]
fn what_is_not_the_contents_fault_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing").join("journal.sqlite");
    for path in [missing.as_path(), folder.path()] {
        let error = Journal::open(path, &binding("a"), WINDOW).unwrap_err();
        assert!(matches!(error, JournalError::Open { .. }), "{error}");
    }
    assert!(contents(folder.path()).is_empty());
}

#[tokio::test]
async fn a_start_that_was_cut_short_is_begun_again() {
    let shop = Fixture::new();
    // As after a step of the migration, before the first owner.
    execute(&shop.journal, "DELETE FROM meta");
    let shop = shop.reopen();
    assert_eq!(shop.journal.stamp().await.unwrap().journal.len(), 32);
}

/// What a kill leaves at this moment.
pub(super) fn copy_of(shop: &Fixture) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for suffix in ["", "-wal"] {
        fs::copy(
            with_suffix(&file(&shop.folder), suffix),
            with_suffix(&file(&copy), suffix),
        )
        .unwrap();
    }
    copy
}

#[test]
fn a_disk_that_cannot_write_ahead_is_refused() {
    // Memory is one.
    let error = Journal::open(Path::new(":memory:"), &binding("a"), WINDOW).err();
    let Some(error @ JournalError::NoWal { .. }) = error else {
        panic!("{error:?}");
    };
    assert!(error.remedy().contains("local disk"), "{error}");
}
