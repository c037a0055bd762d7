//! Products that are no longer in the table, and since when.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use shopmaster_journal::Shrank;
use shopmaster_product::ProductId;
use tokio::time::Instant;

/// When each missing product was first missed. This is kept in memory only, so after a restart the time starts again.
#[derive(Debug, Default)]
pub(super) struct MissingSince {
    since: Mutex<HashMap<ProductId, Instant>>,
    /// How far the table shrank, as the journal has it.
    shrank: Mutex<Option<Shrank>>,
}

impl MissingSince {
    /// Nothing is missing yet. `shrank`: what an earlier process recorded.
    pub(super) fn new(shrank: Option<Shrank>) -> Self {
        Self {
            since: Mutex::default(),
            shrank: Mutex::new(shrank),
        }
    }

    /// How far the table shrank, when that was too much to be believed.
    pub(super) fn shrank(&self) -> Option<Shrank> {
        *self.shrank.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how far the table shrank. Gives what was noted before.
    pub(super) fn note_shrank(&self, shrank: Option<Shrank>) -> Option<Shrank> {
        let mut noted = self.shrank.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *noted, shrank)
    }

    /// Notes that exactly these products are missing now. Gives those that have been missing for `gone_after`.
    pub(super) fn note(&self, gone_after: Duration, ids: Vec<ProductId>) -> Vec<ProductId> {
        let now = Instant::now();
        let mut since = self.lock();
        let before = std::mem::take(&mut *since);
        for id in ids {
            let first = before.get(&id).copied().unwrap_or(now);
            since.insert(id, first);
        }
        let long = |first: Instant| now.duration_since(first) >= gone_after;
        let gone = since.iter().filter(|(_, first)| long(**first));
        gone.map(|(id, _)| id.clone()).collect()
    }

    /// Forgets these products.
    pub(super) fn remove(&self, ids: &[ProductId]) {
        let mut since = self.lock();
        for id in ids {
            since.remove(id);
        }
    }

    /// How many are missing and do not count as gone yet.
    pub(super) fn count(&self) -> u64 {
        self.lock().len() as u64
    }

    /// Forgets all of them. Gives how many they were.
    pub(super) fn clear(&self) -> u64 {
        std::mem::take(&mut *self.lock()).len() as u64
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProductId, Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
