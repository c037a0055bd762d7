//! Installing, removing and watching the capture.

use super::{
    SqlServerOptions,
    facts::{Kind, Table},
    fault::Work,
    key::KeyType,
    objects::{Found, Planned},
    preflight, prove,
    rights::Rights,
    script::Script,
    session::Session,
};
use crate::catalog::{CapturePlan, CaptureStatus, InstallOptions};

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
    let table = Table::read(session, options).await?;
    let planned = Planned::new(&table)?;
    let found = Found::read(session).await?;
    let differs = !found.is_as_planned(&planned);
    if differs {
        run(session, &planned.install(&found)).await?;
    }
    prove::prove(session, &table, &planned).await?;
    Ok(differs)
}

/// Takes everything of ours away. False when nothing of ours was there.
pub(super) async fn remove(session: &mut Session) -> Work<bool> {
    let found = Found::read(session).await?;
    if found.is_empty() {
        return Ok(false);
    }
    found.check_schema()?;
    // Whatever has become of the product table and of its key: what is ours goes.
    run(session, &found.removing(None)).await?;
    Ok(true)
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
    }
    if lines.is_empty() {
        return Ok(CaptureStatus::Installed);
    }
    Ok(CaptureStatus::Drifted(lines))
}

/// Scripts have settings of their own: the session is not used again.
async fn run(session: &mut Session, script: &Script) -> Work<()> {
    let done = script.run(session).await;
    session.retire();
    done
}
