//! One connection, and what is asked over it. Every question has a deadline.

use std::time::Duration;

use shopmaster_catalog::template::fill;
use tds_connect::Connection;
use tiberius::{Row, ToSql, error::Error};
use tokio::time::Instant;

use super::{
    SqlServerOptions, connect,
    error::{QueryError, QueryResult},
};

/// How long one statement may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
/// How long a statement waits for a lock that somebody else holds: shorter than a cashier notices, if it
/// were the other way round.
const LOCK_TIMEOUT: Duration = Duration::from_millis(1_000);

/// How long a connection that was at rest may take to say that it is alive.
pub(crate) const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// A stay in the shop's database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visit {
    /// Its real name.
    pub(crate) database: String,
    pub(crate) server_start: Option<i32>,
}

/// One connection. After a failure other than the database's own word it is of no more use: the driver
/// leaves it out of step.
pub(crate) struct Session {
    client: Connection,
    spoiled: bool,
    /// When it last answered.
    answered: Instant,
    is_new: bool,
    server_start: Option<i32>,
    /// It is in the shop's database for as long as it lives.
    stays: bool,
    visit: Option<Visit>,
}

impl Session {
    /// Connects, logs in, and makes the session as all our statements expect it, whatever the server's or
    /// the login's defaults are.
    pub(crate) async fn open(options: &SqlServerOptions) -> QueryResult<Self> {
        let client = connect::open(options).await?;
        let mut session = Self {
            client,
            spoiled: false,
            answered: Instant::now(),
            is_new: true,
            server_start: None,
            stays: false,
            visit: None,
        };
        let lock_timeout = LOCK_TIMEOUT.as_millis().to_string();
        let settings = fill(
            include_str!("sql/session.sql"),
            &[("lock_timeout", &lock_timeout)],
        );
        let results = session.batch(&settings).await?;
        if let Some(row) = results.last().and_then(|rows| rows.first()) {
            session.server_start = row.try_get(0)?;
        }
        Ok(session)
    }

    /// When the server was started, by its own clock: tells one run of it from the next. None where that is
    /// hidden.
    pub(crate) fn server_start(&self) -> Option<i32> {
        self.server_start
    }

    /// It stays in the shop's database, because it cannot leave.
    pub(crate) fn staying(mut self) -> Self {
        self.stays = true;
        self
    }

    /// Whether it is in the shop's database for as long as it lives.
    pub(crate) fn stays(&self) -> bool {
        self.stays
    }

    /// It is in the shop's database for a call.
    pub(crate) fn begin(&mut self, visit: Visit) {
        self.visit = Some(visit);
    }

    /// The call is over.
    pub(crate) fn end(&mut self) {
        self.visit = None;
    }

    /// The stay in the shop's database that goes on.
    pub(crate) fn visit(&self) -> Option<&Visit> {
        self.visit.as_ref()
    }

    /// Whether it was never at rest.
    pub(crate) fn is_new(&self) -> bool {
        self.is_new
    }

    /// It waits for the next call.
    pub(crate) fn rest(&mut self) {
        self.is_new = false;
    }

    /// For how long nothing was asked over it.
    pub(crate) fn idle_for(&self) -> Duration {
        self.answered.elapsed()
    }

    /// Makes this its last use: it is left in another state than statements expect.
    pub(crate) fn retire(&mut self) {
        self.spoiled = true;
    }

    /// Whether it must not be used again.
    pub(crate) fn is_spoiled(&self) -> bool {
        self.spoiled
    }

    /// The rows of the first result of a statement with parameters `@P1` and so on.
    pub(crate) async fn rows(
        &mut self,
        sql: &str,
        parameters: &[&dyn ToSql],
    ) -> QueryResult<Vec<Row>> {
        self.rows_within(DEADLINE, sql, parameters).await
    }

    /// The same in another time.
    pub(crate) async fn rows_within(
        &mut self,
        deadline: Duration,
        sql: &str,
        parameters: &[&dyn ToSql],
    ) -> QueryResult<Vec<Row>> {
        let results = self.within(deadline, async |client| {
            let stream = client.query(sql, parameters).await?;
            stream.into_results().await
        });
        let results = results.await?;
        Ok(results.into_iter().next().unwrap_or_default())
    }

    /// How many rows a statement with parameters wrote.
    pub(crate) async fn write(&mut self, sql: &str, parameters: &[&dyn ToSql]) -> QueryResult<u64> {
        let done = self.within(DEADLINE, async |client| {
            client.execute(sql, parameters).await
        });
        Ok(done.await?.total())
    }

    /// Every result of a batch without parameters.
    pub(crate) async fn batch(&mut self, sql: &str) -> QueryResult<Vec<Vec<Row>>> {
        self.batch_within(DEADLINE, sql).await
    }

    /// The same in another time.
    pub(crate) async fn batch_within(
        &mut self,
        deadline: Duration,
        sql: &str,
    ) -> QueryResult<Vec<Vec<Row>>> {
        self.within(deadline, async |client| {
            let stream = client.simple_query(sql).await?;
            stream.into_results().await
        })
        .await
    }

    async fn within<T>(
        &mut self,
        deadline: Duration,
        question: impl AsyncFnOnce(&mut Connection) -> tiberius::Result<T>,
    ) -> QueryResult<T> {
        let retired = self.spoiled;
        // Until it has ended well: the caller may be dropped at any time.
        self.spoiled = true;
        let answer = tokio::time::timeout(deadline, question(&mut self.client)).await;
        match answer {
            Ok(Ok(value)) => {
                self.spoiled = retired;
                self.answered = Instant::now();
                Ok(value)
            }
            Ok(Err(error)) => {
                self.spoiled = retired || ends_connection(&error);
                Err(QueryError::Sql(error))
            }
            Err(_) => Err(QueryError::TimedOut),
        }
    }
}

/// Whether the connection is of no more use: the server ends it with errors of class 20 and above, and
/// whatever else is no word of the server's leaves the driver out of step.
fn ends_connection(error: &Error) -> bool {
    !matches!(error, Error::Server(token) if token.class() < 20)
}
