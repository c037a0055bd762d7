//! Installing, removing and inspecting capture.

use shopmaster_catalog::{CapturePlan, CaptureStatus, CatalogError, InstallOptions};

use self::{found::Found, planned::Planned, rights::Rights, script::Script};
use super::{
    SqlServerOptions,
    error::{QueryError, QueryResult},
    guards,
    key::KeyType,
    names::TableName,
    row,
    schema::{Kind, TableSchema, label},
    session::Session,
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
pub(crate) mod triggers;

pub(crate) async fn plan(session: &mut Session, table: &TableSchema) -> QueryResult<CapturePlan> {
    preflight::fit(table)?;
    let planned = Planned::new(table)?;
    let found = Found::read(session).await?;
    if found.lacks_trigger(&planned) {
        // A trigger that exists but is hidden would be created a second time.
        Rights::read(session, table).await?.check_sight()?;
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
    let planned = Planned::new(&table)?;
    let found = Found::read(session).await?;
    let differs = !found.is_todays(&planned);
    if differs {
        run(session, &planned.install(&found)).await?;
    }
    self_test::prove(session, &table, &planned).await?;
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
    let table = table_of_triggers(session, options).await?;
    run(session, &steps::removing(&found, None, table.as_deref())).await?;
    Ok(true)
}

/// The product table, quoted for T-SQL; none when the table, and so its trigger, does not exist.
async fn table_of_triggers(
    session: &mut Session,
    options: &SqlServerOptions,
) -> QueryResult<Option<String>> {
    match guards::read(session, options).await {
        Ok(table) => Ok(Some(table.quoted())),
        Err(QueryError::Known(CatalogError::NoVisibleTable(_))) => Ok(None),
        // The table exists, whatever is wrong with it.
        Err(QueryError::Known(_)) => Ok(Some(TableName::parse(&options.mapping.table)?.quoted())),
        Err(fault) => Err(fault),
    }
}

pub(crate) async fn status(
    session: &mut Session,
    table: &TableSchema,
) -> QueryResult<CaptureStatus> {
    let mut found = Found::read(session).await?;
    if table.kind == Kind::View {
        return Ok(CaptureStatus::ScanOnly {
            reason: only_scanned(&found),
            is_installed: !found.is_empty(),
        });
    }
    if found.is_empty() {
        return Ok(CaptureStatus::NotInstalled);
    }
    let mut lines = Vec::new();
    if let Some(reason) = table.unfit() {
        lines.push(format!(
            "`{}` can no longer be the key: {reason}",
            table.id.name
        ));
    }
    if KeyType::of(&table.id.data_type).is_ok() {
        let planned = Planned::new(table)?;
        if found.lacks_trigger(&planned) {
            found.note_sight(&Rights::read(session, table).await?);
        }
        lines.extend(found.differences(&planned));
        lines.extend(found.unseen(&planned));
        if lines.is_empty()
            && let Some(outdated) = found.outdated(&planned)
        {
            return Ok(CaptureStatus::Outdated(outdated));
        }
    }
    if lines.is_empty() {
        return Ok(CaptureStatus::Installed);
    }
    Ok(CaptureStatus::Drifted(lines))
}

/// Why a view is only scanned, and what remains of an earlier table's capture.
fn only_scanned(found: &Found) -> String {
    match found.is_empty() {
        true => preflight::A_VIEW.to_owned(),
        false => format!(
            "{}; capture of another table is still installed: run `shopmasterctl capture remove`",
            preflight::A_VIEW
        ),
    }
}

/// Identifies the product table's current storage: it changes when the table was recreated, another table was
/// given its name, or shopMaster's trigger on it was recreated. None for a view, which has no storage.
///
/// Rebuilding an index, adding a column and loading rows do not change it.
pub(crate) async fn table_identity(
    session: &mut Session,
    table: &TableSchema,
) -> QueryResult<Option<String>> {
    if table.kind == Kind::View {
        return Ok(None);
    }
    let text = include_str!("../sql/table_identity.sql");
    let rows = session.rows(text, &[&table.object_id]).await?;
    let Some(row) = rows.first() else {
        return Err(CatalogError::NoVisibleTable(label(table)).into());
    };
    Ok(Some(format!(
        "{} {} {} {}",
        row::number(row, 0)?,
        row::text(row, 1)?,
        row::number(row, 2)?,
        row::text(row, 3)?
    )))
}

/// Runs a script. Scripts change the session's settings, so the session is not used again.
async fn run(session: &mut Session, script: &Script) -> QueryResult<()> {
    let done = script.run(session).await;
    session.retire();
    done
}
