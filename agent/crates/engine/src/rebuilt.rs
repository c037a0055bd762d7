//! Signs that the rows of the table changed without a trigger: the table was recreated under the same name, or it was
//! filled or emptied in a way that fires no trigger, such as `TRUNCATE`, `SWITCH PARTITION` and some bulk loads.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// A comparison starts automatically no earlier than so many times its length after the previous one began: some tills
/// change their schema all day, and the shop's database has other work.
const REST_FACTOR: u32 = 20;
/// The shortest such time.
const SHORTEST_REST: Duration = Duration::from_secs(30);
/// The longest one, also after a comparison that did not come to its end.
const LONGEST_REST: Duration = Duration::from_secs(600);
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
    /// How long it took; none when it did not come to its end.
    took: Option<Duration>,
}

impl Rebuilt {
    /// Whether all products should be compared now, as far as the last check shows.
    pub(super) fn is_due(&self) -> bool {
        self.sign().is_some() && self.has_rested()
    }

    /// Whether the last comparison began long enough ago for the next one.
    pub(super) fn has_rested(&self) -> bool {
        self.lock().remaining().is_zero()
    }

    /// How long until a comparison that is due may begin; none when none is due.
    pub(super) fn due_in(&self) -> Option<Duration> {
        self.sign().map(|_| self.lock().remaining())
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
        let mut signs = self.lock();
        signs.tried = Some(Instant::now());
        signs.took = None;
    }

    /// Notes that a comparison could not begin, because changes are not captured: the next one need not wait.
    pub(super) fn note_not_begun(&self) {
        self.lock().tried = None;
    }

    /// Notes that all products were compared, which answers all signs.
    pub(super) fn note_compared(&self) {
        let mut signs = self.lock();
        signs.is_another = false;
        signs.is_off = None;
    }

    /// Notes that a comparison came to its end.
    pub(super) fn note_ended(&self) {
        let mut signs = self.lock();
        signs.took = signs.tried.map(|began| began.elapsed());
    }

    fn lock(&self) -> MutexGuard<'_, Signs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Signs {
    /// How long the next comparison has to wait.
    fn remaining(&self) -> Duration {
        let Some(began) = self.tried else {
            return Duration::ZERO;
        };
        let rest = self.took.map_or(LONGEST_REST, |took| {
            (took * REST_FACTOR).clamp(SHORTEST_REST, LONGEST_REST)
        });
        rest.saturating_sub(began.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_longer_a_comparison_takes_the_longer_is_the_rest() {
        for (took, rest) in [(0, 30), (1, 30), (10, 200), (100, 600)] {
            let rebuilt = Rebuilt::default();
            rebuilt.note_unlocated(true);
            assert_eq!(rebuilt.due_in(), Some(Duration::ZERO));
            rebuilt.note_tried();
            // While it has not come to its end, nobody knows how long it takes.
            assert_eq!(rebuilt.due_in(), Some(LONGEST_REST));
            tokio::time::advance(Duration::from_secs(took)).await;
            rebuilt.note_ended();
            let left = Duration::from_secs(rest - took);
            assert_eq!(rebuilt.due_in(), Some(left), "{took}");
            tokio::time::advance(left).await;
            assert!(rebuilt.is_due(), "{took}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_could_not_begin_costs_no_rest() {
        let rebuilt = Rebuilt::default();
        rebuilt.note_unlocated(true);
        rebuilt.note_tried();
        rebuilt.note_not_begun();
        assert!(rebuilt.is_due());
        rebuilt.note_unlocated(false);
        assert_eq!(rebuilt.due_in(), None);
    }
}
