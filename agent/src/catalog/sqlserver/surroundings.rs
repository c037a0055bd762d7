//! What is around the product table: the server, and what else lives on the table.

use tiberius::Row;

use super::{cells::text, facts::Table, fault::Work, planned::label, session::Session};
use crate::catalog::CatalogError;

/// The server and its database.
#[derive(Debug)]
pub(super) struct Server {
    /// `15.0.2000.5`.
    pub(super) version: String,
    pub(super) edition: String,
    pub(super) name: String,
    pub(super) login: String,
    pub(super) database: String,
    pub(super) is_read_only: bool,
    /// Whether a trigger's write starts triggers; none when it cannot be seen.
    pub(super) nested_triggers: Option<bool>,
}

/// What the product table is besides a table.
#[derive(Debug)]
pub(super) struct TableOptions(Row);

/// A trigger of the shop's on the product table.
#[derive(Debug)]
pub(super) struct Trigger {
    pub(super) name: String,
    pub(super) is_disabled: bool,
    pub(super) is_instead_of: bool,
}

/// A procedure, function, view or trigger.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) name: String,
    pub(super) definition: String,
}

impl Server {
    pub(super) async fn read(session: &mut Session) -> Work<Self> {
        let rows = session.rows(include_str!("sql/server.sql"), &[]).await?;
        let text = |index| {
            rows.first()
                .map_or(Ok(String::new()), |row| text(row, index))
        };
        let number = |index| -> Work<Option<i32>> {
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
        })
    }

    /// 10 is SQL Server 2008. One that does not say is taken for a new one.
    pub(super) fn major(&self) -> u32 {
        let major = self.version.split('.').next();
        major
            .and_then(|major| major.parse().ok())
            .unwrap_or(u32::MAX)
    }
}

impl TableOptions {
    pub(super) async fn read(session: &mut Session, table: &Table) -> Work<Self> {
        let rows = session
            .rows(include_str!("sql/table_options.sql"), &[&table.object_id])
            .await?;
        let missing = || CatalogError::NoTable(label(table)).into();
        rows.into_iter().next().map(Self).ok_or_else(missing)
    }

    /// Whether a trigger on it is allowed, and harmless.
    pub(super) fn check(&self, table: &Table) -> Work<()> {
        let reasons = [
            (
                self.has("is_memory_optimized"),
                "it is memory-optimised, where triggers are another kind",
            ),
            (
                self.has("temporal_type"),
                "it is a temporal table, or the history of one",
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
                self.has("is_published")
                    || self.has("is_merge_published")
                    || self.has("is_replicated"),
                "it takes part in replication",
            ),
        ];
        match reasons.into_iter().find(|(is_so, _)| *is_so) {
            Some((_, reason)) => Err(CatalogError::Unsafe {
                table: label(table),
                reason: reason.to_owned(),
            }
            .into()),
            None => Ok(()),
        }
    }

    /// Whether the server knows the property, and the table has it.
    fn has(&self, property: &str) -> bool {
        if !self
            .0
            .columns()
            .iter()
            .any(|column| column.name() == property)
        {
            return false;
        }
        match self.0.try_get::<bool, _>(property) {
            Ok(flag) => flag == Some(true),
            Err(_) => matches!(self.0.try_get::<u8, _>(property), Ok(Some(1..))),
        }
    }
}

/// What the server says of this connection; none when this login may not see it.
pub(super) async fn encryption(session: &mut Session) -> Option<String> {
    let rows = session
        .rows(include_str!("sql/encryption.sql"), &[])
        .await
        .ok()?;
    text(rows.first()?, 0).ok()
}

/// The shop's own triggers on the table.
pub(super) async fn triggers(session: &mut Session, table: &Table) -> Work<Vec<Trigger>> {
    let rows = session
        .rows(include_str!("sql/triggers.sql"), &[&table.object_id])
        .await?;
    let trigger = |row: &Row| -> Work<_> {
        Ok(Trigger {
            name: text(row, 0)?,
            is_disabled: row.try_get::<i32, _>(1)? == Some(1),
            is_instead_of: row.try_get::<i32, _>(2)? == Some(1),
        })
    };
    rows.iter().map(trigger).collect()
}

/// Modules that have both `OUTPUT` and the table's name in them.
pub(super) async fn modules(session: &mut Session, table: &Table) -> Work<Vec<Module>> {
    let rows = session
        .rows(include_str!("sql/modules.sql"), &[&table.name])
        .await?;
    let module = |row: &Row| -> Work<_> {
        Ok(Module {
            name: format!("{}.{}", text(row, 0)?, text(row, 1)?),
            definition: text(row, 2)?,
        })
    };
    rows.iter().map(module).collect()
}
