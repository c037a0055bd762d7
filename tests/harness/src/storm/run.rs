//! Runs a case: set-up, steps with the oracle in between, healthy surroundings, quiet, judgment.

use std::{
    fmt::Write as _,
    io,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use shopmaster_proto::v1::{RunKind, RunOutcome, State, Status};
use shopmaster_standins::digible::{Counts, CutAt, Fault, ProductId, Settings, SimOptions};
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::{sleep, timeout},
};

use super::{
    Abilities, Ability, Finding, Promises, Violation,
    cloud::Sky,
    oracle::{Oracle, Sides},
    plan::{Key, Plan, Serves, What, When, Write},
    process,
    surroundings::{Clock, Disk},
    till::Till,
    trace::Trace,
};
use crate::world::{ShopKind, World, WorldError};

/// The longest wait for a request.
const REQUEST_WAIT: Duration = Duration::from_millis(700);
/// The longest wait for the agent in the middle of a case.
const QUIET_WAIT: Duration = Duration::from_secs(5);
/// The longest wait until it is up to date in the middle of a case: there may be a reason why it is not.
const GREEN_WAIT: Duration = Duration::from_secs(2);
/// Time from one check of the oracle to the next while a case waits.
const CHECK_INTERVAL: Duration = Duration::from_millis(60);
/// How long the agent may take to become quiet once nothing goes wrong any more.
const SETTLE_DEADLINE: Duration = Duration::from_secs(90);
/// How long it is left alone first, if it syncs automatically.
const LEFT_ALONE: Duration = Duration::from_secs(12);
/// How long it may take to answer all calls at the end.
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);

/// The result of a case.
#[derive(Debug)]
pub struct Outcome {
    /// The untrue reports; empty when the case passed.
    pub violations: Vec<Violation>,
    /// What was done, and when.
    pub trace: String,
    /// What this machine does not allow, so it was left out.
    pub left_out: Vec<Ability>,
    /// How long it took.
    pub took: Duration,
}

