//! The rows of the ChangeLog.

use std::time::Duration;

use jiff::Timestamp;
use shopmaster_product::ProductId;

/// One ChangeLog row: which key, what happened, when. It holds no product values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What it is deleted by.
    pub identity: ChangeIdentity,
    /// What happened.
    pub kind: ChangeKind,
    /// When, by the database's clock.
    pub changed_at: Timestamp,
}

/// What names one ChangeLog row: the pair, because engines exist that give all rows of one statement
/// the same rowversion.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChangeIdentity {
    /// `ChangeID`.
    pub change: i64,
    /// `ProductID` as the ChangeLog spells it.
    pub key: ProductId,
}

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Insert,
    /// It was changed.
    Update,
    /// It is gone.
    Delete,
}

/// How much waits in the ChangeLog.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Rows.
    pub changes: u64,
    /// Distinct keys in them.
    pub products: u64,
    /// When the oldest was made, by the database's clock.
    pub oldest_at: Option<Timestamp>,
    /// How long ago that was, by the same clock.
    pub oldest_age: Option<Duration>,
    /// How much of the disk the ChangeLog takes, where the engine tells.
    pub bytes: Option<u64>,
}
