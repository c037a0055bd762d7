//! How far a ChangeLog whose rows are never deleted has been dealt with.

use std::{collections::BTreeMap, error, fmt::Debug};

use async_trait::async_trait;

use crate::ProductId;

/// Where a catalog that writes nothing into the shop's database keeps its [`Position`].
#[async_trait]
pub trait Positions: Debug + Send + Sync {
    /// The position that was stored last; none when none has been stored yet.
    ///
    /// # Errors
    ///
    /// When the position cannot be read.
    async fn load(&self) -> Result<Option<Position>, PositionError>;

    /// Stores `position` in place of the earlier one.
    ///
    /// # Errors
    ///
    /// When the position cannot be written: then the earlier one stays.
    async fn store(&self, position: &Position) -> Result<(), PositionError>;
}

/// Why a position could not be read or written.
pub type PositionError = Box<dyn error::Error + Send + Sync>;

/// How far a ChangeLog has been dealt with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// The newest change when the position began. Of what came before, it knows nothing: a key that was born
    /// earlier may have been sent.
    pub began: i64,
    /// The changes that have been dealt with.
    pub done: Done,
    /// The newest of them. A ChangeLog that does not have it was restored from a copy.
    pub newest: Option<NewestDone>,
}

/// The newest change that has been dealt with, as it was in the ChangeLog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewestDone {
    /// `ChangeID`.
    pub change: i64,
    /// `ProductID`.
    pub key: ProductId,
    /// `ChangeDateTime`, in milliseconds since 1970.
    pub changed_at: i64,
}

/// A set of change ids: ranges that neither touch nor overlap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Done(
    /// The last id of each range by its first one.
    BTreeMap<i64, i64>,
);

impl Done {
    /// Whether a change has been dealt with.
    #[must_use]
    pub fn contains(&self, change: i64) -> bool {
        let at_or_before = self.0.range(..=change).next_back();
        at_or_before.is_some_and(|(_, last)| change <= *last)
    }

    /// The last id of the range that begins with `first`; none when no range begins there.
    #[must_use]
    pub fn last_of(&self, first: i64) -> Option<i64> {
        self.0.get(&first).copied()
    }

    /// Adds the ids from `first` to `last`.
    pub fn add(&mut self, first: i64, last: i64) {
        let (mut first, mut last) = (first, last);
        if let Some((before, end)) = self.0.range(..=first).next_back()
            && *end >= first.saturating_sub(1)
        {
            first = *before;
            last = last.max(*end);
        }
        while let Some((next, end)) = self.0.range(first..).next()
            && *next <= last.saturating_add(1)
        {
            let (next, end) = (*next, *end);
            last = last.max(end);
            self.0.remove(&next);
        }
        self.0.insert(first, last);
    }

    /// The first and last id of each range, in ascending order.
    pub fn ranges(&self) -> impl DoubleEndedIterator<Item = (i64, i64)> {
        self.0.iter().map(|(first, last)| (*first, *last))
    }

    /// The first and last id of each gap before, between and after the ranges, in ascending order.
    #[must_use]
    pub fn gaps(&self) -> Vec<(i64, i64)> {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut start = Some(i64::MIN);
        for (first, last) in self.ranges() {
            if let (Some(start), Some(end)) = (start, first.checked_sub(1))
                && start <= end
            {
                gaps.push((start, end));
            }
            start = last.checked_add(1);
        }
        gaps.extend(start.map(|start| (start, i64::MAX)));
        gaps
    }
}

impl FromIterator<(i64, i64)> for Done {
    fn from_iter<T: IntoIterator<Item = (i64, i64)>>(ranges: T) -> Self {
        let mut done = Self::default();
        for (first, last) in ranges {
            done.add(first, last);
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_set_of_what_was_added(
            added in prop::collection::vec((-20_i64..20, 0_i64..6), 0..20),
        ) {
            let done: Done = added.iter().map(|(first, more)| (*first, first + more)).collect();
            let set: BTreeSet<_> =
                added.iter().flat_map(|(first, more)| *first..=first + more).collect();
            let in_gaps = |id| done.gaps().iter().any(|(first, last)| (*first..=*last).contains(&id));
            for id in -30..40 {
                prop_assert_eq!(done.contains(id), set.contains(&id), "{}", id);
                prop_assert_eq!(in_gaps(id), !set.contains(&id), "{}", id);
            }
            let ranges: Vec<_> = done.ranges().collect();
            prop_assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "{:?}", ranges);
        }
    }

    #[test]
    fn the_ends_of_all_ids_are_no_special_case() {
        let mut done = Done::default();
        assert_eq!(done.gaps(), [(i64::MIN, i64::MAX)]);
        done.add(i64::MIN, 0);
        done.add(5, i64::MAX);
        assert_eq!(done.gaps(), [(1, 4)]);
        done.add(1, 4);
        assert_eq!(done.gaps(), []);
        assert_eq!(done.ranges().collect::<Vec<_>>(), [(i64::MIN, i64::MAX)]);
    }
}
