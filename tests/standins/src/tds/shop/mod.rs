//! The model behind the stand-in: a shop in a SQLite file, to which the till writes directly.
//!
//! It knows the agent's statements by their names and answers them from the file with its own SQL: the
//! product table with types as SQL Server would declare them, and capture as SQLite triggers that write to
//! a ChangeLog. What a SQLite column holds and its declared type could not hold in SQL Server (a text in a
//! numeric column) is NULL.

mod advice;
mod capture;
mod catalogue;
mod changes;
mod claims;
mod names;
mod rows;
mod surroundings;
#[cfg(test)]
mod tests;
mod types;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, types::ValueRef};

use super::model::{Answer, Model, SqlError, Statement, Value};
use types::SqlType;

/// How long it waits for the till. After that the client gets the error for a lock timeout.
const BUSY_TIMEOUT: Duration = Duration::from_millis(250);

/// A shop in a SQLite file, as SQL Server would show it.
#[derive(Debug)]
pub struct SqliteShop(Mutex<State>);

/// The state behind a mutex: SQLite has only one writer anyway.
#[derive(Debug)]
struct State {
    connection: Connection,
    installed: Installed,
    /// The application locks and the sessions that hold them.
    claims: BTreeMap<String, u64>,
}

/// What cannot be stored in SQLite.
#[derive(Debug, Default)]
struct Installed {
    /// The schema `shopmaster`.
    has_schema: bool,
    /// The text of the view `Pending`.
    pending: Option<String>,
    /// The type of the ChangeLog's key.
    key: Option<SqlType>,
    /// The trigger.
    trigger: Option<Trigger>,
}

/// The capture trigger, three of SQLite's.
#[derive(Debug, Clone)]
struct Trigger {
    name: String,
    table: String,
    definition: String,
}

impl SqliteShop {
    /// Opens an existing shop.
    ///
    /// # Errors
    ///
    /// When the database does not exist.
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::default() & !OpenFlags::SQLITE_OPEN_CREATE;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(Self(Mutex::new(State {
            connection,
            installed: Installed::default(),
            claims: BTreeMap::new(),
        })))
    }
}

impl Model for SqliteShop {
    fn answer(&self, session: u64, statement: &Statement) -> Result<Answer, SqlError> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        match statement.name.as_deref().unwrap_or_default() {
            // Statements that only print or set something.
            "install_nothing" | "take_back" => Ok(Answer::default()),
            "claim" | "claimed" => claims::answer(state, session, statement),
            "table" | "columns" | "named_columns" | "table_columns" | "look" | "table_identity"
            | "migrations" | "newest_migration" => catalogue::answer(state, statement),
            "server" | "encryption" | "triggers" | "modules" | "table_options" | "rights"
            | "can_impersonate" | "old_found" | "column_options" | "key_parts" | "predicates"
            | "masks" | "sight" | "synonyms" | "views" | "encrypted_modules" | "plan_cache"
            | "query_store_state" | "query_store" | "connected" | "dependencies"
            | "base_tables" | "foreign_keys" | "column_sources" => surroundings::answer(statement),
            "count" | "row_count" | "hidden_rows" | "view_keys" | "read" | "scan_start"
            | "scan_behind" | "scan_keys" | "read_odd" | "read_nothing" | "keys_start"
            | "keys_behind" | "gap" => rows::answer(state, statement),
            "flag_values" | "filled_rows" | "other_key" => advice::answer(state, statement),
            "installed" | "owner" | "set_owner" | "newest_change" | "backlog"
            | "change_log_size" | "pending" | "changes_of" | "acknowledge" => {
                changes::answer(state, statement)
            }
            _ => capture::answer(state, statement),
        }
    }

    fn end(&self, session: u64) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.claims.retain(|_, holder| *holder != session);
    }
}

/// The error that SQL Server would return.
impl From<rusqlite::Error> for SqlError {
    fn from(error: rusqlite::Error) -> Self {
        let message = error.to_string();
        let number = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => 1222,
            _ if message.contains("no such table") => 208,
            _ if message.contains("no such column") => 207,
            _ => 50_000,
        };
        Self::number(number).message(message)
    }
}

/// A parameter for SQLite.
fn bound(value: &Value) -> rusqlite::types::Value {
    use rusqlite::types::Value as Sqlite;
    match value {
        Value::Null | Value::Decimal(_) | Value::Guid(_) => Sqlite::Null,
        Value::Bit(bit) => Sqlite::Integer((*bit).into()),
        Value::Int(int) => Sqlite::Integer((*int).into()),
        Value::BigInt(int) | Value::DateTime(int) => Sqlite::Integer(*int),
        Value::Float(float) => Sqlite::Real(*float),
        Value::Text(text) => Sqlite::Text(text.clone()),
        Value::Binary(bytes) => Sqlite::Blob(bytes.clone()),
    }
}

/// The parameter `@P1` and so on.
fn parameter(statement: &Statement, number: usize) -> Result<rusqlite::types::Value, SqlError> {
    let value = number
        .checked_sub(1)
        .and_then(|at| statement.parameters.get(at));
    let missing = || SqlError::number(137).message(format!("there is no parameter @P{number}"));
    value.map(bound).ok_or_else(missing)
}

/// The parameter `@P1` and so on, which is a text.
fn text_parameter(statement: &Statement, number: usize) -> Result<String, SqlError> {
    match parameter(statement, number)? {
        rusqlite::types::Value::Text(text) => Ok(text),
        other => Err(SqlError::number(8114).message(format!("@P{number} is no text: {other:?}"))),
    }
}

/// A SQLite value as a string; none for a value that is neither text nor a number.
fn as_text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Integer(whole) => Some(whole.to_string()),
        ValueRef::Real(real) => Some(real.to_string()),
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Null | ValueRef::Blob(_) => None,
    }
}

/// Whether SQLite has an object with this name and kind.
fn exists(connection: &Connection, kind: &str, name: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = ?1 AND name = ?2 COLLATE NOCASE";
    connection.query_row(sql, [kind, name], |row| row.get::<_, i64>(0).map(|n| n > 0))
}
