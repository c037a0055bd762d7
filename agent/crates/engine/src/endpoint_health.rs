//! What a run has seen of Digible: the proof that parking needs, and the signs that it is not one
//! product's fault.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use shopmaster_product::ProductId;

/// So many refusals in a row are not about products.
const TOO_MANY_REFUSALS: u32 = 20;

/// What one run has seen. Shared by requests that are under way at once.
#[derive(Debug, Default)]
pub(super) struct EndpointHealth {
    passed: AtomicBool,
    refusals: AtomicU32,
    faults: AtomicU32,
    /// Why the last one was refused.
    reason: Mutex<String>,
    canaries: Mutex<Vec<ProductId>>,
}

impl EndpointHealth {
    /// The batch endpoint acknowledged something.
    pub(super) fn batch_accepted(&self) {
        self.passed.store(true, Ordering::SeqCst);
        self.refusals.store(0, Ordering::SeqCst);
        self.faults.store(0, Ordering::SeqCst);
    }

    /// The update endpoint acknowledged something: no proof for the other one.
    pub(super) fn update_accepted(&self) {
        self.faults.store(0, Ordering::SeqCst);
    }

    /// A batch was refused.
    pub(super) fn refused(&self, reason: &str) {
        reason.clone_into(&mut self.reason.lock().unwrap_or_else(PoisonError::into_inner));
        self.faults.store(0, Ordering::SeqCst);
        self.refusals.fetch_add(1, Ordering::SeqCst);
        // The session may have ended since the last one passed.
        self.passed.store(false, Ordering::SeqCst);
    }

    /// A request failed in a way that no product is to blame for. Gives how many did in a row.
    pub(super) fn failed(&self) -> u32 {
        self.faults.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// This product is sent as a canary, beside those of its step.
    pub(super) fn calls(&self, canary: ProductId) {
        self.canaries().push(canary);
    }

    /// The products that were sent as canaries since this was last asked.
    pub(super) fn take_canaries(&self) -> Vec<ProductId> {
        std::mem::take(&mut *self.canaries())
    }

    fn canaries(&self) -> MutexGuard<'_, Vec<ProductId>> {
        self.canaries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the batch endpoint acknowledged something in this run since it last refused something.
    pub(super) fn has_proof(&self) -> bool {
        self.passed.load(Ordering::SeqCst)
    }

    /// The last refusal's words, when refusals in a row are too many now.
    pub(super) fn suspicion(&self) -> Option<String> {
        let is_suspicious = self.refusals.load(Ordering::SeqCst) >= TOO_MANY_REFUSALS;
        is_suspicious.then(|| {
            let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
            reason.clone()
        })
    }
}
