//! Signs that the rows of the table changed without a trigger: the table was recreated under the same name, or it was
//! filled or emptied in a way that fires no trigger, such as `TRUNCATE`, `SWITCH PARTITION` and some bulk loads.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// A comparison starts automatically no earlier than this after the previous one began: some tills change their schema
/// all day.
const COMPARISON_SPACING: Duration = Duration::from_secs(600);
/// How long the number of rows must be off before it counts: until then, a transaction may be about to commit.
const ROW_COUNT_GRACE: Duration = Duration::from_secs(30);

/// Whether there are signs that the table has other rows than the journal knows.
#[derive(Debug, Default)]
pub(super) struct Rebuilt(Mutex<Signs>);

/// A sign that rows have changed without a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// The table, or capture on it, was recreated.
    TableReplaced,
    /// The table has more rows, or fewer, than the recorded changes explain.
    RowCountOff,
    /// A watched table changed, and only a comparison finds which products left the view or came to it.
    Unlocated,
}

#[derive(Debug, Default)]
struct Signs {
    is_another: bool,
    is_unlocated: bool,
    /// Since when the number of rows has been off.
    is_off: Option<Instant>,
    /// When the last comparison of all products began.
    tried: Option<Instant>,
}

impl Rebuilt {
    /// Whether all products should be compared now, as far as the last check shows.
    pub(super) fn is_due(&self) -> bool {
        self.sign().is_some() && self.has_rested()
    }

    /// Whether the last comparison began long enough ago for the next one.
    pub(super) fn has_rested(&self) -> bool {
        self.has_rested_for(COMPARISON_SPACING)
    }

    /// Whether the last comparison of this process began at least so long ago.
    pub(super) fn has_rested_for(&self, rest: Duration) -> bool {
        self.lock().tried.is_none_or(|at| at.elapsed() >= rest)
    }

    /// The sign that there is now, if any.
    pub(super) fn sign(&self) -> Option<Sign> {
        let signs = self.lock();
        let stays_off = || {
            signs
                .is_off
                .is_some_and(|since| since.elapsed() >= ROW_COUNT_GRACE)
        };
        if signs.is_another {
            return Some(Sign::TableReplaced);
        }
        if stays_off() {
            return Some(Sign::RowCountOff);
        }
        signs.is_unlocated.then_some(Sign::Unlocated)
    }

    /// Notes whether the table is another one than when it was compared. Gives whether that has changed.
    pub(super) fn note(&self, is_another: bool) -> bool {
        let mut signs = self.lock();
        std::mem::replace(&mut signs.is_another, is_another) != is_another
    }

    /// Notes whether a watched table has changes that only a comparison finds.
    pub(super) fn note_unlocated(&self, is_unlocated: bool) {
        self.lock().is_unlocated = is_unlocated;
    }

    /// Notes whether the number of rows is off. Gives whether that has changed.
    pub(super) fn note_off(&self, is_off: bool) -> bool {
        let mut signs = self.lock();
        match (is_off, signs.is_off) {
            (true, None) => signs.is_off = Some(Instant::now()),
            (false, Some(_)) => signs.is_off = None,
            _ => return false,
        }
        true
    }

    /// Notes that a comparison begins.
    pub(super) fn note_tried(&self) {
        self.lock().tried = Some(Instant::now());
    }

    /// Notes that all products were compared, which answers all signs.
    pub(super) fn note_compared(&self) {
        let mut signs = self.lock();
        signs.is_another = false;
        signs.is_off = None;
    }

    fn lock(&self) -> MutexGuard<'_, Signs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
