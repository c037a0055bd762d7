//! The facts that are shown: the engine writes them, and the control plane and the tray watch them.

use jiff::Timestamp;
use shopmaster_health::Facts;
use tokio::sync::watch;

/// The facts, and how often they have changed.
#[derive(Debug)]
pub struct StatusStore {
    snapshot: watch::Sender<Snapshot>,
}

/// The facts after a change.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Grows by one with each change.
    pub sequence: u64,
    /// The facts as they were after it.
    pub facts: Facts,
}

impl StatusStore {
    /// A store in which nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self {
            snapshot: watch::Sender::new(Snapshot {
                sequence: 1,
                facts: Facts::new(),
            }),
        }
    }

    /// Changes the facts. Watchers wake only if the facts differ afterwards.
    pub fn update(&self, change: impl FnOnce(&mut Facts)) {
        self.snapshot.send_if_modified(|snapshot| {
            let mut facts = snapshot.facts.clone();
            change(&mut facts);
            note_beginnings(&mut facts);
            let changed = facts != snapshot.facts;
            if changed {
                snapshot.facts = facts;
                snapshot.sequence += 1;
            }
            changed
        });
    }

    /// The facts as they are now.
    #[must_use]
    pub fn facts(&self) -> Facts {
        self.snapshot.borrow().facts.clone()
    }

    /// Reads from the facts without cloning them.
    pub fn read<T>(&self, read: impl FnOnce(&Facts) -> T) -> T {
        read(&self.snapshot.borrow().facts)
    }

    /// The facts and their changes. A slow reader skips to the newest facts; nothing queues up.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Snapshot> {
        self.snapshot.subscribe()
    }
}

impl Default for StatusStore {
    fn default() -> Self {
        Self::new()
    }
}

/// Notes since when each issue has lasted: a new issue begins now. Before a new engine has checked for the first time,
/// issues from before the configuration changed may still last, so they keep their beginning.
fn note_beginnings(facts: &mut Facts) {
    let codes: Vec<_> = shopmaster_health::codes(facts).collect();
    let is_known = facts.catalog.reachable.is_some() || !facts.missing.is_empty();
    if is_known {
        facts.since.retain(|code, _| codes.contains(code));
    }
    for code in codes {
        facts.since.entry(code).or_insert_with(Timestamp::now);
    }
}
