//! Everything at once, at random: what the agent says of each product is so, whatever goes wrong.

use std::{
    env,
    error::Error as _,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use shopmaster_harness::storm::{Abilities, Outcome, PROMISES, Plan, StormError, corpus, run_all};

/// Random cases, after those that failed once. Long runs are the binary `storm`'s.
const RANDOM_CASES: usize = 12;
/// Cases at once: they wait most of the time.
const JOBS: usize = 4;
/// Names the first of the random cases. Without it they are the same each time, so that a failure is the
/// change's and not the day's; new ones are the binary's.
const SEED: &str = "SHOPMASTER_TEST_SEED";
const FIRST: u64 = 20_261_129;

#[test]
fn what_failed_once_and_random_cases_are_conserved() {
    let given = env::var(SEED).ok().and_then(|text| text.parse().ok());
    let seed: u64 = given.unwrap_or(FIRST);
    println!("{SEED}={seed}");
    let mut plans = corpus().unwrap();
    plans.extend((seed..).take(RANDOM_CASES).map(Plan::from_seed));
    let number = AtomicUsize::new(0);
    let next = || plans.get(number.fetch_add(1, Ordering::SeqCst)).cloned();
    let failed = Mutex::new(Vec::new());
    let tell = |plan: &Plan, outcome: Result<Outcome, StormError>| {
        let report = match outcome {
            Ok(outcome) if outcome.violations.is_empty() => return,
            Ok(outcome) => outcome.report(plan),
            Err(error) => format!("--- {}: {error}: {:?}", plan.name, error.source()),
        };
        failed.lock().unwrap().push(report);
    };
    run_all(JOBS, &Abilities::find(), PROMISES, &next, &tell).unwrap();
    let failed = failed.into_inner().unwrap();
    assert!(
        failed.is_empty(),
        "{} of {} cases failed:\n{}",
        failed.len(),
        plans.len(),
        failed.join("\n")
    );
}
