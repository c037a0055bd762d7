//! Single values: the journal's identity, the pause, and the owner's generations.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, ToSql, types::FromSql};

use super::{Journal, Result, time};

/// A pause that survives a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Until this time.
    Until(Timestamp),
    /// Until the user resumes.
    UntilResumed,
}

/// What shows that the database was restored or the journal was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// This journal's own id.
    pub journal: String,
    /// The generation that the shop's database is known to have.
    pub generation: i64,
    /// The generation that was about to be written to it; equal to `generation` when there was none.
    pub proposed: i64,
}

/// The key of the identity of the product table's storage.
pub(super) const TABLE: &str = "table";
/// The key of how many more rows the product table had than the journal when every product was last compared.
pub(super) const EXCESS: &str = "excess";
impl Journal {
    /// The pause that an earlier version kept in the journal; now it is in [`AgentState`](super::AgentState).
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn pause(&self) -> Result<Option<Pause>> {
        self.read("read the pause", |connection| {
            Ok(
                get::<i64>(connection, "paused_until")?.map(|until| match until {
                    i64::MAX => Pause::UntilResumed,
                    until => Pause::Until(time(until)),
                }),
            )
        })
        .await
    }

    /// The identity of the product table's storage when all its rows were last known to be captured or
    /// compared; none if it was never recorded.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn table_identity(&self) -> Result<Option<String>> {
        self.read("read the identity of the product table", |connection| {
            get(connection, TABLE)
        })
        .await
    }

    /// Records the identity of the product table's storage.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn note_table_identity(&self, identity: String) -> Result<()> {
        self.write(
            "record the identity of the product table",
            move |transaction| set(transaction, TABLE, &identity),
        )
        .await
    }

    /// This journal's id and generations.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn stamp(&self) -> Result<Stamp> {
        self.read("read its identity", |connection| {
            Ok(Stamp {
                journal: get(connection, "journal")?.unwrap_or_default(),
                generation: get(connection, "generation")?.unwrap_or_default(),
                proposed: get(connection, "proposed")?.unwrap_or_default(),
            })
        })
        .await
    }

    /// Records the generation that is about to be written to the shop's database.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn propose_generation(&self, generation: i64) -> Result<()> {
        self.write("record the proposed generation", move |transaction| {
            set(transaction, "proposed", &generation)
        })
        .await
    }

    /// Records that this generation was written to the shop's database.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn confirm_generation(&self, generation: i64) -> Result<()> {
        self.write("confirm the generation", move |transaction| {
            set(transaction, "generation", &generation)?;
            set(transaction, "proposed", &generation)
        })
        .await
    }
}

pub(super) fn get<T: FromSql>(connection: &Connection, key: &str) -> rusqlite::Result<Option<T>> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
        .map(Option::flatten)
}

pub(super) fn set(connection: &Connection, key: &str, value: &dyn ToSql) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?
        .execute((key, value))?;
    Ok(())
}
