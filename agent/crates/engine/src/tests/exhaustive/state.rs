//! The state of the world around one or two products.

use shopmaster_journal::{Doubt, Entry, Known, Published};

use super::Flaw;

/// The steady time, which never moves: a tick moves everything else into the past instead.
pub(super) const NOW: i64 = 1_000;
/// How long a request may land after it was given up, in ticks.
pub(super) const WINDOW: i64 = 2;
/// Times before this are all treated alike.
const LONG_AGO: i64 = NOW - WINDOW - 2;

/// A state that a shop's product may have.
pub(super) type Body = u8;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) products: Vec<Product>,
    /// The second is another spelling of the first one's key: the database finds either by both.
    pub(super) are_spellings: bool,
    /// The step in progress.
    pub(super) step: Option<Step>,
    pub(super) process: Process,
    pub(super) flaw: Flaw,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Process {
    Up {
        /// A step ended without recording an outcome for its products.
        has_abandoned: bool,
    },
    Down,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Step {
    pub(super) started: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Product {
    /// The shop's row.
    pub(super) row: Option<Body>,
    /// Pending changes that the step has read, and those after it: whether the first is an INSERT.
    pub(super) read: Option<bool>,
    pub(super) unread: Option<bool>,
    /// The changes that were read may be deleted.
    pub(super) is_settled: bool,
    pub(super) entry: Entry,
    pub(super) in_flight: bool,
    /// What the step does with it.
    pub(super) request: Option<Request>,
    /// What the step found out about it, where that is recorded last.
    pub(super) found_gone: bool,
    /// Requests that were given up, and for how many ticks they may land.
    pub(super) late: Vec<(Body, i64)>,
    pub(super) digible: Option<Body>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Request {
    pub(super) body: Body,
    pub(super) is_applied: bool,
    pub(super) answer: Option<Answer>,
}

/// The answer, before it is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Answer {
    /// It was not sent, or turned away.
    Nothing,
    /// The server answered with an error.
    Error,
    /// No answer came in time.
    GivenUp,
    /// Refused, with the proof that Digible accepts others.
    Refused,
}

impl State {
    /// One product that is up to date.
    pub(super) fn one() -> Self {
        Self::of(vec![Product::published(1)])
    }

    /// Two that share each step.
    pub(super) fn two() -> Self {
        Self::of(vec![Product::published(1), Product::published(1)])
    }

    /// One key, spelled in one of two ways.
    pub(super) fn spelt_twice() -> Self {
        Self {
            are_spellings: true,
            ..Self::of(vec![Product::published(1), Product::default()])
        }
    }

    fn of(products: Vec<Product>) -> Self {
        Self {
            products,
            are_spellings: false,
            step: None,
            process: Process::Up {
                has_abandoned: false,
            },
            flaw: Flaw::None,
        }
    }

    pub(super) fn with(self, flaw: Flaw) -> Self {
        Self { flaw, ..self }
    }

    /// How it was reached; kept where a flaw is to be found, and to explain an unexpected state.
    pub(super) fn keeps_paths(&self) -> bool {
        self.flaw == Flaw::None
    }

    /// What is shown and is not true.
    pub(super) fn violation(&self) -> Option<&'static str> {
        self.products
            .iter()
            .find_map(|product| product.violation(self.row_of(product)))
    }

    /// The row that the database finds.
    fn row_of(&self, product: &Product) -> bool {
        match self.are_spellings {
            true => self.products.iter().any(|it| it.row.is_some()),
            false => product.row.is_some(),
        }
    }

    /// A tick: everything is one tick longer ago.
    pub(super) fn tick(&mut self) {
        if let Some(step) = &mut self.step {
            step.started = earlier(step.started);
        }
        for product in &mut self.products {
            if let Some(Doubt { lands_until, due }) = &mut product.entry.doubt {
                *lands_until = earlier(*lands_until);
                *due = earlier(*due);
            }
            for (_, left) in &mut product.late {
                *left -= 1;
            }
            product.late.retain(|(_, left)| *left > 0);
        }
    }
}

fn earlier(time: i64) -> i64 {
    match time {
        0 => 0,
        time => (time - 1).max(LONG_AGO),
    }
}

impl Product {
    fn published(body: Body) -> Self {
        Self {
            row: Some(body),
            entry: Entry {
                published: Some(Published {
                    digest: digest(body),
                    at: 0,
                    upload: 0,
                }),
                ..Entry::default()
            },
            digible: Some(body),
            ..Self::default()
        }
    }

    pub(super) fn known(&self) -> Known {
        Known {
            entry: self.entry.clone(),
            in_flight: self.in_flight,
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        self.read.is_some() || self.unread.is_some()
    }

    fn violation(&self, has_row: bool) -> Option<&'static str> {
        let known = self.known();
        let is_open = self.is_pending() || known.is_in_doubt() || known.parked().is_some();
        if is_open {
            return None;
        }
        if let Some(row) = self.row {
            let is_shown_equal = known.published() == Some(digest(row)) && !known.removed();
            let is_equal = self.digible == Some(row);
            let differs = self.late.iter().any(|(body, _)| *body != row);
            return match is_shown_equal {
                true if !is_equal => Some("it is shown as up to date and differs"),
                true if differs => Some("it is shown as up to date and something else may land"),
                false if known.removed() => Some("it is in the shop and listed as gone"),
                false => Some("it differs, and nothing says so"),
                true => None,
            };
        }
        let is_there = self.digible.is_some() || !self.late.is_empty();
        match known.removed() {
            false if is_there && !has_row => Some("it is gone, at Digible, and not listed"),
            false if is_there => Some("an old spelling is at Digible, and not listed"),
            _ => None,
        }
    }
}

/// The digest of a body.
pub(super) fn digest(body: Body) -> [u8; 32] {
    [body; 32]
}
