//! One connection, and what is asked over it. Every question has a deadline.

use std::time::Duration;

use tiberius::{Client, Row, ToSql, error::Error};
use tokio_util::compat::Compat;

use super::{
    SqlServerOptions,
    connect::{self, Stream},
    fault::{Fault, Work},
};
use crate::catalog::template::fill;

/// How long one statement may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long a statement waits for a lock that somebody else holds: shorter than a cashier notices, if it
/// were the other way round.
const LOCK_TIMEOUT: Duration = Duration::from_millis(1_000);

/// One connection. After a failure other than the database's own word it is of no more use: the driver
/// leaves it out of step.
pub(super) struct Session {
    client: Client<Compat<Stream>>,
    spoiled: bool,
}

impl Session {
    /// Connects, logs in, and makes the session as all our statements expect it, whatever the server's or
    /// the login's defaults are.
    pub(super) async fn open(options: &SqlServerOptions) -> Work<Self> {
        let client = connect::open(options).await?;
        let mut session = Self {
            client,
            spoiled: false,
        };
        let lock_timeout = LOCK_TIMEOUT.as_millis().to_string();
        let settings = fill(
            include_str!("sql/session.sql"),
            &[("lock_timeout", &lock_timeout)],
        );
        session.batch(&settings).await?;
        Ok(session)
    }

    /// Makes this its last use: it is left in another state than statements expect.
    pub(super) fn retire(&mut self) {
        self.spoiled = true;
    }

    /// Whether it must not be used again.
    pub(super) fn is_spoiled(&self) -> bool {
        self.spoiled
    }

    /// The rows of the first result of a statement with parameters `@P1` and so on.
    pub(super) async fn rows(&mut self, sql: &str, parameters: &[&dyn ToSql]) -> Work<Vec<Row>> {
        let results = self.within(DEADLINE, async |client| {
            let stream = client.query(sql, parameters).await?;
            stream.into_results().await
        });
        let results = results.await?;
        Ok(results.into_iter().next().unwrap_or_default())
    }

    /// How many rows a statement with parameters wrote.
    pub(super) async fn write(&mut self, sql: &str, parameters: &[&dyn ToSql]) -> Work<u64> {
        let done = self.within(DEADLINE, async |client| {
            client.execute(sql, parameters).await
        });
        Ok(done.await?.total())
    }

    /// Every result of a batch without parameters.
    pub(super) async fn batch(&mut self, sql: &str) -> Work<Vec<Vec<Row>>> {
        self.within(DEADLINE, async |client| {
            let stream = client.simple_query(sql).await?;
            stream.into_results().await
        })
        .await
    }

    async fn within<T>(
        &mut self,
        deadline: Duration,
        question: impl AsyncFnOnce(&mut Client<Compat<Stream>>) -> tiberius::Result<T>,
    ) -> Work<T> {
        let retired = self.spoiled;
        // Until it has ended well: the caller may be dropped at any time.
        self.spoiled = true;
        let answer = tokio::time::timeout(deadline, question(&mut self.client)).await;
        match answer {
            Ok(Ok(value)) => {
                self.spoiled = retired;
                Ok(value)
            }
            Ok(Err(error)) => {
                self.spoiled = retired || ends_connection(&error);
                Err(Fault::Sql(error))
            }
            Err(_) => Err(Fault::TimedOut),
        }
    }
}

/// Whether the connection is of no more use: the server ends it with errors of class 20 and above, and
/// whatever else is no word of the server's leaves the driver out of step.
fn ends_connection(error: &Error) -> bool {
    !matches!(error, Error::Server(token) if token.class() < 20)
}
