//! Random cases in which everything goes wrong at once: `cargo run --release -p shopmaster-harness --bin
//! storm -- --cases 2000`. The exit code is 1 when the agent reported something that is not true.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Parser;
use shopmaster_harness::{
    programs::Programs,
    storm::{
        Abilities, Ability, Finding, Outcome, PROMISES, Plan, Promises, StormError, corpus, run_all,
    },
};

/// Runs random cases in which everything goes wrong at once
#[derive(Debug, Parser)]
struct Args {
    /// Number of random cases, which run after the corpus of cases that once failed
    #[arg(long, default_value_t = 100, value_name = "NUMBER")]
    cases: usize,
    /// Start no more cases after this many seconds
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
    /// Seed of the first random case; each further case adds 1. Default: a random seed
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    /// Number of cases that run at once
    #[arg(long, default_value_t = 4, value_name = "NUMBER")]
    jobs: usize,
    /// Run only the plan in this JSON file
    #[arg(long, value_name = "FILE", conflicts_with = "named")]
    plan: Option<PathBuf>,
    /// Run only the cases of the corpus whose name contains this
    #[arg(long, value_name = "NAME", conflicts_with = "no_corpus")]
    named: Option<String>,
    /// Skip the corpus
    #[arg(long)]
    no_corpus: bool,
    /// How often to run each case
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    repeat: usize,
    /// Skip cases whose plan contains this in its JSON, such as `dead_token`
    #[arg(long, value_name = "TEXT")]
    without: Vec<String>,
    /// Print the plan of the first seed, and run nothing
    #[arg(long)]
    print_plan: bool,
    /// Also print the trace of cases that pass
    #[arg(long)]
    trace: bool,
    /// Check everything that the agent will promise, including what it does not promise yet
    #[arg(long)]
    strict: bool,
}

/// The results of all cases.
#[derive(Default)]
struct Sum {
    cases: u64,
    longest: Duration,
    failed: Vec<String>,
    findings: BTreeMap<Finding, u64>,
    left_out: BTreeMap<Ability, u64>,
    broken: Vec<String>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match storm(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// False when a case failed.
fn storm(args: &Args) -> Result<bool, Box<dyn Error>> {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    if args.print_plan {
        say(&serde_json::to_string_pretty(&Plan::from_seed(seed))?);
        return Ok(true);
    }
    let fixed = fixed(args)?;
    let is_alone = args.plan.is_some() || args.named.is_some();
    let random = if is_alone { 0 } else { args.cases };
    let repeat = args.repeat.max(1);
    say(&format!(
        "{} cases of the corpus, {random} random ones from seed {seed} on",
        fixed.len()
    ));
    // Before the time is measured.
    Programs::build()?;
    let started = Instant::now();
    let number = AtomicUsize::new(0);
    let any = || {
        let number = number.fetch_add(1, Ordering::SeqCst) / repeat;
        let seconds = args.seconds.map(Duration::from_secs);
        if seconds.is_some_and(|seconds| started.elapsed() >= seconds) {
            return None;
        }
        match number.checked_sub(fixed.len()) {
            None => fixed.get(number).cloned(),
            Some(number) if number < random => {
                Some(Plan::from_seed(seed.wrapping_add(number as u64)))
            }
            Some(_) => None,
        }
    };
    let is_left_out = |plan: &Plan| {
        let text = serde_json::to_string(plan).unwrap_or_default();
        args.without.iter().any(|word| text.contains(word))
    };
    let next = || std::iter::from_fn(&any).find(|plan| !is_left_out(plan));
    let sum = Mutex::new(Sum::default());
    let tell = |plan: &Plan, outcome: Result<Outcome, StormError>| {
        let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
        sum.add(plan, outcome, args.trace);
    };
    let promises = Promises {
        green_is_nothing_open: PROMISES.green_is_nothing_open || args.strict,
        ..PROMISES
    };
    run_all(args.jobs, &Abilities::find(), promises, &next, &tell)?;
    let sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    sum.print(started.elapsed());
    Ok(sum.failed.is_empty() && sum.broken.is_empty())
}

/// The cases that do not come from seeds.
fn fixed(args: &Args) -> Result<Vec<Plan>, Box<dyn Error>> {
    if let Some(path) = &args.plan {
        return Ok(vec![serde_json::from_str(&fs::read_to_string(path)?)?]);
    }
    if args.no_corpus {
        return Ok(Vec::new());
    }
    let mut plans = corpus()?;
    if let Some(name) = &args.named {
        plans.retain(|plan| plan.name.contains(name));
        if plans.is_empty() {
            return Err(format!("the corpus has no case with `{name}` in its name").into());
        }
    }
    Ok(plans)
}

impl Sum {
    fn add(&mut self, plan: &Plan, outcome: Result<Outcome, StormError>, trace: bool) {
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                let cause = error.source().map(|cause| format!(": {cause}"));
                say(&format!(
                    "--- {}: {error}{}",
                    plan.name,
                    cause.unwrap_or_default()
                ));
                self.broken.push(plan.name.clone());
                return;
            }
        };
        self.cases += 1;
        self.longest = self.longest.max(outcome.took);
        for ability in &outcome.left_out {
            *self.left_out.entry(*ability).or_default() += 1;
        }
        if trace || !outcome.violations.is_empty() {
            say(&outcome.report(plan));
        }
        if outcome.violations.is_empty() {
            return;
        }
        let findings: BTreeSet<_> = outcome.violations.iter().map(|it| it.finding).collect();
        for finding in findings {
            *self.findings.entry(finding).or_default() += 1;
        }
        self.failed.push(plan.name.clone());
    }

    fn print(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        say(&format!(
            "{} cases in {seconds:.0} s ({:.1} per second, the longest {:.1} s); {} failed, {} could not be run",
            self.cases,
            self.cases as f64 / seconds.max(0.001),
            self.longest.as_secs_f64(),
            self.failed.len(),
            self.broken.len()
        ));
        for (finding, cases) in &self.findings {
            say(&format!("  {finding:?} in {cases}"));
        }
        for (ability, cases) in &self.left_out {
            say(&format!("  {cases} ran without {}", ability.name()));
        }
        for name in &self.failed {
            say(&format!("  failed: {name}"));
        }
        for name in &self.broken {
            say(&format!("  could not be run: {name}"));
        }
    }
}

fn say(text: &str) {
    // A closed pipe is not a reason to fail.
    let _written = writeln!(io::stdout().lock(), "{text}");
}
