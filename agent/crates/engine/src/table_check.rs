//! Checks whether the product table is still the one that was compared, and has the rows that the journal expects.

use shopmaster_journal::Counts;

use super::{core::Core, stop_reason::StepError};

/// A difference of up to this many rows says nothing, because the database may count them only roughly.
const ROW_TOLERANCE: u64 = 10;
/// A difference of at most one row in this many says nothing either.
const ROW_TOLERANCE_SHARE: u64 = 100;

/// Checks whether the table was replaced or has an unexpected number of rows. If so, a verify becomes due.
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

/// Compares the number of rows with the number of products that the journal knows. A difference says nothing on its
/// own, because some rows cannot be products. It is a sign if it is not the difference of the last comparison, and no
/// change waits.
async fn check_row_count(core: &Core) -> Result<(), StepError> {
    let before = core.journal.counts().await?;
    let Some(rows) = core.catalog.kept_count().await? else {
        return Ok(());
    };
    let has_changes = core.catalog.newest_change().await?.is_some();
    let known = core.journal.counts().await?;
    // While a run or a till is at work, the two numbers do not change at the same moment.
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

/// How many more rows there are than known products.
fn excess(rows: u64, known: &Counts) -> i64 {
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    signed(rows) - signed(known.in_shop())
}

/// Notes that all products were compared. `identity`: of the table at the time when that began.
pub(super) async fn note_compared(core: &Core, identity: Option<String>) -> Result<(), StepError> {
    if let Some(identity) = identity {
        core.journal.note_table_identity(identity).await?;
    }
    core.rebuilt.note_compared();
    Ok(())
}
