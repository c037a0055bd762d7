//! The connections of one catalog: opened when needed, kept while they work, and in the shop's database only
//! for the duration of a call.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use shopmaster_catalog::{CatalogError, Closed, Result};
use tokio::time::Instant;

use super::{
    SqlServerOptions,
    claim::Claim,
    diagnose::explained,
    entry::{self, Entered, Entry},
    error::{QueryError, QueryResult, Target, named},
    guards,
    schema::TableSchema,
    session::Session,
    state::{Look, closed},
};

/// How long a whole call may take, however many statements it has.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a whole call may take that the user asked for and that may have much to copy: each of its
/// statements has its own timeout.
const LONG_CALL_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
/// How many connections are kept for the next calls. The engine rarely makes more calls at once.
const MAX_IDLE: usize = 4;
/// How long more than one idle connection is kept: while calls overlap, each call would otherwise have to log
/// in again.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a closed database is left closed. A change by a program that opened and closed it meanwhile is
/// noticed after that.
const CLOSED_INTERVAL: Duration = Duration::from_secs(60);

/// The newest change as it was last read, valid while the agent does nothing in the database.
#[derive(Debug, Clone, Copy)]
struct Told {
    at: Instant,
    newest: Option<i64>,
}

/// The connections, and the product table's description that was read through them.
pub(crate) struct Pool {
    pub(crate) options: SqlServerOptions,
    entry: Entry,
    claim: Claim,
    idle: Mutex<Vec<Session>>,
    newest: Mutex<Option<Told>>,
    table: Mutex<Option<Arc<TableSchema>>>,
}

impl Pool {
    pub(crate) fn new(options: SqlServerOptions) -> Self {
        Self {
            options,
            entry: Entry::default(),
            claim: Claim::default(),
            idle: Mutex::default(),
            newest: Mutex::default(),
            table: Mutex::default(),
        }
    }

    /// Runs `work` on a connection that no other call uses meanwhile. A connection on which something went
    /// wrong, or whose call was canceled, is never used again.
    ///
    /// A server that does not accept the login is asked again by the next call: backing off is left to the
    /// callers.
    pub(crate) async fn call<T>(
        &self,
        operation: &'static str,
        over: Target,
        work: impl AsyncFnOnce(&mut Session) -> QueryResult<T>,
    ) -> Result<T> {
        let session = self.inside().await;
        self.call_on(session, CALL_TIMEOUT, operation, over, work)
            .await
    }

    /// The newest change, as `work` reads it. Where the server has closed the database because no session is in
    /// it (`AUTO_CLOSE`), the last answer is reused for a while: reading it would open the database each time.
    pub(crate) async fn newest(
        &self,
        operation: &'static str,
        work: impl AsyncFnOnce(&mut Session) -> QueryResult<Option<i64>>,
    ) -> Result<Option<i64>> {
        let told = lock(&self.newest).filter(|told| told.at.elapsed() < CLOSED_INTERVAL);
        let (session, look) = self
            .outside()
            .await
            .map_err(|fault| named(fault, operation))?;
        if let Some(told) = told
            && look.is_asleep()
            && !session.stays()
        {
            self.keep(session);
            return Ok(told.newest);
        }
        let session = self.enter(session, look).await;
        let newest = self
            .call_on(session, CALL_TIMEOUT, operation, Target::ChangeLog, work)
            .await?;
        *lock(&self.newest) = Some(Told {
            at: Instant::now(),
            newest,
        });
        Ok(newest)
    }

    /// As [`call`](Self::call), for work that may have much to copy.
    pub(crate) async fn long_call<T>(
        &self,
        operation: &'static str,
        over: Target,
        work: impl AsyncFnOnce(&mut Session) -> QueryResult<T>,
    ) -> Result<T> {
        let session = self.inside().await;
        self.call_on(session, LONG_CALL_TIMEOUT, operation, over, work)
            .await
    }

    /// Makes this agent the only one that serves the table, or checks that it still is. Enters the shop's
    /// database only when it has to find out which table that is.
    pub(crate) async fn claim(&self) -> Result<()> {
        let known = lock(&self.table).clone();
        if let Some(table) = known
            && self.claim.holds(table.object_id).await
        {
            return Ok(());
        }
        self.call(
            "claim the product table",
            Target::Products,
            async |session| {
                let table = self.table(session).await?;
                let visit = session.visit().cloned();
                let database =
                    visit.map_or_else(|| self.options.database.clone(), |it| it.database);
                let (entry, options) = (&self.entry, &self.options);
                self.claim
                    .hold(entry, options, &database, table.object_id)
                    .await
            },
        )
        .await
    }

    /// Whether another call is worthwhile after the database was unavailable. Does not log in.
    pub(crate) async fn answers(&self) -> bool {
        let idle = lock(&self.idle).pop();
        if let Some(mut session) = idle {
            let looked = self.entry.look(&mut session, &self.options).await;
            if !session.is_spoiled() {
                self.keep(session);
                // The next call will report anything else that is wrong.
                let is_closed =
                    matches!(looked, Err(QueryError::Known(CatalogError::Closed { .. })));
                return !is_closed;
            }
            self.hang_up();
        }
        let answers = tds_connect::answers(&self.options.server).await;
        if !answers {
            self.entry.note_server_gone();
        }
        answers && !self.entry.gives_way()
    }

