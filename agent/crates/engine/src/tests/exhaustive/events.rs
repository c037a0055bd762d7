//! What may happen next.

use shopmaster_journal::{Entry, Event, Times};

use super::{
    Flaw,
    state::{Answer, Body, NOW, Process, Product, Request, State, Step, WINDOW, digest},
};
use crate::{
    decide::{self, Decision, View},
    retry_queue::Strikes,
};

const BODIES: [Body; 2] = [1, 2];
/// A step has an end: its requests have deadlines.
const LONGEST_STEP: i64 = 1;
/// At most this many requests of a product may be late at once.
const MOST_LATE: usize = 1;

/// All states that one event leads to, each with the event's name.
pub(super) fn all(state: &State) -> Vec<(String, State)> {
    let mut next = Next {
        state,
        found: Vec::new(),
    };
    next.time();
    next.people();
    next.process();
    for index in 0..state.products.len() {
        next.till(index);
        next.request(index);
        next.late(index);
    }
    next.found
}

struct Next<'a> {
    state: &'a State,
    found: Vec<(String, State)>,
}

impl Next<'_> {
    fn add(&mut self, event: &str, change: impl FnOnce(&mut State)) {
        let mut after = self.state.clone();
        change(&mut after);
        self.found.push((event.to_owned(), after));
    }

    fn time(&mut self) {
        let may_pass = |step: Step| NOW - step.started < LONGEST_STEP;
        if self.state.step.is_none_or(may_pass) {
            self.add("tick", State::tick);
        }
    }

    /// The till writes.
    fn till(&mut self, index: usize) {
        let is_spelt_otherwise = self.state.are_spellings
            && self.state.products.iter().any(|it| it.row.is_some())
            && self.state.products[index].row.is_none();
        if is_spelt_otherwise {
            self.add(&format!("spell {index}"), |state| {
                let other = 1 - index;
                let row = state.products[other].row;
                state.products[other].write(None);
                state.products[index].write(row);
            });
            return;
        }
        for body in BODIES {
            if self.state.products[index].row != Some(body) {
                self.add(&format!("set {index} to {body}"), |state| {
                    state.products[index].write(Some(body));
                });
            }
        }
        if self.state.products[index].row.is_some() {
            self.add(&format!("delete {index}"), |state| {
                state.products[index].write(None);
            });
        }
    }

    /// The user deletes at Digible what is listed as gone and says so, or has something tried again.
    fn people(&mut self) {
        for index in 0..self.state.products.len() {
            let entry = &self.state.products[index].entry;
            if entry.removed.is_some() {
                self.add(&format!("forget {index}"), |state| {
                    let product = &mut state.products[index];
                    product.entry.removed = None;
                    product.digible = None;
                });
            }
            if entry.parked.as_ref().is_some_and(|parked| !parked.retry) {
                self.add(&format!("retry {index}"), |state| {
                    if let Some(parked) = &mut state.products[index].entry.parked {
                        parked.retry = true;
                    }
                });
            }
        }
    }

    fn process(&mut self) {
        if self.state.process == Process::Down {
            self.add("start", State::start);
            return;
        }
        self.add("kill", State::kill);
        let Some(_) = self.state.step else {
            self.add("sync", |state| state.begin(false));
            self.add("upload", |state| state.begin(true));
            return;
        };
        self.add("error", |state| state.drop_step(true));
        let is_answered = |product: &Product| {
            product
                .request
                .is_none_or(|request| request.answer.is_some())
        };
        if self.state.products.iter().all(is_answered) {
            self.add("end", State::end);
        }
    }

    fn request(&mut self, index: usize) {
        let Some(request) = self.state.products[index].request else {
            return;
        };
        if request.answer.is_some() {
            return;
        }
        let mut answer = |name: &str, answer| {
            self.add(&format!("{name} {index}"), |state| {
                if let Some(request) = &mut state.products[index].request {
                    request.answer = Some(answer);
                }
            });
        };
        answer("error for", Answer::Error);
        if !request.is_applied {
            answer("nothing for", Answer::Nothing);
            answer("refuse", Answer::Refused);
        }
        let product = &self.state.products[index];
        if request.is_applied || product.late.len() < MOST_LATE {
            self.add(&format!("give up {index}"), |state| {
                state.products[index].give_up();
            });
        }
        match request.is_applied {
            false => self.add(&format!("apply {index}"), |state| {
                let product = &mut state.products[index];
                product.digible = Some(request.body);
                product.request = Some(Request {
                    is_applied: true,
                    ..request
                });
            }),
            true => self.add(&format!("acknowledge {index}"), |state| {
                state.acknowledge(index, request.body);
            }),
        }
    }

    fn late(&mut self, index: usize) {
        for place in 0..self.state.products[index].late.len() {
            self.add(&format!("land {index}"), |state| {
                let product = &mut state.products[index];
                let (body, _) = product.late.remove(place);
                product.digible = Some(body);
            });
        }
    }
}

