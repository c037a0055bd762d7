//! What is done to the rows of a table.

/// Some of inserting, updating and deleting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Actions {
    pub(super) insert: bool,
    pub(super) update: bool,
    pub(super) delete: bool,
}

impl Actions {
    pub(super) const ALL: Self = Self {
        insert: true,
        update: true,
        delete: true,
    };
    pub(super) const INSERT: Self = Self {
        insert: true,
        ..Self::NONE
    };
    pub(super) const UPDATE: Self = Self {
        update: true,
        ..Self::NONE
    };
    pub(super) const DELETE: Self = Self {
        delete: true,
        ..Self::NONE
    };
    const NONE: Self = Self {
        insert: false,
        update: false,
        delete: false,
    };

    pub(super) fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// Those of either.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            insert: self.insert || other.insert,
            update: self.update || other.update,
            delete: self.delete || other.delete,
        }
    }

    /// Whether all of `other` are among these.
    pub(super) fn cover(self, other: Self) -> bool {
        self.or(other) == self
    }
}
