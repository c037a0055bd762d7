//! What this login may see besides the product table, and the grants for the rest.

use tiberius::{Row, ToSql};

use super::{error::QueryResult, quote::identifier, row::text, session::Session};

/// What this login may see.
#[derive(Debug)]
pub(crate) struct Sight {
    user: String,
    login: String,
    /// Whether it sees every module, view, synonym and table of the database.
    pub(crate) sees_definitions: bool,
    /// Whether it sees the statements that the database remembers.
    pub(crate) sees_database_state: bool,
    /// Whether it sees the statements that the server remembers, and which programs are connected.
    pub(crate) sees_server_state: bool,
}

/// The result of reading something that may be hidden, or missing on this server.
pub(crate) enum Look {
    Seen(Vec<Row>),
    /// This login may not see it.
    Hidden,
    /// This server does not have it, or failed to show it.
    Missing,
}

impl Sight {
    pub(crate) async fn read(session: &mut Session) -> QueryResult<Self> {
        let rows = session.rows(include_str!("sql/sight.sql"), &[]).await?;
        let row = rows.first();
        let name = |index| row.map_or(Ok(String::new()), |row| text(row, index));
        let right = |index| -> QueryResult<Option<i32>> {
            Ok(row.map(|row| row.try_get(index)).transpose()?.flatten())
        };
        // A right that the server does not know does not count as missing: reading itself shows whether it
        // works.
        let any = |rights: &[Option<i32>]| {
            rights.contains(&Some(1)) || rights.iter().all(Option::is_none)
        };
        Ok(Self {
            user: name(0)?,
            login: name(1)?,
            sees_definitions: any(&[right(2)?]),
            sees_database_state: any(&[right(3)?, right(4)?]),
            sees_server_state: any(&[right(5)?, right(6)?]),
        })
    }

    pub(crate) fn grant_definitions(&self) -> String {
        format!("GRANT VIEW DEFINITION TO {}", identifier(&self.user))
    }

    pub(crate) fn grant_database_state(&self) -> String {
        format!("GRANT VIEW DATABASE STATE TO {}", identifier(&self.user))
    }

    pub(crate) fn grant_server_state(&self) -> String {
        format!(
            "USE [master]; GRANT VIEW SERVER STATE TO {}",
            identifier(&self.login)
        )
    }

    pub(crate) fn grant_select(&self, table: &str) -> String {
        format!("GRANT SELECT ON {table} TO {}", identifier(&self.user))
    }
}

impl Look {
    /// Runs a query whose result may be hidden or missing.
    pub(crate) async fn at(
        session: &mut Session,
        sql: &str,
        parameters: &[&dyn ToSql],
    ) -> QueryResult<Self> {
        match session.rows(sql, parameters).await {
            Ok(rows) => Ok(Self::Seen(rows)),
            Err(fault) if session.is_spoiled() || !fault.is_server() => Err(fault),
            Err(fault) if fault.is_denied() => Ok(Self::Hidden),
            Err(fault) => {
                tracing::debug!(
                    ?fault,
                    "the server does not show what the preflight asked for"
                );
                Ok(Self::Missing)
            }
        }
    }
}
