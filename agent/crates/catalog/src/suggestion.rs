//! What a shop's database suggests to configure.

use shopmaster_view::names;

use super::{Condition, Mapping, Watch};

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
    /// Watch a table that the view reads; the table as `catalog.watch` has it, with brackets where it needs them.
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

impl Suggestion {
    /// Whether it is part of the configuration already.
    #[must_use]
    pub fn is_made(&self, mapping: &Mapping) -> bool {
        let same = |one: &str, two: &str| one.eq_ignore_ascii_case(two);
        let parts = |text: &str| names::parts(&text.to_lowercase());
        let same_table = |one: &str, two: &str| same(one, two) || parts(one) == parts(two);
        match self {
            Self::Watch(watch) => mapping.watches.iter().any(|made| {
                same_table(&made.table, &watch.table) && same(&made.column, &watch.column)
            }),
            Self::Only { condition, .. } => mapping
                .only
                .iter()
                .any(|made| same(&made.column, &condition.column)),
            Self::Key { .. } | Self::Unwatchable { .. } => false,
        }
    }
}
