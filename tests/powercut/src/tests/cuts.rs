//! Power cuts at random points of random workloads.

use std::{
    num::NonZero,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use super::*;
use crate::{life::Cut, rebuild::Ignored};

#[test]
fn a_power_cut_at_any_point_loses_nothing_that_was_acknowledged() {
    let first = number("POWERCUT_SEED", 1);
    let end = first + number("POWERCUT_WORKLOADS", 8);
    let cuts = number("POWERCUT_CUTS", 20);
    let next = AtomicU64::new(first);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            block_on(survive(seed, cuts));
        }
    };
    // A thread that panics makes the scope panic.
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(work);
        }
    });
}

async fn survive(seed: u64, cuts: u64) {
    let (life, mut random) = first_life(seed).await;
    for _ in 0..cuts {
        let cut = life.cut(Ignored::Nothing, &mut random);
        // Some live on, to be cut again on what the first cut left.
        let calls = if random.u8(..5) == 0 {
            calls(10, &mut random)
        } else {
            Vec::new()
        };
        let next = go_on(seed, &cut, &calls).await;
        if !calls.is_empty() {
            for _ in 0..3 {
                go_on(seed, &next.cut(Ignored::Nothing, &mut random), &[]).await;
            }
        }
    }
}

async fn go_on(seed: u64, cut: &Cut<'_>, calls: &[Call]) -> Life {
    match Life::live(cut.image.clone(), cut.marks, calls).await {
        Ok(life) => life,
        Err(violation) => panic!(
            "POWERCUT_SEED={seed}: cut after {} events, in the call after {}: {violation}",
            cut.at, cut.marks[0].what
        ),
    }
}
