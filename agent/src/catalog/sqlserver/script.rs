//! T-SQL in batches: what is printed is what is run.

use std::{fmt::Write as _, time::Duration};

use super::{
    fault::{Fault, Work},
    session::Session,
};

/// How often a batch is tried when the till holds what it needs. Each try waits for two seconds at most.
const TRIES: u32 = 5;
/// Between the first two tries; then twice as long each time.
const PAUSE: Duration = Duration::from_millis(100);

/// Batches that are run one by one on one session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Script(Vec<String>);

impl Script {
    pub(super) fn push(&mut self, batch: impl Into<String>) {
        let batch: String = batch.into();
        self.0.push(batch.trim_end().to_owned());
    }

    pub(super) fn batches(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// For people and their tools: `sqlcmd` and Management Studio send what is between two `GO`.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for batch in &self.0 {
            // Writing to a string cannot fail.
            let _ = write!(text, "{batch}\nGO\n");
        }
        text
    }

    /// Runs every batch; waits when the till is in the way, and gives way itself.
    pub(super) async fn run(&self, session: &mut Session) -> Work<()> {
        for batch in self.batches() {
            patiently(session, batch).await?;
        }
        Ok(())
    }
}

/// Runs one batch, again while somebody else holds what it needs.
pub(super) async fn patiently(session: &mut Session, batch: &str) -> Work<Vec<Vec<tiberius::Row>>> {
    let mut pause = PAUSE;
    for _ in 1..TRIES {
        match session.batch(batch).await {
            Err(fault) if is_passing(&fault) => tokio::time::sleep(pause).await,
            answer => return answer,
        }
        pause *= 2;
    }
    session.batch(batch).await
}

/// A lock that was not given in time, or a deadlock that we lost.
fn is_passing(fault: &Fault) -> bool {
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
}
