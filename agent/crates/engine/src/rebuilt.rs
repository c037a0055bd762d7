//! A table whose rows became others without a trigger telling of it: one that was made anew under the same name,
//! or filled or emptied in a way that no trigger sees, as `TRUNCATE`, `SWITCH PARTITION` and some bulk loads do.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// A comparison that nobody asked for comes no earlier than this after the one before: there are tills that change
/// their schema all day.
const COMPARISON_SPACING: Duration = Duration::from_secs(600);
/// Rows are missed, or too many, when they still are so much later: until then somebody may be about to commit.
const ROW_COUNT_GRACE: Duration = Duration::from_secs(30);
/// Whether the table has other rows than the journal knows, by its signs.
#[derive(Debug, Default)]
pub(super) struct Rebuilt(Mutex<Signs>);

/// What says that rows may be others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// The table was made anew, or capture on it.
    TableReplaced,
    /// It has more rows, or fewer, than the changes tell.
    RowCountOff,
}

#[derive(Debug, Default)]
struct Signs {
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
        self.lock()
            .tried
            .is_none_or(|at| at.elapsed() >= COMPARISON_SPACING)
    }

    /// What says that rows may be others.
    pub(super) fn sign(&self) -> Option<Sign> {
        let signs = self.lock();
        let stays_off = || {
            signs
                .is_off
                .is_some_and(|since| since.elapsed() >= ROW_COUNT_GRACE)
        };
        match signs.is_another {
            true => Some(Sign::TableReplaced),
            false => stays_off().then_some(Sign::RowCountOff),
        }
    }

    /// Gives whether that is news.
    pub(super) fn note(&self, is_another: bool) -> bool {
        let mut signs = self.lock();
        std::mem::replace(&mut signs.is_another, is_another) != is_another
    }

    /// Gives whether that is news.
    pub(super) fn note_off(&self, is_off: bool) -> bool {
        let mut signs = self.lock();
        match (is_off, signs.is_off) {
            (true, None) => signs.is_off = Some(Instant::now()),
            (false, Some(_)) => signs.is_off = None,
            _ => return false,
        }
        true
    }

    /// A comparison begins.
    pub(super) fn note_tried(&self) {
        self.lock().tried = Some(Instant::now());
    }

    pub(super) fn note_compared(&self) {
        let mut signs = self.lock();
        signs.is_another = false;
        signs.is_off = None;
    }

    fn lock(&self) -> MutexGuard<'_, Signs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
