//! What other crates count of the engine's work.

use std::time::Duration;

use shopmaster_health::run::{Kind, Outcome};

/// Counts the engine's work. It is called in the middle of that work, so it must return at once.
pub trait Observer: Send + Sync {
    /// A run has ended.
    fn run_ended(&self, kind: Kind, outcome: Outcome);

    /// Digible has acknowledged a product for which changes were waiting: so long after the oldest of them was made,
    /// by the clock of the shop's database.
    fn change_sent(&self, after: Duration);
}

/// Counts nothing.
impl Observer for () {
    fn run_ended(&self, _kind: Kind, _outcome: Outcome) {}

    fn change_sent(&self, _after: Duration) {}
}
