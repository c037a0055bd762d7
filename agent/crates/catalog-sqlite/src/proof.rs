//! The test that capture records changes.

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use shopmaster_catalog::{CatalogError, template::fill};

use super::{
    SqliteOptions, change_log,
    error::{QueryError, QueryResult},
    quote::identifier,
    schema::{Column, TableSchema},
    target::Target,
};

/// Writes one row of each captured table over itself, checks that the change was captured, and rolls back.
///
/// If the shop's own rules refuse the write, or the table is empty, nothing is tested.
pub(super) fn prove(
    connection: &Connection,
    options: &SqliteOptions,
    target: &Target,
) -> QueryResult<()> {
    match target {
        Target::Product(_) => {
            let table = TableSchema::read(connection, options)?;
            let key = table.key_columns(options)?;
            let names: Vec<_> = options.mapping.columns.id.names().collect();
            write_over(
                connection,
                &options.mapping.table,
                &names,
                written(&table, &key),
            )
        }
        Target::Watched(view) => view.tables.iter().try_for_each(|table| {
            let table = &table.schema;
            write_over(
                connection,
                &table.name,
                &table.row_names(),
                written(table, &[]),
            )
        }),
    }
}

/// A column that can be written, best one of these.
fn written<'a>(table: &'a TableSchema, best: &[&'a Column]) -> Option<&'a Column> {
    let all = best.iter().copied().chain(&table.columns);
    all.into_iter().find(|column| !column.generated)
}

/// `row`: the columns whose values no two rows have together.
fn write_over(
    connection: &Connection,
    table: &str,
    row: &[&str],
    column: Option<&Column>,
) -> QueryResult<()> {
    let Some(column) = column else {
        return Ok(());
    };
    let listed = |before: &str| {
        let names = row
            .iter()
            .map(|name| format!("{before}{}", identifier(name)));
        names.collect::<Vec<_>>().join(", ")
    };
    let is_row = match row {
        [_] => listed(""),
        _ => format!("({})", listed("")),
    };
    let statement = fill(
        include_str!("sql/proof.sql"),
        &[
            ("table", &identifier(table)),
            ("column", &identifier(&column.name)),
            ("is_row", &is_row),
            ("row", &listed("p.")),
        ],
    );

    // Rolled back when dropped.
    let trial = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let before = change_log::newest_of_all(&trial)?;
    match trial.execute(&statement, []) {
        Ok(0) => Ok(()),
        Ok(_) if change_log::newest_of_all(&trial)? > before => Ok(()),
        Ok(_) => Err(unproven(format!(
            "a row of `{table}` was written, but no change appeared"
        ))),
        Err(error) if is_the_shops_own(&error) => {
            tracing::warn!(%error, "the shop's own rules refuse the write that would test capture");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether the error comes from a constraint, or from a trigger that needs what only the till provides.
fn is_the_shops_own(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::ConstraintViolation | ErrorCode::Unknown)
    )
}

fn unproven(reason: String) -> QueryError {
    CatalogError::Unproven(reason).into()
}
