//! A run as people see it: one piece of work with an id, a start, progress and an outcome.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shopmaster_product::ProductId;

/// At most this many refused products are named by a run.
const MOST_REFUSED: usize = 100;
/// At most this many characters of an id are kept.
const LONGEST_ID: usize = 200;
/// At most this many characters of a reason are kept.
const LONGEST_REASON: usize = 500;
/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Sends the products that changed.
    Sync,
    /// Sends every product.
    Upload,
    /// Compares every product with what Digible last acknowledged, and sends what differs.
    Verify,
}

/// What the caller that starts a run asks of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    /// An upload starts from the beginning, even where an earlier one did not finish.
    pub from_start: bool,
    /// The run asks no questions: it may send more than a tenth of the shop, and list more than a tenth of it as
    /// gone from the shop.
    pub confirmed: bool,
}

/// Who asked for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A person or a tool.
    Requested,
    /// The scheduler.
    Scheduled,
    /// The agent resumes what an earlier process did not finish.
    Resumed,
}

/// Whether a run is in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is working.
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
    /// Some products are still waiting, or it could not do its work.
    Failed,
    /// A person or a tool canceled it.
    Cancelled,
    /// The agent stopped before the run ended.
    Interrupted,
}

/// What became of products in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Digible acknowledged them.
    Sent,
    /// They needed no sending.
    Unchanged,
    /// They were refused before, are unchanged, and were not sent again.
    StillRefused,
    /// They are gone from the shop.
    Removed,
}

/// One run, as people see it. The numbers count products, each of them once. At any time
/// `done` is `earlier + sent + unchanged + parked + still_parked + removed`, and `total` is never below
/// `done`. A run that completed has `done` equal to `total`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Unique and readable: `sync-20261121-093012-5f0c9a`.
    pub id: String,
    /// Grows with each run of a journal: this is the order of runs, whatever the clock says.
    #[serde(default)]
    pub sequence: u64,
    /// What it does.
    pub kind: Kind,
    /// Who asked for it.
    pub cause: Cause,
    /// Whether it is in progress.
    pub state: State,
    /// How it ended.
    #[serde(default)]
    pub outcome: Option<Outcome>,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
    /// How long it took, in milliseconds by a monotonic clock; none while it is in progress.
    #[serde(default)]
    pub took_ms: Option<u64>,
    /// Products known to be part of it.
    #[serde(default)]
    pub total: u64,
    /// Products processed, whatever the result.
    #[serde(default)]
    pub done: u64,
    /// Products processed by an earlier run of the same upload, which this one resumes.
    #[serde(default)]
    pub earlier: u64,
    /// Products that Digible acknowledged.
    #[serde(default)]
    pub sent: u64,
    /// Products that needed no sending.
    #[serde(default)]
    pub unchanged: u64,
    /// Products that are still waiting or unconfirmed.
    #[serde(default)]
    pub failed: u64,
    /// Products that Digible refused in it.
    #[serde(default)]
    pub parked: u64,
    /// Products that were refused before and have not changed: not sent again.
    #[serde(default)]
    pub still_parked: u64,
    /// Products recorded as gone from the shop.
    #[serde(default)]
    pub removed: u64,
    /// Requests to Digible, without logins.
    #[serde(default)]
    pub requests: u64,
    /// One sentence for people.
    #[serde(default)]
    pub message: String,
    /// It read the whole table, so unchanged products are not worth mentioning.
    #[serde(default)]
    pub walked: bool,
    /// It has found something to do. From then on until it ends, it is shown as sending.
    #[serde(default)]
    pub found: bool,
    /// Products refused in it, at most the first hundred.
    #[serde(default)]
    pub refused: Vec<Refused>,
    /// It waits for the end of a pause.
    #[serde(skip)]
    pub is_paused: bool,
    /// The counts after it had seen every product once, while it goes through them again.
    #[serde(skip)]
    first_look: Option<FirstLook>,
}

/// What a run had counted when it had seen every product once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FirstLook {
    unchanged: u64,
    still_parked: u64,
}

/// A product that Digible refused in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its id as text.
    pub product_id: String,
    /// Why.
    pub reason: String,
}

impl Cause {
    /// For logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Scheduled => "scheduled",
            Self::Resumed => "resumed",
        }
    }
}