    /// Makes the next call open a new connection, and find out again how to enter the database.
    pub(crate) fn begin_anew(&self) {
        self.hang_up();
        self.entry.forget_way();
    }

    async fn call_on<T>(
        &self,
        session: QueryResult<Session>,
        limit: Duration,
        operation: &'static str,
        over: Target,
        work: impl AsyncFnOnce(&mut Session) -> QueryResult<T>,
    ) -> Result<T> {
        let mut session = session.map_err(|fault| named(fault, operation))?;
        let done = tokio::time::timeout(limit, work(&mut session)).await;
        let fault = match done {
            Ok(Ok(value)) => {
                self.release(session).await;
                return Ok(value);
            }
            Ok(Err(fault)) => fault,
            Err(_) => {
                session.retire();
                QueryError::TimedOut
            }
        };
        // The next call reads the table's description again, because the table may have been changed.
        self.forget();
        if session.is_spoiled() {
            let fault = self.ended(session, fault).await;
            return Err(named(fault, operation));
        }
        let error = explained(fault, &mut session, &self.options, over, operation);
        let error = error.await;
        self.release(session).await;
        Err(error)
    }

    /// Handles a connection that can no longer be used. If the server ended it in the shop's database, the
    /// agent stays out of the database for a while.
    async fn ended(&self, session: Session, fault: QueryError) -> QueryError {
        // Whatever broke this connection may have broken the others, too.
        self.hang_up();
        let Some(visit) = session.visit().filter(|_| fault.is_end_of_session()) else {
            return fault;
        };
        // A server that stops and a network that fails end all of the agent's connections.
        if !fault.is_killed() && !self.claim.answers().await {
            return fault;
        }
        self.entry.note_thrown_out(visit);
        closed(visit.database.clone(), Closed::Taken)
    }

    fn hang_up(&self) {
        lock(&self.idle).clear();
    }

    /// The product table as it was when its description was last read.
    pub(crate) async fn table(&self, session: &mut Session) -> QueryResult<Arc<TableSchema>> {
        let known = lock(&self.table).clone();
        match known {
            Some(table) => Ok(table),
            None => self.look(session).await,
        }
    }

    /// Reads the product table's description again.
    pub(crate) async fn look(&self, session: &mut Session) -> QueryResult<Arc<TableSchema>> {
        let table = Arc::new(guards::read(session, &self.options).await?);
        *lock(&self.table) = Some(Arc::clone(&table));
        Ok(table)
    }

    /// Forgets the product table's description, so that the next call reads it again.
    pub(crate) fn forget(&self) {
        *lock(&self.table) = None;
    }

    /// A session that is in the shop's database.
    async fn inside(&self) -> QueryResult<Session> {
        // Whatever the call does may change the newest change.
        *lock(&self.newest) = None;
        let (session, look) = self.outside().await?;
        self.enter(session, look).await
    }

    /// A session that may enter now, as far as can be seen, and the database's state as it saw it.
    async fn outside(&self) -> QueryResult<(Session, Look)> {
        loop {
            let idle = lock(&self.idle).pop();
            let mut session = match idle {
                Some(session) => session,
                None => self.entry.open(&self.options).await?,
            };
            match self.entry.look(&mut session, &self.options).await {
                Ok(look) => return Ok((session, look)),
                // After a restart of the server, all idle connections are broken without knowing it.
                Err(QueryError::Sql(_) | QueryError::TimedOut)
                    if session.is_spoiled() && !session.is_new() =>
                {
                    self.hang_up();
                }
                Err(fault) => {
                    self.keep(session);
                    return Err(fault);
                }
            }
        }
    }

    async fn enter(&self, mut session: Session, mut look: Look) -> QueryResult<Session> {
        loop {
            match self.entry.enter(&mut session, &self.options, look).await {
                Ok(Entered::Inside) => return Ok(session),
                Ok(Entered::OnlyDirectly) => {
                    // The next session is opened inside the database.
                    self.hang_up();
                    (session, look) = self.outside().await?;
                }
                Err(fault) => {
                    self.keep(session);
                    return Err(fault);
                }
            }
        }
    }

    /// Ends a call: leaves the database, and keeps the session for the next call.
    async fn release(&self, mut session: Session) {
        if !session.is_spoiled() {
            entry::leave(&mut session).await;
        }
        self.keep(session);
    }

    fn keep(&self, mut session: Session) {
        if session.is_spoiled() {
            return;
        }
        session.rest();
        let mut idle = lock(&self.idle);
        idle.push(session);
        // The session that was used last is used next.
        let newest = idle.len() - 1;
        let mut at = 0;
        idle.retain(|session| {
            at += 1;
            at > newest || session.idle_for() < IDLE_TIMEOUT
        });
        if idle.len() > MAX_IDLE {
            idle.remove(0);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
