//! Where an upload goes on, and what it did not meet.

use super::*;

async fn step(shop: &Fixture, upload: i64, ids: &[&ProductId], done: u64) {
    let all = ids.iter().map(|id| (*id).clone()).collect();
    let begun = shop.journal.hand_over(Vec::new(), all, Some(upload)).await;
    let mut step = begun.unwrap();
    let acknowledged = ids.iter().map(|id| acknowledged(id, 7)).collect();
    let journal = &shop.journal;
    journal.acknowledge(&mut step, acknowledged).await.unwrap();
    let progress = ids.last().map(|id| UploadProgress {
        cursor: (*id).clone(),
        done,
    });
    journal.settle(step, Vec::new(), progress).await.unwrap();
}

#[tokio::test]
async fn an_upload_goes_on_behind_its_last_step() {
    let shop = Fixture::new();
    assert_eq!(shop.journal.newest_upload().await.unwrap(), None);
    let upload = shop.journal.begin_upload().await.unwrap();
    let checkpoint = shop.journal.newest_upload().await.unwrap().unwrap();
    assert_eq!((checkpoint.cursor, checkpoint.done), (None, 0));

    step(&shop, upload, &[&number(1), &text("1")], 2).await;
    let shop = shop.reopen();
    let checkpoint = shop.journal.newest_upload().await.unwrap().unwrap();
    assert_eq!(checkpoint.number, upload);
    assert_eq!((checkpoint.cursor, checkpoint.done), (Some(text("1")), 2));
    assert_eq!(checkpoint.finished_at, None);
    assert!(shop.journal.uploaded_at().await.unwrap().is_none());

    shop.journal.finish_upload(upload).await.unwrap();
    let shop = shop.reopen();
    assert!(shop.journal.uploaded_at().await.unwrap().is_some());
    let checkpoint = shop.journal.newest_upload().await.unwrap().unwrap();
    assert!(checkpoint.finished_at.is_some());
}

#[tokio::test]
async fn a_new_upload_takes_the_place_of_the_one_before() {
    let shop = Fixture::new();
    let first = shop.journal.begin_upload().await.unwrap();
    shop.journal.finish_upload(first).await.unwrap();
    let second = shop.journal.begin_upload().await.unwrap();
    assert!(second > first);
    step(&shop, first, &[&number(1)], 1).await;
    let checkpoint = shop.journal.newest_upload().await.unwrap().unwrap();
    assert_eq!((checkpoint.number, checkpoint.done), (second, 0));
    assert!(
        shop.journal.uploaded_at().await.unwrap().is_some(),
        "the first one had finished"
    );
}

#[tokio::test]
async fn an_upload_from_before_everything_came_in_doubt_does_not_count() {
    let shop = Fixture::new();
    let old = shop.journal.begin_upload().await.unwrap();
    shop.journal.doubt_everything().await.unwrap();
    shop.journal.finish_upload(old).await.unwrap();
    assert!(shop.journal.uploaded_at().await.unwrap().is_none());
    let new = shop.journal.begin_upload().await.unwrap();
    assert!(new > old);
    shop.journal.finish_upload(old).await.unwrap();
    assert!(shop.journal.uploaded_at().await.unwrap().is_none());
    shop.journal.finish_upload(new).await.unwrap();
    assert!(shop.journal.uploaded_at().await.unwrap().is_some());
}

#[tokio::test]
async fn what_an_upload_did_not_meet_comes_in_pages() {
    let shop = Fixture::new();
    let ids = [number(1), number(2), number(3), text("1"), text("2")];
    shop.publish(&ids.each_ref(), 7).await;
    let upload = shop.journal.begin_upload().await.unwrap();
    step(&shop, upload, &[&ids[1]], 1).await;
    shop.publish(&[&ids[1]], 8).await;
    let page = async |after| shop.journal.not_in_upload(upload, after, 2).await.unwrap();
    assert_eq!(page(None).await, [number(1), number(3)]);
    assert_eq!(page(Some(number(3))).await, [text("1"), text("2")]);
    assert!(page(Some(text("2"))).await.is_empty());
}
