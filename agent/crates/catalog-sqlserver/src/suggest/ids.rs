//! Other columns that customers may know a product by.

use shopmaster_catalog::{
    Suggestion,
    column_names::{is_printed, rank_of_id},
    template::fill,
};

use super::{MAX_ROWS, asked, sources};
use crate::{
    SqlServerOptions,
    column::Column,
    error::QueryResult,
    key::KeyType,
    queue::changes::count,
    quote::identifier,
    schema::{Kind, TableSchema},
    session::Session,
};

/// How many columns are looked at, the likeliest first.
const MAX_COLUMNS: usize = 4;

/// The columns that could be the key instead.
pub(super) async fn suggested(
    session: &mut Session,
    options: &SqlServerOptions,
    table: &TableSchema,
) -> QueryResult<Vec<Suggestion>> {
    let all = sources::columns(session, table.object_id).await?;
    let mut suggestions = Vec::new();
    for column in columns(options, table, all.iter().map(|found| &found.column)) {
        let sql = other_key_text(table, &column.name);
        let Some(rows) = asked(session, &sql, &[]).await? else {
            continue;
        };
        let Some(row) = rows.first() else {
            continue;
        };
        let (rows, values) = (count(row, 0)?, count(row, 1)?);
        let example: Option<&str> = row.try_get(2)?;
        if let Some(example) = example.filter(|_| rows > 0 && rows == values) {
            suggestions.push(Suggestion::Key {
                column: column.name.clone(),
                example: example.to_owned(),
            });
        }
    }
    Ok(suggestions)
}

/// The columns whose name says that customers know a product by it, and by it better than by the key. Of a table, they
/// have a unique index; of a view, only the rows show whether they are unique.
fn columns<'c>(
    options: &SqlServerOptions,
    table: &TableSchema,
    all: impl Iterator<Item = &'c Column>,
) -> Vec<&'c Column> {
    let mapping = &options.mapping;
    let key: Vec<_> = mapping.columns.id.names().collect();
    let key_is_printed = key.iter().any(|name| is_printed(name));
    let is_used = |column: &Column| {
        let names = [mapping.columns.name.as_str(), &mapping.columns.price];
        let mut used = key.iter().copied().chain(names);
        used.any(|name| name.eq_ignore_ascii_case(&column.name))
    };
    let is_fit = |column: &Column| {
        // Spaces that fill up a value would be part of the id.
        let is_text = ["varchar", "nvarchar"].contains(&column.data_type.name.as_str())
            && KeyType::of(&column.data_type).is_ok();
        let is_unique = column.is_unique && !column.is_nullable;
        is_text && (is_unique || table.kind == Kind::View)
    };
    let mut columns: Vec<_> = all
        .filter(|column| !is_used(column) && is_fit(column))
        .filter_map(|column| Some((rank_of_id(&column.name)?, column)))
        .filter(|(_, column)| !key_is_printed || is_printed(&column.name))
        .collect();
    columns.sort_by_key(|(rank, _)| *rank);
    columns.truncate(MAX_COLUMNS);
    columns.into_iter().map(|(_, column)| column).collect()
}

pub(super) fn other_key_text(table: &TableSchema, column: &str) -> String {
    fill(
        include_str!("../sql/other_key.sql").trim_end(),
        &[
            ("column", identifier(column).as_str()),
            ("table", &table.quoted()),
            ("rows", &MAX_ROWS.to_string()),
        ],
    )
}
