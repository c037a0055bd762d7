//! What other crates count.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use shopmaster_health::run::{Kind, Outcome};

use super::{Observer, World};

/// What the engine reported.
#[derive(Debug, Default)]
pub(super) struct Observed {
    runs: Mutex<Vec<(Kind, Outcome)>>,
    ages: Mutex<Vec<Duration>>,
}

impl Observed {
    fn runs(&self) -> Vec<(Kind, Outcome)> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut runs)
    }

    fn ages(&self) -> Vec<Duration> {
        let mut ages = self.ages.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut ages)
    }
}

impl Observer for Observed {
    fn run_ended(&self, kind: Kind, outcome: Outcome) {
        self.runs.lock().unwrap().push((kind, outcome));
    }

    fn change_sent(&self, after: Duration) {
        self.ages.lock().unwrap().push(after);
    }
}

#[tokio::test(start_paused = true)]
async fn each_run_is_reported_once_when_it_ends() {
    let world = World::new().await;
    world.shop.put("a", 1);
    world.upload().await;
    world.sync().await;
    world.run(Kind::Verify).await;
    world.shop.panic_when_read();
    world.sync().await;
    let done = |kind| (kind, Outcome::Completed);
    assert_eq!(
        world.observed.runs(),
        [
            done(Kind::Upload),
            done(Kind::Sync),
            done(Kind::Verify),
            (Kind::Sync, Outcome::Failed),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn each_product_that_changed_is_measured_once_from_its_oldest_change() {
    let world = World::new().await;
    world.shop.put("a", 1);
    world.shop.put("b", 1);
    world.upload().await;
    // An upload sends whatever the changes are.
    world.sync().await;
    assert_eq!(world.observed.ages(), []);
    world.shop.put("a", 2);
    world.shop.make_older(Duration::from_secs(100));
    world.shop.put("a", 3);
    world.shop.put("b", 2);
    // From here on the difference between the clocks is known.
    world.engine.refresh().await;
    world.sync().await;
    let mut ages = world.observed.ages();
    ages.sort();
    assert_eq!(ages.len(), 2, "{ages:?}");
    assert!(ages[0] < Duration::from_secs(50), "{ages:?}");
    assert!(ages[1] >= Duration::from_secs(100), "{ages:?}");
    world.sync().await;
    assert_eq!(world.observed.ages(), []);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_sent_before_the_clocks_were_compared_is_measured_later() {
    let world = World::new().await;
    world.upload().await;
    world.shop.put("a", 1);
    world.shop.make_older(Duration::from_secs(100));
    // The engine is not started, so nothing counts while the sync goes on.
    world.sync().await;
    assert_eq!(world.observed.ages(), []);
    world.shop.put("b", 1);
    world.engine.refresh().await;
    let ages = world.observed.ages();
    assert!(
        matches!(ages[..], [age] if age >= Duration::from_secs(100)),
        "{ages:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_last_verify_found_is_kept_with_its_time() {
    let mut world = World::new().await;
    world.shop.put("a", 1);
    world.upload().await;
    assert_eq!(world.status_store.facts().verified.last, None);
    let began = jiff::Timestamp::now();
    world.run(Kind::Verify).await;
    let last = world.status_store.facts().verified.last.unwrap();
    assert_eq!(last.differing, 0);
    assert!(last.began >= began);
    world.shop.stock(["a".to_owned()], 2);
    world.run(Kind::Verify).await;
    let last = world.status_store.facts().verified.last;
    assert_eq!(last.map(|last| last.differing), Some(1));
    // It is known in the next process, too.
    world.restart(super::options()).await;
    assert_eq!(world.status_store.facts().verified.last, last);
}
