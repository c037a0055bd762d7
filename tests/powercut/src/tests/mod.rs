//! The tests, and how much of each there is.

// How many flips and lost syncs are found out is worth a look (`--nocapture`).
#![allow(clippy::print_stdout)]

use std::{env, future::Future};

use fastrand::Rng;

use crate::{
    life::{Life, Mark},
    rebuild::Image,
    workload::{Call, calls},
};

mod controls;
mod cuts;
mod flips;

/// A number from the environment.
fn number(name: &str, otherwise: u64) -> u64 {
    match env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
        Err(_) => otherwise,
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

/// A journal's first life, and what the cuts of this seed are drawn from.
async fn first_life(seed: u64) -> (Life, Rng) {
    let mut random = Rng::with_seed(seed);
    let calls: Vec<Call> = calls(40, &mut random);
    let life = Life::live(Image::default(), &[Mark::nothing().await], &calls)
        .await
        .unwrap();
    (life, random)
}
