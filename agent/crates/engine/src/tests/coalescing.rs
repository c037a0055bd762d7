//! Whatever the till writes, whenever runs come between, and whatever the cloud answers, nothing is lost in the end,
//! and no product returns to an older state.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use proptest::{collection::vec, prelude::*, sample::select};
use shopmaster_digible::{Answer, Digest, Fate};
use shopmaster_health::run::Outcome;

use super::{
    World,
    cloud::{self, Applied, FakeCloud, Reaction, Request},
    options,
    shop::{FakeShop, body},
};
use crate::Options;

/// A price that the cloud always refuses.
const POISON: i128 = 666;
/// Longer than any bad weather lasts.
const WINDOW: Duration = Duration::from_secs(3600);

/// What the till writes.
#[derive(Debug, Clone)]
enum Write {
    Put(&'static str, i128),
    Touch(&'static str),
    Delete(&'static str),
    Rename(&'static str, &'static str),
}

#[derive(Debug, Clone)]
enum Act {
    Write(Write),
    Sync,
    Upload,
    /// Requests that were given up land after all.
    Land,
    /// The user deletes at Digible what is gone from the shop, and says so.
    Forget,
    Restart,
}

/// How the cloud takes one request.
#[derive(Debug, Clone, Copy)]
enum Weather {
    Well,
    Refused,
    TooLarge,
    Missing,
    Broken(Applied),
    Lost(Applied),
    Unclear(Applied),
    TurnedAway,
    AskedToWait,
    LoggedOut,
}

fn key() -> impl Strategy<Value = &'static str> {
    select(vec!["a", "A", "b", "B", "c", "d"])
}

fn write() -> impl Strategy<Value = Write> {
    let price = prop_oneof![9 => select(vec![1, 2, 3]), 1 => Just(POISON)];
    prop_oneof![
        6 => (key(), price).prop_map(|(key, price)| Write::Put(key, price)),
        2 => key().prop_map(Write::Touch),
        2 => key().prop_map(Write::Delete),
        1 => (key(), key()).prop_map(|(from, to)| Write::Rename(from, to)),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => write().prop_map(Act::Write),
        5 => Just(Act::Sync),
        1 => Just(Act::Upload),
        1 => Just(Act::Land),
        1 => Just(Act::Forget),
        1 => Just(Act::Restart),
    ]
}

fn weather() -> impl Strategy<Value = Weather> {
    let applied = || select(vec![Applied::Now, Applied::Never]);
    let landing = select(vec![Applied::Now, Applied::Later, Applied::Never]);
    prop_oneof![
        8 => Just(Weather::Well),
        1 => Just(Weather::Refused),
        1 => Just(Weather::TooLarge),
        1 => Just(Weather::Missing),
        3 => applied().prop_map(Weather::Broken),
        3 => landing.prop_map(Weather::Lost),
        1 => applied().prop_map(Weather::Unclear),
        1 => Just(Weather::TurnedAway),
        1 => Just(Weather::AskedToWait),
        1 => Just(Weather::LoggedOut),
    ]
}

impl Weather {
    fn reaction(self, request: &Request) -> Reaction {
        match self {
            Self::Well if request.holds_any(&[POISON]) => cloud::refused(),
            Self::Well => cloud::good(),
            Self::Refused => cloud::refused(),
            Self::TooLarge => Reaction {
                applied: Applied::Never,
                answer: Answer::TooLarge {
                    reason: "413".to_owned(),
                },
            },
            Self::Missing => cloud::missing(),
            Self::Broken(applied) => cloud::broken(applied),
            Self::Lost(applied) => cloud::lost(applied),
            Self::Unclear(applied) => cloud::retry(applied, None, Fate::Unknown),
            Self::TurnedAway => cloud::turned_away(),
            Self::AskedToWait => cloud::asked_to_wait(3),
            Self::LoggedOut => Reaction {
                applied: Applied::Never,
                answer: Answer::LoggedOut {
                    reason: "wrong password".to_owned(),
                },
            },
        }
    }
}

impl Write {
    fn perform(&self, shop: &FakeShop) {
        match *self {
            Self::Put(key, price) => shop.put(key, price),
            Self::Touch(key) => shop.touch(key),
            Self::Delete(key) => shop.delete(key),
            Self::Rename(from, to) => shop.rename(from, to),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_is_lost_and_no_state_goes_back(
        acts in vec(act(), 1..40),
        skies in vec(weather(), 0..40),
        meanwhile in vec(prop_oneof![3 => Just(None), 1 => write().prop_map(Some)], 0..20),
        (batch_size, max_in_flight, bulk_threshold) in (1_usize..5, 1_usize..4, 0_usize..4),
    ) {
        let options = Options { batch_size, max_in_flight, bulk_threshold, ..options() };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(handle(acts, skies, meanwhile, options));
    }
}

async fn handle(
    acts: Vec<Act>,
    skies: Vec<Weather>,
    meanwhile: Vec<Option<Write>>,
    options: Options,
) {
    let mut world = World::with_window(options.clone(), WINDOW).await;
    let shop = Arc::clone(&world.shop);
    world.cloud.rule(rule(shop, skies.into(), meanwhile.into()));
    for act in acts {
        match act {
            Act::Write(write) => write.perform(&world.shop),
            Act::Sync => drop(world.sync().await),
            Act::Upload => drop(world.upload().await),
            Act::Land => world.cloud.land(|_| true),
            Act::Forget => forget(&world).await,
            Act::Restart => world.restart(options.clone()).await,
        }
    }
    clear_up(&mut world).await;
    check_conservation(&world).await;
    check_order(&world.shop, &world.cloud);
}

fn rule(
    shop: Arc<FakeShop>,
    mut skies: VecDeque<Weather>,
    mut meanwhile: VecDeque<Option<Write>>,
) -> impl FnMut(&Request) -> Reaction + Send + 'static {
    move |request| {
        if let Some(Some(write)) = meanwhile.pop_front() {
            write.perform(&shop);
        }
        skies.pop_front().unwrap_or(Weather::Well).reaction(request)
    }
}

async fn forget(world: &World) {
    let journal = world.engine.journal();
    let removed = journal.list_removed(None, u32::MAX).await.unwrap().entries;
    let ids: Vec<_> = removed.into_iter().map(|removed| removed.id).collect();
    world.cloud.delete(&ids);
    journal.forget_removed(Some(ids)).await.unwrap();
}

/// The cloud works again, and every late request has landed.
async fn clear_up(world: &mut World) {
    world.cloud.refuses(&[POISON]);
    world.cloud.land(|_| true);
    world.restart(options()).await;
    tokio::time::advance(WINDOW).await;
    // A product that is accepted, in the same page, because parking needs proof.
    world.shop.put("z", 1);
    for _ in 0..3 {
        let run = world.sync().await;
        assert_eq!(run.outcome, Some(Outcome::Completed), "{run:?}");
        assert_eq!(
            run.done,
            run.sent + run.unchanged + run.parked + run.still_parked + run.removed
        );
        assert_eq!(run.total, run.done, "{run:?}");
    }
}

async fn check_conservation(world: &World) {
    assert_eq!(world.shop.pending(), 0);
    let counts = world.engine.journal().counts().await.unwrap();
    assert_eq!(counts.in_doubt, 0);
    let holds = world.cloud.holds();
    let rows = world.shop.rows();
    for row in &rows {
        let body = body(row);
        if holds.get(&row.id) == Some(&body) {
            continue;
        }
        let parked = world.engine.journal().parked(row.id.clone()).await.unwrap();
        let digest = parked.map(|parked| parked.digest);
        let expected = Some(Digest::of(body.as_bytes()).0);
        assert_eq!(digest, expected, "{:?} is not equal and not parked", row.id);
    }
    let in_shop: BTreeSet<_> = rows.iter().map(|row| &row.id).collect();
    for id in holds.keys().filter(|id| !in_shop.contains(id)) {
        let removed = world.engine.journal().removed(id.clone()).await.unwrap();
        assert!(removed.is_some(), "{id:?} is at Digible and nowhere else");
    }
}

/// The acknowledged states of a product are a part of its history, in the same order.
fn check_order(shop: &FakeShop, cloud: &FakeCloud) {
    let acknowledged = cloud.acknowledged();
    let products: BTreeSet<_> = acknowledged.iter().map(|(id, _)| id).collect();
    for product in products {
        let history = shop.history(product);
        let mut at = 0;
        for (_, body) in acknowledged.iter().filter(|(id, _)| id == product) {
            let newer = history[at..].iter().position(|state| state == body);
            at += newer.unwrap_or_else(|| panic!("{body} came after a newer state: {history:?}"));
        }
    }
}
