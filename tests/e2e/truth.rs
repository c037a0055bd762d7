//! What status shows while the two sides differ, asked every 50 ms: never up to date, and never less pending
//! than there is.

use std::{
    collections::BTreeMap,
    env,
    time::{Duration, Instant},
};

use shopmaster_harness::world::World;
use shopmaster_proto::v1::{GetStatusRequest, RunKind, State, Status};
use shopmaster_standins::digible::{Endpoint, Fault, ProductId, RetryAfter};
use tokio::time::{MissedTickBehavior, interval};

use crate::help::{Tested, captured};

/// The environment variable with the number of products, for a long run by hand.
const PRODUCTS: &str = "SHOPMASTER_TEST_PRODUCTS";
/// From one question to the next.
const EVERY: Duration = Duration::from_millis(50);
/// How long it may take until a change is noticed: far more than the second that it does take, because
/// the computer may be busy with other tests.
const NOTICE: Duration = Duration::from_secs(20);

/// What was asked, and what was wrong with the answers.
#[derive(Debug, Default)]
struct Seen {
    asked: usize,
    sending: usize,
    /// The longest time from one answer to the next.
    gap: Duration,
    /// How long it took each time until everything that waits was counted.
    noticed: Vec<Duration>,
    wrong: Vec<String>,
}

/// The shop as the till left it.
struct Truth {
    prices: BTreeMap<String, String>,
    /// Since when it is so, or since when an agent may know.
    since: Instant,
    /// What changed is captured; else only an upload finds it.
    is_captured: bool,
    /// The agent has counted all of it: from then on it must not forget any.
    is_noticed: bool,
    /// Until it has noticed, it may believe that nothing changed.
    may_be_green: bool,
}

impl Truth {
    /// As it is now, by a change that was just committed.
    fn of(world: &World) -> Result<Self, Box<dyn std::error::Error>> {
        let since = Instant::now();
        let prices = world.shop.all()?.into_iter();
        Ok(Self {
            prices: prices.map(|(id, product)| (id, product.price)).collect(),
            since,
            is_captured: true,
            is_noticed: false,
            may_be_green: true,
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

    /// The sides come nearer each other meanwhile: what differs after the answer differed when it was
    /// given.
    fn check(&mut self, world: &World, seen: &mut Seen, status: &Status) {
        let pending = usize::try_from(status.pending).unwrap();
        let is_green = status.state() == State::UpToDate;
        let counts_all = pending >= self.prices.len();
        if !counts_all && !is_green && !self.is_captured {
            return;
        }
        let differing = if counts_all { 0 } else { self.differing(world) };
        if is_green && differing > 0 && (self.is_noticed || !self.may_be_green) {
            let headline = &status.headline;
            seen.wrong
                .push(format!("green with {differing} to send: {headline}"));
        }
        if !self.is_captured {
            return;
        }
        if pending < differing && self.is_noticed {
            seen.wrong.push(format!("{pending} pending of {differing}"));
        }
        if pending >= differing && !self.is_noticed {
            self.is_noticed = true;
            seen.noticed.push(self.since.elapsed());
        }
    }
}

/// Asks until an answer is as `condition` wants it.
async fn watch(
    world: &World,
    truth: &mut Truth,
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
        truth.check(world, seen, &status);
        if (truth.is_noticed || !truth.is_captured) && condition(&status) {
            return Ok(status);
        }
        if truth.is_captured && !truth.is_noticed && truth.since.elapsed() > NOTICE {
            return Err(format!("not noticed: {status:?}").into());
        }
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

    world.start_run(RunKind::Upload).await?;
    let mut truth = Truth {
        is_captured: false,
        may_be_green: false,
        ..Truth::of(&world)?
    };
    let uploaded = watch(&world, &mut truth, &mut seen, is_done).await?;
    assert_eq!(uploaded.published, count as u64);
    println!("upload: {seen:?}");

    world.shop.raise_prices()?;
    let mut truth = Truth::of(&world)?;
    watch(&world, &mut truth, &mut seen, is_done).await?;
    assert_eq!(truth.differing(&world), 0);
    println!("sync: {seen:?}");

    world.digible.inject(
        Fault::refuse_for(429, RetryAfter::Seconds(3))
            .on(Endpoint::Batch)
            .once(),
    );
    world.shop.raise_prices()?;
    let mut truth = Truth::of(&world)?;
    let held = watch(&world, &mut truth, &mut seen, |status| {
        status.blocked_until.is_some()
    })
    .await?;
    assert_eq!(held.state(), State::Sending, "{}", held.headline);
    watch(&world, &mut truth, &mut seen, is_done).await?;
    assert_eq!(truth.differing(&world), 0);
    println!("hold: {seen:?}");

    world.digible.clear_requests();
    world.shop.raise_prices()?;
    let mut truth = Truth::of(&world)?;
    let some = count as u64 / 4;
    watch(&world, &mut truth, &mut seen, |_| {
        world.digible.counts().products_applied >= some
    })
    .await?;
    world.kill9();
    world.launch().await?;
    truth.since = Instant::now();
    (truth.is_noticed, truth.may_be_green) = (false, false);
    watch(&world, &mut truth, &mut seen, is_done).await?;
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
