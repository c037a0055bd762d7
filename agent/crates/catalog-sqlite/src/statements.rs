//! The SQL that contains the shop's own names, built once per product table, so that each statement is prepared
//! only once.

use shopmaster_catalog::template::fill;

use super::{SqliteOptions, conditions, key_sql, quote::identifier};

/// The statements for one product table.
#[derive(Debug)]
pub(super) struct Statements {
    /// Reads one row by its key.
    pub(super) lookup: String,
    /// Reads the key of one row, and whether it is sold.
    pub(super) lookup_key: String,
    /// Read the rows that are sold.
    pub(super) rows: Pages,
    /// Read the keys of all rows.
    pub(super) keys: Pages,
    /// Read the rows that are sold up to a key, whose values are the last parameters.
    pub(super) part: Pages,
    /// Counts the rows.
    pub(super) count: String,
    /// Counts the rows, and those that are sold; none when every row is.
    pub(super) count_sold: Option<String>,
}

/// The statements that read a page, in the order of the keys. Their parameters: how many rows, the values of the key
/// before the page, and the values of its last key.
#[derive(Debug)]
pub(super) struct Pages {
    /// From the first row on.
    pub(super) start: String,
    /// After a key with a NULL, which sorts first.
    pub(super) behind_null: String,
    /// After any other key.
    pub(super) behind: String,
}

impl Statements {
    pub(super) fn new(options: &SqliteOptions) -> Self {
        let over = |template: &str| over(options, template.trim_end());
        let columns = &options.mapping.columns;
        let (key, row) = (key_sql::listed(&columns.id), row(options));
        let sold = conditions::sold(&options.mapping.only);
        let end = 2 + columns.id.names().count();
        let part = [Some(key_sql::up_to(&columns.id, end)), sold.clone()];
        Self {
            lookup: over(include_str!("sql/lookup.sql")),
            lookup_key: over(include_str!("sql/lookup_key.sql")),
            rows: Pages::new(options, &row, sold),
            keys: Pages::new(options, &key, None),
            part: Pages::new(options, &row, part.into_iter().flatten()),
            count: over(include_str!("sql/count.sql")),
            count_sold: (!options.mapping.only.is_empty())
                .then(|| over(include_str!("sql/count_sold.sql"))),
        }
    }
}

/// Finds which of `count` keys a row has; the last one, if rows have several of them.
pub(super) fn position(options: &SqliteOptions, count: usize) -> String {
    let columns = &options.mapping.columns.id;
    let width = columns.names().count();
    let alternatives = (0..count).map(|index| key_sql::is(columns, 1 + index * width));
    fill(
        include_str!("sql/position.sql").trim_end(),
        &[
            ("key", &key_sql::listed(columns)),
            ("table", &identifier(&options.mapping.table)),
            (
                "alternatives",
                &alternatives.collect::<Vec<_>>().join(" OR "),
            ),
            ("descending", &key_sql::descending(columns)),
        ],
    )
}

impl Pages {
    /// Pages of `row`, of the rows that meet each of `filters`.
    fn new(options: &SqliteOptions, row: &str, filters: impl IntoIterator<Item = String>) -> Self {
        let columns = &options.mapping.columns.id;
        let filters: Vec<_> = filters.into_iter().collect();
        let filters = filters.join(" AND ");
        let with = |before: &str| match filters.as_str() {
            "" => String::new(),
            filters => format!("{before}{filters}"),
        };
        let behind_null = match columns.is_composite() {
            false => format!("{} IS NOT NULL", key_sql::listed(columns)),
            true => key_sql::behind_any(columns, 2),
        };
        let page = |filter: &str| {
            fill(
                include_str!("sql/page.sql").trim_end(),
                &[
                    ("row", row),
                    ("table", &identifier(&options.mapping.table)),
                    ("filter", filter),
                    ("key", &key_sql::listed(columns)),
                ],
            )
        };
        let and = with(" AND ");
        Self {
            start: page(&with(" WHERE ")),
            behind_null: page(&format!(" WHERE {behind_null}{and}")),
            behind: page(&format!(" WHERE {}{and}", key_sql::behind(columns, 2))),
        }
    }
}

/// Counts the rows of a view, those that have a key, and the different keys.
pub(super) fn view_keys(options: &SqliteOptions) -> String {
    let columns = &options.mapping.columns.id;
    let not_null = columns
        .names()
        .map(|name| format!("p.{} IS NOT NULL", identifier(name)));
    fill(
        include_str!("sql/view_keys.sql").trim_end(),
        &[
            ("not_null", &not_null.collect::<Vec<_>>().join(" AND ")),
            ("key", &key_sql::listed(columns)),
            ("table", &identifier(&options.mapping.table)),
        ],
    )
}

/// Fills the shop's names and conditions into `template`.
pub(super) fn over(options: &SqliteOptions, template: &str) -> String {
    let columns = &options.mapping.columns;
    let condition = conditions::sold(&options.mapping.only).unwrap_or_default();
    let sold = match condition.as_str() {
        "" => String::new(),
        condition => format!(", {condition}"),
    };
    fill(
        template,
        &[
            ("table", &identifier(&options.mapping.table)),
            ("id", &identifier(columns.id.first())),
            ("key", &key_sql::listed(&columns.id)),
            ("row", &row(options)),
            ("is_key", &key_sql::is(&columns.id, 1)),
            ("condition", &condition),
            ("sold", &sold),
        ],
    )
}

/// The columns of a row: its key, its name and its price.
fn row(options: &SqliteOptions) -> String {
    let columns = &options.mapping.columns;
    format!(
        "{}, p.{}, p.{}",
        key_sql::listed(&columns.id),
        identifier(&columns.name),
        identifier(&columns.price)
    )
}
