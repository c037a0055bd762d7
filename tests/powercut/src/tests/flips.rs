//! Flipped bits, in a journal that was closed in good order, and in the WAL of one that was not.
//!
//! Either nothing reads the bit, or the journal is found damaged when it opens: then it is set aside as it
//! was, or a copy of it, and all that it says is published is in doubt. One thing is not told from a power cut:
//! damage to the last commit of a WAL.

use std::{collections::BTreeMap, fs, path::Path};

use shopmaster_journal::Journal;
use tempfile::tempdir;

use super::*;
use crate::{
    log::Watch,
    observed::Observed,
    workload::{FILE, NotOurs, Session, ids},
};

const WAL: &str = "journal.sqlite-wal";
/// SQLite's default.
const PAGE: usize = 4096;
const HEADER: usize = 32;
const FRAME: usize = 24 + PAGE;

/// What becomes of a flipped bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// Nothing reads it.
    Harmless,
    /// The journal is set aside when it opens, or does not open.
    NotGoneOnWith,
    /// It is gone on with, all in doubt.
    InDoubt,
    /// It says what it said once before.
    Earlier,
}

type Tally = BTreeMap<Outcome, u64>;

#[test]
fn a_flipped_bit_of_a_closed_journal_is_found() {
    let flips = number("POWERCUT_FLIPS", 150) / 3;
    let mut tally = Tally::new();
    block_on(async {
        for seed in 1..=3 {
            let mut random = Rng::with_seed(seed);
            let life = life(calls(60, &mut random)).await;
            let (image, mark) = life.end();
            assert_eq!(image.0.keys().collect::<Vec<_>>(), [FILE]);
            for _ in 0..flips {
                let at = random.usize(..image.0[FILE].len());
                let flipped = flip(&image, FILE, at, &mut random);
                let outcome = outcome(&flipped, &mark.observed, &life).await;
                assert_ne!(outcome, Outcome::Earlier, "seed {seed}: byte {at}");
                *tally.entry(outcome).or_default() += 1;
            }
        }
    });
    println!("closed: {tally:?}");
    assert!(tally.contains_key(&Outcome::NotGoneOnWith), "{tally:?}");
    assert!(tally.contains_key(&Outcome::InDoubt), "{tally:?}");
}

#[test]
fn a_flipped_bit_of_a_wal_is_found_when_a_commit_is_behind_it() {
    let flips = number("POWERCUT_FLIPS", 150) / 3;
    let mut tally = Tally::new();
    block_on(async {
        for seed in 1..=3 {
            let mut random = Rng::with_seed(seed);
            let mut calls = calls(60, &mut random);
            calls.retain(|call| !matches!(call, Call::Reopen));
            let life = life(calls).await;
            let (image, mark) = life.killed();
            assert_eq!(
                outcome(&image, &mark.observed, &life).await,
                Outcome::Harmless
            );
            let last = commit_before_the_last(&image.0[WAL]);
            for _ in 0..flips {
                let at = random.usize(..image.0[WAL].len());
                let flipped = flip(&image, WAL, at, &mut random);
                let outcome = outcome(&flipped, &mark.observed, &life).await;
                assert!(
                    outcome != Outcome::Earlier || at >= last,
                    "seed {seed}: byte {at}, where the last commits begin at {last}"
                );
                *tally.entry(outcome).or_default() += 1;
            }
        }
    });
    println!("WAL: {tally:?}");
    assert!(tally.contains_key(&Outcome::InDoubt), "{tally:?}");
}

/// Records are most of a file, and matter least.
async fn life(mut calls: Vec<Call>) -> Life {
    calls.retain(|call| !matches!(call, Call::StoreRun(_)));
    Life::live(Image::default(), &[Mark::nothing().await], &calls)
        .await
        .unwrap()
}

fn flip(image: &Image, name: &str, at: usize, random: &mut Rng) -> Image {
    let mut image = image.clone();
    image.0.get_mut(name).unwrap()[at] ^= 1 << random.u8(..8);
    image
}

async fn outcome(image: &Image, expected: &Observed, life: &Life) -> Outcome {
    let folder = tempdir().unwrap();
    image.write(folder.path());
    // So that nothing is really synced.
    let _watch = Watch::new(folder.path(), image.0.keys());
    match Session::open(folder.path()) {
        Ok(session) => {
            let observed = Observed::of(&session.journal, &ids()).await.unwrap();
            if observed == *expected {
                return Outcome::Harmless;
            }
            let earlier = life.answers().any(|earlier| *earlier == observed);
            assert!(earlier, "{:?}", observed.difference(expected));
            Outcome::Earlier
        }
        Err(NotOurs::Damaged(journal, copy)) => {
            assert!(is_whole(image, &copy.path), "a copy is kept");
            assert_in_doubt(&journal).await;
            Outcome::InDoubt
        }
        Err(NotOurs::SetAside(kept)) => {
            assert!(is_whole(image, &kept.path), "it is kept as it was");
            Outcome::NotGoneOnWith
        }
        Err(NotOurs::Failed(_)) => {
            let path = folder.path().join(FILE);
            assert!(is_whole(image, &path), "it is left as it was");
            Outcome::NotGoneOnWith
        }
    }
}

/// Nothing is shown as up to date.
async fn assert_in_doubt(journal: &Journal) {
    let observed = Observed::of(journal, &ids()).await.unwrap();
    let products = observed.products.values();
    assert!(
        products
            .filter(|it| it.published.is_some())
            .all(|it| it.in_doubt && !it.waits)
    );
    assert_eq!(journal.uploaded_at().await.unwrap(), None);
    assert_eq!(journal.newest_upload().await.unwrap(), None);
}

/// The main file at `path` and its WAL are as in `image`.
fn is_whole(image: &Image, path: &Path) -> bool {
    let wal = format!("{}-wal", path.display());
    let is = |path: &str, name| {
        fs::read(path).unwrap_or_default() == image.0.get(name).cloned().unwrap_or_default()
    };
    is(&path.display().to_string(), FILE) && is(&wal, WAL)
}

/// Where the last frame of the commit before the last begins.
fn commit_before_the_last(wal: &[u8]) -> usize {
    let (header, frames) = wal.split_at(HEADER);
    let frames = frames.chunks_exact(FRAME).enumerate();
    let commits =
        frames.filter(|(_, frame)| frame[8..16] == header[16..24] && frame[4..8] != [0; 4]);
    let commits: Vec<_> = commits.map(|(at, _)| HEADER + at * FRAME).collect();
    assert!(commits.len() > 10, "{commits:?}");
    commits[commits.len() - 2]
}
