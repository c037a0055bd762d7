//! A table that was made anew under the same name: its rows may be others, and no trigger told of it.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    core::Core, evidence::Evidence, gone, halt::StepError, live::Live, pass::Passed, scan,
};

/// After a comparison the next one comes no earlier than this: there are tills that change their schema all day.
const REST: Duration = Duration::from_secs(600);

/// Whether the table is another one than the journal knows.
#[derive(Debug, Default)]
pub(super) struct Rebuilt(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    is_another: bool,
    compared: Option<Instant>,
}

impl Rebuilt {
    /// Whether it is time to compare it, as it was when it was last looked at.
    pub(super) fn is_due(&self) -> bool {
        let seen = self.lock();
        seen.is_another && seen.compared.is_none_or(|at| at.elapsed() >= REST)
    }

    /// Gives whether that is news.
    fn note(&self, is_another: bool) -> bool {
        let mut seen = self.lock();
        std::mem::replace(&mut seen.is_another, is_another) != is_another
    }

    fn note_compared(&self) {
        let mut seen = self.lock();
        seen.is_another = false;
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
        return Ok(None);
    }
    let is_another = before.as_ref() != Some(&now);
    if core.rebuilt.note(is_another) && is_another {
        tracing::info!(
            "the shop's schema was changed, and the product table may be another one: all products are compared"
        );
    }
    Ok(core.rebuilt.is_due().then_some(now))
}

/// Compares every product of a table that was made anew, and sends what differs. What it does not have any more
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
