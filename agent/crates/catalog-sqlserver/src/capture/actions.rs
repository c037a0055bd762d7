//! What statements do to the rows of a table.

/// Any combination of inserting, updating and deleting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Actions {
    pub(crate) insert: bool,
    pub(crate) update: bool,
    pub(crate) delete: bool,
}

impl Actions {
    pub(crate) const ALL: Self = Self {
        insert: true,
        update: true,
        delete: true,
    };
    pub(crate) const INSERT: Self = Self {
        insert: true,
        ..Self::NONE
    };
    pub(crate) const UPDATE: Self = Self {
        update: true,
        ..Self::NONE
    };
    pub(crate) const DELETE: Self = Self {
        delete: true,
        ..Self::NONE
    };
    const NONE: Self = Self {
        insert: false,
        update: false,
        delete: false,
    };

    pub(crate) fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// The actions of both.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            insert: self.insert || other.insert,
            update: self.update || other.update,
            delete: self.delete || other.delete,
        }
    }

    /// Whether all actions of `other` are among these.
    pub(crate) fn cover(self, other: Self) -> bool {
        self.or(other) == self
    }
}
