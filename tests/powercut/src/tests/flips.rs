//! Flipped bits in a journal that was closed in good order.
//!
//! SQLite has no checksums in its main file: a bit of a value may flip unseen. What can be promised is
//! that a journal that is set aside is kept as it was, that nothing panics, and that nearly all flips
//! that would make the agent forget something are recognised. How many are not is measured here.

use std::{collections::BTreeMap, fs};

use rusqlite::{Connection, OpenFlags};
use tempfile::tempdir;

use super::*;
use crate::{
    log::Watch,
    observed::{Observed, Product},
    workload::{FILE, NotOurs, Session, ids},
};

/// What becomes of a flipped bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// Nothing reads it.
    Harmless,
    /// The journal is set aside when it opens, or does not open.
    Recognised,
    /// A read fails.
    RecognisedLater,
    /// Something else is read, but nothing is forgotten: at worst a product is sent once more, or a
    /// person reads a wrong word.
    Changed,
    /// Something that must not be forgotten is.
    Forgotten,
}

#[derive(Default)]
struct Tally {
    outcomes: BTreeMap<Outcome, u32>,
    /// By table.
    forgotten: BTreeMap<String, u32>,
    /// Of the forgotten, those that `integrity_check` would find.
    found_by_integrity_check: u32,
}

#[test]
fn a_flipped_bit_is_recognised_or_changes_one_value() {
    let flips = number("POWERCUT_FLIPS", 400);
    let mut tally = Tally::default();
    block_on(async {
        for seed in 1..=4 {
            flip(seed, flips / 4, &mut tally).await;
        }
    });
    println!(
        "{:?}; forgotten by table {:?}, of which integrity_check finds {}",
        tally.outcomes, tally.forgotten, tally.found_by_integrity_check
    );
    let of = |outcome| tally.outcomes.get(&outcome).copied().unwrap_or_default();
    assert!(of(Outcome::Recognised) > 0);
    assert!(
        u64::from(of(Outcome::Forgotten)) * 40 < flips,
        "{:?}",
        tally.outcomes
    );
}

async fn flip(seed: u64, flips: u64, tally: &mut Tally) {
    let mut random = Rng::with_seed(seed);
    let mut calls = calls(60, &mut random);
    // Records are most of the file, and matter least.
    calls.retain(|call| !matches!(call, Call::StoreRun(_)));
    let life = Life::live(Image::default(), &[Mark::nothing().await], &calls)
        .await
        .unwrap();
    let (image, mark) = life.end();
    assert_eq!(image.0.keys().collect::<Vec<_>>(), [FILE]);
    let tables = tables(&image);
    for _ in 0..flips {
        let mut bytes = image.0[FILE].clone();
        let at = random.usize(..bytes.len());
        bytes[at] ^= 1 << random.u8(..8);
        let outcome = outcome(&bytes, &mark.observed).await;
        *tally.outcomes.entry(outcome).or_default() += 1;
        if outcome == Outcome::Forgotten {
            let table = tables.get(&(at / PAGE)).cloned().unwrap_or_default();
            *tally.forgotten.entry(table).or_default() += 1;
            tally.found_by_integrity_check += u32::from(integrity_check_finds(&bytes));
        }
    }
}

async fn outcome(bytes: &[u8], expected: &Observed) -> Outcome {
    let folder = tempdir().unwrap();
    let path = folder.path().join(FILE);
    fs::write(&path, bytes).unwrap();
    // So that nothing is really synced.
    let _watch = Watch::new(folder.path(), [FILE.to_owned()].iter());
    match Session::open(folder.path()) {
        Ok(session) => match Observed::of(&session.journal, &ids()).await {
            Ok(observed) if observed == *expected => Outcome::Harmless,
            Ok(observed) if forgets(&observed, expected) => Outcome::Forgotten,
            Ok(_) => Outcome::Changed,
            Err(_) => Outcome::RecognisedLater,
        },
        Err(NotOurs::SetAside(kept)) => {
            assert!(
                fs::read(kept.path).unwrap() == bytes,
                "it is kept as it was"
            );
            Outcome::Recognised
        }
        Err(NotOurs::Failed(_)) => {
            assert!(fs::read(path).unwrap() == bytes, "it is left as it was");
            Outcome::Recognised
        }
    }
}

/// Whether a product that is in doubt, at Digible, refused or gone is not so any more, or the journal
/// takes itself for another one, or for further than it is.
fn forgets(observed: &Observed, expected: &Observed) -> bool {
    let product = |(id, should): (_, &Product)| {
        let is = observed.products.get(id).cloned().unwrap_or_default();
        (should.in_doubt && !is.in_doubt)
            || (should.published.is_some() && is.published.is_none())
            || (should.parked.is_some() && is.parked.is_none())
            || (should.removed && !is.removed)
    };
    let changes = |asked: &&str| observed.answers[*asked] != expected.answers[*asked];
    expected.products.iter().any(product)
        || ["upload", "pause", "generations"].iter().any(changes)
        || observed.id != expected.id
}

/// SQLite's default.
const PAGE: usize = 4096;

/// The table of each page, counted from 0.
fn tables(image: &Image) -> BTreeMap<usize, String> {
    let folder = tempdir().unwrap();
    image.write(folder.path());
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    let mut pages = connection
        .prepare("SELECT (pageno - 1), name FROM dbstat")
        .unwrap();
    let pages = pages.query_map([], |row| {
        let page: u32 = row.get(0)?;
        Ok((page as usize, row.get(1)?))
    });
    pages.unwrap().map(Result::unwrap).collect()
}

fn integrity_check_finds(bytes: &[u8]) -> bool {
    let folder = tempdir().unwrap();
    let path = folder.path().join(FILE);
    fs::write(&path, bytes).unwrap();
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let found: rusqlite::Result<String> =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    !found.is_ok_and(|found| found == "ok")
}
