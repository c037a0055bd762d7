//! How the agent enters and leaves the shop's database.
//!
//! A session keeps a shared lock on the database that it is in, which blocks every program that needs the
//! database exclusively: to restore it, to detach it, or to set it offline. The agent's sessions wait in
//! `tempdb`, where they hold no such lock. They check the database from there, enter it for one call when it is
//! open to everyone, and leave at the end of the call. After its session was ended, the agent stays out for a
//! minute: the program that needs the database exclusively connects next, and must not find the agent in its
//! place.
//!
//! Where one connection cannot switch between databases (Azure SQL Database, and contained database users),
//! each connection has to log in to the shop's database and stays in it.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use shopmaster_catalog::{CatalogError, Closed, template::fill};
use tds_connect::ConnectError;
use tokio::time::Instant;

use super::{
    SqlServerOptions,
    connect::failed,
    error::{QueryError, QueryResult},
    quote::identifier,
    session::{LIVENESS_TIMEOUT, STATEMENT_TIMEOUT, Session, Visit},
    state::{DatabaseState, Look, closed, refusal},
};

/// A database that every login may use, and in which a session blocks no other program.
const OUTSIDE: &str = "tempdb";
/// How long the agent stays out of the database after its session was ended.
const STAY_OUT: Duration = Duration::from_secs(60);
/// The time between two logins directly to the database after the login to `tempdb` was refused: if the
/// password is wrong, each login counts towards locking the account.
const DIRECT_LOGIN_INTERVAL: Duration = Duration::from_secs(60);
/// "USE is not supported to switch between databases", of Azure SQL Database.
const NO_USE: u32 = 40_508;

/// What is known about how to enter the database.
#[derive(Debug, Default)]
pub(crate) struct Entry(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Whether only a login directly to the database can enter it.
    is_direct: bool,
    tried_directly: Option<Instant>,
    left_alone: Option<LeftAlone>,
}

/// Since when and why the agent stays out.
#[derive(Debug, Clone, Copy)]
struct LeftAlone {
    at: Instant,
    state: Closed,
    /// When the server was started then. After a restart, no program is waiting for the database any more.
    server_start: Option<i32>,
}

/// The result of an attempt to enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entered {
    /// The session is in the database.
    Inside,
    /// No session can enter in this way: a new session must log in directly to the database.
    OnlyDirectly,
}

impl Entry {
    /// Opens a session: outside the database, or else inside it for the session's lifetime.
    pub(crate) async fn open(&self, options: &SqlServerOptions) -> QueryResult<Session> {
        if self.known().is_direct {
            // Logging in enters the database without a check of its state.
            if let Some(state) = self.left_alone() {
                return Err(closed(options.database.clone(), state));
            }
            return Session::open(options).await.map(Session::staying);
        }
        let mut outside = options.clone();
        OUTSIDE.clone_into(&mut outside.database);
        match Session::open(&outside).await {
            Err(fault) if is_turned_away(&fault) && self.may_try_directly(&fault) => {
                self.open_directly(options).await
            }
            opened => opened,
        }
    }

    async fn open_directly(&self, options: &SqlServerOptions) -> QueryResult<Session> {
        let mut session = Session::open(options).await?;
        match session.batch(include_str!("sql/leave.sql")).await {
            // The refusal before was only temporary.
            Ok(_) => Ok(session),
            Err(_) if !session.is_spoiled() => {
                self.known().is_direct = true;
                Ok(session.staying())
            }
            Err(fault) => Err(fault),
        }
    }

    /// Checks that the database is open to everyone, as far as can be seen, and that the agent need not stay
    /// out.
    pub(crate) async fn look(
        &self,
        session: &mut Session,
        options: &SqlServerOptions,
    ) -> QueryResult<Look> {
        // A broken connection must be noticed soon, while a new one may be slow.
        let deadline = match session.is_new() {
            true => STATEMENT_TIMEOUT,
            false => LIVENESS_TIMEOUT,
        };
        let look = Look::read(session, options, deadline).await?;
        if let Some(state) = look.closed()
            && session.stays()
        {
            // The session can check only from inside, and blocks other programs there.
            session.retire();
            self.leave_alone(state, session.server_start());
        }
        look.check()?;
        self.give_way(session.server_start(), options)?;
        Ok(look)
    }

    /// Enters the database, right after a check.
    pub(crate) async fn enter(
        &self,
        session: &mut Session,
        options: &SqlServerOptions,
        look: Look,
    ) -> QueryResult<Entered> {
        if !session.stays() {
            let text = fill(
                include_str!("sql/enter.sql"),
                &[("database", &identifier(&options.database))],
            );
            match session.batch(&text).await {
                Ok(_) => {}
                Err(fault) if fault.number() == Some(NO_USE) => {
                    self.known().is_direct = true;
                    return Ok(Entered::OnlyDirectly);
                }
                Err(fault) if session.is_spoiled() => return Err(fault),
                Err(fault) => return Err(refused(fault, options)),
            }
        }
        let seen = match look.0 {
            Some(database) => Some(database),
            // The database is hidden from this login while the session is outside.
            None => self.seen_from_inside(session, options).await?,
        };
        let name = seen.map(|database| database.name);
        session.begin(Visit {
            database: name.unwrap_or_else(|| options.database.clone()),
            server_start: session.server_start(),
        });
        Ok(Entered::Inside)
    }

