//! Where the facts stand: written by the engine, watched by everybody who shows them.

use jiff::Timestamp;
use shopmaster_health::Facts;
use tokio::sync::watch;

/// The facts, and how often they have changed.
#[derive(Debug)]
pub struct Board {
    posted: watch::Sender<Posted>,
}

/// The facts after a change.
#[derive(Debug, Clone)]
pub struct Posted {
    /// Grows by one with each change.
    pub sequence: u64,
    /// The facts.
    pub facts: Facts,
}

impl Board {
    /// A board on which nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self {
            posted: watch::Sender::new(Posted {
                sequence: 1,
                facts: Facts::new(),
            }),
        }
    }

    /// Changes the facts; nobody is woken when they stay the same.
    pub fn update(&self, change: impl FnOnce(&mut Facts)) {
        self.posted.send_if_modified(|posted| {
            let mut facts = posted.facts.clone();
            change(&mut facts);
            note_beginnings(&mut facts);
            let changed = facts != posted.facts;
            if changed {
                posted.facts = facts;
                posted.sequence += 1;
            }
            changed
        });
    }

    /// The facts as they are now.
    #[must_use]
    pub fn facts(&self) -> Facts {
        self.posted.borrow().facts.clone()
    }

    /// One thing of the facts as they are now.
    pub fn read<T>(&self, look: impl FnOnce(&Facts) -> T) -> T {
        look(&self.posted.borrow().facts)
    }

    /// The facts and their changes. A slow reader gets the newest, never a queue.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Posted> {
        self.posted.subscribe()
    }
}

impl Default for Board {
    fn default() -> Self {
        Self::new()
    }
}

/// An issue that was not there before begins now. Until the first look of a new engine nothing is known:
/// what was there before a change of the configuration may still be.
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
