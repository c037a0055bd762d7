//! A table whose rows became others without a trigger telling of it: one that was made anew under the same name,
//! or filled or emptied in a way that no trigger sees, as `TRUNCATE`, `SWITCH PARTITION` and some bulk loads do.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// A comparison that nobody asked for comes no earlier than this after the one before: there are tills that change
/// their schema all day.
const REST: Duration = Duration::from_secs(600);
/// Rows are missed, or too many, when they still are so much later: until then somebody may be about to commit.
const STAYS: Duration = Duration::from_secs(30);
/// Whether the table has other rows than the journal knows, by its signs.
#[derive(Debug, Default)]
pub(super) struct Rebuilt(Mutex<Seen>);

/// What says that rows may be others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// The table was made anew, or capture on it.
    AnotherTable,
    /// It has more rows, or fewer, than the changes tell.
    AnotherNumber,
}

#[derive(Debug, Default)]
struct Seen {
    is_another: bool,
    /// Since when the number of its rows is off.
    is_off: Option<Instant>,
    /// When all products were last begun to be compared.
    tried: Option<Instant>,
}

impl Rebuilt {
    /// Whether it is time to compare it, as it was when it was last looked at.
    pub(super) fn is_due(&self) -> bool {
        self.sign().is_some() && self.has_rested()
    }

    /// Whether the last comparison began long enough ago for the next one.
    pub(super) fn has_rested(&self) -> bool {
        self.lock().tried.is_none_or(|at| at.elapsed() >= REST)
    }

    /// What says that rows may be others.
    pub(super) fn sign(&self) -> Option<Sign> {
        let seen = self.lock();
        let stays_off = || seen.is_off.is_some_and(|since| since.elapsed() >= STAYS);
        match seen.is_another {
            true => Some(Sign::AnotherTable),
            false => stays_off().then_some(Sign::AnotherNumber),
        }
    }

    /// Gives whether that is news.
    pub(super) fn note(&self, is_another: bool) -> bool {
        let mut seen = self.lock();
        std::mem::replace(&mut seen.is_another, is_another) != is_another
    }

    /// Gives whether that is news.
    pub(super) fn note_off(&self, is_off: bool) -> bool {
        let mut seen = self.lock();
        match (is_off, seen.is_off) {
            (true, None) => seen.is_off = Some(Instant::now()),
            (false, Some(_)) => seen.is_off = None,
            _ => return false,
        }
        true
    }

    /// A comparison begins.
    pub(super) fn note_tried(&self) {
        self.lock().tried = Some(Instant::now());
    }

    pub(super) fn note_compared(&self) {
        let mut seen = self.lock();
        seen.is_another = false;
        seen.is_off = None;
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
