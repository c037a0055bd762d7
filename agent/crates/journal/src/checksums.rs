//! Checksums of the journal's tables. SQLite has none: a flipped bit inside a value is read as if it had been
//! written.
//!
//! Each row has a seal: the first 8 bytes of SHA-256 over its table and its values. The table `checksum`
//! contains, for every other table, how many rows it has and the sum of their seals. It is written with every
//! transaction, and compared with the rows once, when the journal is opened.
//!
//! Triggers report every row that is written or deleted, so that no statement can change one unnoticed. They
//! belong to the connection, not to the file.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::{
    Connection, ErrorCode, OptionalExtension as _, Transaction, TransactionBehavior,
    functions::{Context, FunctionFlags},
    types::ValueRef,
};
use sha2::{Digest as _, Sha256};

use super::DigestBytes;

/// How uncommitted writes change the tables' sums.
#[derive(Debug, Clone, Default)]
pub(super) struct Checksums(Arc<Mutex<BTreeMap<String, Sum>>>);

/// How many rows a table has, and the sum of their seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Sum {
    rows: i64,
    seals: i64,
}

/// Whether the rows are the ones that were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Soundness {
    Sound,
    /// Some are not, for the reason given, but all of them can be read.
    Doubtful(String),
    /// The journal cannot be used, for the reason given.
    Unusable(String),
}

/// The tables that say which account the journal belongs to and how to read it: the journal cannot be used when
/// one of them is wrong.
const SELF: [&str; 2] = ["meta", SCHEMA];
const SCHEMA: &str = "sqlite_schema";

impl Checksums {
    /// Watches every write on this connection.
    pub(super) fn watch(connection: &Connection) -> rusqlite::Result<Self> {
        let changes = Self::default();
        let noted = changes.clone();
        connection.create_scalar_function(
            "note_row",
            -1,
            FunctionFlags::SQLITE_UTF8,
            move |row| noted.note(row),
        )?;
        connection.pragma_update(None, "temp_store", "memory")?;
        // `INSERT OR REPLACE` must fire the delete trigger for the row that it replaces.
        connection.pragma_update(None, "recursive_triggers", true)?;
        for table in tables(connection)?.iter().filter(|table| *table != SCHEMA) {
            let (old, new) = (
                columns(connection, table, "OLD")?,
                columns(connection, table, "NEW")?,
            );
            connection.execute_batch(&format!(
                "CREATE TEMP TRIGGER {table}_inserted AFTER INSERT ON main.{table} BEGIN
                     SELECT note_row(1, '{table}', {new});
                 END;
                 CREATE TEMP TRIGGER {table}_deleted AFTER DELETE ON main.{table} BEGIN
                     SELECT note_row(-1, '{table}', {old});
                 END;
                 CREATE TEMP TRIGGER {table}_updated AFTER UPDATE ON main.{table} BEGIN
                     SELECT note_row(-1, '{table}', {old}), note_row(1, '{table}', {new});
                 END;"
            ))?;
        }
        Ok(changes)
    }

    /// Runs `work` in one transaction. Everything that is written to the journal is written here.
    pub(super) fn write<T>(
        &self,
        connection: &mut Connection,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        // These changes are left over from a transaction that failed.
        self.changes().clear();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        for (table, change) in &*self.changes() {
            let before = stored(&transaction, table)?.unwrap_or_default();
            store(&transaction, table, before.plus(*change))?;
        }
        transaction.commit()?;
        Ok(value)
    }

    /// Accepts the rows as they are, after damage.
    pub(super) fn accept(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        take(transaction)?;
        self.changes().clear();
        Ok(())
    }

    fn note(&self, row: &Context<'_>) -> rusqlite::Result<bool> {
        let rows: i64 = row.get(0)?;
        let table = row.get_raw(1).as_str()?;
        let seal = seal(table, (2..row.len()).map(|column| row.get_raw(column)));
        let change = Sum {
            rows,
            seals: seal.wrapping_mul(rows),
        };
        let mut changes = self.changes();
        match changes.get_mut(table) {
            Some(before) => *before = before.plus(change),
            None => drop(changes.insert(table.to_owned(), change)),
        }
        Ok(true)
    }

    fn changes(&self) -> MutexGuard<'_, BTreeMap<String, Sum>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sum {
    fn plus(self, other: Self) -> Self {
        Self {
            rows: self.rows.wrapping_add(other.rows),
            seals: self.seals.wrapping_add(other.seals),
        }
    }
}

