//! What a shop's database suggests to configure.

use super::{Condition, Watch};

/// A setting that a catalog suggests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suggestion {
    /// Leave out the rows that do not meet a condition.
    Only {
        /// The condition.
        condition: Condition,
        /// How many rows it leaves out.
        left_out: u64,
        /// How many rows there are.
        rows: u64,
    },
    /// Watch a table that the view reads.
    Watch(Watch),
    /// A table that the view reads, whose changes no trigger can record.
    Unwatchable {
        /// The table, as the database names it.
        table: String,
        /// Why not, for people.
        reason: String,
    },
    /// Another column that is unique, and may be what customers know a product by.
    Key {
        /// The column.
        column: String,
        /// One of its values.
        example: String,
    },
}
