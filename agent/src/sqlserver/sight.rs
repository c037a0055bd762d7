//! What this login may look at besides the product table, and the grants for the rest.

use tiberius::{Row, ToSql};

use super::{cells::text, fault::Work, quote::identifier, session::Session};

/// What this login may look at.
#[derive(Debug)]
pub(super) struct Sight {
    user: String,
    login: String,
    /// Each module, view, synonym and table of the database.
    pub(super) sees_definitions: bool,
    /// What the database remembers of statements.
    pub(super) sees_database_state: bool,
    /// What the server remembers of statements, and who is connected.
    pub(super) sees_server_state: bool,
}

/// What came of a look at something that may be hidden, or missing on this server.
pub(super) enum Look {
    Seen(Vec<Row>),
    /// This login may not.
    Hidden,
    /// This server has no such thing, or failed to show it.
    Missing,
}

impl Sight {
    pub(super) async fn read(session: &mut Session) -> Work<Self> {
        let rows = session.rows(include_str!("sql/sight.sql"), &[]).await?;
        let row = rows.first();
        let name = |index| row.map_or(Ok(String::new()), |row| text(row, index));
        let right = |index| -> Work<Option<i32>> {
            Ok(row.map(|row| row.try_get(index)).transpose()?.flatten())
        };
        // A right that the server does not know of is not missed: the look itself tells.
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

    pub(super) fn grant_definitions(&self) -> String {
        format!("GRANT VIEW DEFINITION TO {}", identifier(&self.user))
    }

    pub(super) fn grant_database_state(&self) -> String {
        format!("GRANT VIEW DATABASE STATE TO {}", identifier(&self.user))
    }

    pub(super) fn grant_server_state(&self) -> String {
        format!(
            "USE [master]; GRANT VIEW SERVER STATE TO {}",
            identifier(&self.login)
        )
    }

    pub(super) fn grant_select(&self, table: &str) -> String {
        format!("GRANT SELECT ON {table} TO {}", identifier(&self.user))
    }
}

impl Look {
    /// Asks, where the answer may be that it cannot be seen.
    pub(super) async fn at(
        session: &mut Session,
        sql: &str,
        parameters: &[&dyn ToSql],
    ) -> Work<Self> {
        match session.rows(sql, parameters).await {
            Ok(rows) => Ok(Self::Seen(rows)),
            Err(fault) if session.is_spoiled() || !fault.is_server() => Err(fault),
            Err(fault) if fault.is_denied() => Ok(Self::Hidden),
            Err(fault) => {
                tracing::debug!(?fault, "the server does not show it");
                Ok(Self::Missing)
            }
        }
    }
}
