//! Doubt, from handing over to the last acknowledgement.

use super::*;

#[tokio::test]
async fn a_product_is_in_doubt_before_it_is_sent() {
    let shop = Fixture::new();
    let id = number(1);
    assert_eq!(shop.known(&id).await, Known::default());
    shop.hand_over(&[&id]).await;
    let known = shop.known(&id).await;
    assert_eq!((known.doubt, known.published), (Doubt::Open, None));
    assert!(known.may_be_at_digible());
    assert_eq!(shop.due().await, [id]);
    assert_eq!(shop.published().await, 0);
    assert_eq!(shop.journal.counts().await.unwrap().in_doubt, 1);
}

#[tokio::test]
async fn an_acknowledgement_settles_a_plain_doubt() {
    let shop = Fixture::new();
    let id = number(1);
    shop.publish(&[&id], 7).await;
    let known = shop.known(&id).await;
    assert_eq!((known.doubt, known.published), (Doubt::None, Some(body(7))));
    assert!(known.acknowledged_at().is_some());
    assert!(shop.due().await.is_empty());
    assert_eq!(shop.published().await, 1);
}

#[tokio::test]
async fn the_integer_1_and_the_text_1_are_two_products() {
    let shop = Fixture::new();
    shop.publish(&[&number(1)], 7).await;
    assert_eq!(shop.known(&text("1")).await, Known::default());
    shop.publish(&[&text("1")], 8).await;
    assert_eq!(shop.known(&number(1)).await.published, Some(body(7)));
    assert_eq!(shop.known(&text("1")).await.published, Some(body(8)));
    assert_eq!(shop.published().await, 2);
}

#[tokio::test]
async fn ids_are_kept_byte_for_byte() {
    let shop = Fixture::new();
    let ids = [
        "abc",
        "ABC",
        "abc ",
        "",
        "a\0b",
        "a",
        "'; --",
        "Käse",
        "Ka\u{308}se",
    ]
    .map(text);
    for (digest, id) in (0..).zip(&ids) {
        shop.publish(&[id], digest).await;
    }
    shop.publish(&[&number(i64::MIN), &number(i64::MAX)], 99)
        .await;
    for (digest, id) in (0..).zip(&ids) {
        assert_eq!(shop.known(id).await.published, Some(body(digest)), "{id:?}");
    }
    let mut all: Vec<_> = ids
        .into_iter()
        .chain([i64::MIN, i64::MAX].map(number))
        .collect();
    all.sort();
    assert_eq!(shop.journal.not_in_upload(1, None, 100).await.unwrap(), all);
}

#[tokio::test]
async fn a_lost_request_is_sent_once_more_after_the_next_acknowledgement() {
    let shop = Fixture::new();
    let id = number(1);
    shop.hand_over(&[&id]).await;
    shop.lose(&id).await;
    assert_eq!(shop.known(&id).await.doubt, Doubt::MayStillLand);
    assert_eq!(shop.due().await, std::slice::from_ref(&id));
    assert_eq!(shop.journal.next_due().await.unwrap(), None);

    shop.hand_over(&[&id]).await;
    assert_eq!(shop.known(&id).await.doubt, Doubt::MayStillLand);
    shop.acknowledge(&[&id], 7, LATE, LONG).await;
    assert_eq!(shop.known(&id).await.doubt, Doubt::Again);
    assert_eq!(shop.published().await, 1);
    assert!(
        shop.due().await.is_empty(),
        "the first request may still land"
    );
    let due = shop.journal.next_due().await.unwrap().unwrap();

    shop.hand_over(&[&id]).await;
    shop.acknowledge(&[&id], 7, due - 1, LONG).await;
    assert_eq!(
        shop.known(&id).await.doubt,
        Doubt::Again,
        "it was sent too early"
    );
    assert_eq!(shop.journal.next_due().await.unwrap(), Some(due));

    shop.hand_over(&[&id]).await;
    shop.acknowledge(&[&id], 7, due, LONG).await;
    assert_eq!(shop.known(&id).await.doubt, Doubt::None);
    assert_eq!(shop.journal.next_due().await.unwrap(), None);
    assert_eq!(shop.published().await, 1);
}

