//! A full disk: an error, nothing lost, and on it goes when there is room again.

use rusqlite::ErrorCode;

use super::*;
use crate::journal::JournalError;

/// Lets the file grow to `most` pages; it never shrinks below what it has.
fn limit_pages(journal: &Journal, most: i64) {
    let connection = journal.connection.lock().unwrap();
    connection
        .pragma_update_and_check(None, "max_page_count", most, |_| Ok(()))
        .unwrap();
}

fn assert_full(result: super::super::Result<()>) {
    let error = result.unwrap_err();
    assert!(error.remedy().contains("disk is not full"));
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
    shop.hand_over(&[&many[1]]).await;
    shop.park(&parked, 7, "400: too dear").await;
    let before = shop.journal.counts().await.unwrap();

    limit_pages(&shop.journal, 1);
    assert_full(shop.journal.hand_over(many.clone()).await);
    let settlement = Settlement {
        acknowledged: many.iter().map(|id| acknowledged(id, 9)).collect(),
        removed: vec![parked.clone()],
        ..Settlement::default()
    };
    assert_full(shop.journal.settle(settlement.clone()).await);
    assert_eq!(shop.journal.counts().await.unwrap(), before);
    assert_eq!(shop.known(&many[0]).await.published, Some(body(7)));
    assert_eq!(shop.known(&many[1]).await.doubt, Doubt::Open);
    assert!(!shop.known(&parked).await.removed);

    limit_pages(&shop.journal, 1_000_000);
    shop.journal.hand_over(many.clone()).await.unwrap();
    shop.journal.settle(settlement).await.unwrap();
    assert_eq!(shop.published().await, 2000);
    assert!(shop.known(&parked).await.removed);
    let shop = shop.reopen();
    assert_eq!(shop.published().await, 2000);
}
