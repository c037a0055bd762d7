//! Columns that say whether a product is sold.

use shopmaster_catalog::{
    Condition, Scalar, Suggestion, Test,
    column_names::{Meaning, meaning},
    flags::unsold,
    template::fill,
};

use super::{MAX_ROWS, asked, sources};
use crate::{
    SqlServerOptions, column::Column, error::QueryResult, filter::is_comparable,
    queue::changes::count, quote::identifier, schema::TableSchema, session::Session,
};

/// How many columns are looked at, those with a telling name first.
const MAX_COLUMNS: usize = 8;
/// How many values a flag has at most, with NULL.
const MAX_VALUES: usize = 8;

/// The conditions that would leave out what is not sold.
pub(super) async fn suggested(
    session: &mut Session,
    options: &SqlServerOptions,
    table: &TableSchema,
) -> QueryResult<Vec<Suggestion>> {
    let columns = sources::columns(session, table.object_id).await?;
    let mut flags: Vec<_> = columns
        .iter()
        .map(|found| &found.column)
        .filter(|column| !is_used(options, column))
        .filter_map(|column| {
            let meaning = meaning(&column.name);
            let is_flag = match meaning {
                Some(Meaning::Ended) => true,
                Some(_) => is_comparable(&column.data_type),
                None => column.data_type.name == "bit",
            };
            is_flag.then_some((column, meaning))
        })
        .collect();
    flags.sort_by_key(|(_, meaning)| meaning.is_none());
    let mut suggestions = Vec::new();
    for (column, meaning) in flags.into_iter().take(MAX_COLUMNS) {
        let found = match meaning {
            Some(Meaning::Ended) => ended(session, table, column).await?,
            _ => valued(session, table, column, meaning).await?,
        };
        let Some((test, left_out, rows)) = found else {
            continue;
        };
        // Where the name says nothing, most products have to be sold.
        let is_likely = meaning.is_some() || left_out < rows - left_out;
        if left_out == 0 || left_out >= rows || !is_likely {
            continue;
        }
        let column = column.name.clone();
        suggestions.push(Suggestion::Only {
            condition: Condition { column, test },
            left_out,
            rows,
        });
    }
    Ok(suggestions)
}

/// Whether the column is mapped, or a condition has it.
fn is_used(options: &SqlServerOptions, column: &Column) -> bool {
    let mapping = &options.mapping;
    let only = mapping
        .only
        .iter()
        .map(|condition| condition.column.as_str());
    let named = mapping.columns.id.names().chain(only);
    let mut named = named.chain([mapping.columns.name.as_str(), &mapping.columns.price]);
    named.any(|name| name.eq_ignore_ascii_case(&column.name))
}

/// A day on which a product ended: how many rows have one.
async fn ended(
    session: &mut Session,
    table: &TableSchema,
    column: &Column,
) -> QueryResult<Option<(Test, u64, u64)>> {
    let sql = filled_text(table, &column.name);
    let Some(rows) = asked(session, &sql, &[]).await? else {
        return Ok(None);
    };
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    Ok(Some((Test::IsNull, count(row, 1)?, count(row, 0)?)))
}

/// A column with few values, some of which say that a product is not sold.
async fn valued(
    session: &mut Session,
    table: &TableSchema,
    column: &Column,
    meaning: Option<Meaning>,
) -> QueryResult<Option<(Test, u64, u64)>> {
    let sql = values_text(table, &column.name);
    let Some(rows) = asked(session, &sql, &[]).await? else {
        return Ok(None);
    };
    if rows.len() > MAX_VALUES {
        return Ok(None);
    }
    let (mut values, mut all) = (Vec::new(), 0);
    for row in &rows {
        let rows = count(row, 1)?;
        all += rows;
        let Some(text) = row.try_get::<&str, _>(0)? else {
            continue;
        };
        values.push((scalar(column, text), rows));
    }
    let (unsold, left_out) = unsold(meaning, &values);
    Ok(Some((Test::IsNot(unsold), left_out, all)))
}

/// A value as a person would write it.
fn scalar(column: &Column, text: &str) -> Scalar {
    let text = text.trim_end_matches(' ');
    let is_text = column.data_type.name.ends_with("char");
    match text.parse() {
        Ok(number) if !is_text => Scalar::Integer(number),
        _ => Scalar::Text(text.to_owned()),
    }
}

pub(super) fn values_text(table: &TableSchema, column: &str) -> String {
    let most = (MAX_VALUES + 1).to_string();
    over(include_str!("../sql/flag_values.sql"), table, column, &most)
}

pub(super) fn filled_text(table: &TableSchema, column: &str) -> String {
    over(include_str!("../sql/filled_rows.sql"), table, column, "")
}

fn over(template: &str, table: &TableSchema, column: &str, most: &str) -> String {
    fill(
        template.trim_end(),
        &[
            ("column", identifier(column).as_str()),
            ("table", &table.quoted()),
            ("rows", &MAX_ROWS.to_string()),
            ("most", most),
        ],
    )
}
