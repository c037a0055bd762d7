//! Single values: identity, the pause, and stamps of the owner.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, ToSql, types::FromSql};

use super::{Journal, Result, time};

/// A pause that survives a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Until this time.
    Until(Timestamp),
    /// Until somebody resumes.
    UntilResumed,
}

/// What makes a restored database or a copied journal visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// This journal's own id.
    pub journal: String,
    /// The generation that the shop's database is known to have.
    pub generation: i64,
    /// The generation that was about to be written there; equal to `generation` when none was.
    pub proposed: i64,
}

/// The key of what names the product table's body.
pub(super) const TABLE: &str = "table";
/// The key of how many rows more than the journal the product table had, when every product was last compared.
pub(super) const EXCESS: &str = "excess";

impl Journal {
    /// The pause that an earlier version kept here; today it is in [`AgentState`](super::AgentState).
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

    /// What named the product table's body when all its rows were last known to be captured or compared; none
    /// before it was noted.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn table_identity(&self) -> Result<Option<String>> {
        self.read("read which table it was", |connection| {
            get(connection, TABLE)
        })
        .await
    }

    /// Notes what names the product table's body.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn note_table_identity(&self, identity: String) -> Result<()> {
        self.write("note which table it is", move |transaction| {
            set(transaction, TABLE, &identity)
        })
        .await
    }

    /// This journal's id and generations.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn stamp(&self) -> Result<Stamp> {
        self.read("read its own identity", |connection| {
            Ok(Stamp {
                journal: get(connection, "journal")?.unwrap_or_default(),
                generation: get(connection, "generation")?.unwrap_or_default(),
                proposed: get(connection, "proposed")?.unwrap_or_default(),
            })
        })
        .await
    }

    /// Notes the generation that is about to be written to the shop's database.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn propose_generation(&self, generation: i64) -> Result<()> {
        self.write("propose a generation", move |transaction| {
            set(transaction, "proposed", &generation)
        })
        .await
    }

    /// Notes the generation that was written to the shop's database.
    ///
    /// # Errors
    ///
    /// When SQLite fails.
    pub async fn confirm_generation(&self, generation: i64) -> Result<()> {
        self.write("confirm a generation", move |transaction| {
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