/// How many rows a table has.
pub(super) fn rows(connection: &Connection, table: &str) -> rusqlite::Result<u64> {
    let sum = stored(connection, table)?.unwrap_or_default();
    Ok(sum.rows.unsigned_abs())
}

/// Accepts the rows of all tables as they are, after the schema changed.
pub(super) fn take(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM checksum", [])?;
    for table in tables(transaction)? {
        let (sum, _) = scan(transaction, &table)?;
        store(transaction, &table, sum)?;
    }
    Ok(())
}

/// Compares all rows with what was written.
pub(super) fn verify(connection: &Connection) -> rusqlite::Result<Soundness> {
    match compare(connection) {
        // A name in the schema has changed.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {
            Ok(Soundness::Unusable(format!("it is damaged ({error})")))
        }
        compared => compared,
    }
}

fn compare(connection: &Connection) -> rusqlite::Result<Soundness> {
    let mut found = Soundness::Sound;
    for table in tables(connection)? {
        let (sum, readable) = scan(connection, &table)?;
        if readable && stored(connection, &table)? == Some(sum) {
            continue;
        }
        let reason =
            format!("it is damaged (the content of table `{table}` differs from what was written)");
        if !readable || SELF.contains(&table.as_str()) {
            return Ok(Soundness::Unusable(reason));
        }
        found = Soundness::Doubtful(reason);
    }
    Ok(found)
}

/// The sum of a table's rows as they are, and whether all values have a form that this program writes.
fn scan(connection: &Connection, table: &str) -> rusqlite::Result<(Sum, bool)> {
    let mut statement = connection.prepare(&format!("SELECT * FROM main.{table}"))?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let (mut sum, mut readable) = (Sum::default(), true);
    while let Some(row) = rows.next()? {
        let values: Vec<_> = (0..columns)
            .map(|column| row.get_ref(column))
            .collect::<rusqlite::Result<_>>()?;
        readable &= values.iter().all(|value| is_written(*value));
        sum = sum.plus(Sum {
            rows: 1,
            seals: seal(table, values.iter().copied()),
        });
    }
    Ok((sum, readable))
}

fn is_written(value: ValueRef<'_>) -> bool {
    match value {
        ValueRef::Null | ValueRef::Integer(_) => true,
        ValueRef::Real(_) => false,
        ValueRef::Text(text) => std::str::from_utf8(text).is_ok(),
        ValueRef::Blob(digest) => digest.len() == size_of::<DigestBytes>(),
    }
}

fn seal<'a>(table: &str, values: impl Iterator<Item = ValueRef<'a>>) -> i64 {
    let mut bytes = Vec::with_capacity(128);
    bytes.extend_from_slice(table.as_bytes());
    for value in values {
        let (kind, value) = match &value {
            ValueRef::Null => (0, &[][..]),
            ValueRef::Integer(number) => (1, &number.to_le_bytes()[..]),
            ValueRef::Real(number) => (2, &number.to_le_bytes()[..]),
            ValueRef::Text(text) => (3, *text),
            ValueRef::Blob(blob) => (4, *blob),
        };
        bytes.push(kind);
        bytes.extend_from_slice(&value.len().to_le_bytes());
        bytes.extend_from_slice(value);
    }
    let digest: [u8; 32] = Sha256::digest(&bytes).into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    i64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// All tables that have a checksum, including the schema.
fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut tables: Vec<String> = connection
        .prepare(
            "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name <> 'checksum'
             ORDER BY name",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    tables.push(SCHEMA.to_owned());
    Ok(tables)
}

fn columns(connection: &Connection, table: &str, row: &str) -> rusqlite::Result<String> {
    let columns: Vec<String> = connection
        .prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?
        .query_map([table], |column| {
            Ok(format!("{row}.\"{}\"", column.get::<_, String>(0)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(columns.join(", "))
}

fn stored(connection: &Connection, table: &str) -> rusqlite::Result<Option<Sum>> {
    connection
        .prepare_cached("SELECT rows, seals FROM checksum WHERE name = ?1")?
        .query_row([table], |row| {
            Ok(Sum {
                rows: row.get(0)?,
                seals: row.get(1)?,
            })
        })
        .optional()
}

fn store(connection: &Connection, table: &str, sum: Sum) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO checksum (name, rows, seals) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET rows = ?2, seals = ?3",
        )?
        .execute((table, sum.rows, sum.seals))?;
    Ok(())
}
