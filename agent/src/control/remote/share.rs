//! What one client may have at once, so that none keeps the others out or fills the memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use shopmaster_access::{ClientName, PerMinute};
use tokio::sync::Semaphore;

/// Connections.
const MOST_CONNECTIONS: usize = 16;
/// Calls whose answer has not been read yet. Further ones wait.
const MOST_CALLS: usize = 16;
/// Streams.
const MOST_STREAMS: usize = 64;
/// Requests of more than some kilobytes that are read.
const MOST_LARGE_REQUESTS: usize = 2;
/// Changes in a minute: each is written to the log, which would have no room for those of others.
const MOST_CHANGES: u32 = 60;

/// The shares of all clients, by their names.
#[derive(Debug, Default)]
pub(super) struct Shares(Mutex<HashMap<ClientName, Arc<Share>>>);

/// What one client may have at once.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) connections: Arc<Semaphore>,
    pub(super) calls: Arc<Semaphore>,
    pub(super) streams: Arc<Semaphore>,
    pub(super) large_requests: Arc<Semaphore>,
    changes: Mutex<PerMinute>,
}

impl Shares {
    /// The share of this client.
    pub(super) fn of(&self, client: &ClientName) -> Arc<Share> {
        let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let share = shares.entry(client.clone()).or_default();
        Arc::clone(share)
    }
}

impl Share {
    /// Whether the client may change something at `now`.
    pub(super) fn may_change(&self, now: Timestamp) -> bool {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.count(now) <= MOST_CHANGES
    }
}

impl Default for Share {
    fn default() -> Self {
        let most = |count| Arc::new(Semaphore::new(count));
        Self {
            connections: most(MOST_CONNECTIONS),
            calls: most(MOST_CALLS),
            streams: most(MOST_STREAMS),
            large_requests: most(MOST_LARGE_REQUESTS),
            changes: Mutex::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_own_share_and_changes_are_counted_by_the_minute() {
        let shares = Shares::default();
        let [one, other] = ["one", "other"].map(|name| shares.of(&name.parse().unwrap()));
        let at = |second| Timestamp::from_second(second).unwrap();
        let made = (0..500).filter(|_| one.may_change(at(600))).count();
        assert_eq!(made, usize::try_from(MOST_CHANGES).unwrap());
        assert!(!one.may_change(at(659)) && one.may_change(at(660)));
        assert!(other.may_change(at(600)));
        let _held = Arc::clone(&one.calls).try_acquire_many_owned(16).unwrap();
        assert_eq!(
            shares.of(&"one".parse().unwrap()).calls.available_permits(),
            0
        );
        assert_eq!(other.calls.available_permits(), MOST_CALLS);
    }
}
