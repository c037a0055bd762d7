//! `kill -9` at any moment: nothing is lost, and nothing begins again from the start.

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use fastrand::Rng;
use shopmaster_harness::world::World;
use shopmaster_proto::v1::{ProductState, RunCause, RunKind, RunOutcome, State};
use shopmaster_standins::{
    digible::{CutAt, DigibleSim, Endpoint, Fault, HangEffect, SimOptions},
    shop::{Till, TillStep},
};
use tokio::task::JoinHandle;

use crate::support::{runs, wait_up_to_date};

const KILLS: usize = 6;
/// Says which chance a failed test had; `SHOPMASTER_TEST_SEED` repeats it.
const SEED: &str = "SHOPMASTER_TEST_SEED";

/// A till that sells whenever a request reaches the stand-in, and lets hanging requests go on, late.
struct OpenTill {
    closed: Arc<AtomicBool>,
    task: JoinHandle<()>,
    digible: DigibleSim,
}

impl OpenTill {
    fn open(world: &World, seed: u64) -> Self {
        let mut till = Till::open(world.shop.path(), seed).unwrap();
        let digible = world.digible.clone();
        let closed = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn({
            let (digible, closed) = (digible.clone(), Arc::clone(&closed));
            async move {
                let mut seen = 0;
                loop {
                    let news = |digible: &DigibleSim| {
                        digible.counts().requests != seen || closed.load(Ordering::SeqCst)
                    };
                    digible.wait_for(news).await;
                    if closed.load(Ordering::SeqCst) {
                        return;
                    }
                    seen = digible.counts().requests;
                    trade(&mut till);
                    digible.release();
                }
            }
        });
        Self {
            closed,
            task,
            digible,
        }
    }

    async fn close(self) {
        self.closed.store(true, Ordering::SeqCst);
        // Clearing is a change, so that the till looks up.
        self.digible.clear_faults();
        self.digible.release();
        self.task.await.unwrap();
    }
}

/// Changes products until one of the changes has to be sent, so that a request follows.
fn trade(till: &mut Till) {
    let is_quiet = |step| matches!(step, TillStep::Deleted { .. } | TillStep::Rewritten { .. });
    while is_quiet(till.step().unwrap()) {}
}

fn seed() -> u64 {
    let given = env::var(SEED).ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    println!("{SEED}={seed}");
    seed
}

/// Everything that goes wrong in a short time, but for what Digible itself must say.
fn break_digible(digible: &DigibleSim, rng: &mut Rng) {
    digible.clear_faults();
    digible.inject(Fault::refuse_share(503, 0.1));
    for at in [CutAt::BeforeApplying, CutAt::AfterApplying, CutAt::InAnswer] {
        digible.inject(Fault::cut(at).times(rng.u32(0..3)));
    }
    digible.inject(Fault::hang(HangEffect::OnRelease).times(rng.u32(0..3)));
    digible.inject(Fault::hang(HangEffect::AtOnce).times(rng.u32(0..2)));
}

/// Waits for a random number of requests, and kills. When everything is sent before, the shop changes
/// more.
async fn kill_after_some(world: &mut World, rng: &mut Rng, most: u64) {
    let until = world.digible.counts().requests + rng.u64(1..=most);
    let mut sale = 0;
    loop {
        tokio::select! {
            enough = world.wait_digible(|digible| digible.counts().requests >= until) => {
                enough.unwrap();
                break;
            }
            idle = world.wait_status(|status| status.state() == State::UpToDate) => {
                idle.unwrap();
                sale += 1;
                sell(world, &format!("{}.50", rng.u32(1..1_000)), sale % 10);
            }
        }
    }
    world.kill9();
}

/// Changes the price of every tenth of the first products, in one commit.
fn sell(world: &World, price: &str, digit: u32) {
    let sql =
        "UPDATE Products SET SellPrice = ?1 WHERE ProductID < 'P0000300' AND ProductID LIKE ?2";
    let changed = world
        .shop
        .connection()
        .execute(sql, (price, format!("%{digit}")));
    changed.unwrap();
}

