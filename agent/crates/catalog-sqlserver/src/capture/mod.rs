//! Installing, removing and inspecting capture.

use shopmaster_catalog::{
    CapturePlan, CaptureStatus, CatalogError, Drift, InstallOptions, Mapping,
};

use self::{found::Found, planned::Planned, rights::Rights, script::Script};
use super::{
    SqlServerOptions,
    captured::{A_VIEW, Captured},
    error::{QueryError, QueryResult},
    guards,
    names::TableName,
    row,
    schema::{Kind, TableSchema},
    session::Session,
    view_query::Query,
};

pub(crate) mod actions;
pub(crate) mod adopt;
pub(crate) mod evidence;
pub(crate) mod found;
pub(crate) mod guarded;
pub(crate) mod legacy;
pub(crate) mod modules;
pub(crate) mod output;
pub(crate) mod planned;
pub(crate) mod preflight;
pub(crate) mod programs;
pub(crate) mod report;
pub(crate) mod rights;
pub(crate) mod script;
pub(crate) mod self_test;
pub(crate) mod server;
pub(crate) mod steps;
pub(crate) mod targets;
pub(crate) mod trigger;
pub(crate) mod triggers;
pub(crate) mod watch;

pub(crate) async fn plan(
    session: &mut Session,
    mapping: &Mapping,
    table: &TableSchema,
) -> QueryResult<CapturePlan> {
    preflight::fit(mapping, table)?;
    let planned = Planned::new(mapping, table)?;
    let found = Found::read(session).await?;
    if found.lacks_trigger(&planned) {
        // A trigger that exists but is hidden would be created a second time.
        Rights::read(session, mapping, table).await?.check_sight()?;
    }
    Ok(CapturePlan {
        install: planned.install(&found).text(),
        remove: planned.remove(&found).text(),
    })
}

/// Installs everything as planned, and tests that it works. False when it was already as planned.
///
/// It can be called again after a failure at any point: it does what is left to do.
pub(crate) async fn install(
    session: &mut Session,
    options: &SqlServerOptions,
    agreed: InstallOptions,
) -> QueryResult<bool> {
    preflight::refuse(session, options, agreed).await?;
    let table = guards::read(session, options).await?;
    let planned = Planned::new(&options.mapping, &table)?;
    let found = Found::read(session).await?;
    let differs = !found.is_todays(&planned);
    if differs {
        run(session, &planned.install(&found)).await?;
    }
    self_test::prove(session, &options.mapping, &table, &planned).await?;
    Ok(differs)
}

/// Removes everything of shopMaster's. False when nothing of shopMaster's was installed.
pub(crate) async fn remove(session: &mut Session, options: &SqlServerOptions) -> QueryResult<bool> {
    let found = Found::read(session).await?;
    if found.is_empty() {
        return Ok(false);
    }
    found.check_schema()?;
    // shopMaster's objects are removed whatever has happened to the product table and its key.
    let tables = tables_of_triggers(session, options).await?;
    run(session, &steps::removing(&found, Vec::new(), &tables)).await?;
    Ok(true)
}

/// The tables that may have a trigger which this login cannot see, quoted for T-SQL: none when they, and so their
/// triggers, do not exist.
async fn tables_of_triggers(
    session: &mut Session,
    options: &SqlServerOptions,
) -> QueryResult<Vec<String>> {
    match guards::read(session, options).await {
        Ok(table) => Ok(match Captured::all(&options.mapping, &table) {
            Ok(captured) => captured.iter().map(Captured::quoted).collect(),
            Err(_) => vec![table.quoted()],
        }),
        Err(QueryError::Known(CatalogError::NoVisibleTable(_))) => Ok(Vec::new()),
        // The table exists, whatever is wrong with it.
        Err(QueryError::Known(_)) => Ok(vec![TableName::parse(&options.mapping.table)?.quoted()]),
        Err(fault) => Err(fault),
    }
}

pub(crate) async fn status(
    session: &mut Session,
    mapping: &Mapping,
    table: &TableSchema,
) -> QueryResult<CaptureStatus> {
    let mut found = Found::read(session).await?;
    if table.kind == Kind::View && mapping.watches.is_empty() {
        return Ok(CaptureStatus::ScanOnly {
            reason: only_scanned(&found),
            is_installed: !found.is_empty(),
        });
    }
    if found.is_empty() {
        return Ok(CaptureStatus::NotInstalled);
    }
    let mut lines = Vec::new();
    let mut first = table.unfit().map(|reason| {
        lines.push(format!(
            "`{}` cannot be the key: {reason}",
            table.key_label()
        ));
        preflight::unfit_key(table, reason).remedy().into_owned()
    });
    match Planned::new(mapping, table) {
        Ok(planned) => {
            if found.lacks_trigger(&planned) {
                found.note_sight(&Rights::read(session, mapping, table).await?);
            }
            lines.extend(found.differences(&planned));
            lines.extend(found.unseen(&planned));
            if lines.is_empty()
                && let Some(outdated) = found.outdated(&planned)
            {
                return Ok(CaptureStatus::Outdated(outdated));
            }
        }
        // What is wrong with the key is said already.
        Err(QueryError::Known(CatalogError::UnfitKey { .. })) if !lines.is_empty() => {}
        // A watched table that was dropped, or that is another one now.
        Err(QueryError::Known(error @ CatalogError::UnfitWatch { .. })) => {
            lines.push(error.to_string());
            first.get_or_insert_with(|| error.remedy().into_owned());
        }
        Err(fault) => return Err(fault),
    }
    if lines.is_empty() {
        return Ok(CaptureStatus::Installed);
    }
    Ok(CaptureStatus::Drifted(Drift { lines, first }))
}

/// Why a view is only scanned, and what remains of an earlier table's capture.
fn only_scanned(found: &Found) -> String {
    match found.is_empty() {
        true => A_VIEW.to_owned(),
        false => format!(
            "{A_VIEW}; capture of another table is still installed: run `shopmasterctl capture remove`"
        ),
    }
}

/// Identifies the captured tables' current storage: it changes when a table was recreated, another table was given its
/// name, or shopMaster's trigger on it was recreated; for a view, also when its query or the query of a view below it was
/// changed. None for a view without watched tables.
///
/// Rebuilding an index, adding a column and loading rows do not change it.
pub(crate) async fn table_identity(
    session: &mut Session,
    mapping: &Mapping,
    table: &TableSchema,
) -> QueryResult<Option<String>> {
    if table.kind == Kind::View && mapping.watches.is_empty() {
        return Ok(None);
    }
    let text = include_str!("../sql/table_identity.sql");
    let mut parts = Vec::new();
    for captured in Captured::all(mapping, table)? {
        let rows = session.rows(text, &[&captured.object_id]).await?;
        let Some(row) = rows.first() else {
            return Err(CatalogError::NoVisibleTable(captured.label()).into());
        };
        parts.push(format!(
            "{} {} {} {}",
            row::number(row, 0)?,
            row::text(row, 1)?,
            row::number(row, 2)?,
            row::text(row, 3)?
        ));
    }
    if table.kind == Kind::View {
        parts.push(Query::of(session, table).await?.digest());
    }
    Ok(Some(parts.join(" ")))
}

/// Runs a script. Scripts change the session's settings, so the session is not used again.
async fn run(session: &mut Session, script: &Script) -> QueryResult<()> {
    let done = script.run(session).await;
    session.retire();
    done
}
