//! Installing, removing and inspecting capture.

use std::collections::BTreeSet;

use rusqlite::Connection;
use shopmaster_catalog::{CapturePlan, CaptureStatus, Drift, template::fill};

use super::{
    SqliteOptions,
    error::QueryResult,
    objects::{Found, OWNER, Planned},
    open::Database,
    preflight, proof,
    quote::{identifier, text},
    schema::TableSchema,
    target::Target,
    triggers::{self, Trigger},
};

/// What the current version does better than the first one.
const FIRST_VERSION: &str = "its ChangeLog keeps every change until shopMaster deletes it; the current version keeps one change per product, and shopMaster only reads it";

pub(super) fn plan(connection: &Connection, database: &Database) -> QueryResult<CapturePlan> {
    let options = &database.options;
    let planned = Planned::new(options, &Target::read(connection, options)?);
    let found = Found::read(connection)?;
    Ok(CapturePlan {
        install: script(options, &planned, &found),
        remove: removal(&drops(&planned.triggers, &found)),
    })
}

/// Installs everything as planned, and tests that it works. False when it was already as planned.
pub(super) fn install(connection: &Connection, database: &Database) -> QueryResult<bool> {
    preflight::refuse(connection, database)?;
    let options = &database.options;
    let target = Target::read(connection, options)?;
    let planned = Planned::new(options, &target);
    let found = Found::read(connection)?;
    let as_planned = found.differences(options, &planned).is_empty();
    if !as_planned {
        connection.execute_batch(&script(options, &planned, &found))?;
    }
    proof::prove(connection, options, &target)?;
    Ok(!as_planned)
}

/// Brings what an earlier version installed up to date, in one short transaction; waiting changes are kept.
/// Does nothing to anything else.
pub(super) fn renew(connection: &Connection, database: &Database) -> QueryResult<()> {
    let options = &database.options;
    let target = Target::read(connection, options)?;
    let found = Found::read(connection)?;
    if let Target::Product(key) = &target
        && found.is_of_first_version(options, key)
    {
        connection.execute_batch(&script(options, &Planned::new(options, &target), &found))?;
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
    connection.execute_batch(&removal(&drops(&[], &found)))?;
    Ok(true)
}

pub(super) fn status(connection: &Connection, database: &Database) -> QueryResult<CaptureStatus> {
    let options = &database.options;
    let found = Found::read(connection)?;
    if !options.watches().is_empty() {
        return status_of_watched(connection, options, &found);
    }
    let table = match TableSchema::read(connection, options) {
        Ok(table) if table.is_view() => return Ok(scan_only(&found)),
        _ if found.is_empty() => return Ok(CaptureStatus::NotInstalled),
        table => table?,
    };
    preflight::is_table(&table, options)?;
    let columns = table.key_columns(options)?;
    let key = table.key(connection, options)?;
    let unfit = table.unfit(&columns, &key);
    let mut lines = match found.is_of_first_version(options, &key) {
        true => Vec::new(),
        false => found.differences(options, &Planned::new(options, &Target::Product(key))),
    };
    let first = unfit.map(|reason| {
        let id = &options.mapping.columns.id;
        lines.push(format!("`{id}` cannot be the key: {reason}"));
        preflight::unfit_key(options, reason).remedy().into_owned()
    });
    if !lines.is_empty() {
        return Ok(CaptureStatus::Drifted(Drift { lines, first }));
    }
    Ok(match found.keeps_each_change() {
        true => CaptureStatus::Outdated(FIRST_VERSION.to_owned()),
        false => CaptureStatus::Installed,
    })
}

/// The same for a view that is captured through the tables that it reads.
fn status_of_watched(
    connection: &Connection,
    options: &SqliteOptions,
    found: &Found,
) -> QueryResult<CaptureStatus> {
    if found.is_empty() {
        return Ok(CaptureStatus::NotInstalled);
    }
    let target = Target::read(connection, options)?;
    let lines = found.differences(options, &Planned::new(options, &target));
    Ok(match lines.is_empty() {
        true => CaptureStatus::Installed,
        false => CaptureStatus::Drifted(Drift::new(lines)),
    })
}

/// A view is only scanned; what remains of an earlier table's capture is told.
fn scan_only(found: &Found) -> CaptureStatus {
    let why = preflight::VIEW;
    CaptureStatus::ScanOnly {
        reason: match found.is_empty() {
            true => why.to_owned(),
            false => format!(
                "{why}; capture of another table is still installed: run `shopmasterctl capture remove`"
            ),
        },
        is_installed: !found.is_empty(),
    }
}

/// The SQL that installs everything as planned, starting from whatever is there now.
fn script(options: &SqliteOptions, planned: &Planned, found: &Found) -> String {
    let (mut before, mut after) = (String::new(), String::new());
    let changes = Changes::of(planned);
    let has_other = found.other_table(options).is_some();
    if found.is_of_another_kind(planned) || (has_other && planned.sources.is_none()) {
        before.push_str(include_str!("sql/forget_changes.sql"));
    } else if found.change_log_differs(planned) {
        before.push_str(match found.keeps_each_change() {
            true => include_str!("sql/v1/keep_changes.sql"),
            false => changes.keep,
        });
        after.push_str(changes.bring_back);
    }
    if found.differs(OWNER, &planned.owner) {
        before.push_str(include_str!("sql/forget_owner.sql"));
    }
    if let Some(sources) = planned.sources.as_ref().filter(|_| has_other) {
        let sources: Vec<_> = sources.iter().map(|source| text(source)).collect();
        let forget = include_str!("sql/watched/forget_tables.sql");
        after.push_str(&fill(forget, &[("sources", &sources.join(", "))]));
    }
    let triggers = planned.triggers.iter().map(|it| format!("{};\n\n", it.sql));
    fill(
        changes.install,
        &[
            ("more", &drops(&planned.triggers, found)),
            ("before", &before),
            ("change_log", &planned.change_log),
            ("index", &planned.index),
            ("owner", &planned.owner),
            ("after", &after),
            ("triggers", &triggers.collect::<String>()),
        ],
    )
}

/// The texts that differ between the two kinds of product table.
struct Changes {
    install: &'static str,
    keep: &'static str,
    bring_back: &'static str,
}

impl Changes {
    fn of(planned: &Planned) -> Self {
        match planned.sources {
            None => Self {
                install: include_str!("sql/install.sql"),
                keep: include_str!("sql/keep_changes.sql"),
                bring_back: include_str!("sql/bring_back_changes.sql"),
            },
            Some(_) => Self {
                install: include_str!("sql/watched/install.sql"),
                keep: include_str!("sql/watched/keep_changes.sql"),
                bring_back: include_str!("sql/watched/bring_back_changes.sql"),
            },
        }
    }
}

/// The statements that drop the triggers of watched tables: those that are planned, and those that are there.
fn drops(planned: &[Trigger], found: &Found) -> String {
    let planned = planned.iter().map(|trigger| trigger.name.as_str());
    let of_tables = planned.filter(|name| !triggers::NAMES.contains(name));
    let names: BTreeSet<_> = of_tables.chain(found.triggers_of_tables()).collect();
    let drops = names
        .into_iter()
        .map(|name| format!("\nDROP TRIGGER IF EXISTS {};", identifier(name)));
    drops.collect()
}

/// The SQL that removes everything; `drops` is for the triggers of watched tables.
fn removal(drops: &str) -> String {
    fill(include_str!("sql/remove.sql"), &[("more", drops)])
}
