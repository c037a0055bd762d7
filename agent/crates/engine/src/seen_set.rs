//! Which products a walk over the table found.

use std::hash::{BuildHasher as _, RandomState};

use shopmaster_product::ProductId;

/// The products that a walk found, in eight bytes each, whatever their keys.
///
/// Two keys with the same hash hide that one of them is gone, but only from this walk: every walk hashes with a seed of
/// its own.
#[derive(Debug, Default)]
pub(super) struct SeenSet {
    hasher: RandomState,
    hashes: Vec<u64>,
}

impl SeenSet {
    /// Adds products that the walk has found.
    pub(super) fn add<'a>(&mut self, ids: impl IntoIterator<Item = &'a ProductId>) {
        let Self { hasher, hashes } = self;
        hashes.extend(ids.into_iter().map(|id| hasher.hash_one(id)));
    }

    /// Sorts the set for [`has`](Self::has); nothing may be added afterwards.
    pub(super) fn seal(&mut self) {
        self.hashes.sort_unstable();
    }

    /// How many rows the walk found.
    pub(super) fn count(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// Whether the walk found no row at all.
    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Whether the walk found this product. Valid only after [`seal`](Self::seal).
    pub(super) fn has(&self, id: &ProductId) -> bool {
        self.hashes.binary_search(&self.hasher.hash_one(id)).is_ok()
    }
}
