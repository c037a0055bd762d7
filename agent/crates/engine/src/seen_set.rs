//! Which products a walk over the table met.

use std::hash::{BuildHasher as _, RandomState};

use shopmaster_product::ProductId;

/// The products that a walk met: eight bytes for each, whatever its key.
///
/// Two keys of one hash would hide that one of them is gone, for this walk: each walk hashes in a way of
/// its own.
#[derive(Debug, Default)]
pub(super) struct SeenSet {
    hasher: RandomState,
    hashes: Vec<u64>,
}

impl SeenSet {
    /// Notes products.
    pub(super) fn add<'a>(&mut self, ids: impl IntoIterator<Item = &'a ProductId>) {
        let Self { hasher, hashes } = self;
        hashes.extend(ids.into_iter().map(|id| hasher.hash_one(id)));
    }

    /// No more are added.
    pub(super) fn seal(&mut self) {
        self.hashes.sort_unstable();
    }

    /// How many rows it gave.
    pub(super) fn count(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// Whether it gave no row at all.
    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Whether it met this product. Only after [`seal`](Self::seal).
    pub(super) fn has(&self, id: &ProductId) -> bool {
        self.hashes.binary_search(&self.hasher.hash_one(id)).is_ok()
    }
}
