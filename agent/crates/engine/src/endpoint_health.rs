//! How Digible's endpoints answered in a run: the proof that parking needs, and the signs that Digible is at fault and
//! not one product.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use shopmaster_product::ProductId;

/// After this many refusals in a row, Digible may be at fault and not the products.
const TOO_MANY_REFUSALS: u32 = 20;

/// How Digible's endpoints answered in one run. Concurrent requests share it.
#[derive(Debug, Default)]
pub(super) struct EndpointHealth {
    has_proof: AtomicBool,
    /// Refused batches in a row.
    refusals: AtomicU32,
    /// Failed requests in a row.
    faults: AtomicU32,
    /// Why the last batch was refused.
    reason: Mutex<String>,
    /// Products that were sent as canaries, until they are taken.
    canaries: Mutex<Vec<ProductId>>,
}

impl EndpointHealth {
    /// Notes that the batch endpoint acknowledged something.
    pub(super) fn batch_accepted(&self) {
        self.has_proof.store(true, Ordering::SeqCst);
        self.refusals.store(0, Ordering::SeqCst);
        self.faults.store(0, Ordering::SeqCst);
    }

    /// Notes that the update endpoint acknowledged something, which proves nothing about the batch endpoint.
    pub(super) fn update_accepted(&self) {
        self.faults.store(0, Ordering::SeqCst);
    }

    /// Notes that a batch was refused.
    pub(super) fn refused(&self, reason: &str) {
        reason.clone_into(&mut self.reason.lock().unwrap_or_else(PoisonError::into_inner));
        self.faults.store(0, Ordering::SeqCst);
        self.refusals.fetch_add(1, Ordering::SeqCst);
        // The session may have ended since the last acknowledgement.
        self.has_proof.store(false, Ordering::SeqCst);
    }

    /// Notes that a request failed in a way that is no product's fault. Gives how many did in a row.
    pub(super) fn failed(&self) -> u32 {
        self.faults.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Notes that this product is sent as a canary, in addition to the products of the step.
    pub(super) fn note_canary(&self, canary: ProductId) {
        self.canaries().push(canary);
    }

    /// The products that were sent as canaries since the last call.
    pub(super) fn take_canaries(&self) -> Vec<ProductId> {
        std::mem::take(&mut *self.canaries())
    }

    fn canaries(&self) -> MutexGuard<'_, Vec<ProductId>> {
        self.canaries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the batch endpoint acknowledged something in this run since it last refused something.
    pub(super) fn has_proof(&self) -> bool {
        self.has_proof.load(Ordering::SeqCst)
    }

    /// The reason of the last refusal, if too many batches in a row were refused.
    pub(super) fn suspicion(&self) -> Option<String> {
        let is_suspicious = self.refusals.load(Ordering::SeqCst) >= TOO_MANY_REFUSALS;
        is_suspicious.then(|| {
            let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
            reason.clone()
        })
    }
}
