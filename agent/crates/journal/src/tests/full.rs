//! A full disk: an error, nothing lost, and on it goes when there is room again.

use rusqlite::ErrorCode;

use super::*;
use crate::JournalError;

/// Lets the file grow to `most` pages; it never shrinks below what it has.
fn limit_pages(journal: &Journal, most: i64) {
    let connection = journal.connection.lock().unwrap();
    connection
        .pragma_update_and_check(None, "max_page_count", most, |_| Ok(()))
        .unwrap();
}

fn assert_full<T: std::fmt::Debug>(result: super::super::Result<T>) {
    let error = result.unwrap_err();
    assert!(error.remedy().contains("Free disk space"));
    let JournalError::Statement { source, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(source.sqlite_error_code(), Some(ErrorCode::DiskFull));
}

#[tokio::test]
async fn a_full_disk_loses_nothing() {
    let shop = Fixture::new();
    let many: Vec<_> = (0..2000).map(number).collect();
    let parked = text("poison");
    shop.publish(&[&many[0]], 7).await;
    shop.park(&parked, 7, "400: too dear").await;
    let mut step = shop.begin(&[&many[1], &many[2]]).await;
    let before = shop.journal.counts().await.unwrap();
    let found = || vec![(parked.clone(), Finding::Gone)];
    let hand_over = || shop.journal.hand_over(found(), many.clone(), None);
    let acknowledged: Vec<_> = many.iter().map(|id| acknowledged(id, 9)).collect();

    limit_pages(&shop.journal, 1);
    assert_full(hand_over().await);
    assert_full(
        shop.journal
            .acknowledge(&mut step, acknowledged.clone())
            .await,
    );
    assert_eq!(shop.journal.counts().await.unwrap(), before);
    assert_eq!(shop.known(&many[0]).await.published(), Some(body(7)));
    assert!(shop.known(&many[1]).await.in_flight);
    assert!(!shop.known(&parked).await.removed());

    limit_pages(&shop.journal, 1_000_000);
    shop.journal.settle(step, Vec::new(), None).await.unwrap();
    assert!(
        shop.doubt(&many[1]).await.unwrap().lands_until > 0,
        "nothing was said of it, so that it may still land"
    );
    let mut step = hand_over().await.unwrap();
    let journal = &shop.journal;
    journal.acknowledge(&mut step, acknowledged).await.unwrap();
    journal.settle(step, Vec::new(), None).await.unwrap();
    assert_eq!(shop.published().await, 2000);
    assert!(shop.known(&parked).await.removed());
    let shop = shop.reopen();
    assert_eq!(shop.published().await, 2000);
}
