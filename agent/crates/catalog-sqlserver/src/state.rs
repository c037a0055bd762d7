//! What the server says about the shop's database to a session that is not in it.

use std::time::Duration;

use shopmaster_catalog::{CatalogError, Closed};
use tiberius::Row;

use super::{
    SqlServerOptions,
    error::{QueryError, QueryResult},
    row::{number, text},
    session::Session,
};

/// A row of `sys.databases`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DatabaseState {
    /// The database's real name.
    pub(crate) name: String,
    /// Why the database is not open to everyone, if it is not.
    pub(crate) closed: Option<Closed>,
    /// Whether no session is in it and so the server has closed it (`AUTO_CLOSE`): entering opens it.
    pub(crate) is_asleep: bool,
}

/// The result of a check: none when the database does not exist or is hidden from this login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look(pub(crate) Option<DatabaseState>);

impl Look {
    /// Reads the state. This opens no database, and locks nothing in the shop's database.
    pub(crate) async fn read(
        session: &mut Session,
        options: &SqlServerOptions,
        deadline: Duration,
    ) -> QueryResult<Self> {
        let sql = include_str!("sql/database.sql");
        let rows = session
            .rows_within(deadline, sql, &[&options.database])
            .await?;
        let database = rows.first().map(DatabaseState::of).transpose()?;
        Ok(Self(database))
    }

    /// Whether no session is in it and the server has closed it.
    pub(crate) fn is_asleep(&self) -> bool {
        let database = self.0.as_ref();
        database.is_some_and(|database| database.is_asleep)
    }

    /// Why the database is not open to everyone, if it is not.
    pub(crate) fn closed(&self) -> Option<Closed> {
        self.0.as_ref()?.closed
    }

    /// Checks that the database is open to everyone, as far as can be seen.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Closed`] when it is not.
    pub(crate) fn check(&self) -> QueryResult<()> {
        match &self.0 {
            Some(DatabaseState {
                name,
                closed: Some(state),
                ..
            }) => Err(closed(name.clone(), *state)),
            _ => Ok(()),
        }
    }
}

impl DatabaseState {
    fn of(row: &Row) -> QueryResult<Self> {
        Ok(Self {
            name: text(row, 0)?,
            closed: why_closed(number(row, 1)?, number(row, 2)?),
            is_asleep: number(row, 3)? == 1,
        })
    }
}

/// Why the database is closed, by the numbers in `sys.databases`.
fn why_closed(state: i32, user_access: i32) -> Option<Closed> {
    match (state, user_access) {
        (1, _) => Some(Closed::Restoring),
        (2, _) => Some(Closed::Recovering),
        (3, _) => Some(Closed::RecoveryPending),
        (4, _) => Some(Closed::Suspect),
        (5, _) => Some(Closed::Emergency),
        (6, _) => Some(Closed::Offline),
        (0, 1) => Some(Closed::SingleUser),
        (0, 2) => Some(Closed::RestrictedUser),
        (0, _) => None,
        // States of Azure: the database is being copied, or has moved to its secondary.
        _ => Some(Closed::Changing),
    }
}

/// Why the database is closed, by the number of the error with which the server refused to let the session in.
pub(crate) fn refusal(number: u32) -> Option<Closed> {
    match number {
        924 => Some(Closed::SingleUser),
        927 => Some(Closed::Restoring),
        922 => Some(Closed::Recovering),
        942 => Some(Closed::Offline),
        952 => Some(Closed::Changing),
        926 => Some(Closed::Suspect),
        _ => None,
    }
}

pub(crate) fn closed(database: String, state: Closed) -> QueryError {
    CatalogError::Closed { database, state }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_online_and_multi_user_is_open() {
        for state in 0..=10 {
            for user_access in 0..=2 {
                let is_open = why_closed(state, user_access).is_none();
                assert_eq!(
                    is_open,
                    (state, user_access) == (0, 0),
                    "{state} {user_access}"
                );
            }
        }
        // While it is restored, the access that it had says nothing.
        assert_eq!(why_closed(1, 1), Some(Closed::Restoring));
        assert_eq!(why_closed(0, 1), Some(Closed::SingleUser));
    }

    #[test]
    fn what_is_damaged_is_not_reserved() {
        let reserved = |state| CatalogError::Closed {
            database: "shop".to_owned(),
            state,
        };
        for (state, code) in [
            (Closed::SingleUser, "DATABASE_RESERVED"),
            (Closed::RestrictedUser, "DATABASE_RESERVED"),
            (Closed::Restoring, "DATABASE_RESERVED"),
            (Closed::Recovering, "DATABASE_RESERVED"),
            (Closed::Offline, "DATABASE_RESERVED"),
            (Closed::Emergency, "DATABASE_RESERVED"),
            (Closed::Changing, "DATABASE_RESERVED"),
            (Closed::Taken, "DATABASE_RESERVED"),
            (Closed::RecoveryPending, "DATABASE_UNREACHABLE"),
            (Closed::Suspect, "DATABASE_UNREACHABLE"),
        ] {
            let error = reserved(state);
            assert_eq!(error.code(), code, "{error}");
            assert_eq!(error.is_reserved(), code == "DATABASE_RESERVED", "{error}");
            assert!(error.may_pass() && error.is_away() && error.is_unreachable());
            assert!(!error.is_passing() && !error.may_be_hiccup());
        }
    }
}
