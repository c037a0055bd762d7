//! One connection and its statements. Every statement has a timeout.

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
pub(crate) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a statement waits for a lock that another session holds: shorter than a cashier would notice if the
/// till had to wait that long for the agent.
const LOCK_TIMEOUT: Duration = Duration::from_millis(1_000);

/// How long an idle connection may take to show that it still works.
pub(crate) const LIVENESS_TIMEOUT: Duration = Duration::from_secs(5);

/// A stay in the shop's database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visit {
    /// The database's real name.
    pub(crate) database: String,
    pub(crate) server_start: Option<i32>,
}

/// One connection. After a failure that the server did not report itself, it can no longer be used: the driver
/// is left out of step with the protocol.
pub(crate) struct Session {
    client: Connection,
    spoiled: bool,
    /// When the server last answered on it.
    answered: Instant,
    is_new: bool,
    server_start: Option<i32>,
    /// Whether it is in the shop's database for its whole lifetime.
    stays: bool,
    visit: Option<Visit>,
}

impl Session {
    /// Connects, logs in, and sets the session's options as the statements expect them, whatever the defaults
    /// of the server or the login.
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

    /// When the server was started, by its own clock: this shows whether it was restarted. None where it is
    /// hidden.
    pub(crate) fn server_start(&self) -> Option<i32> {
        self.server_start
    }

    /// Marks the session as staying in the shop's database, because it cannot leave.
    pub(crate) fn staying(mut self) -> Self {
        self.stays = true;
        self
    }

    /// Whether it is in the shop's database for its whole lifetime.
    pub(crate) fn stays(&self) -> bool {
        self.stays
    }

    /// Records that the session is in the shop's database for a call.
    pub(crate) fn begin(&mut self, visit: Visit) {
        self.visit = Some(visit);
    }

    /// Records that the call is over.
    pub(crate) fn end(&mut self) {
        self.visit = None;
    }

    /// The current visit to the shop's database.
    pub(crate) fn visit(&self) -> Option<&Visit> {
        self.visit.as_ref()
    }

    /// Whether it has not been idle yet.
    pub(crate) fn is_new(&self) -> bool {
        self.is_new
    }

    /// Records that the session is now idle and waits for the next call.
    pub(crate) fn rest(&mut self) {
        self.is_new = false;
    }

    /// How long it has been idle.
    pub(crate) fn idle_for(&self) -> Duration {
        self.answered.elapsed()
    }

    /// Makes this its last use: its state is not the one that statements expect.
    pub(crate) fn retire(&mut self) {
        self.spoiled = true;
    }

    /// Whether it must not be used again.
    pub(crate) fn is_spoiled(&self) -> bool {
        self.spoiled
    }

    /// Runs a statement with parameters `@P1` and so on, and returns the rows of its first result.
    pub(crate) async fn rows(
        &mut self,
        sql: &str,
        parameters: &[&dyn ToSql],
    ) -> QueryResult<Vec<Row>> {
        self.rows_within(STATEMENT_TIMEOUT, sql, parameters).await
    }

    /// As [`rows`](Self::rows), with another timeout.
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

    /// Runs a statement with parameters, and returns how many rows it wrote.
    pub(crate) async fn write(&mut self, sql: &str, parameters: &[&dyn ToSql]) -> QueryResult<u64> {
        let done = self.within(STATEMENT_TIMEOUT, async |client| {
            client.execute(sql, parameters).await
        });
        Ok(done.await?.total())
    }

    /// Runs a batch without parameters, and returns all its results.
    pub(crate) async fn batch(&mut self, sql: &str) -> QueryResult<Vec<Vec<Row>>> {
        self.batch_within(STATEMENT_TIMEOUT, sql).await
    }

    /// As [`batch`](Self::batch), with another timeout.
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
        // Reset when the statement succeeds: the caller may be dropped at any time.
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

/// Whether the connection can no longer be used: the server ends it after errors of class 20 and above, and any
/// error that the server did not report itself leaves the driver out of step.
fn ends_connection(error: &Error) -> bool {
    !matches!(error, Error::Server(token) if token.class() < 20)
}
