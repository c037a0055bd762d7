//! The SQL texts that hold the shop's own names, made once: constant texts are prepared once.

use shopmaster_catalog::template::fill;

use super::{SqliteOptions, quote::identifier};

/// The texts over one product table.
#[derive(Debug)]
pub(super) struct Statements {
    /// One row by its key.
    pub(super) lookup: String,
    /// The first page.
    pub(super) scan_start: String,
    /// The page behind a NULL key, which sorts first.
    pub(super) scan_behind_null: String,
    /// The page behind a key.
    pub(super) scan_behind: String,
    /// Which of two keys a row has.
    pub(super) position: String,
    /// How many rows there are.
    pub(super) count: String,
}

impl Statements {
    pub(super) fn new(options: &SqliteOptions) -> Self {
        let over = |template: &str| over(options, template.trim_end());
        Self {
            lookup: over(include_str!("sql/lookup.sql")),
            scan_start: over(include_str!("sql/scan_start.sql")),
            scan_behind_null: over(include_str!("sql/scan_behind_null.sql")),
            scan_behind: over(include_str!("sql/scan_behind.sql")),
            position: over(include_str!("sql/position.sql")),
            count: over(include_str!("sql/count.sql")),
        }
    }
}

/// Fills in the shop's names.
pub(super) fn over(options: &SqliteOptions, template: &str) -> String {
    fill(
        template,
        &[
            ("table", &identifier(&options.table)),
            ("id", &identifier(&options.columns.id)),
            ("name", &identifier(&options.columns.name)),
            ("price", &identifier(&options.columns.price)),
        ],
    )
}
