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
    /// The client's name.
    pub application: String,
    /// Whether it went over TLS.
    pub encrypted: bool,
    /// The error with which it was refused; none when it was accepted.
    pub refused: Option<u32>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub struct StatementRecord {
    /// The number of its connection, from 1 on.
    pub connection: u64,
    /// Its name from the first line.
    pub name: Option<String>,
    /// Its text.
    pub text: String,
    /// Its parameters.
    pub parameters: Vec<Value>,
    /// Its result.
    pub outcome: Outcome,
}

/// The result of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// None yet: it is in progress, or its connection ended first.
    Pending,
    /// It took effect, whether or not the answer was sent.
    Performed,
    /// Answered with this error.
    Refused(u32),
}
