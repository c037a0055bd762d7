//! The SQL that contains the shop's own names, built once per product table, so that each statement is prepared
//! only once.

use shopmaster_catalog::template::fill;

use super::{SqliteOptions, conditions, quote::identifier};

/// The statements for one product table.
#[derive(Debug)]
pub(super) struct Statements {
    /// Reads one row by its key.
    pub(super) lookup: String,
    /// Reads the first page.
    pub(super) scan_start: String,
    /// Reads the page after a NULL key, which sorts first.
    pub(super) scan_behind_null: String,
    /// Reads the page after a key.
    pub(super) scan_behind: String,
    /// Finds which of two keys a row has.
    pub(super) position: String,
    /// Counts the rows.
    pub(super) count: String,
    /// Counts the rows, and those that are sold; none when every row is.
    pub(super) count_sold: Option<String>,
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
            count_sold: (!options.mapping.only.is_empty())
                .then(|| over(include_str!("sql/count_sold.sql"))),
        }
    }
}

/// Fills the shop's names and conditions into `template`.
pub(super) fn over(options: &SqliteOptions, template: &str) -> String {
    let condition = conditions::sold(&options.mapping.only);
    let with = |before: &str| match &condition {
        Some(condition) => format!("{before}{condition}"),
        None => String::new(),
    };
    fill(
        template,
        &[
            ("table", &identifier(&options.mapping.table)),
            ("id", &identifier(options.mapping.columns.id.first())),
            ("name", &identifier(&options.mapping.columns.name)),
            ("price", &identifier(&options.mapping.columns.price)),
            ("condition", &with("")),
            ("sold", &with(", ")),
            ("where", &with(" WHERE ")),
            ("and", &with(" AND ")),
        ],
    )
}