impl Product {
    fn write(&mut self, row: Option<Body>) {
        let is_insert = self.row.is_none();
        self.row = row;
        self.unread = self.unread.or(Some(is_insert));
    }

    /// No answer came in time.
    fn give_up(&mut self) {
        if let Some(request) = &mut self.request {
            request.answer = Some(Answer::GivenUp);
            if !request.is_applied {
                self.late.push((request.body, WINDOW));
            }
        }
    }

    fn delete_changes(&mut self) {
        if std::mem::take(&mut self.is_settled) {
            self.read = None;
        }
    }
}

impl State {
    fn times(&self) -> Times {
        Times {
            now: NOW,
            wall: 0,
            started: self.step.map_or(NOW, |step| step.started),
            late_window: WINDOW,
            others_until: 0,
        }
    }

    /// Commits what an event changes about a product.
    fn commit(&mut self, index: usize, event: &Event) {
        let times = self.times();
        let flaw = self.flaw;
        let entry = &mut self.products[index].entry;
        let mut after = std::mem::take(entry).after(event, &times);
        match (flaw, event) {
            (Flaw::RemovalForgetsDoubt, Event::Gone)
            | (Flaw::AcknowledgementSettlesAll, Event::Acknowledged { .. }) => after.doubt = None,
            _ => {}
        }
        if let Some(published) = &mut after.published {
            published.upload = 0;
        }
        *entry = after;
    }

    /// Reads, decides, and records what was found and what is about to be sent, in one commit.
    fn begin(&mut self, sends_all: bool) {
        self.give_up_abandoned();
        self.step = Some(Step { started: NOW });
        for index in 0..self.products.len() {
            let product = &self.products[index];
            let is_due = match &product.entry.parked {
                Some(parked) => parked.retry,
                None => product.entry.doubt.is_some_and(|doubt| doubt.due <= NOW),
            };
            let is_gone_unseen = sends_all && product.row.is_none();
            let is_read = product.is_pending() || is_due || (sends_all && product.row.is_some());
            if is_read || (is_gone_unseen && product.known().may_be_at_digible()) {
                self.plan(index, sends_all);
            }
        }
    }

    fn plan(&mut self, index: usize, sends_all: bool) {
        let product = &mut self.products[index];
        product.read = product.read.or(product.unread);
        product.unread = None;
        let is_insert = product.read == Some(true);
        let known = product.known();
        let spelt_otherwise = self.are_spellings
            && self.products[index].row.is_none()
            && self.products[1 - index].row.is_some();
        let Some(row) = self.products[index].row else {
            // The old spelling of a key counts as gone if it may be at Digible; its change leads to the row.
            let is_gone = match spelt_otherwise {
                true => known.may_be_at_digible(),
                false => decide::is_gone(&known, is_insert),
            };
            if is_gone {
                self.find_gone(index);
            }
            self.settle_changes(index);
            return;
        };
        let view = View {
            known: &known,
            digest: digest(row),
            can_be_sent: true,
            sends_all,
            strikes: Strikes::default(),
            is_ready: true,
            now: NOW,
        };
        match view.decide() {
            Decision::Send(_) => {
                self.products[index].request = Some(Request {
                    body: row,
                    is_applied: false,
                    answer: None,
                });
                self.products[index].in_flight = true;
                if self.flaw == Flaw::FoundIsRecordedLast {
                    return;
                }
                self.commit(index, &Event::HandedOver);
            }
            Decision::Equal { unpark } => {
                if unpark {
                    self.commit(index, &Event::Unparked);
                }
                self.settle_changes(index);
            }
            Decision::StillParked | Decision::Refuse => self.settle_changes(index),
            Decision::Wait => {}
        }
        if self.flaw == Flaw::ChangesAreDeletedFirst {
            self.products[index].read = None;
        }
    }

