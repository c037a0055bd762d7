//! The rows that would be refused if they were sent: how many, and why the first of them.

use shopmaster_product::{Problem, ProductId};

/// How many of them are named.
const NAMED: usize = 3;

/// The rows that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct RefusedRows {
    /// How many there are.
    pub(super) count: u64,
    /// The first of them, and why each is refused, for people.
    pub(super) examples: Vec<String>,
}

impl RefusedRows {
    /// Adds one.
    pub(super) fn add(&mut self, id: &ProductId, problem: &Problem) {
        self.count += 1;
        if self.examples.len() < NAMED {
            self.examples.push(format!("`{id}`: {problem}"));
        }
    }
}
