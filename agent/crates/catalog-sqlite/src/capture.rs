//! Installing, removing and inspecting capture.

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use shopmaster_catalog::{CapturePlan, CaptureStatus, CatalogError, template::fill};

use super::{
    SqliteOptions, change_log,
    error::{QueryError, QueryResult},
    objects::{Found, OWNER, Planned},
    open::Database,
    preflight,
    quote::identifier,
    schema::TableSchema,
    statements::over,
};

/// What the current version does better than the first one.
const FIRST_VERSION: &str = "its ChangeLog keeps every change until shopMaster deletes it; the current version keeps one change per product, and shopMaster only reads it";

const REMOVE: &str = include_str!("sql/remove.sql");

pub(super) fn plan(connection: &Connection, database: &Database) -> QueryResult<CapturePlan> {
    let planned = planned(connection, &database.options)?;
    let found = Found::read(connection)?;
    Ok(CapturePlan {
        install: script(&database.options, &planned, &found),
        remove: REMOVE.to_owned(),
    })
}

/// Installs everything as planned, and tests that it works. False when it was already as planned.
pub(super) fn install(connection: &Connection, database: &Database) -> QueryResult<bool> {
    preflight::refuse(connection, database)?;
    let planned = planned(connection, &database.options)?;
    let found = Found::read(connection)?;
    let as_planned = found.differences(&database.options, &planned).is_empty();
    if !as_planned {
        connection.execute_batch(&script(&database.options, &planned, &found))?;
    }
    prove(connection, database)?;
    Ok(!as_planned)
}

/// Brings what an earlier version installed up to date, in one short transaction; waiting changes are kept.
/// Does nothing to anything else.
pub(super) fn renew(connection: &Connection, database: &Database) -> QueryResult<()> {
    let options = &database.options;
    let key = preflight::fit(connection, options)?.key(connection, options)?;
    let found = Found::read(connection)?;
    if found.is_of_first_version(options, &key) {
        connection.execute_batch(&script(options, &Planned::new(options, &key), &found))?;
        tracing::info!("upgraded capture in the shop's database to the current version");
    }
    Ok(())
}

pub(super) fn remove(connection: &Connection) -> QueryResult<bool> {
    let found = Found::read(connection)?;
    if found.is_empty() {
        return Ok(false);
    }
    found.check_names()?;
    connection.execute_batch(REMOVE)?;
    Ok(true)
}

pub(super) fn status(connection: &Connection, database: &Database) -> QueryResult<CaptureStatus> {
    let options = &database.options;
    let found = Found::read(connection)?;
    let table = match TableSchema::read(connection, options) {
        Ok(table) if table.is_view() => return Ok(CaptureStatus::ScanOnly(reason(&found))),
        _ if found.is_empty() => return Ok(CaptureStatus::NotInstalled),
        table => table?,
    };
    preflight::is_table(&table, options)?;
    let column = table.column(options, options.mapping.columns.id.first())?;
    let key = table.key(connection, options)?;
    let mut lines = match found.is_of_first_version(options, &key) {
        true => Vec::new(),
        false => found.differences(options, &Planned::new(options, &key)),
    };
    if let Some(reason) = table.unfit(column, &key) {
        lines.push(format!(
            "`{}` can no longer be the key: {reason}",
            options.mapping.columns.id
        ));
    }
    if !lines.is_empty() {
        return Ok(CaptureStatus::Drifted(lines));
    }
    Ok(match found.keeps_each_change() {
        true => CaptureStatus::Outdated(FIRST_VERSION.to_owned()),
        false => CaptureStatus::Installed,
    })
}

/// Why a view is only scanned, and what remains of an earlier table's capture.
fn reason(found: &Found) -> String {
    if found.is_empty() {
        return preflight::VIEW.to_owned();
    }
    format!(
        "{}; capture of another table is still installed: run `shopmasterctl capture remove`",
        preflight::VIEW
    )
}

fn planned(connection: &Connection, options: &SqliteOptions) -> QueryResult<Planned> {
    let key = preflight::fit(connection, options)?.key(connection, options)?;
    Ok(Planned::new(options, &key))
}

/// The SQL that installs everything as planned, starting from whatever is there now.
fn script(options: &SqliteOptions, planned: &Planned, found: &Found) -> String {
    let (mut before, mut after) = (String::new(), "");
    if found.other_table(options).is_some() {
        before.push_str(include_str!("sql/forget_changes.sql"));
    } else if found.change_log_differs(planned) {
        before.push_str(match found.keeps_each_change() {
            true => include_str!("sql/v1/keep_changes.sql"),
            false => include_str!("sql/keep_changes.sql"),
        });
        after = include_str!("sql/bring_back_changes.sql");
    }
    if found.differs(OWNER, &planned.owner) {
        before.push_str(include_str!("sql/forget_owner.sql"));
    }
    let triggers = planned.triggers.iter().map(|it| format!("{};\n\n", it.sql));
    fill(
        include_str!("sql/install.sql"),
        &[
            ("before", &before),
            ("change_log", &planned.change_log),
            ("index", &planned.index),
            ("owner", &planned.owner),
            ("after", after),
            ("triggers", &triggers.collect::<String>()),
        ],
    )
}

/// Writes one row over itself, checks that the change was captured, and rolls back.
///
/// If the shop's own rules refuse the write, or the table is empty, nothing is tested.
fn prove(connection: &Connection, database: &Database) -> QueryResult<()> {
    let options = &database.options;
    let table = TableSchema::read(connection, options)?;
    let key = table.column(options, options.mapping.columns.id.first())?;
    let column = if key.generated {
        table.columns.iter().find(|column| !column.generated)
    } else {
        Some(key)
    };
    let Some(column) = column else {
        return Ok(());
    };
    let statement = over(options, include_str!("sql/proof.sql"));
    let statement = fill(&statement, &[("column", &identifier(&column.name))]);

    // Rolled back when dropped.
    let trial = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let before = change_log::newest_of_all(&trial)?;
    match trial.execute(&statement, []) {
        Ok(0) => Ok(()),
        Ok(_) if change_log::newest_of_all(&trial)? > before => Ok(()),
        Ok(_) => Err(unproven("a row was written, but no change appeared")),
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

fn unproven(reason: &str) -> QueryError {
    CatalogError::Unproven(reason.to_owned()).into()
}
