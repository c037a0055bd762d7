//! Asks the shop's database whether the product table is still the one that was compared.

use shopmaster_journal::Counts;

use super::{core::Core, stop_reason::StepError};

/// So few more or less say nothing: the database may keep count of them roughly.
const ROW_TOLERANCE: u64 = 10;
/// Nor does this part of all.
const ROW_TOLERANCE_SHARE: u64 = 100;

/// Asks the database whether the table is another one, or has other rows: then it is to be compared.
pub(super) async fn run(core: &Core) -> Result<(), StepError> {
    let Some(now) = core.catalog.table_identity().await? else {
        return Ok(());
    };
    let before = core.journal.table_identity().await?;
    // Before an upload has finished, one is due, which sends everything.
    if before.is_none() || core.journal.uploaded_at().await?.is_none() {
        if before.as_ref() != Some(&now) {
            core.journal.note_table_identity(now).await?;
        }
        core.rebuilt.note(false);
        core.rebuilt.note_off(false);
        return Ok(());
    }
    let is_another = before.as_ref() != Some(&now);
    if core.rebuilt.note(is_another) && is_another {
        tracing::info!(
            "the shop's schema changed, and the product table may have been replaced: comparing all products"
        );
    }
    check_row_count(core).await?;
    if core.rebuilt.is_due() {
        core.verify_due.notify_one();
    }
    Ok(())
}

/// Compares the number of rows with what the journal knows. That the two differ says nothing by itself, as there
/// are rows that cannot be products. That they differ more than when all were last compared, with no change
/// waiting, does.
async fn check_row_count(core: &Core) -> Result<(), StepError> {
    let before = core.journal.counts().await?;
    let Some(rows) = core.catalog.kept_count().await? else {
        return Ok(());
    };
    let has_changes = core.catalog.newest_change().await?.is_some();
    let known = core.journal.counts().await?;
    // Whoever is at work changes one of the numbers after the other.
    if has_changes || known != before {
        return Ok(());
    }
    let excess = excess(rows, &known);
    let Some(usual) = core.journal.row_excess().await? else {
        return Ok(core.journal.note_row_excess(excess).await?);
    };
    let is_off = excess.abs_diff(usual) > ROW_TOLERANCE.max(known.in_shop() / ROW_TOLERANCE_SHARE);
    if core.rebuilt.note_off(is_off) && is_off {
        tracing::info!(
            rows,
            known = known.in_shop(),
            "the number of rows in the product table does not match the recorded changes: if that lasts, all products are compared"
        );
    }
    Ok(())
}

fn excess(rows: u64, known: &Counts) -> i64 {
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    signed(rows) - signed(known.in_shop())
}

/// Every product was compared, as of when the table was named so.
pub(super) async fn note_compared(core: &Core, identity: Option<String>) -> Result<(), StepError> {
    if let Some(identity) = identity {
        core.journal.note_table_identity(identity).await?;
    }
    core.rebuilt.note_compared();
    Ok(())
}
