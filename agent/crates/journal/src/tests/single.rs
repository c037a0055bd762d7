//! Single values and runs.

use jiff::Timestamp;

use super::*;
use crate::{AgentState, Pause, Stamp, StoredRun};

#[tokio::test]
async fn a_pause_that_an_earlier_version_kept_is_taken_over_once() {
    let shop = Fixture::new();
    let path = shop.folder.path().join("state.json");
    let until = Timestamp::from_millisecond(1_800_000_000_123).unwrap();
    let state = AgentState::open(&path);
    execute(
        &shop.journal,
        "INSERT INTO meta (key, value) VALUES ('paused_until', 1800000000123)",
    );
    assert_eq!(state.use_journal(&shop.journal, None).await.unwrap(), None);
    assert_eq!(*state.borrow(), Some(Pause::Until(until)));
    state.set_pause(None).await.unwrap();
    let state = AgentState::open(&path);
    assert_eq!(state.use_journal(&shop.journal, None).await.unwrap(), None);
    assert_eq!(*state.borrow(), None);
    let other = Fixture::new();
    let replaced = state.use_journal(&other.journal, None).await.unwrap();
    assert_eq!(replaced, Some("it was missing"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_copy_of_the_journal_in_its_place_is_doubted() {
    let shop = Fixture::new();
    shop.publish(&[&number(1)], 7).await;
    let state = AgentState::open(&shop.folder.path().join("state.json"));
    assert_eq!(state.use_journal(&shop.journal, None).await.unwrap(), None);
    let Fixture { folder, journal } = shop;
    drop(journal);
    let copy = folder.path().join("copy");
    std::fs::copy(file(&folder), &copy).unwrap();
    std::fs::rename(copy, file(&folder)).unwrap();
    let journal = open(&folder).journal;
    let replaced = state.use_journal(&journal, None).await.unwrap();
    assert_eq!(replaced, Some("its file is a copy, which may be old"));
    assert_eq!(journal.counts().await.unwrap().in_doubt, 1);
    assert_eq!(state.use_journal(&journal, None).await.unwrap(), None);
}

#[tokio::test]
async fn generations_are_proposed_and_then_confirmed() {
    let shop = Fixture::new();
    let first = shop.journal.stamp().await.unwrap();
    assert_eq!((first.generation, first.proposed), (0, 0));
    shop.journal.propose_generation(5).await.unwrap();
    let shop = shop.reopen();
    let proposed = Stamp {
        proposed: 5,
        ..first.clone()
    };
    assert_eq!(shop.journal.stamp().await.unwrap(), proposed);
    shop.journal.confirm_generation(5).await.unwrap();
    let shop = shop.reopen();
    let confirmed = Stamp {
        generation: 5,
        proposed: 5,
        ..first
    };
    assert_eq!(shop.journal.stamp().await.unwrap(), confirmed);
}

fn run(number: i64) -> StoredRun {
    StoredRun {
        id: format!("sync-{number:04}"),
        sequence: number.unsigned_abs(),
        started_at: number,
        finished_at: None,
        record: format!("{{\"n\":{number}}}"),
    }
}

#[tokio::test]
async fn a_run_is_stored_in_place_of_its_earlier_state() {
    let shop = Fixture::new();
    shop.journal.store_run(run(1), None).await.unwrap();
    shop.journal.store_run(run(2), None).await.unwrap();
    let ended = StoredRun {
        finished_at: Some(9),
        ..run(1)
    };
    shop.journal.store_run(ended.clone(), None).await.unwrap();
    let shop = shop.reopen();
    assert_eq!(
        shop.journal.stored_run(ended.id.clone()).await.unwrap(),
        Some(ended.clone())
    );
    assert_eq!(shop.journal.stored_runs(9).await.unwrap(), [run(2), ended]);
    shop.journal.drop_run(run(2).id).await.unwrap();
    assert_eq!(shop.journal.stored_run(run(2).id).await.unwrap(), None);
}

#[tokio::test]
async fn the_newest_five_hundred_runs_are_kept() {
    let shop = Fixture::new();
    execute(
        &shop.journal,
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 600)
         INSERT INTO run SELECT format('sync-%04d', n), n, iif(n = 7, NULL, n), '{}', n FROM n",
    );
    let ended = StoredRun {
        finished_at: Some(601),
        ..run(601)
    };
    shop.journal.store_run(ended.clone(), None).await.unwrap();
    let runs = shop.journal.stored_runs(1000).await.unwrap();
    assert_eq!(runs.len(), 501);
    assert_eq!(runs.first(), Some(&ended));
    let oldest: Vec<_> = runs
        .iter()
        .rev()
        .map(|run| run.started_at)
        .take(2)
        .collect();
    assert_eq!(oldest, [7, 102], "one that has not ended is kept");
}

#[tokio::test]
async fn runs_are_kept_for_ninety_days_and_the_newest_fifty_for_longer() {
    const DAY: i64 = 86_400_000;
    let ended = |number: i64, day: i64| StoredRun {
        finished_at: Some(day * DAY),
        ..run(number)
    };
    let shop = Fixture::new();
    let numbers = async || -> Vec<_> {
        let runs = shop.journal.stored_runs(1000).await.unwrap();
        runs.iter().rev().map(|run| run.started_at).collect()
    };
    // One a day, but for one that never ends.
    for number in 1..=160 {
        let stored = match number {
            7 => run(7),
            number => ended(number, number),
        };
        shop.journal.store_run(stored, None).await.unwrap();
    }
    let expected: Vec<_> = [7].into_iter().chain(70..=160).collect();
    assert_eq!(numbers().await, expected, "none is older than 90 days");
    // One that begins lets none go.
    let begun = StoredRun {
        started_at: 161,
        ..run(161)
    };
    shop.journal.store_run(begun, None).await.unwrap();
    assert_eq!(numbers().await.len(), 93);
    // Long closed.
    shop.journal
        .store_run(ended(161, 1000), None)
        .await
        .unwrap();
    let expected: Vec<_> = [7].into_iter().chain(112..=161).collect();
    assert_eq!(numbers().await, expected, "the newest 50");
    // A clock that was a year ahead, and is set back.
    shop.journal.store_run(ended(162, 600), None).await.unwrap();
    assert_eq!(numbers().await.last(), Some(&162));
    assert_eq!(numbers().await.len(), 51);
}

#[tokio::test]
async fn runs_are_in_the_order_in_which_they_began_whatever_the_clock_said() {
    let shop = Fixture::new();
    let ahead = StoredRun {
        started_at: i64::MAX,
        ..run(1)
    };
    shop.journal.store_run(ahead.clone(), None).await.unwrap();
    shop.journal.store_run(run(2), None).await.unwrap();
    assert_eq!(shop.journal.stored_runs(9).await.unwrap(), [run(2), ahead]);
}

#[tokio::test]
async fn progress_is_stored_for_a_run_that_goes_and_for_no_other() {
    let shop = Fixture::new();
    let further = |run: StoredRun| StoredRun {
        record: "further".to_owned(),
        ..run
    };
    shop.journal.store_run(run(1), None).await.unwrap();
    let at = Timestamp::from_millisecond(7).unwrap();
    let (progress, other) = (further(run(1)), further(run(2)));
    shop.journal
        .store_progress(progress.clone(), Some(at))
        .await
        .unwrap();
    shop.journal.store_progress(other, None).await.unwrap();
    assert_eq!(shop.journal.stored_runs(9).await.unwrap(), [progress]);
    assert_eq!(shop.journal.sent_at().await.unwrap(), Some(at));
    let ended = StoredRun {
        finished_at: Some(9),
        ..run(1)
    };
    shop.journal.store_run(ended.clone(), None).await.unwrap();
    shop.journal
        .store_progress(further(run(1)), None)
        .await
        .unwrap();
    assert_eq!(shop.journal.stored_runs(9).await.unwrap(), [ended]);
}

#[tokio::test]
async fn when_every_product_was_compared_stays_when_an_upload_is_due_again() {
    let shop = Fixture::new();
    assert_eq!(shop.journal.compared_at().await.unwrap(), None);
    execute(&shop.journal, "INSERT INTO meta VALUES ('uploaded_at', 5)");
    let compared = async || {
        shop.journal
            .compared_at()
            .await
            .unwrap()
            .unwrap()
            .as_millisecond()
    };
    assert_eq!(compared().await, 5, "as an earlier version noted it");
    let number = shop.journal.begin_upload().await.unwrap();
    shop.journal.finish_upload(number).await.unwrap();
    let uploaded = shop.journal.uploaded_at().await.unwrap();
    assert_eq!(shop.journal.compared_at().await.unwrap(), uploaded);
    shop.journal.need_upload().await.unwrap();
    assert_eq!(shop.journal.compared_at().await.unwrap(), uploaded);
    let walk = Timestamp::from_millisecond(7).unwrap();
    shop.journal.note_compared(walk).await.unwrap();
    assert_eq!(compared().await, 7);
}
