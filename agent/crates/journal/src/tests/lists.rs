//! Parked and removed products, as a person sees and handles them.

use super::*;

#[tokio::test]
async fn what_the_shop_had_is_listed_once_each_in_pages() {
    let shop = Fixture::new();
    let [published, open, parked, both, gone] = [1, 2, 3, 4, 5].map(number);
    let spelled = text("1");
    shop.publish(&[&published, &both, &gone, &spelled], 7).await;
    shop.hand_over(&[&open, &both]).await;
    shop.park(&parked, 1, "no").await;
    shop.park(&both, 1, "no").await;
    shop.remove(&gone).await;
    let page = async |after| shop.journal.in_shop(after, 3).await.unwrap();
    assert_eq!(page(None).await, [published, open, parked.clone()]);
    assert_eq!(page(Some(parked)).await, [both, spelled.clone()]);
    assert!(page(Some(spelled)).await.is_empty());
}

#[tokio::test]
async fn a_parked_product_shows_why_and_since_when() {
    let shop = Fixture::new();
    let id = text("P 1");
    shop.park(&id, 7, "400: too dear").await;
    let parked = shop.journal.parked(id.clone()).await.unwrap().unwrap();
    assert_eq!(parked.reason, "400: too dear");
    assert_eq!((parked.digest, parked.discarded), (body(7), false));
    assert_eq!(shop.known(&id).await.parked(), Some(body(7)));
    assert_eq!(shop.journal.counts().await.unwrap().parked, 1);
    assert!(!shop.known(&id).await.may_be_at_digible());
}

#[tokio::test]
async fn a_discarded_product_is_shown_again_when_another_body_is_refused() {
    let shop = Fixture::new();
    let id = number(1);
    shop.park(&id, 7, "400: too dear").await;
    assert_eq!(shop.journal.discard_parked(None).await.unwrap(), 1);
    assert_eq!(
        shop.journal
            .discard_parked(Some(vec![id.clone()]))
            .await
            .unwrap(),
        0
    );
    assert_eq!(shop.known(&id).await.parked(), Some(body(7)));
    assert_eq!(shop.journal.counts().await.unwrap().parked, 0);
    assert!(
        shop.journal
            .list_parked(None, 9, false)
            .await
            .unwrap()
            .entries
            .is_empty()
    );

    let all = shop.journal.list_parked(None, 9, true).await.unwrap();
    assert_eq!((all.total, all.entries.len()), (1, 1));
    assert!(all.entries[0].discarded);
    let counts = shop.journal.counts().await.unwrap();
    assert_eq!((counts.discarded, counts.outdated), (1, 0));

    shop.park(&id, 7, "400: much too dear").await;
    let parked = shop.journal.parked(id.clone()).await.unwrap().unwrap();
    assert!(parked.discarded);
    assert_eq!(parked.reason, "400: much too dear");

    shop.park(&id, 8, "400: too dear").await;
    assert!(!shop.journal.parked(id).await.unwrap().unwrap().discarded);
    assert_eq!(shop.journal.counts().await.unwrap().parked, 1);
}

#[tokio::test]
async fn refused_products_of_which_digible_has_an_earlier_state_are_counted() {
    let shop = Fixture::new();
    shop.publish(&[&number(1), &number(2), &number(3)], 7).await;
    for id in [1, 2, 4].map(number) {
        shop.park(&id, 8, "no").await;
    }
    let discarded = Some(vec![number(2)]);
    shop.journal.discard_parked(discarded).await.unwrap();
    let counts = shop.journal.counts().await.unwrap();
    assert_eq!(
        (
            counts.published,
            counts.parked,
            counts.discarded,
            counts.outdated
        ),
        (3, 2, 1, 2)
    );
}

#[tokio::test]
async fn the_same_refusal_keeps_its_age() {
    let shop = Fixture::new();
    let id = number(1);
    shop.park(&id, 7, "400: too dear").await;
    execute(&shop.journal, "UPDATE parked SET since = 1000");
    shop.park(&id, 7, "400: too dear").await;
    let since = async || {
        shop.journal
            .parked(id.clone())
            .await
            .unwrap()
            .unwrap()
            .since
    };
    assert_eq!(since().await.as_millisecond(), 1000);
    shop.park(&id, 8, "400: too dear").await;
    assert!(since().await.as_millisecond() > 1000);
}

