//! Recognizes a restored database, a copied journal or a second computer by the owner's mark in the shop's database,
//! which says which journal served the table last, and at which generation.

use std::time::Duration;

use shopmaster_catalog::{CaptureStatus, Owner};
use tokio::time::Instant;

use super::{core::Core, stop_reason::StepError};

/// How often a new generation is written, by a clock that cannot be set. A database that is restored from an older copy
/// than this is noticed.
const OWNER_RENEWAL_INTERVAL: Duration = Duration::from_secs(3_600);

/// Whose mark is in the shop's database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// This journal's, or none.
    Ours,
    /// This journal's, from an earlier time: the database was restored. What Digible has is still known.
    Older,
    /// Another journal served the shop, and it is unknown what it sent.
    Stranger,
}

/// Compares the owner's mark in the database with this journal's own, and renews its generation every
/// [`OWNER_RENEWAL_INTERVAL`]. After a restore, all products have to be compared. After another journal served the
/// shop, everything that was published is in doubt, too.
pub(super) async fn check(core: &Core, status: &CaptureStatus) -> Result<(), StepError> {
    let mut renewed = core.owner_renewed.lock().await;
    need_upload_after_gap(core, status).await?;
    let stamp = core.journal.stamp().await?;
    let owner = core.catalog.owner().await?;
    let found = match &owner {
        None => Found::Ours,
        Some(owner) if owner.journal != stamp.journal => Found::Stranger,
        // This journal was copied, or is an older copy of itself.
        Some(owner) if owner.generation > stamp.generation.max(stamp.proposed) => Found::Stranger,
        Some(owner)
            if owner.generation != stamp.generation && owner.generation != stamp.proposed =>
        {
            Found::Older
        }
        Some(_) if core.catalog.was_restored().await? => Found::Older,
        Some(_) => Found::Ours,
    };
    if found == Found::Older {
        tracing::warn!(
            "the shop's database was restored from an older copy: comparing all products"
        );
        core.journal.need_upload().await?;
    }
    if found == Found::Stranger {
        tracing::warn!(
            found = owner.as_ref().map(|owner| owner.journal.as_str()),
            found_generation = owner.as_ref().map(|owner| owner.generation),
            expected = stamp.journal,
            expected_generation = stamp.generation,
            "another journal served the shop's database; every product is unconfirmed and an upload is due"
        );
        // The other agent's requests may still land, also on products that this journal has never seen. This is
        // recorded first, so that nothing is settled in between.
        core.journal.expect_others().await?;
        core.journal.doubt_everything().await?;
    }
    let is_ours = found == Found::Ours;
    let is_due = core.catalog.owner_is_renewed() && is_due(*renewed);
    if is_ours && owner.is_some() && !is_due {
        return Ok(());
    }
    let found = owner.map_or(0, |owner| owner.generation);
    let generation = stamp.generation.max(stamp.proposed).max(found) + 1;
    core.journal.propose_generation(generation).await?;
    core.catalog
        .set_owner(&Owner {
            journal: stamp.journal,
            generation,
        })
        .await?;
    core.journal.confirm_generation(generation).await?;
    *renewed = Some(Instant::now());
    Ok(())
}

/// Notes that an upload is due if changes may have been missed. Repairing capture later does not change that.
pub(super) async fn note_gap(core: &Core, status: &CaptureStatus) -> Result<(), StepError> {
    // An upload that is about to begin writes the owner first, and must not count as an earlier one.
    let _owner_stays = core.owner_renewed.lock().await;
    need_upload_after_gap(core, status).await
}

async fn need_upload_after_gap(core: &Core, status: &CaptureStatus) -> Result<(), StepError> {
    let has_finished = core.journal.uploaded_at().await?.is_some();
    let has_begun = has_finished || core.journal.newest_upload().await?.is_some();
    let has_gap = match status {
        // Removing capture removes the owner. If it is missing although it was written, capture was reinstalled.
        CaptureStatus::Installed | CaptureStatus::Outdated(_) => {
            has_begun
                && core.journal.stamp().await?.generation > 0
                && core.catalog.owner().await?.is_none()
        }
        CaptureStatus::NotInstalled => has_finished,
        CaptureStatus::ScanOnly { .. } => false,
        CaptureStatus::Drifted(_) => has_begun,
    };
    if has_gap {
        tracing::warn!("changes may have been missed: capture was not as installed");
        core.journal.need_upload().await?;
    }
    Ok(())
}

fn is_due(renewed: Option<Instant>) -> bool {
    renewed.is_none_or(|renewed| renewed.elapsed() >= OWNER_RENEWAL_INTERVAL)
}