#[tokio::test]
async fn a_product_to_be_sent_once_more_is_due_when_its_time_has_come() {
    let shop = Fixture::new();
    let id = number(1);
    shop.lose(&id).await;
    shop.acknowledge(&[&id], 7, LATE, Duration::ZERO).await;
    assert_eq!(shop.known(&id).await.doubt, Doubt::Again);
    assert_eq!(shop.due().await, [id]);
}

#[tokio::test]
async fn a_product_lost_again_starts_over() {
    let shop = Fixture::new();
    let id = number(1);
    shop.lose(&id).await;
    shop.acknowledge(&[&id], 7, LATE, Duration::ZERO).await;
    shop.lose(&id).await;
    assert_eq!(shop.known(&id).await.doubt, Doubt::MayStillLand);
    assert_eq!(shop.journal.next_due().await.unwrap(), None);
    shop.acknowledge(&[&id], 7, LATE, LONG).await;
    assert_eq!(shop.known(&id).await.doubt, Doubt::Again);
    assert!(shop.due().await.is_empty());
}

#[tokio::test]
async fn a_clock_that_was_set_back_neither_settles_nor_delays() {
    let shop = Fixture::new();
    let id = number(1);
    shop.lose(&id).await;
    shop.acknowledge(&[&id], 7, LATE, LONG).await;
    execute(
        &shop.journal,
        "UPDATE product SET doubt_due = doubt_due + 86400000",
    );
    assert_eq!(shop.due().await, std::slice::from_ref(&id));
    let sent_at = super::super::now_ms();
    shop.acknowledge(&[&id], 7, sent_at, LONG).await;
    assert_eq!(shop.known(&id).await.doubt, Doubt::Again);
    let due = shop.journal.next_due().await.unwrap().unwrap();
    assert!(due <= super::super::now_ms() + 1_800_000);
    assert!(shop.due().await.is_empty());
}

#[tokio::test]
async fn an_untouched_product_is_as_before_the_step() {
    let shop = Fixture::new();
    let [new, published, open, lost, again] = [1, 2, 3, 4, 5].map(number);
    shop.publish(&[&published], 7).await;
    shop.hand_over(&[&open]).await;
    shop.lose(&lost).await;
    shop.lose(&again).await;
    shop.acknowledge(&[&again], 7, LATE, LONG).await;
    let all = [&new, &published, &open, &lost, &again];
    let mut before = Vec::new();
    for id in all {
        before.push((id.clone(), shop.known(id).await));
    }

    shop.hand_over(&all).await;
    let untouched = before
        .iter()
        .map(|(id, known)| (id.clone(), known.doubt))
        .collect();
    let settlement = Settlement {
        untouched,
        ..Settlement::default()
    };
    shop.journal.settle(settlement).await.unwrap();

    for (id, known) in before {
        assert_eq!(shop.known(&id).await, known);
    }
    assert_eq!(
        shop.journal.not_in_upload(1, None, 9).await.unwrap(),
        [2, 3, 4, 5].map(number)
    );
    assert_eq!(shop.published().await, 2);
}

#[tokio::test]
async fn a_product_without_an_answer_stays_in_doubt() {
    let shop = Fixture::new();
    let [answered, silent] = [1, 2].map(number);
    shop.hand_over(&[&answered, &silent]).await;
    shop.acknowledge(&[&answered], 7, EARLY, LONG).await;
    assert_eq!(shop.known(&answered).await.doubt, Doubt::None);
    assert_eq!(shop.known(&silent).await.doubt, Doubt::Open);
}

#[tokio::test]
async fn a_product_counts_once_as_published() {
    let shop = Fixture::new();
    let id = number(1);
    for _ in 0..3 {
        let entry = acknowledged(&id, 7);
        let settlement = Settlement {
            acknowledged: vec![entry.clone(), entry],
            ..Settlement::default()
        };
        shop.journal.settle(settlement).await.unwrap();
        assert_eq!(shop.published().await, 1);
    }
    shop.remove(&id).await;
    shop.remove(&id).await;
    assert_eq!(shop.published().await, 0);
}

