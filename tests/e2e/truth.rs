//! What status shows while the two sides differ, asked every 50 ms: never up to date, and never less pending
//! than there is.

use std::{
    collections::BTreeMap,
    env,
    time::{Duration, Instant},
};

use shopmaster_proto::v1::{GetStatusRequest, RunKind, State, Status};
use shopmaster_testkit::{
    digible::{Endpoint, Fault, ProductId, RetryAfter},
    world::World,
};
use tokio::time::{MissedTickBehavior, interval};

use crate::help::{Tested, captured};

/// The environment variable with the number of products, for a long run by hand.
const PRODUCTS: &str = "SHOPMASTER_TEST_PRODUCTS";
/// From one question to the next.
const EVERY: Duration = Duration::from_millis(50);
/// What changed in this time need not be counted yet.
const GRACE: Duration = Duration::from_secs(1);

/// What was asked, and what was wrong with the answers.
#[derive(Debug, Default)]
struct Seen {
    asked: usize,
    sending: usize,
    /// The longest time from one answer to the next.
    gap: Duration,
    wrong: Vec<String>,
}

/// The shop as the till left it, and since when.
struct Truth {
    prices: BTreeMap<String, String>,
    since: Instant,
    /// What changes is captured; else only an upload finds it.
    is_captured: bool,
}

impl Truth {
    fn of(world: &World) -> Result<Self, Box<dyn std::error::Error>> {
        let prices = world.shop.all()?.into_iter();
        Ok(Self {
            prices: prices.map(|(id, product)| (id, product.price)).collect(),
            since: Instant::now(),
            is_captured: true,
        })
    }

    /// Products that differ now.
    fn differing(&self, world: &World) -> usize {
        let cloud = world.digible.products();
        let same = |(id, price): &(&String, &String)| {
            let there = cloud.get(&ProductId::from(id.as_str()));
            there.is_some_and(|there| there.price == **price)
        };
        self.prices.len() - self.prices.iter().filter(same).count()
    }
}

/// Asks until an answer is as `condition` wants it.
async fn watch(
    world: &World,
    truth: &Truth,
    seen: &mut Seen,
    condition: impl Fn(&Status) -> bool,
) -> Result<Status, Box<dyn std::error::Error>> {
    let mut client = world.client()?;
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Instant::now();
    loop {
        ticks.tick().await;
        let answer = client.agent.get_status(GetStatusRequest {}).await?;
        let status = answer.into_inner().status.ok_or("no status")?;
        seen.gap = seen.gap.max(last.elapsed());
        last = Instant::now();
        seen.asked += 1;
        seen.sending += usize::from(status.state() == State::Sending);
        if truth.since.elapsed() > GRACE {
            check(world, truth, seen, &status);
        }
        if condition(&status) {
            return Ok(status);
        }
    }
}

/// The sides come nearer each other meanwhile: what differs after the answer differed when it was given.
fn check(world: &World, truth: &Truth, seen: &mut Seen, status: &Status) {
    let pending = usize::try_from(status.pending).unwrap();
    let is_green = status.state() == State::UpToDate;
    if !is_green && (!truth.is_captured || pending >= truth.prices.len()) {
        return;
    }
    let differing = truth.differing(world);
    if is_green && differing > 0 {
        let headline = &status.headline;
        seen.wrong
            .push(format!("green with {differing} to send: {headline}"));
    }
    if truth.is_captured && pending < differing {
        seen.wrong.push(format!("{pending} pending of {differing}"));
    }
}

fn products() -> usize {
    let asked = env::var(PRODUCTS).ok();
    asked.map_or(20_000, |count| count.parse().unwrap())
}

#[tokio::test]
async fn status_tells_the_truth_at_any_moment() -> Tested {
    let count = products();
    let builder = World::builder()
        .products(count)
        .automatic()
        .set("sync.probe", "100ms")
        .set("digible.timeout", "30s");
    let mut world = captured(builder).await?;
    world
        .digible
        .configure(|settings| settings.latency = Duration::from_millis(100));
    let is_done = |status: &Status| status.state() == State::UpToDate;
    let mut seen = Seen::default();

    let mut truth = Truth::of(&world)?;
    truth.is_captured = false;
    world.start_run(RunKind::Upload).await?;
    let uploaded = watch(&world, &truth, &mut seen, is_done).await?;
    assert_eq!(uploaded.published, count as u64);
    println!("upload: {seen:?}");

    world.shop.raise_prices()?;
    let truth = Truth::of(&world)?;
    watch(&world, &truth, &mut seen, |status| status.pending > 0).await?;
    watch(&world, &truth, &mut seen, is_done).await?;
    assert_eq!(truth.differing(&world), 0);
    println!("sync: {seen:?}");

    world.digible.inject(
        Fault::refuse_for(429, RetryAfter::Seconds(3))
            .on(Endpoint::Batch)
            .once(),
    );
    world.shop.raise_prices()?;
    let truth = Truth::of(&world)?;
    let held = watch(&world, &truth, &mut seen, |status| {
        status.blocked_until.is_some() && status.pending > 0
    })
    .await?;
    assert_eq!(held.state(), State::Sending, "{}", held.headline);
    watch(&world, &truth, &mut seen, is_done).await?;
    assert_eq!(truth.differing(&world), 0);
    println!("hold: {seen:?}");

    world.digible.clear_requests();
    world.shop.raise_prices()?;
    let truth = Truth::of(&world)?;
    let half = count as u64 / 4;
    watch(&world, &truth, &mut seen, |_| {
        world.digible.counts().products_applied >= half
    })
    .await?;
    world.kill9();
    world.launch().await?;
    let truth = Truth {
        since: Instant::now(),
        ..truth
    };
    watch(&world, &truth, &mut seen, is_done).await?;
    assert_eq!(truth.differing(&world), 0);
    println!("kill: {seen:?}");

    assert!(seen.sending > 0, "{seen:?}");
    assert!(
        seen.wrong.is_empty(),
        "{} of {} answers are wrong, among them:\n{}",
        seen.wrong.len(),
        seen.asked,
        seen.wrong[..seen.wrong.len().min(20)].join("\n")
    );
    Ok(())
}
