//! How the shop's database is entered and left.
//!
//! A session keeps a shared lock on the database that it is in, and so keeps everybody away who wants that one
//! alone: for a restore, to detach it, to take it off. Ours wait in `tempdb`, where no such lock is held. They
//! look from there, enter for one call when the database is open to everybody, and leave at its end. Who was
//! thrown out stays out for a minute: the one who wants it alone comes next, and must not find us in his place.
//!
//! Where one connection cannot go from one database to another (Azure SQL Database, and users that are contained
//! in their database) each has to log in to the shop's own and stays in it.

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
    session::{DEADLINE, SIGN_OF_LIFE, Session, Visit},
    state::{DatabaseState, Look, closed, refusal},
};

/// Where every login may be, and keeps nothing from anybody.
const OUTSIDE: &str = "tempdb";
/// How long we stay out after we were thrown out.
const GIVE_WAY: Duration = Duration::from_secs(60);
/// From one login into the database itself to the next, after the login to `tempdb` was refused: where it is the
/// password that is wrong, each one counts towards locking the account.
const DIRECT_AGAIN: Duration = Duration::from_secs(60);
/// "USE is not supported to switch between databases", of Azure SQL Database.
const NO_USE: u32 = 40_508;

/// What is known of the way in.
#[derive(Debug, Default)]
pub(crate) struct Entry(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Only a login into the database itself gets in.
    is_direct: bool,
    tried_directly: Option<Instant>,
    left_alone: Option<LeftAlone>,
}

/// Since when and why we stay out.
#[derive(Debug, Clone, Copy)]
struct LeftAlone {
    at: Instant,
    state: Closed,
    /// The run of the server in which that was. Another one has forgotten who wanted what.
    server_start: Option<i32>,
}

/// What came of a try to enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entered {
    /// The session is in it.
    Inside,
    /// Nobody gets in this way: another session is needed, which logs in to it.
    OnlyDirectly,
}

impl Entry {
    /// Opens a session: outside, or else inside for as long as it lives.
    pub(crate) async fn open(&self, options: &SqlServerOptions) -> QueryResult<Session> {
        if self.known().is_direct {
            // It enters unseen.
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
            // It was turned away by chance.
            Ok(_) => Ok(session),
            Err(_) if !session.is_spoiled() => {
                self.known().is_direct = true;
                Ok(session.staying())
            }
            Err(fault) => Err(fault),
        }
    }

    /// Looks at the database: it is open to everybody, as far as can be seen, and we need not give way.
    pub(crate) async fn look(
        &self,
        session: &mut Session,
        options: &SqlServerOptions,
    ) -> QueryResult<Look> {
        // A dead connection does not know that it is, and a new one may be slow.
        let deadline = match session.is_new() {
            true => DEADLINE,
            false => SIGN_OF_LIFE,
        };
        let look = Look::read(session, options, deadline).await?;
        if let Some(state) = look.closed()
            && session.stays()
        {
            // It can look from inside only, and is in the way there.
            session.retire();
            self.leave_alone(state, session.server_start());
        }
        look.check()?;
        self.give_way(session.server_start(), options)?;
        Ok(look)
    }

    /// Enters, right after a look.
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
            // It is hidden from this login as long as that is outside.
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
        let seen = Look::read(session, options, DEADLINE).await?;
        if let Err(fault) = seen.check() {
            leave(session).await;
            return Err(fault);
        }
        Ok(seen.0)
    }

    /// Our session was ended in the middle of a visit, and others of ours were not: somebody wants the database
    /// alone.
    pub(crate) fn note_thrown_out(&self, visit: &Visit) {
        tracing::info!(
            database = visit.database,
            "the server ended our session in the shop's database; it is left alone for a minute"
        );
        self.leave_alone(Closed::Taken, visit.server_start);
    }

    /// The server is gone, and with it whoever wanted the database alone.
    pub(crate) fn note_server_gone(&self) {
        self.known().left_alone = None;
    }

    /// Whether we stay out, as far as is known without looking.
    pub(crate) fn gives_way(&self) -> bool {
        self.left_alone().is_some()
    }

    /// Finds the way in anew: somebody may have changed the login.
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

    /// Why it is left alone, while it is.
    fn left_alone(&self) -> Option<Closed> {
        let left_alone = self.known().left_alone;
        let left_alone = left_alone.filter(|before| before.at.elapsed() < GIVE_WAY);
        left_alone.map(|before| before.state)
    }

    fn give_way(&self, server_start: Option<i32>, options: &SqlServerOptions) -> QueryResult<()> {
        let mut known = self.known();
        let Some(before) = known.left_alone else {
            return Ok(());
        };
        if before.at.elapsed() < GIVE_WAY && before.server_start == server_start {
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
        let is_early = |tried: Instant| tried.elapsed() < DIRECT_AGAIN;
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

/// Leaves the database at the end of a call. A session that cannot is closed, and so left it as well.
pub(crate) async fn leave(session: &mut Session) {
    session.end();
    if session.stays() {
        return;
    }
    let left = session.batch_within(SIGN_OF_LIFE, include_str!("sql/leave.sql"));
    if left.await.is_err() {
        session.retire();
    }
}

/// Whether the server knows the login, or may know it, in the database itself only.
fn is_turned_away(fault: &QueryError) -> bool {
    matches!(
        fault.connect_error(),
        Some(ConnectError::LoginFailed { number: 18_456, .. } | ConnectError::DatabaseMissing(_))
    )
}

/// Why the server does not let us into the database.
fn refused(fault: QueryError, options: &SqlServerOptions) -> QueryError {
    let Some(number) = fault.number().filter(|_| !fault.is_passing()) else {
        return fault;
    };
    if let Some(state) = refusal(number) {
        return closed(options.database.clone(), state);
    }
    match (number, fault) {
        // There is none, or this login has no user in it.
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
        tokio::time::advance(GIVE_WAY - Duration::from_millis(1)).await;
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
