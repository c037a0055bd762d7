//! The rows of the ChangeLog.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use shopmaster_product::ProductId;

use super::watch::Via;

/// One ChangeLog row: which key, what happened and when. It holds no product values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What identifies the row when it is deleted.
    pub identity: ChangeIdentity,
    /// What happened.
    pub kind: ChangeKind,
    /// When it happened, by the database's clock.
    pub changed_at: Timestamp,
}

/// What identifies one ChangeLog row. It is the pair, because some engines give all rows of one statement the
/// same rowversion.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChangeIdentity {
    /// `ChangeID`.
    pub change: i64,
    /// `ProductID` as the ChangeLog spells it.
    pub key: ProductId,
    /// The row of a watched table through which the change was noticed; none for a change of the product's own row.
    pub via: Option<Arc<Via>>,
}

impl ChangeIdentity {
    /// A change of the product's own row.
    #[must_use]
    pub fn new(change: i64, key: ProductId) -> Self {
        Self {
            change,
            key,
            via: None,
        }
    }
}

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// The row is new.
    Insert,
    /// The row was changed, and its key stayed.
    Update,
    /// The row was deleted.
    Delete,
    /// A watched table changed, and the row of some product may have left the view or come to it: only a comparison of
    /// all products finds which. The change's key means nothing.
    Unlocated,
}

/// How many changes are waiting in the ChangeLog.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Waiting changes.
    pub changes: u64,
    /// Distinct keys among them.
    pub products: u64,
    /// When the oldest change happened, by the database's clock.
    pub oldest_at: Option<Timestamp>,
    /// How long ago that was, by the same clock.
    pub oldest_age: Option<Duration>,
    /// How many bytes the ChangeLog occupies on disk, where the engine reports it.
    pub bytes: Option<u64>,
}
