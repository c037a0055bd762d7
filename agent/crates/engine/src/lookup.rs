//! Looks products up by their keys.

use shopmaster_catalog::Lookup;
use shopmaster_product::ProductId;

use super::{core::Core, stop_reason::StepError};

/// A key that has no row that is sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Absent {
    pub(super) key: ProductId,
    /// It has a row that is not sold: unless the journal knows of it, Digible never had it.
    pub(super) is_left_out: bool,
}

/// The keys that have no row that is sold, or whose row spells them differently. Locked rows count as there.
pub(super) async fn without_row(
    core: &Core,
    keys: Vec<ProductId>,
) -> Result<Vec<Absent>, StepError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let lookups = core.catalog.read(&keys).await?;
    let absent = |(key, lookup)| match lookup {
        Lookup::Found(row) if row.id == key => None,
        Lookup::Locked => None,
        Lookup::LeftOut(_) => Some(Absent {
            key,
            is_left_out: true,
        }),
        Lookup::Found(_) | Lookup::Gone => Some(Absent {
            key,
            is_left_out: false,
        }),
    };
    Ok(keys.into_iter().zip(lookups).filter_map(absent).collect())
}
