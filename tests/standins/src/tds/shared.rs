//! What the connections and the handle share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::{
    databases::Databases,
    fault::{FaultKind, Faults, Point},
    model::{Model, Statement},
    record::{LoginRecord, Outcome, StatementRecord},
    settings::Settings,
};

/// All of it.
pub(super) struct Shared {
    pub(super) model: Box<dyn Model>,
    memory: Mutex<Memory>,
    changes: watch::Sender<u64>,
    /// Counts the releases.
    releases: watch::Sender<u64>,
}

/// All state of the wire's own.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) settings: Settings,
    pub(super) faults: Faults,
    pub(super) logins: Vec<LoginRecord>,
    pub(super) statements: Vec<StatementRecord>,
    /// How many connections stall now.
    pub(super) stalled: usize,
    pub(super) databases: Databases,
}

impl Shared {
    pub(super) fn new(settings: Settings, model: impl Model) -> Self {
        Self {
            model: Box::new(model),
            memory: Mutex::new(Memory {
                settings,
                ..Memory::default()
            }),
            changes: watch::Sender::new(0),
            releases: watch::Sender::new(0),
        }
    }

    pub(super) fn read(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and notifies all waiting tasks.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Memory) -> T) -> T {
        let result = change(&mut self.read());
        self.changes.send_modify(|count| *count += 1);
        result
    }

    /// The fault that applies here, if any.
    pub(super) fn strike(&self, point: &Point) -> Option<FaultKind> {
        self.read().faults.strike(point)
    }

    /// Records a statement; returns its number and its fault.
    pub(super) fn arrive(
        &self,
        connection: u64,
        statement: &Statement,
    ) -> (usize, Option<FaultKind>) {
        let point = Point::Statement(statement.name.clone().unwrap_or_default());
        self.change(|memory| {
            memory.statements.push(StatementRecord {
                connection,
                name: statement.name.clone(),
                text: statement.text.clone(),
                parameters: statement.parameters.clone(),
                outcome: Outcome::Pending,
            });
            let fault = memory.faults.strike(&point);
            (memory.statements.len() - 1, fault)
        })
    }

    /// Records the result of a statement.
    pub(super) fn settle(&self, number: usize, outcome: Outcome) {
        self.change(|memory| {
            if let Some(record) = memory.statements.get_mut(number) {
                record.outcome = outcome;
            }
        });
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(super) fn releases(&self) -> watch::Receiver<u64> {
        self.releases.subscribe()
    }

    /// Closes all connections, as when the network fails.
    pub(super) fn cut_all(&self) {
        self.change(|memory| memory.databases.end_all());
    }

    pub(super) fn release(&self) {
        self.releases.send_modify(|count| *count += 1);
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("memory", &self.memory)
            .finish_non_exhaustive()
    }
}