impl Outcome {
    /// For logs.
    #[must_use]
    pub fn word(self) -> &'static str {
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
            Kind::Verify => "verify",
        };
        let id = format!(
            "{word}-{}-{:06x}",
            now.strftime("%Y%m%d-%H%M%S"),
            fastrand::u32(..0x100_0000)
        );
        Self {
            id,
            sequence: 0,
            kind,
            cause,
            state: State::Running,
            outcome: None,
            started_at: now,
            finished_at: None,
            took_ms: None,
            total: 0,
            done: 0,
            earlier: 0,
            sent: 0,
            unchanged: 0,
            failed: 0,
            parked: 0,
            still_parked: 0,
            removed: 0,
            requests: 0,
            message: String::new(),
            walked: false,
            found: false,
            refused: Vec::new(),
            is_paused: false,
            first_look: None,
        }
    }

    /// Whether it did nothing worth keeping: scheduled, completed, and nothing was sent or found.
    pub fn is_idle(&self) -> bool {
        self.kind != Kind::Verify
            && self.cause == Cause::Scheduled
            && self.outcome == Some(Outcome::Completed)
            && self.requests == 0
            && match self.walked {
                true => self.parked == 0 && self.removed == 0,
                false => self.done == 0,
            }
    }

    /// Whether it sends, or may at any moment: an upload always, a sync once it has found something.
    pub fn is_sending(&self) -> bool {
        self.state != State::Finished && (self.found || self.kind == Kind::Upload)
    }

    /// Adds to the products that were processed.
    pub fn count(&mut self, what: Count, products: u64) {
        *match what {
            Count::Sent => &mut self.sent,
            Count::Unchanged => &mut self.unchanged,
            Count::StillRefused => &mut self.still_parked,
            Count::Removed => &mut self.removed,
        } += products;
        self.balance();
    }

    /// Raises the total: so many products are still to be processed.
    pub fn expect(&mut self, products: u64) {
        self.total = self.total.max(self.done + products);
        self.balance();
    }

    /// It has seen every product and starts over: for what changed meanwhile, or what was left over. A product
    /// that needs no sending was counted the first time and does not count again.
    pub fn look_again(&mut self) {
        self.first_look.get_or_insert(FirstLook {
            unchanged: self.unchanged,
            still_parked: self.still_parked,
        });
    }

    /// Makes the numbers agree, whichever of them was changed.
    pub fn balance(&mut self) {
        if let Some(first) = self.first_look {
            self.unchanged = first.unchanged;
            self.still_parked = first.still_parked;
        }
        let (news, known) = (
            self.sent + self.parked + self.removed,
            self.unchanged + self.still_parked,
        );
        self.done = self.earlier + news + known;
        self.total = self.total.max(self.done);
        let met = match self.walked {
            // It reads every product, and most of them are unchanged.
            true => news > 0,
            false => news + known > 0,
        };
        self.found |= met || self.total > self.done;
    }

    /// Ends the run, with a sentence for people.
    pub fn finish(&mut self, outcome: Outcome, message: String) {
        self.balance();
        self.first_look = None;
        self.total = match outcome {
            // Products that left the shop during the run were never read.
            Outcome::Completed => self.done + self.failed,
            Outcome::Failed | Outcome::Cancelled | Outcome::Interrupted => {
                self.total.max(self.done + self.failed)
            }
        };
        self.state = State::Finished;
        self.outcome = Some(outcome);
        self.finished_at = Some(Timestamp::now());
        self.message = message;
    }

    /// Counts and names a product that Digible refused.
    pub fn refuse(&mut self, id: &ProductId, reason: &str) {
        self.parked += 1;
        self.balance();
        if self.refused.len() < MOST_REFUSED {
            self.refused.push(Refused {
                product_id: shortened(&id.to_string(), LONGEST_ID),
                reason: shortened(reason, LONGEST_REASON),
            });
        }
    }
}

/// At most `characters` of a text that comes from outside, with an ellipsis where it was cut.
pub fn shortened(text: &str, characters: usize) -> String {
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
    fn the_numbers_add_up() {
        let mut run = Run::start(Kind::Sync, Cause::Requested);
        run.expect(10);
        assert_eq!((run.total, run.done), (10, 0));
        for (what, products) in [
            (Count::Sent, 4),
            (Count::Unchanged, 3),
            (Count::StillRefused, 1),
            (Count::Removed, 1),
        ] {
            run.count(what, products);
        }
        run.refuse(&ProductId::Integer(7), "no");
        assert_eq!((run.total, run.done, run.parked), (10, 10, 1));
        // A number is changed by hand.
        run.done = 99;
        run.sent += 2;
        run.balance();
        assert_eq!((run.total, run.done), (12, 12));
        run.failed = 2;
        run.finish(Outcome::Failed, String::new());
        assert_eq!((run.total, run.done, run.failed), (14, 12, 2));
    }

    #[test]
    fn a_product_that_needs_no_sending_is_counted_once() {
        let mut run = Run::start(Kind::Upload, Cause::Resumed);
        run.earlier = 100;
        run.expect(20);
        run.count(Count::Sent, 15);
        run.count(Count::StillRefused, 5);
        run.look_again();
        // The changes that the upload has covered.
        run.expect(15);
        run.count(Count::Unchanged, 14);
        run.count(Count::StillRefused, 5);
        run.count(Count::Sent, 1);
        run.finish(Outcome::Completed, String::new());
        assert_eq!(
            (run.earlier, run.sent, run.unchanged, run.still_parked),
            (100, 16, 0, 5)
        );
        assert_eq!((run.total, run.done), (121, 121));
    }

    #[test]
    fn a_run_that_found_something_sends_until_it_ends() {
        let mut sync = Run::start(Kind::Sync, Cause::Scheduled);
        assert!(!sync.is_sending());
        sync.expect(2);
        assert!(sync.is_sending());
        sync.count(Count::Sent, 2);
        assert!(
            sync.is_sending(),
            "between two pages, and while changes are deleted"
        );
        sync.finish(Outcome::Completed, String::new());
        assert!(!sync.is_sending());
        let mut walk = Run::start(Kind::Sync, Cause::Scheduled);
        walk.walked = true;
        walk.count(Count::Unchanged, 1_000);
        assert!(!walk.is_sending());
        walk.count(Count::Removed, 1);
        assert!(walk.is_sending());
        assert!(Run::start(Kind::Upload, Cause::Requested).is_sending());
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
