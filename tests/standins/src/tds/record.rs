//! What the stand-in remembers.

use super::model::Value;

/// One login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRecord {
    /// The number of its connection, from 1 on.
    pub connection: u64,
    /// The user's name.
    pub username: String,
    /// The database.
    pub database: String,
    /// What the client calls itself.
    pub application: String,
    /// Whether it went over TLS.
    pub encrypted: bool,
    /// The error that it was refused with; none when it came in.
    pub refused: Option<u32>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub struct StatementRecord {
    /// The number of its connection, from 1 on.
    pub connection: u64,
    /// What its first line calls it.
    pub name: Option<String>,
    /// Its text.
    pub text: String,
    /// Its parameters.
    pub parameters: Vec<Value>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet: it is under way, or its connection ended before.
    Pending,
    /// It took effect, whatever became of the answer.
    Performed,
    /// Answered with this error.
    Refused(u32),
}
