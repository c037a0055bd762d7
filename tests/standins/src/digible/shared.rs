//! The state, shared by the handle and all requests, and notifications of its changes.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::watch;

use super::{
    memory::{Arrival, Head, Memory},
    settings::SimOptions,
    wire::{Call, Endpoint},
};

/// The state and notifications of its changes.
#[derive(Debug)]
pub(super) struct Shared {
    memory: Mutex<Memory>,
    /// Counts changes of the memory.
    changes: watch::Sender<u64>,
    /// Each send releases what hangs.
    gate: watch::Sender<Gate>,
    started: Instant,
}

/// What happens to requests that hang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Each continues as its fault says.
    Released,
    /// The stand-in stops: none has an effect any more.
    Stopped,
}

impl Shared {
    pub(super) fn new(options: SimOptions) -> Self {
        Self {
            memory: Mutex::new(Memory::new(options)),
            changes: watch::Sender::new(0),
            gate: watch::Sender::new(Gate::Released),
            started: Instant::now(),
        }
    }

    /// Reads the state.
    pub(super) fn read(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and notifies all waiting tasks.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Memory) -> T) -> T {
        let result = change(&mut self.read());
        self.changes.send_modify(|count| *count += 1);
        result
    }

    /// Records a request.
    pub(super) fn arrive(&self, head: Head, body: &[u8]) -> Arrival {
        let at_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        // Outside the lock: parsing the bodies is most of the work.
        let endpoint = Endpoint::at(&head.target);
        let parsed = endpoint.map(|endpoint| Call::parse(endpoint, body));
        self.change(|memory| memory.arrive(head, endpoint, parsed, at_ms))
    }

    /// Notifications from now on.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Releases from now on.
    pub(super) fn gate(&self) -> watch::Receiver<Gate> {
        self.gate.subscribe()
    }

    /// Releases what hangs now.
    pub(super) fn open(&self, gate: Gate) {
        self.gate.send_replace(gate);
    }
}
