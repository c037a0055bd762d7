//! A run as people see it: one piece of work with an id, a start, progress and an outcome.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::product::ProductId;

/// The most refused products that a run names.
const MOST_REFUSED: usize = 100;
/// The most characters of an id that it names.
const LONGEST_ID: usize = 200;
/// The most characters of a reason that it names.
const LONGEST_REASON: usize = 500;
/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Sends the products that changed.
    Sync,
    /// Sends every product.
    Upload,
}

/// Who asked for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A person or a tool.
    Requested,
    /// The scheduler.
    Scheduled,
    /// The agent goes on with what an earlier process did not finish.
    Resumed,
}

/// Whether a run still goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It goes.
    Running,
    /// It waits: for Digible, for a retry, or for the end of a pause.
    Waiting,
    /// It ended.
    Finished,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All of its work is done.
    Completed,
    /// Some products stay pending, or it could not do its work.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// The agent ended before it did.
    Interrupted,
}

/// One run, as people see it. The numbers count products.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Unique and readable: `sync-20261121-093012-5f0c9a`.
    pub id: String,
    /// What it does.
    pub kind: Kind,
    /// Who asked for it.
    pub cause: Cause,
    /// Whether it still goes.
    pub state: State,
    /// How it ended.
    #[serde(default)]
    pub outcome: Option<Outcome>,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
    /// Known to be in it.
    #[serde(default)]
    pub total: u64,
    /// It is through with them.
    #[serde(default)]
    pub done: u64,
    /// Acknowledged.
    #[serde(default)]
    pub sent: u64,
    /// Needed no sending.
    #[serde(default)]
    pub unchanged: u64,
    /// Stay pending or in doubt.
    #[serde(default)]
    pub failed: u64,
    /// Parked by it.
    #[serde(default)]
    pub parked: u64,
    /// Recorded as removed.
    #[serde(default)]
    pub removed: u64,
    /// Requests to Digible, without logins.
    #[serde(default)]
    pub requests: u64,
    /// One sentence for people.
    #[serde(default)]
    pub message: String,
    /// It walked the whole table: products that it found unchanged are no news.
    #[serde(default)]
    pub walked: bool,
    /// Parked by it, at most the first hundred.
    #[serde(default)]
    pub refused: Vec<Refused>,
}

/// A product that a run parked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its id as text.
    pub product_id: String,
    /// Why.
    pub reason: String,
}

impl Cause {
    /// For logs.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Scheduled => "scheduled",
            Self::Resumed => "resumed",
        }
    }
}

impl Outcome {
    /// For logs.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }
}

impl Run {
    /// A run that starts now.
    pub fn start(kind: Kind, cause: Cause) -> Self {
        let now = Timestamp::now();
        let word = match kind {
            Kind::Sync => "sync",
            Kind::Upload => "upload",
        };
        let id = format!(
            "{word}-{}-{:06x}",
            now.strftime("%Y%m%d-%H%M%S"),
            fastrand::u32(..0x100_0000)
        );
        Self {
            id,
            kind,
            cause,
            state: State::Running,
            outcome: None,
            started_at: now,
            finished_at: None,
            total: 0,
            done: 0,
            sent: 0,
            unchanged: 0,
            failed: 0,
            parked: 0,
            removed: 0,
            requests: 0,
            message: String::new(),
            walked: false,
            refused: Vec::new(),
        }
    }

    /// Whether it did nothing that anybody would look for later.
    pub fn is_idle(&self) -> bool {
        self.cause == Cause::Scheduled
            && self.outcome == Some(Outcome::Completed)
            && self.requests == 0
            && match self.walked {
                true => self.parked == 0 && self.removed == 0,
                false => self.done == 0,
            }
    }

    /// Ends it.
    pub fn finish(&mut self, outcome: Outcome, message: String) {
        self.state = State::Finished;
        self.outcome = Some(outcome);
        self.finished_at = Some(Timestamp::now());
        self.message = message;
    }

    /// Names a product that it parked.
    pub fn refuse(&mut self, id: &ProductId, reason: &str) {
        self.parked += 1;
        if self.refused.len() < MOST_REFUSED {
            self.refused.push(Refused {
                product_id: shortened(&id.to_string(), LONGEST_ID),
                reason: shortened(reason, LONGEST_REASON),
            });
        }
    }
}

/// At most so many characters of a text, which somebody else wrote.
pub(crate) fn shortened(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_an_earlier_version_stored_is_read() {
        let run: Run = serde_json::from_str(include_str!("run-stored.json")).unwrap();
        assert_eq!(run.id, "upload-20261121-093012-5f0c9a");
        assert_eq!(
            (run.kind, run.cause, run.state, run.outcome),
            (
                Kind::Upload,
                Cause::Requested,
                State::Finished,
                Some(Outcome::Completed)
            )
        );
        assert_eq!((run.sent, run.parked, run.refused.len()), (12_430, 1, 1));
        assert_eq!(run.started_at.to_string(), "2026-11-21T09:30:12.5Z");
        let bare = r#"{"id":"s","kind":"sync","cause":"scheduled","state":"running",
                       "started_at":"2026-11-21T09:30:12Z","of_a_later_version":1}"#;
        assert_eq!(serde_json::from_str::<Run>(bare).unwrap().sent, 0);
    }

    #[test]
    fn what_a_run_names_is_short() {
        let mut run = Run::start(Kind::Sync, Cause::Scheduled);
        let long = "ö".repeat(100_000);
        run.refuse(&ProductId::Text(long.clone()), &long);
        run.refuse(&ProductId::Integer(7), "no");
        let [first, second] = run.refused.as_slice() else {
            panic!("two products are named");
        };
        assert_eq!(first.product_id.chars().count(), LONGEST_ID + 1);
        assert_eq!(first.reason.chars().count(), LONGEST_REASON + 1);
        assert_eq!(
            (second.product_id.as_str(), second.reason.as_str()),
            ("7", "no")
        );
    }
}
