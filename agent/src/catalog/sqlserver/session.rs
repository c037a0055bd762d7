//! One connection, and what is asked over it. Every question has a deadline.

use std::time::Duration;

use tiberius::{Client, Row, ToSql};
use tokio_util::compat::Compat;

use super::{
    SqlServerOptions,
    connect::{self, Stream},
    fault::{Fault, Work},
};

/// How long one statement may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// One connection. After a failure other than the database's own word it is of no more use: the driver
/// leaves it out of step.
pub(super) struct Session {
    client: Client<Compat<Stream>>,
    spoiled: bool,
}

impl Session {
    pub(super) async fn open(options: &SqlServerOptions) -> Work<Self> {
        let client = connect::open(options).await?;
        Ok(Self {
            client,
            spoiled: false,
        })
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
        // Until it has ended well: the caller may be dropped at any time.
        self.spoiled = true;
        let answer = tokio::time::timeout(deadline, question(&mut self.client)).await;
        match answer {
            Ok(Ok(value)) => {
                self.spoiled = false;
                Ok(value)
            }
            Ok(Err(error)) => {
                // An error of class 20 and above ends the connection.
                self.spoiled =
                    !matches!(&error, tiberius::error::Error::Server(token) if token.class() < 20);
                Err(Fault::Sql(error))
            }
            Err(_) => Err(Fault::TimedOut),
        }
    }
}