/// Why a case could not be run.
#[derive(Debug, thiserror::Error)]
pub enum StormError {
    /// The world or its agent could not be set up.
    #[error("the case could not be set up")]
    World(#[from] WorldError),
    /// The shop's database failed.
    #[error("the shop's database failed")]
    Shop(#[from] rusqlite::Error),
    /// The agent's disk or clock failed.
    #[error("the agent's disk or clock failed")]
    Surroundings(#[from] io::Error),
    /// A till ended early.
    #[error("a till ended early")]
    Till(#[from] tokio::task::JoinError),
    /// The agent was not up to date after its first upload.
    #[error("the agent is not up to date after its first upload: {0}")]
    NotReady(String),
}

/// A running case.
struct Case<'a> {
    plan: &'a Plan,
    world: World,
    disk: Option<Disk>,
    clock: Option<Clock>,
    till: Till,
    slow: Vec<JoinHandle<rusqlite::Result<()>>>,
    sky: Sky,
    oracle: Oracle,
    trace: Trace,
    digible_started: Instant,
    disk_is_full: bool,
    serves: Serves,
}

/// Runs a case.
///
/// # Errors
///
/// When the case itself could not be set up or run; what the agent does wrong is in the [`Outcome`].
pub async fn run(
    plan: &Plan,
    abilities: &Abilities,
    promises: Promises,
) -> Result<Outcome, StormError> {
    let started = Instant::now();
    let mut case = Case::set_up(plan, abilities, promises).await?;
    for (number, step) in plan.steps.iter().enumerate() {
        case.wait(step.when).await?;
        case.trace.say(format!("{number}: {:?}", step.what));
        case.take(&step.what).await?;
        // A step that follows at once must not be delayed.
        if step.when != When::Now {
            case.look().await?;
        }
    }
    case.trace.say("the end: nothing goes wrong any more");
    if case.heal().await? && case.settle().await? {
        let shown = process::status(&case.world).await;
        let shown = shown.map_or_else(|error| error.to_string(), |it| it.headline);
        case.trace.say(format!("quiet: {shown}"));
        case.verify().await;
    }
    let left_out = [
        (Ability::SmallDisk, plan.agent.small_disk),
        (Ability::OwnClock, plan.agent.own_clock),
    ]
    .into_iter()
    .filter(|(ability, wanted)| *wanted && !abilities.has(*ability))
    .map(|(ability, _)| ability)
    .collect();
    let trace = case.render();
    Ok(Outcome {
        violations: case.oracle.violations(),
        trace,
        left_out,
        took: started.elapsed(),
    })
}

impl Drop for Case<'_> {
    fn drop(&mut self) {
        // The agent first, then the disk that it writes to, then the folder around it.
        self.world.kill9();
        self.disk = None;
    }
}

impl Outcome {
    /// The untrue reports, how to repeat the case, and its trace.
    #[must_use]
    pub fn report(&self, plan: &Plan) -> String {
        let again = if plan.name == Plan::name_of(plan.seed) {
            format!("--seed {} --cases 1 --no-corpus", plan.seed)
        } else {
            format!("--named {:?}", plan.name)
        };
        let violations: Vec<_> = self.violations.iter().map(ToString::to_string).collect();
        format!(
            "--- {}\n{}\nagain: cargo run --release -p shopmaster-harness --bin storm -- {again}\n{:?}\n{:?}\n{}",
            plan.name,
            violations.join("\n"),
            plan.shop,
            plan.agent,
            self.trace
        )
    }
}

impl<'a> Case<'a> {
    async fn set_up(
        plan: &'a Plan,
        abilities: &Abilities,
        promises: Promises,
    ) -> Result<Self, StormError> {
        let agent = &plan.agent;
        let ms = |ms: u64| format!("{ms}ms");
        let timeout_ms = match promises.late_window {
            true => agent.timeout_ms,
            // It is the late window, too.
            false => agent.late_window_ms,
        };
        let mut builder = World::builder()
            .kind(ShopKind::Sqlite)
            .products(0)
            .digible(SimOptions {
                seed: plan.seed,
                settings: Settings {
                    password: own_password(),
                    ..Settings::default()
                },
                ..SimOptions::default()
            })
            .set("digible.timeout", ms(timeout_ms))
            .set("digible.batch_size", agent.batch_size)
            .set("digible.max_in_flight", agent.max_in_flight)
            .set("digible.bulk_threshold", agent.bulk_threshold)
            .set("sync.automatic", agent.automatic)
            .set("sync.interval", "1s")
            .set("sync.probe", "100ms")
            .set("log.level", "debug")
            .set("tray.notifications", false);
        if promises.late_window {
            builder = builder.set("digible.late_window", ms(agent.late_window_ms));
        }
        let mut world = builder.prepare().await?;
        let digible_started = Instant::now();
        let till = Till::make(world.shop.path(), world.shop.connection(), plan.shop)?;
        let disk = if agent.small_disk && abilities.has(Ability::SmallDisk) {
            Disk::mount(&world.folders().data)
        } else {
            None
        };
        let clock = match agent.own_clock {
            true => abilities.clock(world.home())?,
            false => None,
        };
        for (name, value) in clock.iter().flat_map(Clock::environment) {
            world.set_env(name, &value);
        }
        world.launch().await?;
        if plan.shop.serves != Serves::Table {
            process::serve(&world, plan.shop.serves).await?;
        }
        world.install_capture().await?;
        process::run_to_end(&world, RunKind::Upload, QUIET_WAIT).await?;
        let ready = world.wait_status(|status| status.state() == State::UpToDate);
        let ready = timeout(QUIET_WAIT, ready).await;
        if !matches!(ready, Ok(Ok(_))) {
            let status = process::status(&world).await?;
            return Err(StormError::NotReady(status.headline));
        }
        Ok(Self {
            sky: Sky::new(world.digible.clone(), agent),
            oracle: Oracle::new(promises, plan.seed),
            trace: Trace::begin(),
            plan,
            world,
            disk,
            clock,
            till,
            slow: Vec::new(),
            digible_started,
            disk_is_full: false,
            serves: plan.shop.serves,
        })
    }

    async fn wait(&mut self, when: When) -> Result<(), StormError> {
        match when {
            When::Now => Ok(()),
            When::After(ms) => self.look_for(Duration::from_millis(ms)).await,
            When::Requests(more) => {
                self.wait_digible(more, |counts| counts.requests).await;
                Ok(())
            }
            When::Applied(more) => {
                self.wait_digible(more, |counts| counts.applied).await;
                Ok(())
            }
            When::UpToDate => {
                let quiet = self
                    .world
                    .wait_status(|status| status.state() == State::UpToDate);
                // If it is not, the case continues.
                let _quiet = timeout(GREEN_WAIT, quiet).await;
                Ok(())
            }
            When::Landed => {
                self.wait_landed().await;
                Ok(())
            }
        }
    }

    async fn wait_digible(&self, more: u64, count: fn(&Counts) -> u64) {
        let until = count(&self.world.digible.counts()) + more;
        let digible = &self.world.digible;
        let news = digible.wait_for(|digible| count(&digible.counts()) >= until);
        // There may be no reason for a request.
        let _came = timeout(REQUEST_WAIT, news).await;
    }

    async fn wait_landed(&self) {
        let digible = &self.world.digible;
        let landed = digible.wait_for(|digible| digible.still_to_land().is_empty());
        let _landed = timeout(QUIET_WAIT, landed).await;
    }

    /// Checks repeatedly for this long.
    async fn look_for(&mut self, time: Duration) -> Result<(), StormError> {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            sleep(left.min(CHECK_INTERVAL)).await;
            if left > CHECK_INTERVAL {
                self.look().await?;
            }
        }
    }

    async fn take(&mut self, what: &What) -> Result<(), StormError> {
        match what {
            What::Till(writes) => self.sell(writes, Till::sell).await?,
            What::Rebuild(writes) => self.sell(writes, Till::rebuild).await?,
            What::SlowTill(ms, writes) => {
                let till = self.till.another()?;
                let (wait, writes) = (Duration::from_millis(*ms), writes.clone());
                let sale = spawn_blocking(move || till.sell_slowly(wait, &writes));
                self.slow.push(sale);
            }
            What::Fault(fault) => self.sky.inject(fault.clone()),
            What::Late {
                told,
                percent,
                times,
            } => self.sky.late(*told, *percent, *times),
            What::RevokeTokens => self.world.digible.revoke_tokens(),
            What::Latency(ms) => {
                let latency = Duration::from_millis(*ms);
                self.world.digible.configure(|it| it.latency = latency);
            }
            What::Offline => self.sky.inject(Fault::cut(CutAt::BeforeApplying)),
            What::Calm => self.sky.calm(),
            What::DiskFull => {
                if let Some(disk) = &self.disk {
                    disk.fill()?;
                    self.disk_is_full = true;
                }
            }
            What::DiskFree => self.free_disk()?,
            What::Clock(seconds) => {
                if let Some(clock) = &self.clock {
                    clock.set(*seconds)?;
                }
            }
            What::Kill => self.world.kill9(),
            What::Launch => self.launch().await?,
            What::Restart => {
                if let Err(error) = self.world.stop().await {
                    self.note("stop", &error);
                    self.world.kill9();
                }
                self.launch().await?;
            }
            What::Freeze(ms) => {
                process::freeze(&self.world, Duration::from_millis(*ms)).await;
            }
            What::Serve(serves) => self.serve(*serves).await,
            asked => {
                if let Err(error) = self.ask(asked).await {
                    self.note("asked", &error);
                }
            }
        }
        Ok(())
    }

    /// Makes the call of a step; the agent may refuse it, or may not be running.
    async fn ask(&mut self, what: &What) -> Result<(), WorldError> {
        let world = &self.world;
        match what {
            What::Pause => process::pause(world).await,
            What::Resume => process::resume(world).await,
            What::Sync => world.start_run(RunKind::Sync).await.map(drop),
            What::SyncToEnd => process::run_to_end(world, RunKind::Sync, QUIET_WAIT)
                .await
                .map(drop),
            What::Upload => world.start_run(RunKind::Upload).await.map(drop),
            What::Verify => world.start_run(RunKind::Verify).await.map(drop),
            What::VerifyConfirmed => world.start_confirmed(RunKind::Verify).await.map(drop),
            What::Dismiss => process::dismiss(world).await,
            What::Retry => process::retry(world).await,
            What::Forget => {
                let ids = process::removed(world).await?;
                if ids.is_empty() {
                    return Ok(());
                }
                process::forget(world, ids.clone()).await?;
                let key = self.plan.shop.key;
                let ids = ids.into_iter().map(|id| named(key, id));
                self.oracle.forget(ids, world.digible.counts().requests);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Serves something else, and captures it. An agent that is not running stays as it is.
    async fn serve(&mut self, serves: Serves) {
        match process::serve(&self.world, serves).await {
            Ok(()) => self.serves = serves,
            Err(error) => return self.note("serve", &error),
        }
        if let Err(error) = self.world.install_capture().await {
            self.note("install", &error);
        }
    }

    async fn sell(
        &mut self,
        writes: &[Write],
        sale: fn(&Till, &[Write]) -> rusqlite::Result<()>,
    ) -> Result<(), StormError> {
        let till = self.till.another()?;
        let writes = writes.to_vec();
        if let Err(error) = spawn_blocking(move || sale(&till, &writes)).await? {
            self.trace.say(format!("    the sale failed: {error}"));
        }
        Ok(())
    }

    /// Starts the agent unless it is running.
    async fn launch(&mut self) -> Result<(), StormError> {
        if self.world.agent_id().is_some() {
            return Ok(());
        }
        match self.world.launch().await {
            Ok(()) => Ok(()),
            // With a full disk it may end again; with free space it must not.
            Err(error) if self.disk_is_full => {
                self.note("launch", &error);
                Ok(())
            }
            Err(error) => {
                self.oracle
                    .report(Finding::DoesNotAnswer, error.to_string());
                Ok(())
            }
        }
    }

    fn free_disk(&mut self) -> Result<(), StormError> {
        self.disk_is_full = false;
        Ok(self.disk.as_ref().map_or(Ok(()), Disk::free)?)
    }

    fn note(&mut self, what: &str, error: &WorldError) {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        let cause = cause.unwrap_or_default();
        self.trace.say(format!("    {what}: {error} {cause}"));
    }

    async fn sides(&self) -> Result<Sides, StormError> {
        let till = self.till.another()?;
        let serves = self.serves;
        let rows = spawn_blocking(move || till.rows(serves)).await??;
        Ok(Sides::new(rows, &self.world.digible))
    }

    /// One check of the oracle, while anything may change. An agent that is not running, or cannot answer now, reports
    /// nothing wrong.
    async fn look(&mut self) -> Result<(), StormError> {
        if self.world.agent_id().is_none() {
            return Ok(());
        }
        let before = self.sides().await?;
        let mut said = Vec::new();
        for id in self.oracle.sample(&before) {
            match process::explain(&self.world, &id.to_string()).await {
                Ok(state) => said.push((id, state)),
                Err(_) => break,
            }
        }
        let shown = process::status(&self.world).await;
        let after = self.sides().await?;
        self.oracle.judge(&before, &after, &said);
        if let Ok(status) = shown {
            self.oracle.judge_shown(&after, status.state(), &self.sky);
        }
        Ok(())
    }

    /// Gives the agent healthy surroundings. False when it is not running.
    async fn heal(&mut self) -> Result<bool, StormError> {
        self.sky.calm();
        self.free_disk()?;
        for sale in std::mem::take(&mut self.slow) {
            if let Err(error) = sale.await? {
                self.trace.say(format!("    a slow sale failed: {error}"));
            }
        }
        self.launch().await?;
        if self.world.agent_id().is_none() {
            return Ok(false);
        }
        if let Err(error) = process::resume(&self.world).await {
            self.note("resume", &error);
        }
        self.wait_landed().await;
        if self
            .plan
            .has(|what| matches!(what, What::Rebuild(_) | What::Serve(_)))
        {
            self.repair_capture().await;
        }
        if self.plan.agent.restart_at_end {
            self.trace.say("restart");
            self.take(&What::Restart).await?;
        }
        Ok(true)
    }

    /// Does what the agent asks for once its triggers are gone.
    async fn repair_capture(&mut self) {
        let deadline = Instant::now() + SETTLE_DEADLINE;
        while Instant::now() < deadline {
            let installed = self.world.install_capture().await;
            let uploaded = match installed {
                Ok(_) => process::run_confirmed(&self.world, RunKind::Upload, QUIET_WAIT).await,
                Err(error) => Err(error),
            };
            match uploaded {
                // An upload that was already running may have begun before capture was installed: then another is due.
                Ok(Some(run))
                    if run.outcome() == RunOutcome::Completed && !self.is_upload_due().await =>
                {
                    return;
                }
                Ok(_) => {}
                Err(error) => self.note("repair", &error),
            }
            sleep(CHECK_INTERVAL).await;
        }
    }

    async fn is_upload_due(&self) -> bool {
        let status = process::status(&self.world).await;
        let is_due = |status: Status| status.issues.iter().any(|it| it.code == "NEVER_UPLOADED");
        status.map_or(true, is_due)
    }

    /// Waits until the agent is quiet, and judges its reports. False when it is not quiet in time.
    async fn settle(&mut self) -> Result<bool, StormError> {
        let begun = Instant::now();
        if self.plan.agent.automatic {
            let quiet = self.world.wait_status(is_quiet);
            // Backoff may take longer; a requested sync ends it.
            let _quiet = timeout(LEFT_ALONE, quiet).await;
        }
        while begun.elapsed() < SETTLE_DEADLINE {
            let run = process::run_to_end(&self.world, RunKind::Sync, QUIET_WAIT).await;
            let done = match run {
                Ok(run) => run.is_some_and(|run| run.outcome() == RunOutcome::Completed),
                Err(error) => {
                    self.note("sync", &error);
                    false
                }
            };
            let status = process::status(&self.world).await;
            if done && status.as_ref().is_ok_and(is_quiet) {
                let before = process::whole_runs(&self.world).await;
                let said = self.oracle.said();
                self.judge_all().await?;
                let after = process::whole_runs(&self.world).await;
                if matches!((before, after), (Ok(before), Ok(after)) if before == after) {
                    return Ok(true);
                }
                // A run that starts automatically, such as a resumed upload, changes what was judged.
                self.oracle.take_back(said);
            }
            sleep(CHECK_INTERVAL).await;
        }
        match process::status(&self.world).await {
            Ok(status) => {
                let issues: Vec<_> = status.issues.iter().map(|it| it.code.as_str()).collect();
                let text = format!(
                    "{}, pending {}, in doubt {}, {}",
                    status.headline,
                    status.pending,
                    status.in_doubt,
                    issues.join(" ")
                );
                self.oracle.report(Finding::DoesNotSettle, text);
            }
            Err(error) => self
                .oracle
                .report(Finding::DoesNotAnswer, error.to_string()),
        }
        Ok(false)
    }

    /// Checks that a verify finds nothing once the agent is quiet.
    async fn verify(&mut self) {
        let verified = process::run_confirmed(&self.world, RunKind::Verify, ANSWER_DEADLINE).await;
        let text = match verified {
            Ok(Some(run))
                if run.outcome() == RunOutcome::Completed && run.sent + run.removed == 0 =>
            {
                return;
            }
            Ok(Some(run)) => format!("{} sent, {} gone: {}", run.sent, run.removed, run.message),
            Ok(None) => "it does not end".to_owned(),
            Err(error) => error.to_string(),
        };
        self.oracle.report(Finding::VerifyFinds, text);
    }

    async fn judge_all(&mut self) -> Result<(), StormError> {
        let sides = self.sides().await?;
        let judged = self.oracle.judge_all(&self.world, &sides, &self.sky);
        match timeout(ANSWER_DEADLINE, judged).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self
                .oracle
                .report(Finding::DoesNotAnswer, error.to_string()),
            Err(_) => self
                .oracle
                .report(Finding::DoesNotAnswer, "the last questions"),
        }
        Ok(())
    }

    /// The trace, with the states of each product at Digible that had several.
    fn render(&self) -> String {
        let digible = &self.world.digible;
        let mut text = self.trace.render(digible, self.digible_started);
        for id in digible.products().into_keys() {
            let history = digible.history(id.clone()).into_iter();
            let states: Vec<_> = history
                .map(|it| format!("{} by {}", it.listing.price, it.sequence))
                .collect();
            if states.len() > 1 {
                let states = states.join(", ");
                let _infallible = writeln!(text, "    Digible `{id}`: {states}");
            }
        }
        text
    }
}

/// Whether nothing is left to do and nothing is in progress.
fn is_quiet(status: &Status) -> bool {
    status.pending == 0 && status.in_doubt == 0 && status.current_run.is_none()
}

/// A product by its name in the agent's lists.
fn named(key: Key, id: String) -> ProductId {
    match (key, id.parse()) {
        (Key::Integer, Ok(number)) => ProductId::Number(number),
        _ => ProductId::Text(id),
    }
}

/// A password for this case only: ports are reused, and the agent of an earlier case must not be able to log in.
fn own_password() -> String {
    static CASES: AtomicU64 = AtomicU64::new(0);
    let case = CASES.fetch_add(1, Ordering::Relaxed);
    format!("secret-{}-{case}", std::process::id())
}
