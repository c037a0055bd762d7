//! A restored database, a copied journal or a second computer: told by who served the table last.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{core::Core, halt::StepError};
use crate::catalog::Owner;

/// How often a new generation is written: a database restored from a copy that is older than this
/// is noticed.
const RENEWAL: Duration = Duration::from_secs(3_600);

/// Compares the database's owner with the journal's own, and renews the generation from time to
/// time. On a difference everything published is in doubt and an upload is due.
pub(super) async fn check(core: &Core) -> Result<(), StepError> {
    let mut renewed = core.owner_renewed.lock().await;
    let stamp = core.journal.stamp().await?;
    let owner = core.catalog.owner().await?;
    let is_ours = match &owner {
        None => true,
        Some(owner) => {
            owner.journal == stamp.journal
                && (owner.generation == stamp.generation || owner.generation == stamp.proposed)
        }
    };
    if !is_ours {
        tracing::warn!(
            found = ?owner,
            expected = ?stamp,
            "the shop's database was served by another journal or restored; everything is in doubt and an upload is due"
        );
        core.journal.doubt_everything().await?;
    }
    if is_ours && owner.is_some() && !is_due(*renewed) {
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
    *renewed = Some(Timestamp::now());
    Ok(())
}

fn is_due(renewed: Option<Timestamp>) -> bool {
    let Some(renewed) = renewed else {
        return true;
    };
    let renewal = SignedDuration::try_from(RENEWAL).unwrap_or_default();
    Timestamp::now().duration_since(renewed) >= renewal
}
