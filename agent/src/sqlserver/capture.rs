//! Installing, removing and watching the capture.

use shopmaster_catalog::{CapturePlan, CaptureStatus, CatalogError, InstallOptions};

use super::{
    SqlServerOptions, cells,
    facts::{Kind, Table, label},
    fault::{Fault, Work},
    found::Found,
    guards,
    key::KeyType,
    names::TableName,
    planned::{self, Planned},
    preflight, prove,
    rights::Rights,
    script::Script,
    session::Session,
};

pub(super) async fn plan(session: &mut Session, table: &Table) -> Work<CapturePlan> {
    preflight::fit(table)?;
    let planned = Planned::new(table)?;
    let found = Found::read(session).await?;
    if found.lacks_trigger(&planned) {
        // A trigger that is there and cannot be seen would be made a second time.
        Rights::read(session, table).await?.check_sight()?;
    }
    Ok(CapturePlan {
        install: planned.install(&found).text(),
        remove: planned.remove(&found).text(),
    })
}

/// Makes everything as planned, and proves that it works. False when it was so already.
///
/// It can be called again after a failure at any point: it does what is left to do.
pub(super) async fn install(
    session: &mut Session,
    options: &SqlServerOptions,
    agreed: InstallOptions,
) -> Work<bool> {
    preflight::refuse(session, options, agreed).await?;
    let table = guards::read(session, options).await?;
    let planned = Planned::new(&table)?;
    let found = Found::read(session).await?;
    let differs = !found.is_todays(&planned);
    if differs {
        run(session, &planned.install(&found)).await?;
    }
    prove::prove(session, &table, &planned).await?;
    Ok(differs)
}

/// Takes everything of ours away. False when nothing of ours was there.
pub(super) async fn remove(session: &mut Session, options: &SqlServerOptions) -> Work<bool> {
    let found = Found::read(session).await?;
    if found.is_empty() {
        return Ok(false);
    }
    found.check_schema()?;
    // Whatever has become of the product table and of its key: what is ours goes.
    let table = table_of_triggers(session, options).await?;
    run(session, &planned::removing(&found, None, table.as_deref())).await?;
    Ok(true)
}

/// The product table, as T-SQL has it; none when there is no such table, and so no trigger of it.
async fn table_of_triggers(
    session: &mut Session,
    options: &SqlServerOptions,
) -> Work<Option<String>> {
    match guards::read(session, options).await {
        Ok(table) => Ok(Some(table.quoted())),
        Err(Fault::Known(CatalogError::NoVisibleTable(_))) => Ok(None),
        // It is there, whatever is wrong with it.
        Err(Fault::Known(_)) => Ok(Some(TableName::parse(&options.table)?.quoted())),
        Err(fault) => Err(fault),
    }
}

pub(super) async fn status(session: &mut Session, table: &Table) -> Work<CaptureStatus> {
    if table.kind == Kind::View {
        return Ok(CaptureStatus::ScanOnly(preflight::A_VIEW.to_owned()));
    }
    let mut found = Found::read(session).await?;
    if found.is_empty() {
        return Ok(CaptureStatus::NotInstalled);
    }
    let mut lines = Vec::new();
    if let Some(reason) = table.unfit() {
        lines.push(format!(
            "`{}` cannot be the key any more: {reason}",
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

/// What names the product table's present body: another one was made, or another was given its name, or our
/// trigger on it was made anew. None for a view, which has no body.
///
/// Rebuilding an index, adding a column and loading rows change nothing of it.
pub(super) async fn table_identity(session: &mut Session, table: &Table) -> Work<Option<String>> {
    if table.kind == Kind::View {
        return Ok(None);
    }
    let text = include_str!("sql/table_identity.sql");
    let rows = session.rows(text, &[&table.object_id]).await?;
    let Some(row) = rows.first() else {
        return Err(CatalogError::NoVisibleTable(label(table)).into());
    };
    Ok(Some(format!(
        "{} {} {} {}",
        cells::number(row, 0)?,
        cells::text(row, 1)?,
        cells::number(row, 2)?,
        cells::text(row, 3)?
    )))
}

/// Scripts have settings of their own: the session is not used again.
async fn run(session: &mut Session, script: &Script) -> Work<()> {
    let done = script.run(session).await;
    session.retire();
    done
}
