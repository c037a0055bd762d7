//! Doubt, from handing over to the last acknowledgement.

use tokio::time::advance;

use super::*;

#[tokio::test]
async fn a_product_is_in_doubt_before_it_is_sent() {
    let shop = Fixture::new();
    let id = number(1);
    assert_eq!(shop.known(&id).await, Known::default());
    let _step = shop.begin(&[&id]).await;
    let known = shop.known(&id).await;
    assert!(known.is_in_doubt() && known.may_be_at_digible());
    assert_eq!(known.published(), None);
    assert_eq!(shop.published().await, 0);
    assert_eq!(shop.journal.counts().await.unwrap().in_doubt, 1);
}

#[tokio::test]
async fn an_acknowledgement_settles_what_was_answered() {
    let shop = Fixture::new();
    let id = number(1);
    shop.land(&[&id], Landing::Answered).await;
    assert_eq!(shop.due().await, std::slice::from_ref(&id));
    shop.publish(&[&id], 7).await;
    let known = shop.known(&id).await;
    assert_eq!(known.published(), Some(body(7)));
    assert!(!known.is_in_doubt() && known.acknowledged_at().is_some());
    assert!(shop.due().await.is_empty());
    assert_eq!(shop.published().await, 1);
}

#[tokio::test]
async fn the_integer_1_and_the_text_1_are_two_products() {
    let shop = Fixture::new();
    shop.publish(&[&number(1)], 7).await;
    assert_eq!(shop.known(&text("1")).await, Known::default());
    shop.publish(&[&text("1")], 8).await;
    assert_eq!(shop.known(&number(1)).await.published(), Some(body(7)));
    assert_eq!(shop.known(&text("1")).await.published(), Some(body(8)));
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
        assert_eq!(
            shop.known(id).await.published(),
            Some(body(digest)),
            "{id:?}"
        );
    }
    let mut all: Vec<_> = ids
        .into_iter()
        .chain([i64::MIN, i64::MAX].map(number))
        .collect();
    all.sort();
    assert_eq!(shop.journal.not_in_upload(1, None, 100).await.unwrap(), all);
}

