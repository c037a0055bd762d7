//! Everything that can happen to a product, in every order, up to a number of events.
//!
//! The decisions are those of the real code: [`View::decide`](crate::decide::View::decide) and
//! [`is_gone`](crate::decide::is_gone) say what a step does, [`Entry::after`] what the journal holds
//! then. Around them stands a small model of the rest: the shop's row and its pending changes, the requests on
//! their way, Digible's copy, and a clock of ticks. Equal states are explored once.
//!
//! One invariant: what is shown as up to date is so at Digible, and no request that may still land differs from it.
//! Each [`Flaw`] breaks one rule on purpose, and has to be found.

mod events;
mod state;

use std::collections::{HashMap, HashSet};

use state::State;

/// A rule that is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Flaw {
    None,
    /// A removal forgets what may still land.
    RemovalForgetsDoubt,
    /// Any acknowledgement settles a request that was given up.
    AcknowledgementSettlesAll,
    /// A step that ends with an error forgets what it handed over.
    ErrorForgetsInFlight,
    /// What a step finds besides answers is recorded at its end.
    FoundIsRecordedLast,
    /// Changes are deleted before the outcome for their product is recorded.
    ChangesAreDeletedFirst,
    /// A restart forgets what was in flight.
    RestartForgetsInFlight,
}

/// What was found, and how many states were explored.
struct Outcome {
    violation: Option<String>,
    states: usize,
}

/// Explores every state that `depth` events lead to.
fn explore(start: State, depth: usize) -> Outcome {
    let mut seen: HashSet<State> = HashSet::from([start.clone()]);
    let mut from: HashMap<State, (State, String)> = HashMap::new();
    let mut frontier = vec![start];
    for _ in 0..depth {
        let mut next = Vec::new();
        for state in &frontier {
            for (event, after) in events::all(state) {
                if seen.contains(&after) {
                    continue;
                }
                if let Some(broken) = after.violation() {
                    let path = path(&from, state.clone());
                    let violation = format!("{broken} after {path}{event}\n{after:?}");
                    return Outcome {
                        violation: Some(violation),
                        states: seen.len(),
                    };
                }
                seen.insert(after.clone());
                if after.keeps_paths() {
                    from.insert(after.clone(), (state.clone(), event));
                }
                next.push(after);
            }
        }
        frontier = next;
    }
    Outcome {
        violation: None,
        states: seen.len(),
    }
}

fn path(from: &HashMap<State, (State, String)>, mut state: State) -> String {
    let mut events = Vec::new();
    while let Some((before, event)) = from.get(&state) {
        events.push(event.clone());
        state = before.clone();
    }
    events.reverse();
    events.iter().map(|event| format!("{event}, ")).collect()
}

#[test]
fn nothing_that_happens_to_one_product_is_shown_wrongly() {
    let outcome = explore(State::one(), 22);
    assert_eq!(outcome.violation, None);
    assert!(outcome.states > 50_000, "{} states", outcome.states);
}

#[test]
fn nothing_that_happens_to_two_products_of_a_step_is_shown_wrongly() {
    let outcome = explore(State::two(), 8);
    assert_eq!(outcome.violation, None);
    assert!(outcome.states > 50_000, "{} states", outcome.states);
}

#[test]
fn nothing_that_happens_to_a_key_with_two_spellings_is_shown_wrongly() {
    let outcome = explore(State::spelt_twice(), 10);
    assert_eq!(outcome.violation, None);
    assert!(outcome.states > 50_000, "{} states", outcome.states);
}

#[test]
fn each_broken_rule_is_found() {
    for (flaw, start, depth) in [
        (Flaw::RemovalForgetsDoubt, State::one(), 16),
        (Flaw::AcknowledgementSettlesAll, State::one(), 16),
        (Flaw::ErrorForgetsInFlight, State::one(), 16),
        (Flaw::RestartForgetsInFlight, State::one(), 16),
        (Flaw::FoundIsRecordedLast, State::spelt_twice(), 9),
        (Flaw::ChangesAreDeletedFirst, State::one(), 16),
    ] {
        let outcome = explore(start.with(flaw), depth);
        assert!(
            outcome.violation.is_some(),
            "{flaw:?} is not found in {} states",
            outcome.states
        );
    }
}
