//! The server's databases: the shop's one and `tempdb`, which connections use them, and which logins may.

use std::collections::BTreeMap;

use tokio::task::AbortHandle;

use super::{
    model::{Answer, ColumnType, ResultSet, SqlError, Statement, Value},
    settings::{DatabaseState, Settings, UserAccess, Way},
};

/// The databases that every login may use.
const TEMPDB: &str = "tempdb";
/// The statements that do not need the shop's database.
const ANYWHERE: [&str; 2] = ["claim", "claimed"];

/// The connections and their databases.
#[derive(Debug, Default)]
pub(super) struct Databases {
    connections: BTreeMap<u64, Connection>,
    /// Counts the server's starts.
    starts: i32,
}

#[derive(Debug)]
struct Connection {
    /// Ends it.
    handle: AbortHandle,
    /// None before its login.
    database: Option<Database>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Database {
    Shop,
    Tempdb,
}

impl Databases {
    pub(super) fn connect(&mut self, number: u64, handle: AbortHandle) {
        let database = None;
        self.connections
            .insert(number, Connection { handle, database });
    }

    pub(super) fn disconnect(&mut self, number: u64) {
        self.connections.remove(&number);
    }

    pub(super) fn restart(&mut self) {
        self.starts += 1;
        self.connections.clear();
    }

    /// Ends all connections.
    pub(super) fn end_all(&mut self) {
        for connection in std::mem::take(&mut self.connections).into_values() {
            connection.handle.abort();
        }
    }

    pub(super) fn inside(&self) -> usize {
        self.count(|database| database == Database::Shop)
    }

    pub(super) fn connected(&self) -> usize {
        self.count(|_| true)
    }

    fn count(&self, counts: impl Fn(Database) -> bool) -> usize {
        let databases = self.connections.values().filter_map(|it| it.database);
        databases.filter(|database| counts(*database)).count()
    }

    /// Ends the connections that are in the shop's database.
    pub(super) fn throw_out(&mut self) -> usize {
        let before = self.connections.len();
        self.connections.retain(|_, connection| {
            let stays = connection.database != Some(Database::Shop);
            if !stays {
                connection.handle.abort();
            }
            stays
        });
        before - self.connections.len()
    }

    /// Opens the database for a login.
    pub(super) fn log_in(
        &mut self,
        settings: &Settings,
        number: u64,
        username: &str,
        database: &str,
    ) -> Result<(), SqlError> {
        let unknown = |name: &str| {
            SqlError::number(4060).message(format!(
                "Cannot open database \"{name}\" requested by the login. The login failed."
            ))
        };
        let database = if database.eq_ignore_ascii_case(&settings.database) {
            self.refused(settings)
                .map_or(Ok(Database::Shop), |_| Err(unknown(database)))?
        } else if database != TEMPDB {
            return Err(unknown(database));
        } else if settings.way == Way::Contained {
            let text = format!("Login failed for user '{username}'.");
            return Err(SqlError::number(18_456).message(text));
        } else {
            Database::Tempdb
        };
        self.put(number, database);
        Ok(())
    }

    fn put(&mut self, number: u64, database: Database) {
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.database = Some(database);
        }
    }

    /// Why the shop's database cannot be opened now; none when it can.
    fn refused(&self, settings: &Settings) -> Option<SqlError> {
        let name = &settings.database;
        let refused = |number, text: &str| {
            let text = format!("Database '{name}' {text}");
            Some(SqlError::number(number).message(text))
        };
        match (settings.state, settings.access) {
            (DatabaseState::Offline, _) => refused(942, "cannot be opened because it is offline."),
            (DatabaseState::Restoring, _) => {
                refused(927, "cannot be opened. It is in the middle of a restore.")
            }
            (DatabaseState::Recovering, _) => refused(
                922,
                "is being recovered. Waiting until recovery is finished.",
            ),
            (DatabaseState::Suspect | DatabaseState::RecoveryPending, _) => refused(
                926,
                "cannot be opened. It has been marked SUSPECT by recovery.",
            ),
            (DatabaseState::Emergency, _) | (_, UserAccess::Restricted) => {
                refused(916, "is not for this login.")
            }
            (DatabaseState::Online, UserAccess::Single) if self.inside() > 0 => {
                refused(924, "is already open and can only have one user at a time.")
            }
            (DatabaseState::Online, _) => None,
        }
    }

    /// Answers statements about databases. None for a statement of the model.
    pub(super) fn answer(
        &mut self,
        settings: &Settings,
        number: u64,
        statement: &Statement,
    ) -> Option<Result<Answer, SqlError>> {
        let database = self.connections.get(&number)?.database?;
        match statement.name.as_deref().unwrap_or_default() {
            "session" => {
                let start = ResultSet::new([("", ColumnType::Int)]);
                Some(Ok(start.row([Value::Int(self.starts)]).into()))
            }
            "database" => Some(self.state(settings, statement, database)),
            "enter" => Some(self.enter(settings, number)),
            "leave" => Some(self.leave(settings, number)),
            name if database == Database::Tempdb && !ANYWHERE.contains(&name) => {
                let text = format!("`{name}` is about the shop's database, and comes in `tempdb`");
                Some(Err(SqlError::number(208).message(text)))
            }
            _ => None,
        }
    }

    fn enter(&mut self, settings: &Settings, number: u64) -> Result<Answer, SqlError> {
        if settings.way == Way::OwnConnection {
            return Err(no_use());
        }
        match self.refused(settings) {
            Some(refused) => Err(refused),
            None => {
                self.put(number, Database::Shop);
                Ok(Answer::default())
            }
        }
    }

    fn leave(&mut self, settings: &Settings, number: u64) -> Result<Answer, SqlError> {
        match settings.way {
            Way::OwnConnection => Err(no_use()),
            Way::Contained => Err(SqlError::number(916)),
            Way::Use => {
                self.put(number, Database::Tempdb);
                Ok(Answer::default())
            }
        }
    }

    /// A row of `sys.databases`.
    fn state(
        &self,
        settings: &Settings,
        statement: &Statement,
        database: Database,
    ) -> Result<Answer, SqlError> {
        let [Value::Text(asked)] = statement.parameters.as_slice() else {
            return Err(SqlError::number(137));
        };
        let mut kinds = [ColumnType::Int; 4];
        kinds[0] = ColumnType::Text;
        let result = ResultSet::new(kinds.map(|kind| ("", kind)));
        // Azure SQL Database shows the connection's own database and no other.
        let hides = settings.hidden || settings.way == Way::OwnConnection;
        let is_hidden = hides && database != Database::Shop;
        if !asked.eq_ignore_ascii_case(&settings.database) || is_hidden {
            return Ok(result.into());
        }
        let state = match settings.state {
            DatabaseState::Online => 0,
            DatabaseState::Restoring => 1,
            DatabaseState::Recovering => 2,
            DatabaseState::RecoveryPending => 3,
            DatabaseState::Suspect => 4,
            DatabaseState::Emergency => 5,
            DatabaseState::Offline => 6,
        };
        let access = match settings.access {
            UserAccess::Multi => 0,
            UserAccess::Single => 1,
            UserAccess::Restricted => 2,
        };
        let is_closed = settings.auto_close && self.inside() == 0;
        let row = [
            Value::Text(settings.database.clone()),
            Value::Int(state),
            Value::Int(access),
            Value::Int(is_closed.into()),
        ];
        Ok(result.row(row).into())
    }
}

fn no_use() -> SqlError {
    SqlError::number(40_508).message(
        "USE statement is not supported to switch between databases. Use a new connection to connect to a different database.",
    )
}