#[tokio::test]
async fn a_parked_product_is_tried_again_when_somebody_asks() {
    let shop = Fixture::new();
    let [shown, discarded] = [1, 2].map(number);
    shop.park(&shown, 7, "400: too dear").await;
    shop.park(&discarded, 7, "400: too dear").await;
    shop.journal
        .discard_parked(Some(vec![discarded.clone()]))
        .await
        .unwrap();
    assert!(shop.due().await.is_empty());

    assert_eq!(shop.journal.retry_parked(None).await.unwrap(), 1);
    assert_eq!(shop.due().await, std::slice::from_ref(&shown));
    assert!(shop.known(&shown).await.retry());

    let both = vec![shown.clone(), discarded.clone(), number(3)];
    assert_eq!(shop.journal.retry_parked(Some(both)).await.unwrap(), 2);
    assert_eq!(shop.due().await, [shown.clone(), discarded.clone()]);
    assert_eq!(shop.journal.counts().await.unwrap().parked, 2);

    shop.park(&shown, 7, "400: too dear").await;
    assert_eq!(shop.due().await, [discarded], "it was tried");
}

#[tokio::test]
async fn a_product_is_unparked_by_an_acknowledgement_or_by_its_old_digest() {
    let shop = Fixture::new();
    let [acknowledged, unchanged] = [1, 2].map(number);
    for id in [&acknowledged, &unchanged] {
        shop.park(id, 7, "400: too dear").await;
    }
    shop.publish(&[&acknowledged], 8).await;
    assert_eq!(shop.known(&acknowledged).await.parked(), None);
    shop.find(&unchanged, Finding::Unparked).await;
    assert_eq!(shop.known(&unchanged).await.parked(), None);
    assert_eq!(shop.journal.counts().await.unwrap().parked, 0);
}

#[tokio::test]
async fn lists_come_in_pages_by_id() {
    let shop = Fixture::new();
    let ids = [
        number(-1),
        number(1),
        number(20),
        text(""),
        text("1"),
        text("i1"),
    ];
    for id in ids.iter().rev() {
        shop.park(id, 7, "400: too dear").await;
    }
    for size in 1..=7 {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = shop.journal.list_parked(after, size, false).await.unwrap();
            assert_eq!(page.total, 6);
            assert!(page.entries.len() <= size as usize);
            found.extend(page.entries.into_iter().map(|parked| parked.id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, ids, "pages of {size}");
    }
    let all = shop
        .journal
        .list_parked(None, u32::MAX, false)
        .await
        .unwrap();
    assert_eq!((all.entries.len(), all.next), (6, None));
}

#[tokio::test]
async fn a_removed_product_is_shown_until_it_is_forgotten() {
    let shop = Fixture::new();
    let ids = [number(1), number(2), text("1")];
    for id in &ids {
        shop.remove(id).await;
    }
    execute(&shop.journal, "UPDATE removed SET since = 1000");
    shop.remove(&ids[0]).await;
    let first = shop.journal.removed(ids[0].clone()).await.unwrap().unwrap();
    assert_eq!(first.since.as_millisecond(), 1000);

    let page = shop.journal.list_removed(None, 2).await.unwrap();
    assert_eq!((page.entries.len(), page.total), (2, 3));
    let page = shop.journal.list_removed(page.next, 2).await.unwrap();
    assert_eq!(page.entries.first().map(|entry| &entry.id), Some(&ids[2]));
    assert_eq!(page.next, None);

    let one = Some(vec![number(1), number(9)]);
    assert_eq!(shop.journal.forget_removed(one).await.unwrap(), 1);
    assert_eq!(shop.journal.removed(number(1)).await.unwrap(), None);
    assert_eq!(shop.journal.forget_removed(None).await.unwrap(), 2);
    assert_eq!(shop.journal.counts().await.unwrap().removed, 0);
}