#[tokio::test(start_paused = true)]
async fn a_given_up_request_is_confirmed_at_the_end_of_the_window() {
    let shop = Fixture::new();
    let id = number(1);
    shop.lose(&id).await;
    assert_eq!(shop.due().await, std::slice::from_ref(&id));
    assert_eq!(shop.journal.next_confirmation().await.unwrap(), None);

    shop.publish(&[&id], 7).await;
    assert!(shop.doubt(&id).await.is_some(), "the first may still land");
    assert!(shop.due().await.is_empty());
    let due = shop.journal.next_confirmation().await.unwrap().unwrap();
    let counts = shop.journal.counts().await.unwrap();
    assert_eq!((counts.published, counts.confirming), (1, 1));
    assert!(counts.confirming_until.is_some());

    advance(WINDOW / 2).await;
    shop.publish(&[&id], 8).await;
    let same = shop.journal.next_confirmation().await.unwrap();
    assert_eq!(same, Some(due), "a new state does not move the window");

    advance(WINDOW / 2 + Duration::from_millis(1)).await;
    assert_eq!(shop.due().await, std::slice::from_ref(&id));
    shop.publish(&[&id], 8).await;
    assert_eq!(shop.doubt(&id).await, None);
    assert_eq!(shop.journal.next_confirmation().await.unwrap(), None);
    assert_eq!(shop.published().await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_removal_keeps_what_may_still_land() {
    let shop = Fixture::new();
    let id = number(1);
    shop.publish(&[&id], 7).await;
    shop.lose(&id).await;
    shop.remove(&id).await;
    assert_eq!(shop.journal.forget_removed(None).await.unwrap(), 1);
    let known = shop.known(&id).await;
    assert!(known.is_in_doubt() && !known.removed(), "forgotten");

    shop.publish(&[&id], 8).await;
    assert!(shop.doubt(&id).await.is_some(), "back in the shop");
    assert!(shop.due().await.is_empty());
    advance(WINDOW + Duration::from_millis(1)).await;
    assert_eq!(shop.due().await, std::slice::from_ref(&id));
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_product_is_listed_again_when_a_request_may_have_landed() {
    let shop = Fixture::new();
    let id = number(1);
    shop.lose(&id).await;
    shop.remove(&id).await;
    shop.journal.forget_removed(None).await.unwrap();
    advance(WINDOW + Duration::from_millis(1)).await;
    assert_eq!(shop.due().await, std::slice::from_ref(&id));
    shop.remove(&id).await;
    let known = shop.known(&id).await;
    assert!(known.removed() && !known.is_in_doubt());
    assert!(shop.due().await.is_empty());
}

#[tokio::test]
async fn a_step_that_ends_without_a_word_was_given_up() {
    let shop = Fixture::new();
    let [silent, other] = [1, 2].map(number);
    shop.hand_over(&[&silent]).await;
    assert!(shop.journal.has_abandoned());
    // The next step's acknowledgement of the same product says nothing about the first request.
    shop.publish(&[&silent, &other], 7).await;
    assert!(!shop.journal.has_abandoned());
    assert!(shop.doubt(&silent).await.unwrap().due > 0);
    assert_eq!(shop.doubt(&other).await, None);
}

#[tokio::test]
async fn what_a_settlement_does_not_name_was_given_up() {
    let shop = Fixture::new();
    let [named, silent] = [1, 2].map(number);
    let step = shop.begin(&[&named, &silent]).await;
    let named_alone = vec![settled(&named, Landing::Nothing)];
    shop.journal.settle(step, named_alone, None).await.unwrap();
    assert!(!shop.known(&named).await.is_in_doubt());
    assert!(shop.doubt(&silent).await.unwrap().lands_until > 0);
    assert!(!shop.journal.has_abandoned());
}

#[tokio::test]
async fn a_probe_of_a_product_in_flight_is_settled_by_itself() {
    let shop = Fixture::new();
    let id = number(1);
    let mut step = shop.begin(&[&id]).await;
    shop.lose(&id).await;
    assert!(shop.known(&id).await.in_flight, "the step's own request");
    let acknowledged = vec![acknowledged(&id, 7)];
    let journal = &shop.journal;
    journal.acknowledge(&mut step, acknowledged).await.unwrap();
    journal.settle(step, Vec::new(), None).await.unwrap();
    let known = shop.known(&id).await;
    assert!(!known.in_flight);
    assert!(
        known.entry.doubt.unwrap().lands_until > 0,
        "the probe may still land"
    );
}

#[tokio::test]
async fn an_untouched_product_is_as_before_the_step() {
    let shop = Fixture::new();
    let [new, published, answered, lost, again] = [1, 2, 3, 4, 5].map(number);
    shop.publish(&[&published], 7).await;
    shop.land(&[&answered], Landing::Answered).await;
    shop.lose(&lost).await;
    shop.lose(&again).await;
    shop.publish(&[&again], 7).await;
    let all = [&new, &published, &answered, &lost, &again];
    let mut before = Vec::new();
    for id in all {
        before.push((id, shop.known(id).await));
    }
    shop.land(&all, Landing::Nothing).await;
    for (id, known) in before {
        assert_eq!(shop.known(id).await, known);
    }
    assert_eq!(
        shop.journal.not_in_upload(1, None, 9).await.unwrap(),
        [2, 3, 4, 5].map(number)
    );
    assert_eq!(shop.published().await, 2);
}

#[tokio::test]
async fn a_product_counts_once_as_published() {
    let shop = Fixture::new();
    let id = number(1);
    for _ in 0..3 {
        shop.publish(&[&id, &id], 7).await;
        assert_eq!(shop.published().await, 1);
    }
    shop.remove(&id).await;
    shop.remove(&id).await;
    assert_eq!(shop.published().await, 0);
}

#[tokio::test]
async fn a_removed_product_loses_its_digest_and_comes_back_in_doubt() {
    let shop = Fixture::new();
    let id = number(1);
    shop.publish(&[&id], 7).await;
    shop.park(&id, 8, "400: too dear").await;
    shop.remove(&id).await;
    let known = shop.known(&id).await;
    assert!(known.removed() && !known.may_be_at_digible());
    assert!(shop.due().await.is_empty());
    let counts = shop.journal.counts().await.unwrap();
    assert_eq!((counts.published, counts.parked, counts.removed), (0, 0, 1));

    // It is handed over again: from this commit on it is back, whatever becomes of the step.
    let _step = shop.begin(&[&id]).await;
    let known = shop.known(&id).await;
    assert!(!known.removed() && known.may_be_at_digible());
    assert_eq!(shop.journal.counts().await.unwrap().removed, 0);
}

#[tokio::test(start_paused = true)]
async fn a_restart_gives_up_what_was_in_flight_and_nothing_else() {
    let shop = Fixture::new();
    let [settled, open, lost, again] = [1, 2, 3, 4].map(number);
    shop.publish(&[&settled], 7).await;
    shop.lose(&lost).await;
    shop.lose(&again).await;
    shop.publish(&[&again], 7).await;
    let confirmed_at = shop.journal.next_confirmation().await.unwrap();
    shop.hand_over(&[&open]).await;

    let shop = shop.reopen().reopen();
    assert_eq!(shop.doubt(&settled).await, None);
    for id in [&open, &lost] {
        let doubt = shop.doubt(id).await.unwrap();
        assert!(doubt.lands_until > 0 && doubt.due == 0, "{id}");
    }
    assert_eq!(shop.due().await, [open, lost]);
    assert_eq!(
        shop.journal.next_confirmation().await.unwrap(),
        confirmed_at,
        "opening it again in the same process does not move a window"
    );
    assert_eq!(shop.published().await, 2);
}

#[tokio::test(start_paused = true)]
async fn another_process_begins_each_window_again() {
    let shop = Fixture::new();
    let [again, answered] = [1, 2].map(number);
    shop.lose(&again).await;
    shop.publish(&[&again], 7).await;
    shop.land(&[&answered], Landing::Answered).await;
    // Written by a process whose clock was a year ahead.
    execute(
        &shop.journal,
        "UPDATE meta SET value = 1 WHERE key = 'process';
         UPDATE doubt SET lands_until = lands_until + 31536000000, due = due + 31536000000
         WHERE lands_until > 0",
    );
    let shop = shop.reopen();
    assert_eq!(shop.doubt(&answered).await, Some(Doubt::default()));
    assert_eq!(shop.due().await, std::slice::from_ref(&answered));
    advance(WINDOW + Duration::from_millis(1)).await;
    assert_eq!(shop.due().await, [again, answered]);
}

#[tokio::test(start_paused = true)]
async fn another_agents_requests_may_land_on_everything() {
    let shop = Fixture::new();
    let id = number(1);
    shop.journal.expect_others().await.unwrap();
    shop.publish(&[&id], 7).await;
    assert!(shop.doubt(&id).await.unwrap().due > 0);
    let shop = shop.reopen();
    shop.publish(&[&id], 7).await;
    assert!(shop.doubt(&id).await.unwrap().due > 0);
    advance(WINDOW + Duration::from_millis(1)).await;
    shop.publish(&[&id], 7).await;
    assert_eq!(shop.doubt(&id).await, None);
}

#[tokio::test]
async fn everything_can_be_put_in_doubt() {
    let shop = Fixture::new();
    let [settled, lost] = [1, 2].map(number);
    shop.publish(&[&settled], 7).await;
    shop.lose(&lost).await;
    let before = shop.doubt(&lost).await;
    let upload = shop.journal.begin_upload().await.unwrap();
    shop.journal.finish_upload(upload).await.unwrap();

    shop.journal.doubt_everything().await.unwrap();
    assert!(shop.journal.uploaded_at().await.unwrap().is_none());
    assert_eq!(shop.journal.newest_upload().await.unwrap(), None);
    let known = shop.known(&settled).await;
    assert_eq!(known.published(), Some(body(7)));
    assert_eq!(known.entry.doubt, Some(Doubt::default()));
    assert_eq!(shop.doubt(&lost).await, before);
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
    shop.lose(&doubted).await;
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
        shop.lose(id).await;
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
