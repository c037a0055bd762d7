//! Puts products in doubt: they are sent again, because it is not known whether Digible has them as they are.

use shopmaster_journal::{Landing, Settled};
use shopmaster_product::ProductId;

use super::{core::Core, stop_reason::StepError};

/// Puts products in doubt. The step lock must be held.
pub(super) async fn put_in_doubt(core: &Core, ids: Vec<ProductId>) -> Result<(), StepError> {
    let in_flight = core
        .journal
        .hand_over(Vec::new(), ids.clone(), None)
        .await?;
    let settled = ids.iter().cloned().map(|id| Settled {
        id,
        landing: Landing::Answered,
        refused: None,
    });
    core.journal
        .settle(in_flight, settled.collect(), None)
        .await?;
    // A product that was refused has changed since, so it is tried again.
    core.journal.retry_parked(Some(ids)).await?;
    Ok(())
}
