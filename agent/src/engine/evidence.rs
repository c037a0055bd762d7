//! What a run has seen of Digible: the proof that parking needs, and the signs that it is not one
//! product's fault.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// So many refusals in a row are not about products.
const TOO_MANY_REFUSALS: u32 = 20;

/// What one run has seen. Shared by requests that are under way at once.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    passed: AtomicBool,
    refusals: AtomicU32,
    faults: AtomicU32,
}

impl Evidence {
    /// The batch endpoint acknowledged something.
    pub(super) fn batch_passed(&self) {
        self.passed.store(true, Ordering::SeqCst);
        self.refusals.store(0, Ordering::SeqCst);
        self.faults.store(0, Ordering::SeqCst);
    }

    /// The update endpoint acknowledged something: no proof for the other one.
    pub(super) fn update_passed(&self) {
        self.faults.store(0, Ordering::SeqCst);
    }

    /// A batch was refused. True when it is one too many in a row.
    pub(super) fn refused(&self) -> bool {
        self.faults.store(0, Ordering::SeqCst);
        self.refusals.fetch_add(1, Ordering::SeqCst) + 1 >= TOO_MANY_REFUSALS
    }

    /// A request failed in a way that no product is to blame for. Gives how many did in a row.
    pub(super) fn failed(&self) -> u32 {
        self.faults.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Whether the batch endpoint acknowledged something in this run.
    pub(super) fn has_proof(&self) -> bool {
        self.passed.load(Ordering::SeqCst)
    }

    /// Whether refusals in a row are too many now.
    pub(super) fn is_suspicious(&self) -> bool {
        self.refusals.load(Ordering::SeqCst) >= TOO_MANY_REFUSALS
    }
}
