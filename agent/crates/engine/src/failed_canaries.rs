//! Canaries that Digible did not accept.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use shopmaster_product::ProductId;

/// How many are remembered; the oldest is forgotten first.
const MAX_REMEMBERED: usize = 60;

/// Canaries that Digible did not accept. Others are tried before them.
#[derive(Debug, Default)]
pub(super) struct FailedCanaries(Mutex<VecDeque<ProductId>>);

impl FailedCanaries {
    pub(super) fn note(&self, id: &ProductId) {
        let mut failed = self.lock();
        failed.retain(|other| other != id);
        failed.push_back(id.clone());
        if failed.len() > MAX_REMEMBERED {
            failed.pop_front();
        }
    }

    pub(super) fn now(&self) -> Vec<ProductId> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<ProductId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