#[tokio::test]
async fn a_removed_product_loses_its_digest_and_comes_back_as_new() {
    let shop = Fixture::new();
    let id = number(1);
    shop.publish(&[&id], 7).await;
    shop.park(&id, 8, "400: too dear").await;
    shop.remove(&id).await;
    let gone = Known {
        removed: true,
        ..Known::default()
    };
    assert_eq!(shop.known(&id).await, gone);
    assert!(shop.due().await.is_empty());
    let counts = shop.journal.counts().await.unwrap();
    assert_eq!((counts.published, counts.parked, counts.removed), (0, 0, 1));

    let settlement = Settlement {
        returned: vec![id.clone()],
        ..Settlement::default()
    };
    shop.journal.settle(settlement).await.unwrap();
    assert_eq!(shop.known(&id).await, Known::default());
    assert_eq!(shop.journal.counts().await.unwrap().removed, 0);
}

#[tokio::test]
async fn a_restart_turns_every_doubt_into_one_that_may_still_land() {
    let shop = Fixture::new();
    let [settled, open, lost, again] = [1, 2, 3, 4].map(number);
    shop.publish(&[&settled], 7).await;
    shop.hand_over(&[&open]).await;
    shop.lose(&lost).await;
    shop.lose(&again).await;
    shop.acknowledge(&[&again], 7, LATE, LONG).await;

    let shop = shop.reopen();
    assert_eq!(shop.known(&settled).await.doubt, Doubt::None);
    for id in [&open, &lost, &again] {
        assert_eq!(shop.known(id).await.doubt, Doubt::MayStillLand, "{id}");
    }
    assert_eq!(shop.journal.next_due().await.unwrap(), None);
    assert_eq!(shop.due().await, [open, lost, again]);
    assert_eq!(shop.published().await, 2);
}

#[tokio::test]
async fn everything_can_be_put_in_doubt() {
    let shop = Fixture::new();
    let [settled, lost] = [1, 2].map(number);
    shop.publish(&[&settled], 7).await;
    shop.lose(&lost).await;
    let upload = shop.journal.begin_upload().await.unwrap();
    shop.journal.finish_upload(upload).await.unwrap();

    shop.journal.doubt_everything().await.unwrap();
    assert!(shop.journal.uploaded_at().await.unwrap().is_none());
    assert_eq!(shop.journal.newest_upload().await.unwrap(), None);
    let known = shop.known(&settled).await;
    assert_eq!((known.doubt, known.published), (Doubt::Open, Some(body(7))));
    assert_eq!(shop.known(&lost).await.doubt, Doubt::MayStillLand);
    assert_eq!(shop.published().await, 1);
}

#[tokio::test]
async fn the_proof_that_others_pass_is_one_that_can_pass() {
    let shop = Fixture::new();
    let [asked, parked, doubted, removed, good] = [1, 2, 3, 4, 5].map(number);
    let any = async |ids: &[&ProductId]| {
        let ids = ids.iter().map(|id| (*id).clone()).collect();
        shop.journal.any_settled(ids).await.unwrap()
    };
    assert_eq!(any(&[]).await, None);
    shop.publish(&[&asked, &parked, &doubted, &removed], 7)
        .await;
    shop.park(&parked, 8, "400: too dear").await;
    shop.hand_over(&[&doubted]).await;
    shop.remove(&removed).await;
    assert_eq!(any(&[&asked]).await, None);
    assert_eq!(any(&[]).await, Some(asked.clone()));
    shop.publish(&[&good], 7).await;
    assert_eq!(any(&[&asked]).await, Some(good));
}

#[tokio::test]
async fn due_products_come_in_pages() {
    let shop = Fixture::new();
    let ids = [number(i64::MIN), number(1), number(2), text("1"), text("2")];
    for id in &ids[..4] {
        shop.hand_over(&[id]).await;
    }
    shop.park(&ids[2], 7, "400: too dear").await;
    shop.park(&ids[4], 7, "400: too dear").await;
    shop.journal.retry_parked(None).await.unwrap();
    for size in 1..=6 {
        let mut found = Vec::new();
        loop {
            let page = shop.journal.due(found.last().cloned(), size).await.unwrap();
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        assert_eq!(found, ids, "pages of {size}");
    }
}