    fn find_gone(&mut self, index: usize) {
        match self.flaw {
            Flaw::FoundIsRecordedLast => self.products[index].found_gone = true,
            _ => self.commit(index, &Event::Gone),
        }
    }

    /// The outcome for their product is recorded, so the changes are deleted now, or when the step ends.
    fn settle_changes(&mut self, index: usize) {
        self.products[index].is_settled = true;
        self.products[index].delete_changes();
    }

    fn acknowledge(&mut self, index: usize, body: Body) {
        let is_listed = self.products[index].entry.removed;
        self.commit(
            index,
            &Event::Acknowledged {
                digest: digest(body),
                upload: None,
                may_still_land: false,
            },
        );
        if self.flaw == Flaw::FoundIsRecordedLast {
            self.products[index].entry.removed = is_listed;
        }
        self.products[index].request = None;
        self.products[index].in_flight = false;
        self.settle_changes(index);
    }

    /// All requests are answered, and the rest is recorded.
    fn end(&mut self) {
        for index in 0..self.products.len() {
            if std::mem::take(&mut self.products[index].found_gone) {
                self.commit(index, &Event::Gone);
            }
            let Some(request) = self.products[index].request.take() else {
                continue;
            };
            match request.answer {
                Some(Answer::Error) => self.commit(index, &Event::Answered),
                Some(Answer::Refused) => {
                    let refused = Event::Refused {
                        digest: digest(request.body),
                        reason: String::new(),
                    };
                    self.commit(index, &refused);
                    self.settle_changes(index);
                }
                Some(Answer::GivenUp) => self.commit(index, &Event::GivenUp),
                Some(Answer::Nothing) | None => {}
            }
            self.products[index].in_flight = false;
        }
        self.step = None;
    }

    /// The step ends without recording anything more.
    fn drop_step(&mut self, by_error: bool) {
        for product in &mut self.products {
            product.found_gone = false;
            if let Some(request) = product.request.take()
                && request.answer.is_none()
                && !request.is_applied
                && product.late.len() < MOST_LATE
            {
                product.late.push((request.body, WINDOW));
            }
            product.is_settled = false;
            // The changes that were read are found again.
            product.unread = product.read.or(product.unread);
            product.read = None;
            if by_error && self.flaw == Flaw::ErrorForgetsInFlight {
                product.in_flight = false;
            }
        }
        self.step = None;
        let has_abandoned = self.products.iter().any(|product| product.in_flight);
        self.process = Process::Up { has_abandoned };
    }

    fn kill(&mut self) {
        self.drop_step(false);
        self.process = Process::Down;
    }

    fn give_up_abandoned(&mut self) {
        if self.process
            != (Process::Up {
                has_abandoned: true,
            })
        {
            return;
        }
        self.give_up_in_flight();
        self.process = Process::Up {
            has_abandoned: false,
        };
    }

    fn give_up_in_flight(&mut self) {
        for index in 0..self.products.len() {
            if std::mem::take(&mut self.products[index].in_flight) {
                self.commit(index, &Event::GivenUp);
            }
        }
    }

    /// Opens the journal: requests in flight count as given up, and every window starts again.
    fn start(&mut self) {
        self.process = Process::Up {
            has_abandoned: false,
        };
        if self.flaw == Flaw::RestartForgetsInFlight {
            for product in &mut self.products {
                product.in_flight = false;
            }
        }
        self.give_up_in_flight();
        for product in &mut self.products {
            restart_window(&mut product.entry);
        }
    }
}

fn restart_window(entry: &mut Entry) {
    let until = NOW + WINDOW;
    if let Some(doubt) = &mut entry.doubt
        && doubt.lands_until > 0
    {
        doubt.lands_until = until;
        doubt.due = if doubt.due == 0 { 0 } else { until };
    }
}
