//! A table whose rows became others without a trigger telling of it: one that was made anew under the same name,
//! or filled or emptied in a way that no trigger sees, as `TRUNCATE`, `SWITCH PARTITION` and some bulk loads do.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use shopmaster_journal::Counts;
use tokio::time::Instant;

use super::{core::Core, stop_reason::StepError};

/// A comparison that nobody asked for comes no earlier than this after the one before: there are tills that change
/// their schema all day.
const REST: Duration = Duration::from_secs(600);
/// Rows are missed, or too many, when they still are so much later: until then somebody may be about to commit.
const STAYS: Duration = Duration::from_secs(30);
/// So few more or less say nothing: the database may keep count of them roughly.
const FEW: u64 = 10;
/// Nor does this part of all.
const PART: u64 = 100;

/// Whether the table has other rows than the journal knows, by its signs.
#[derive(Debug, Default)]
pub(super) struct Rebuilt(Mutex<Seen>);

/// What says that rows may be others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// The table was made anew, or capture on it.
    AnotherTable,
    /// It has more rows, or fewer, than the changes tell.
    AnotherNumber,
}

#[derive(Debug, Default)]
struct Seen {
    is_another: bool,
    /// Since when the number of its rows is off.
    is_off: Option<Instant>,
    /// When all products were last begun to be compared.
    tried: Option<Instant>,
}

impl Rebuilt {
    /// Whether it is time to compare it, as it was when it was last looked at.
    pub(super) fn is_due(&self) -> bool {
        self.sign().is_some() && self.has_rested()
    }

    /// Whether the last comparison began long enough ago for the next one.
    pub(super) fn has_rested(&self) -> bool {
        self.lock().tried.is_none_or(|at| at.elapsed() >= REST)
    }

    /// What says that rows may be others.
    pub(super) fn sign(&self) -> Option<Sign> {
        let seen = self.lock();
        let stays_off = || seen.is_off.is_some_and(|since| since.elapsed() >= STAYS);
        match seen.is_another {
            true => Some(Sign::AnotherTable),
            false => stays_off().then_some(Sign::AnotherNumber),
        }
    }

    /// Gives whether that is news.
    fn note(&self, is_another: bool) -> bool {
        let mut seen = self.lock();
        std::mem::replace(&mut seen.is_another, is_another) != is_another
    }

    /// Gives whether that is news.
    fn note_off(&self, is_off: bool) -> bool {
        let mut seen = self.lock();
        match (is_off, seen.is_off) {
            (true, None) => seen.is_off = Some(Instant::now()),
            (false, Some(_)) => seen.is_off = None,
            _ => return false,
        }
        true
    }

    /// A comparison begins.
    pub(super) fn note_tried(&self) {
        self.lock().tried = Some(Instant::now());
    }

    fn note_compared(&self) {
        let mut seen = self.lock();
        seen.is_another = false;
        seen.is_off = None;
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the database whether the table is another one, or has other rows: then it is to be compared.
pub(super) async fn look(core: &Core) -> Result<(), StepError> {
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
            "the shop's schema was changed, and the product table may be another one: all products are compared"
        );
    }
    look_at_number(core).await?;
    if core.rebuilt.is_due() {
        core.verify_due.notify_one();
    }
    Ok(())
}

/// Compares the number of rows with what the journal knows. That the two differ says nothing by itself, as there
/// are rows that cannot be products. That they differ more than when all were last compared, with no change
/// waiting, does.
async fn look_at_number(core: &Core) -> Result<(), StepError> {
    let before = core.journal.counts().await?;
    let Some(rows) = core.catalog.kept_count().await? else {
        return Ok(());
    };
    let retry_queue = core.catalog.newest_change().await?.is_some();
    let known = core.journal.counts().await?;
    // Whoever is at work changes one of the numbers after the other.
    if retry_queue || known != before {
        return Ok(());
    }
    let excess = excess(rows, &known);
    let Some(usual) = core.journal.row_excess().await? else {
        return Ok(core.journal.note_row_excess(excess).await?);
    };
    let is_off = excess.abs_diff(usual) > FEW.max(known.in_shop() / PART);
    if core.rebuilt.note_off(is_off) && is_off {
        tracing::info!(
            rows,
            known = known.in_shop(),
            "the product table has another number of rows than the changes tell: if that stays, all products are compared"
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