    async fn seen_from_inside(
        &self,
        session: &mut Session,
        options: &SqlServerOptions,
    ) -> QueryResult<Option<DatabaseState>> {
        let seen = Look::read(session, options, STATEMENT_TIMEOUT).await?;
        if let Err(fault) = seen.check() {
            leave(session).await;
            return Err(fault);
        }
        Ok(seen.0)
    }

    /// Records that the agent's session was ended during a visit, and its other sessions were not: a program
    /// needs the database exclusively.
    pub(crate) fn note_thrown_out(&self, visit: &Visit) {
        tracing::info!(
            database = visit.database,
            "the server ended shopMaster's session in the shop's database; shopMaster stays out for a minute"
        );
        self.leave_alone(Closed::Taken, visit.server_start);
    }

    /// Records that the server is down: no program needs the database exclusively any more.
    pub(crate) fn note_server_gone(&self) {
        self.known().left_alone = None;
    }

    /// Whether the agent stays out, as far as is known without a check.
    pub(crate) fn gives_way(&self) -> bool {
        self.left_alone().is_some()
    }

    /// Forgets how to enter the database, because the login may have been changed.
    pub(crate) fn forget_way(&self) {
        let mut known = self.known();
        known.is_direct = false;
        known.tried_directly = None;
    }

    fn leave_alone(&self, state: Closed, server_start: Option<i32>) {
        self.known().left_alone = Some(LeftAlone {
            at: Instant::now(),
            state,
            server_start,
        });
    }

    /// Why the agent stays out, while it does.
    fn left_alone(&self) -> Option<Closed> {
        let left_alone = self.known().left_alone;
        let left_alone = left_alone.filter(|before| before.at.elapsed() < STAY_OUT);
        left_alone.map(|before| before.state)
    }

    fn give_way(&self, server_start: Option<i32>, options: &SqlServerOptions) -> QueryResult<()> {
        let mut known = self.known();
        let Some(before) = known.left_alone else {
            return Ok(());
        };
        if before.at.elapsed() < STAY_OUT && before.server_start == server_start {
            return Err(closed(options.database.clone(), before.state));
        }
        known.left_alone = None;
        Ok(())
    }

    fn may_try_directly(&self, fault: &QueryError) -> bool {
        let counts = !matches!(
            fault.connect_error(),
            Some(ConnectError::DatabaseMissing(_))
        );
        let mut known = self.known();
        let is_early = |tried: Instant| tried.elapsed() < DIRECT_LOGIN_INTERVAL;
        if counts && known.tried_directly.is_some_and(is_early) {
            return false;
        }
        known.tried_directly = Some(Instant::now());
        true
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves the database at the end of a call. A session that cannot leave is closed, which leaves it as well.
pub(crate) async fn leave(session: &mut Session) {
    session.end();
    if session.stays() {
        return;
    }
    let left = session.batch_within(LIVENESS_TIMEOUT, include_str!("sql/leave.sql"));
    if left.await.is_err() {
        session.retire();
    }
}

/// Whether the server knows, or may know, the login only in the database itself.
fn is_turned_away(fault: &QueryError) -> bool {
    matches!(
        fault.connect_error(),
        Some(ConnectError::LoginFailed { number: 18_456, .. } | ConnectError::DatabaseMissing(_))
    )
}

/// Why the server does not let the session into the database.
fn refused(fault: QueryError, options: &SqlServerOptions) -> QueryError {
    let Some(number) = fault.number().filter(|_| !fault.is_passing()) else {
        return fault;
    };
    if let Some(state) = refusal(number) {
        return closed(options.database.clone(), state);
    }
    match (number, fault) {
        // The database does not exist, or this login has no user in it.
        (911 | 916, _) => {
            let missing = ConnectError::DatabaseMissing(options.database.clone());
            failed(options, missing).into()
        }
        (_, QueryError::Sql(error)) => CatalogError::Unreachable {
            database: options.database.clone(),
            source: Box::new(error),
        }
        .into(),
        (_, fault) => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::server::from_ado;
    use super::*;

    const FIRST_START: Option<i32> = Some(1);
    const NEXT_START: Option<i32> = Some(2);

    fn thrown_out() -> (Entry, SqlServerOptions) {
        let entry = Entry::default();
        entry.note_thrown_out(&Visit {
            database: "shop".to_owned(),
            server_start: FIRST_START,
        });
        let options = from_ado("Server=shop;User Id=shop;Database=shop").unwrap();
        (entry, options)
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_thrown_out_stays_out_for_a_minute() {
        let (entry, options) = thrown_out();
        tokio::time::advance(STAY_OUT - Duration::from_millis(1)).await;
        assert!(entry.gives_way());
        let fault = entry.give_way(FIRST_START, &options).unwrap_err();
        let QueryError::Known(error) = fault else {
            panic!("{fault:?}");
        };
        assert_eq!(error.code(), "DATABASE_RESERVED");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!entry.gives_way());
        entry.give_way(FIRST_START, &options).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_was_started_again_keeps_nobody_out() {
        let (entry, options) = thrown_out();
        entry.give_way(NEXT_START, &options).unwrap();
        let (entry, options) = thrown_out();
        entry.note_server_gone();
        entry.give_way(FIRST_START, &options).unwrap();
    }
}
