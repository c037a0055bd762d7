//! Runs many cases at once.

use std::{io, thread};

use tokio::runtime::Builder;

use super::{Abilities, Outcome, Plan, Promises, StormError, run};

/// Runs the cases that `next` returns until it has no more, several at once, and reports the result of each.
///
/// # Errors
///
/// When a thread or its runtime cannot be created.
pub fn run_all(
    jobs: usize,
    abilities: &Abilities,
    promises: Promises,
    next: &(dyn Fn() -> Option<Plan> + Sync),
    tell: &(dyn Fn(&Plan, Result<Outcome, StormError>) + Sync),
) -> io::Result<()> {
    // A case keeps database connections, which stay on one thread.
    let job = || -> io::Result<()> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        while let Some(plan) = next() {
            let outcome = runtime.block_on(run(&plan, abilities, promises));
            tell(&plan, outcome);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let jobs: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(job)).collect();
        jobs.into_iter().try_for_each(|job| {
            job.join()
                .unwrap_or_else(|_| Err(io::Error::other("a case panicked")))
        })
    })
}
