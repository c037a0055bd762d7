//! T-SQL in batches: what is printed is what is run.

use std::{fmt::Write as _, time::Duration};

use crate::{
    error::{QueryError, QueryResult},
    session::Session,
};

/// Batches that are run one after the other on one session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Script(Vec<String>);

/// The pauses between the attempts to run a batch while other sessions hold what it needs.
#[derive(Debug, Clone)]
pub(crate) struct Pauses {
    left: u32,
    shortest: Duration,
    longest: Duration,
}

impl Script {
    pub(crate) fn push(&mut self, batch: impl Into<String>) {
        let batch: String = batch.into();
        self.0.push(batch.trim_end().to_owned());
    }

    pub(crate) fn batches(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The script's text for people and their tools: `sqlcmd` and Management Studio send what is between two
    /// `GO`.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for batch in &self.0 {
            // Writing to a string cannot fail.
            let _ = write!(text, "{batch}\nGO\n");
        }
        text
    }

    /// Runs every batch. Waits while the till holds what a batch needs, and yields to the till.
    pub(crate) async fn run(&self, session: &mut Session) -> QueryResult<()> {
        for batch in self.batches() {
            retry_while_busy(session, batch, Pauses::for_a_schema()).await?;
        }
        Ok(())
    }
}

impl Pauses {
    /// The pauses for a batch that reads or writes rows, which waits for at most two seconds.
    pub(crate) fn for_rows() -> Self {
        Self {
            left: 4,
            shortest: Duration::from_millis(100),
            longest: Duration::from_millis(800),
        }
    }

    /// The pauses for a batch that changes the product table itself. While it waits for the table, later
    /// sessions wait behind it, including readers: so it waits for a quarter of a second, rarely, and at
    /// irregular intervals.
    pub(crate) fn for_a_schema() -> Self {
        Self {
            left: 19,
            shortest: Duration::from_secs(1),
            longest: Duration::from_secs(3),
        }
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        let range = self.longest.saturating_sub(self.shortest);
        Some(self.shortest + range.mul_f64(fastrand::f64()))
    }
}

/// Runs one batch, and retries while other sessions hold what it needs.
pub(crate) async fn retry_while_busy(
    session: &mut Session,
    batch: &str,
    pauses: Pauses,
) -> QueryResult<Vec<Vec<tiberius::Row>>> {
    for pause in pauses {
        match session.batch(batch).await {
            Err(fault) if is_passing(&fault) => {}
            answer => return answer,
        }
        // A transaction that the server did not roll back itself would stay open during the pause.
        session.batch(include_str!("../sql/take_back.sql")).await?;
        tokio::time::sleep(pause).await;
    }
    session.batch(batch).await
}

/// Whether a lock was not granted in time, or the session was a deadlock victim.
fn is_passing(fault: &QueryError) -> bool {
    matches!(fault.number(), Some(1222 | 1205))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_parted_by_go() {
        let mut script = Script::default();
        script.push("SELECT 1;\n");
        script.push("SELECT 2;");
        assert_eq!(script.text(), "SELECT 1;\nGO\nSELECT 2;\nGO\n");
    }

    /// As the plan tells it to people.
    #[test]
    fn a_table_is_asked_for_twenty_times_with_pauses_of_one_to_three_seconds() {
        let pauses: Vec<_> = Pauses::for_a_schema().collect();
        assert_eq!(pauses.len(), 19);
        let allowed = Duration::from_secs(1)..=Duration::from_secs(3);
        assert!(pauses.iter().all(|pause| allowed.contains(pause)));
        assert!(pauses.iter().any(|pause| *pause != pauses[0]), "no rhythm");
    }
}
