//! Columns that say whether a product is sold.

use rusqlite::{Connection, types::ValueRef};
use shopmaster_catalog::{
    Condition, Scalar, Suggestion, Test,
    column_names::{Meaning, meaning},
    flags::unsold,
};

use super::{
    super::{
        SqliteOptions,
        error::QueryResult,
        quote::identifier,
        schema::{Column, TableSchema},
    },
    data,
};

/// How many columns are looked at, those with a telling name first.
const MAX_COLUMNS: usize = 8;
/// How many values a flag has at most, with NULL.
const MAX_VALUES: i64 = 8;
/// A column that may say whether a product is sold.
struct Flag<'t> {
    column: &'t Column,
    /// None for a yes or no whose name says nothing.
    meaning: Option<Meaning>,
    /// How many rows have a value.
    filled: u64,
    /// How many different values they have.
    values: i64,
}

/// The conditions that would leave out what is not sold.
pub(super) fn suggested(
    connection: &Connection,
    options: &SqliteOptions,
    table: &TableSchema,
) -> QueryResult<Vec<Suggestion>> {
    let (rows, flags) = counted(connection, table, flags(options, table))?;
    let mut suggestions = Vec::new();
    for flag in flags {
        let (test, left_out) = match flag.meaning {
            Some(Meaning::Ended) => (Test::IsNull, flag.filled),
            _ if flag.values > MAX_VALUES => continue,
            _ => {
                let values = values(connection, table, flag.column)?;
                let (unsold, left_out) = unsold(flag.meaning, &values);
                (Test::IsNot(unsold), left_out)
            }
        };
        // Where the name says nothing, most products have to be sold.
        let is_likely = flag.meaning.is_some() || left_out < rows - left_out;
        if left_out == 0 || left_out >= rows || !is_likely {
            continue;
        }
        let column = flag.column.name.clone();
        suggestions.push(Suggestion::Only {
            condition: Condition { column, test },
            left_out,
            rows,
        });
    }
    Ok(suggestions)
}

/// The columns whose name or type is that of a flag.
fn flags<'t>(options: &SqliteOptions, table: &'t TableSchema) -> Vec<Flag<'t>> {
    let mapping = &options.mapping;
    let is_used = |column: &Column| {
        let only = mapping
            .only
            .iter()
            .map(|condition| condition.column.as_str());
        let named = mapping.columns.id.names().chain(only);
        let mut named = named.chain([mapping.columns.name.as_str(), &mapping.columns.price]);
        named.any(|name| name.eq_ignore_ascii_case(&column.name))
    };
    let is_yes_or_no = |column: &Column| {
        let declared = column.declared.to_ascii_uppercase();
        ["BOOL", "BOOLEAN", "BIT"].contains(&declared.as_str())
    };
    let mut flags: Vec<_> = table
        .columns
        .iter()
        .filter(|column| !is_used(column))
        .filter_map(|column| {
            let meaning = meaning(&column.name);
            (meaning.is_some() || is_yes_or_no(column)).then_some(Flag {
                column,
                meaning,
                filled: 0,
                values: 0,
            })
        })
        .collect();
    flags.sort_by_key(|flag| flag.meaning.is_none());
    flags.truncate(MAX_COLUMNS);
    flags
}

/// How many rows there are, and how many of them have which value, in one query.
fn counted<'t>(
    connection: &Connection,
    table: &TableSchema,
    mut flags: Vec<Flag<'t>>,
) -> QueryResult<(u64, Vec<Flag<'t>>)> {
    if flags.is_empty() {
        return Ok((0, flags));
    }
    let names: Vec<_> = flags.iter().map(|flag| flag.column.name.as_str()).collect();
    let counts = names.iter().map(|name| {
        let column = format!("p.{}", identifier(name));
        format!(", count({column}), count(DISTINCT {column})")
    });
    let query = format!("SELECT count(*){}", counts.collect::<String>());
    let mut statement = data::over(connection, &table.name, &names, &query)?;
    let rows = statement.query_one([], |row| {
        for (index, flag) in flags.iter_mut().enumerate() {
            flag.filled = row.get::<_, i64>(1 + 2 * index)?.unsigned_abs();
            flag.values = row.get(2 + 2 * index)?;
        }
        row.get::<_, i64>(0)
    })?;
    Ok((rows.unsigned_abs(), flags))
}

/// The values of a column, and how many rows have each.
fn values(
    connection: &Connection,
    table: &TableSchema,
    column: &Column,
) -> QueryResult<Vec<(Scalar, u64)>> {
    let name = identifier(&column.name);
    let query = format!("SELECT p.{name}, count(*)");
    let mut statement = data::grouped(connection, &table.name, &column.name, &query)?;
    let mut rows = statement.query([])?;
    let mut values = Vec::new();
    while let Some(row) = rows.next()? {
        let value = match row.get_ref(0)? {
            ValueRef::Integer(number) => Scalar::Integer(number),
            ValueRef::Text(text) => match std::str::from_utf8(text) {
                Ok(text) => Scalar::Text(text.to_owned()),
                Err(_) => continue,
            },
            ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => continue,
        };
        values.push((value, row.get::<_, i64>(1)?.unsigned_abs()));
    }
    Ok(values)
}
