//! A table whose rows became others without a trigger telling of it: one that was made anew under the same name,
//! or filled or emptied in a way that no trigger sees, as `TRUNCATE`, `SWITCH PARTITION` and some bulk loads do.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    core::Core, evidence::Evidence, gone, halt::StepError, live::Live, pass::Passed, scan,
};
use crate::journal::Counts;

/// After a comparison the next one comes no earlier than this: there are tills that change their schema all day.
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

#[derive(Debug, Default)]
struct Seen {
    is_another: bool,
    /// Since when the number of its rows is off.
    is_off: Option<Instant>,
    compared: Option<Instant>,
}

impl Rebuilt {
    /// Whether it is time to compare it, as it was when it was last looked at.
    pub(super) fn is_due(&self) -> bool {
        let seen = self.lock();
        let stays_off = seen.is_off.is_some_and(|since| since.elapsed() >= STAYS);
        (seen.is_another || stays_off) && seen.compared.is_none_or(|at| at.elapsed() >= REST)
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

    fn note_compared(&self) {
        let mut seen = self.lock();
        seen.is_another = false;
        seen.is_off = None;
        seen.compared = Some(Instant::now());
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the database whether the table is another one. Gives what names it when it is to be compared.
pub(super) async fn look(core: &Core) -> Result<Option<String>, StepError> {
    let Some(now) = core.catalog.table_identity().await? else {
        return Ok(None);
    };
    let before = core.journal.table_identity().await?;
    // Before an upload has finished, one is due, which sends everything.
    if before.is_none() || core.journal.uploaded_at().await?.is_none() {
        if before.as_ref() != Some(&now) {
            core.journal.note_table_identity(now).await?;
        }
        core.rebuilt.note(false);
        core.rebuilt.note_off(false);
        return Ok(None);
    }
    let is_another = before.as_ref() != Some(&now);
    if core.rebuilt.note(is_another) && is_another {
        tracing::info!(
            "the shop's schema was changed, and the product table may be another one: all products are compared"
        );
    }
    look_at_number(core).await?;
    Ok(core.rebuilt.is_due().then_some(now))
}

/// Compares the number of rows with what the journal knows. That the two differ says nothing by itself, as there
/// are rows that cannot be products. That they differ more than when all were last compared, with no change
/// waiting, does.
async fn look_at_number(core: &Core) -> Result<(), StepError> {
    let before = core.journal.counts().await?;
    let Some(rows) = core.catalog.kept_count().await? else {
        return Ok(());
    };
    let waits = core.catalog.newest_change().await?.is_some();
    let known = core.journal.counts().await?;
    // Whoever is at work changes one of the numbers after the other.
    if waits || known != before {
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

/// Compares every product of a table that has other rows, and sends what differs. What it does not have any more
/// is removed, but for so many at once that a mistake is likelier: then an upload is due.
pub(super) async fn compare(
    core: &Core,
    live: &Live,
    evidence: &Evidence,
    identity: &str,
) -> Result<Passed, StepError> {
    let (mut passed, met) = scan::compare_captured(core, live, evidence).await?;
    if passed.halt.is_some() {
        return Ok(passed);
    }
    passed.halt = gone::look_once(core, live, &met).await?;
    if passed.halt.is_none() && passed.deferred == 0 {
        core.journal
            .note_table_identity(identity.to_owned())
            .await?;
        core.rebuilt.note_compared();
    }
    Ok(passed)
}
