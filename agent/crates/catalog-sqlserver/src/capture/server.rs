//! The product table's surroundings: the server, and features that the table uses.

use shopmaster_catalog::CatalogError;
use tiberius::Row;

use crate::{
    captured::Captured,
    error::QueryResult,
    row::{property_of, text},
    session::Session,
};

/// The server and its database.
#[derive(Debug)]
pub(crate) struct Server {
    /// The version: `15.0.2000.5`.
    pub(crate) version: String,
    pub(crate) edition: String,
    pub(crate) name: String,
    pub(crate) login: String,
    pub(crate) database: String,
    pub(crate) is_read_only: bool,
    /// Whether the database is a copy that another server maintains.
    pub(crate) is_secondary: bool,
    /// Which sessions may enter it, if not all may.
    pub(crate) reserved_for: Option<String>,
    /// The database's compatibility level: 80 is SQL Server 2000.
    pub(crate) compatibility: Option<i32>,
    /// Whether the server closes it when no session is in it.
    pub(crate) closes: bool,
    /// Whether it publishes its changes by merge replication.
    is_merge_publisher: bool,
    /// Whether a trigger's write fires other triggers; none when that is hidden.
    pub(crate) nested_triggers: Option<bool>,
}

/// The features that the product table uses.
#[derive(Debug)]
pub(crate) struct TableOptions(Row);

/// What the user should know about the product table, and what to do about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Note {
    pub(crate) text: &'static str,
    pub(crate) remedy: &'static str,
}

/// The `temporal_type` of the history of a temporal table.
const HISTORY: u8 = 1;

impl Server {
    pub(crate) async fn read(session: &mut Session) -> QueryResult<Self> {
        let rows = session.rows(include_str!("../sql/server.sql"), &[]).await?;
        let text = |index| {
            rows.first()
                .map_or(Ok(String::new()), |row| text(row, index))
        };
        let number = |index| -> QueryResult<Option<i32>> {
            Ok(rows
                .first()
                .map(|row| row.try_get(index))
                .transpose()?
                .flatten())
        };
        Ok(Self {
            version: text(0)?,
            edition: text(1)?,
            name: text(2)?,
            login: text(3)?,
            database: text(4)?,
            is_read_only: number(5)? == Some(1),
            nested_triggers: number(6)?.map(|setting| setting == 1),
            is_secondary: number(7)? == Some(1),
            reserved_for: Some(text(8)?).filter(|access| !access.is_empty()),
            compatibility: number(9)?,
            closes: number(10)? == Some(1),
            is_merge_publisher: number(11)? == Some(1),
        })
    }

    /// The major version; 10 is SQL Server 2008. A server that does not report it counts as new.
    pub(crate) fn major(&self) -> u32 {
        let major = self.version.split('.').next();
        major
            .and_then(|major| major.parse().ok())
            .unwrap_or(u32::MAX)
    }
}

impl TableOptions {
    pub(crate) async fn read(session: &mut Session, table: &Captured) -> QueryResult<Self> {
        let rows = session
            .rows(
                include_str!("../sql/table_options.sql"),
                &[&table.object_id],
            )
            .await?;
        let missing = || CatalogError::NoVisibleTable(table.label()).into();
        rows.into_iter().next().map(Self).ok_or_else(missing)
    }

    /// Checks that a trigger on the table is possible and harmless, and returns what the user should know about
    /// it.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Unsafe`], or for a watched table [`CatalogError::UnfitWatch`], when it is not.
    pub(crate) fn check(&self, table: &Captured, server: &Server) -> QueryResult<Option<Note>> {
        let is_published = self.has("is_published") || self.has("is_replicated");
        let is_merged = self.has("is_merge_published");
        let reasons = [
            (
                self.has("is_memory_optimized"),
                "it is memory-optimized, which needs a different kind of trigger",
            ),
            (
                self.number("temporal_type") == HISTORY,
                "it is the history of a temporal table, to which only the server writes",
            ),
            (
                self.has("is_external"),
                "it is an external table, whose rows are not in this database",
            ),
            (self.has("is_filetable"), "it is a file table"),
            (
                self.has("is_node") || self.has("is_edge"),
                "it is a graph table",
            ),
            (self.has("ledger_type"), "it is a ledger table"),
            (
                is_merged && !server.is_merge_publisher,
                "it is a copy that merge replication maintains and may recreate at any time",
            ),
        ];
        if let Some((_, reason)) = reasons.into_iter().find(|(is_so, _)| *is_so) {
            return Err(match table.is_watched {
                false => CatalogError::Unsafe {
                    table: table.label(),
                    reason: reason.to_owned(),
                },
                true => CatalogError::UnfitWatch {
                    watched: table.label(),
                    reason: reason.to_owned(),
                },
            }
            .into());
        }
        let notes = [
            (
                self.has("temporal_type"),
                Note {
                    text: "it is a temporal table, and the trigger is on its current rows",
                    remedy: "No action needed: the server writes the history itself, which fires no trigger",
                },
            ),
            (
                is_published || is_merged || self.has("is_sync_tran_subscribed"),
                Note {
                    text: "it takes part in replication, and changes from replication are captured, too",
                    remedy: "Run `shopmasterctl capture status` after the publication was reinitialized: a table that is recreated loses its trigger",
                },
            ),
        ];
        Ok(notes
            .into_iter()
            .find(|(is_so, _)| *is_so)
            .map(|(_, note)| note))
    }

    /// Whether the server supports the property, and the table has it.
    fn has(&self, property: &str) -> bool {
        self.number(property) > 0
    }

    /// A property's value; zero when the server does not support it.
    fn number(&self, property: &str) -> u8 {
        property_of(&self.0, property)
    }
}

/// Whether this connection is encrypted, according to the server; none when this login may not see it.
pub(crate) async fn encryption(session: &mut Session) -> Option<String> {
    let rows = session
        .rows(include_str!("../sql/encryption.sql"), &[])
        .await
        .ok()?;
    text(rows.first()?, 0).ok()
}