async fn assert_conserved(world: &World) {
    wait_up_to_date(world).await;
    let result = world.assert_equal().await.unwrap();
    let count = world.shop.count().unwrap();
    assert_eq!(result.equal as u64, count, "{result:?}");
    assert_eq!((result.pending, result.parked), (0, 0), "{result:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_it_dies_while_it_syncs() {
    let seed = seed();
    let mut rng = Rng::with_seed(seed);
    let mut world = World::builder()
        .products(300)
        .digible(SimOptions {
            seed,
            ..SimOptions::default()
        })
        .automatic()
        .set("sync.interval", "1s")
        .set("sync.probe", "100ms")
        .set("digible.timeout", "500ms")
        .start()
        .await
        .unwrap();
    world.install_capture().await.unwrap();
    world.upload().await.unwrap();

    let till = OpenTill::open(&world, seed);
    for round in 0..KILLS {
        break_digible(&world.digible, &mut rng);
        for digit in 0..3 {
            sell(&world, &format!("{round}.{digit}5"), digit);
        }
        kill_after_some(&mut world, &mut rng, 30).await;
        world.launch().await.unwrap();
    }
    till.close().await;
    assert_conserved(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_it_dies_while_it_uploads() {
    let seed = seed();
    let mut rng = Rng::with_seed(seed);
    let mut world = World::builder()
        .products(4_000)
        .digible(SimOptions {
            seed,
            ..SimOptions::default()
        })
        .automatic()
        .set("sync.interval", "1s")
        .set("sync.probe", "100ms")
        .set("digible.timeout", "500ms")
        .set("digible.batch_size", 20)
        .set("digible.max_in_flight", 2)
        .start()
        .await
        .unwrap();
    world.install_capture().await.unwrap();

    let till = OpenTill::open(&world, seed);
    world.start_run(RunKind::Upload).await.unwrap();
    for _ in 0..KILLS {
        break_digible(&world.digible, &mut rng);
        kill_after_some(&mut world, &mut rng, 20).await;
        world.launch().await.unwrap();
    }
    till.close().await;
    assert_conserved(&world).await;
}

/// Only kills, so that the requests can be counted.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_where_it_was_killed() {
    const PRODUCTS: usize = 2_000;
    const BATCH: usize = 10;
    /// Products in one step: `batch_size` × `max_in_flight` × 2, and not below 200.
    const STEP: usize = 200;
    let seed = seed();
    let mut rng = Rng::with_seed(seed);
    let mut world = World::builder()
        .products(PRODUCTS)
        .automatic()
        .set("sync.probe", "100ms")
        .set("digible.timeout", "500ms")
        .set("digible.batch_size", BATCH)
        .set("digible.max_in_flight", 2)
        .start()
        .await
        .unwrap();
    world.install_capture().await.unwrap();
    world.start_run(RunKind::Upload).await.unwrap();
    for _ in 0..KILLS {
        kill_after_some(&mut world, &mut rng, 25).await;
        world.launch().await.unwrap();
    }
    wait_up_to_date(&world).await;
    assert_eq!(world.assert_equal().await.unwrap().equal, PRODUCTS);

    // Each kill costs at most the step that it hit; a step in doubt is sent twice more.
    let batches = world.digible.requests_to(Endpoint::Batch).len();
    let lost = KILLS * 2 * STEP / BATCH;
    assert!(batches <= PRODUCTS / BATCH + lost, "{batches} batches");
    let uploads: Vec<_> = runs(&world)
        .await
        .into_iter()
        .filter(|run| run.kind() == RunKind::Upload)
        .collect();
    let (last, earlier) = uploads.split_first().unwrap();
    assert_eq!(last.outcome(), RunOutcome::Completed);
    assert_eq!(last.cause(), RunCause::Resumed);
    assert_eq!(last.done, last.total);
    assert!(!earlier.is_empty());
    for run in earlier {
        assert_eq!(run.outcome(), RunOutcome::Interrupted, "{run:?}");
        assert!(run.finished_at.is_some());
    }
    assert_eq!(earlier.last().unwrap().cause(), RunCause::Requested);
}

/// What hangs when the agent dies may land at any time until its deadline, and the newest state wins.
#[tokio::test(flavor = "multi_thread")]
async fn what_hung_when_it_died_is_in_doubt_and_settled_in_the_end() {
    let price_all = |world: &World, price: &str| {
        let sql = "UPDATE Products SET SellPrice = ?1 WHERE ProductID <= 'P0000005'";
        assert_eq!(world.shop.connection().execute(sql, [price]).unwrap(), 5);
    };
    let mut world = World::builder()
        .products(50)
        .automatic()
        .set("sync.probe", "100ms")
        .set("digible.timeout", "2s")
        .start()
        .await
        .unwrap();
    world.install_capture().await.unwrap();
    price_all(&world, "10.00");
    world.upload().await.unwrap();
    wait_up_to_date(&world).await;

    let digible = world.digible.clone();
    digible.inject(Fault::hang(HangEffect::OnRelease).on(Endpoint::Update));
    digible.clear_requests();
    price_all(&world, "20.00");
    world
        .wait_digible(|digible| digible.counts().updates == 5)
        .await
        .unwrap();
    world.kill9();

    // Back to a state that was acknowledged before: its digest alone would say "unchanged".
    price_all(&world, "10.00");
    digible.clear_faults();
    digible.inject(Fault::hang(HangEffect::AtOnce).once());
    world.launch().await.unwrap();
    let before = digible.counts().requests;
    world
        .wait_digible(|digible| digible.counts().requests > before)
        .await
        .unwrap();
    let state = world.state_of("P0000001").await.unwrap();
    assert!(
        matches!(state, ProductState::InDoubt | ProductState::Pending),
        "{state:?}"
    );
    // The old requests land behind the new one, which waits for its answer.
    digible.release();
    wait_up_to_date(&world).await;
    assert_eq!(world.assert_equal().await.unwrap().equal, 50);
    let states = digible.history("P0000001");
    let prices: Vec<_> = states.iter().map(|state| &*state.listing.price).collect();
    assert!(prices.contains(&"20.00"), "nothing landed: {prices:?}");
    assert_eq!(*prices.last().unwrap(), "10.00");
}
