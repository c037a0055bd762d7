//! Looks products up by their keys.

use shopmaster_catalog::Lookup;
use shopmaster_product::ProductId;

use super::{core::Core, stop_reason::StepError};

/// The keys that have no row that is sold, or whose row spells them differently. Locked rows count as there.
pub(super) async fn without_row(
    core: &Core,
    keys: Vec<ProductId>,
) -> Result<Vec<ProductId>, StepError> {
    if keys.is_empty() {
        return Ok(keys);
    }
    let lookups = core.catalog.read(&keys).await?;
    Ok(keys
        .into_iter()
        .zip(lookups)
        .filter(|(key, lookup)| match lookup {
            Lookup::Found(row) => row.id != *key,
            Lookup::Gone | Lookup::LeftOut(_) => true,
            Lookup::Locked => false,
        })
        .map(|(key, _)| key)
        .collect())
}
