//! What is sold, as SQL: the shop's conditions on columns of the product table.
//!
//! SQLite itself compares a value as the column's affinity says: `'5'` with a number is 5, and 5 with a text is `'5'`.
//! Only values that no row could have are refused, because such a condition would leave out every product.

use rusqlite::Connection;
use shopmaster_catalog::{CatalogError, Condition, Scalar, Test};

use super::{
    SqliteOptions,
    affinity::Affinity,
    error::QueryResult,
    quote::{identifier, text},
};

/// One SQL expression over the product table, named `p`: 1 for a row that is sold, 0 for one that is not. None without
/// conditions.
pub(super) fn sold(only: &[Condition]) -> Option<String> {
    let conditions: Vec<_> = only.iter().map(condition).collect();
    // With the sign it cannot be looked for in an index, so that pages are always read in the order of their keys.
    (!conditions.is_empty()).then(|| format!("+({})", conditions.join(" AND ")))
}

/// Fails when a condition does not fit its column.
pub(super) fn check(connection: &Connection, options: &SqliteOptions) -> QueryResult<()> {
    if options.mapping.only.is_empty() {
        return Ok(());
    }
    let columns = columns(connection, &options.mapping.table)?;
    for condition in &options.mapping.only {
        let column = columns
            .iter()
            .find(|column| column.name.eq_ignore_ascii_case(&condition.column));
        let reason = match column {
            None => Some("the table has no such column".to_owned()),
            Some(column) => unfit(condition, column),
        };
        if let Some(reason) = reason {
            return Err(CatalogError::UnfitCondition {
                table: options.mapping.table.clone(),
                column: condition.column.clone(),
                reason,
            }
            .into());
        }
    }
    Ok(())
}

/// A column, as far as conditions need it.
struct Column {
    name: String,
    declared: String,
    affinity: Affinity,
}

fn columns(connection: &Connection, table: &str) -> QueryResult<Vec<Column>> {
    let mut statement = connection.prepare_cached(include_str!("sql/columns.sql").trim_end())?;
    let columns = statement.query_map([table], |row| {
        let declared: String = row.get(1)?;
        Ok(Column {
            name: row.get(0)?,
            affinity: Affinity::of(&declared, row.get(2)?),
            declared,
        })
    })?;
    Ok(columns.collect::<rusqlite::Result<_>>()?)
}

/// Why no row could have one of the condition's values, for people.
fn unfit(condition: &Condition, column: &Column) -> Option<String> {
    let values = match &condition.test {
        Test::Is(values) | Test::IsNot(values) => values,
        Test::IsNull | Test::NotNull => return None,
    };
    let declared = &column.declared;
    values.iter().find_map(|value| match column.affinity {
        Affinity::Integer | Affinity::Real if value.number().is_none() => Some(format!(
            "its type is `{declared}`, and {value} is not a number"
        )),
        Affinity::Text if value.text().is_none() => Some(format!(
            "its type is `{declared}`, so {value} has to be written as the column has it, such as 'Y'"
        )),
        _ => None,
    })
}

fn condition(condition: &Condition) -> String {
    let column = format!("p.{}", identifier(&condition.column));
    let listed = |values: &[Scalar]| {
        let values: Vec<_> = values.iter().map(literal).collect();
        values.join(", ")
    };
    match &condition.test {
        Test::Is(values) => format!("coalesce({column} IN ({}), 0)", listed(values)),
        Test::IsNot(values) => format!("coalesce({column} NOT IN ({}), 1)", listed(values)),
        Test::IsNull => format!("{column} IS NULL"),
        Test::NotNull => format!("{column} IS NOT NULL"),
    }
}

fn literal(value: &Scalar) -> String {
    match value {
        Scalar::Integer(number) => number.to_string(),
        Scalar::Text(value) => text(value),
        Scalar::Flag(flag) => u8::from(*flag).to_string(),
    }
}
