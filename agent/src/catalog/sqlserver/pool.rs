//! The connections of one catalog: opened when they are needed, kept while they are good.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    SqlServerOptions,
    facts::Table,
    fault::{Fault, Over, Work, named},
    session::Session,
};
use crate::catalog::Result;

/// How long a call may take as a whole, whatever the number of its statements.
const CALL: Duration = Duration::from_secs(120);
/// How many connections are kept for the next call. The engine seldom makes more calls at once.
const KEPT: usize = 4;

/// The connections, and what was read of the product table over them.
pub(super) struct Pool {
    pub(super) options: SqlServerOptions,
    idle: Mutex<Vec<Session>>,
    table: Mutex<Option<Arc<Table>>>,
}

impl Pool {
    pub(super) fn new(options: SqlServerOptions) -> Self {
        Self {
            options,
            idle: Mutex::default(),
            table: Mutex::default(),
        }
    }

    /// Does `work` on a connection that nobody else uses meanwhile. One on which something went wrong, or
    /// whose call was cancelled, is never used again.
    ///
    /// A server that does not let us in is asked again by the next call: it is the callers who wait longer
    /// and longer.
    pub(super) async fn call<T>(
        &self,
        operation: &'static str,
        over: Over,
        work: impl AsyncFnOnce(&mut Session) -> Work<T>,
    ) -> Result<T> {
        let mut session = match self.session().await {
            Ok(session) => session,
            Err(fault) => return Err(named(fault, operation)),
        };
        let done = tokio::time::timeout(CALL, work(&mut session)).await;
        let fault = match done {
            Ok(Ok(value)) => {
                self.keep(session);
                return Ok(value);
            }
            Ok(Err(fault)) => fault,
            Err(_) => {
                session.retire();
                Fault::TimedOut
            }
        };
        // The next call looks at the table again: it may have been changed.
        self.forget();
        if session.is_spoiled() {
            // What broke this connection may have broken the others, too.
            lock(&self.idle).clear();
            return Err(named(fault, operation));
        }
        let error = fault.explained(&mut session, &self.options, over, operation);
        let error = error.await;
        self.keep(session);
        Err(error)
    }

    /// The product table as it was when it was last looked at.
    pub(super) async fn table(&self, session: &mut Session) -> Work<Arc<Table>> {
        let known = lock(&self.table).clone();
        match known {
            Some(table) => Ok(table),
            None => self.look(session).await,
        }
    }

    /// The product table as it is now.
    pub(super) async fn look(&self, session: &mut Session) -> Work<Arc<Table>> {
        let table = Arc::new(Table::read(session, &self.options).await?);
        *lock(&self.table) = Some(Arc::clone(&table));
        Ok(table)
    }

    /// The product table is to be looked at again.
    pub(super) fn forget(&self) {
        *lock(&self.table) = None;
    }

    async fn session(&self) -> Work<Session> {
        let idle = lock(&self.idle).pop();
        match idle {
            Some(session) => Ok(session),
            None => Session::open(&self.options).await,
        }
    }

    fn keep(&self, session: Session) {
        let mut idle = lock(&self.idle);
        if !session.is_spoiled() && idle.len() < KEPT {
            idle.push(session);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
