//! Who looks at the board is woken by changes, and by nothing else.

use shopmaster_health::{Area, Facts, Trouble};
use shopmaster_journal::Pause;

use crate::board::Board;

#[test]
fn each_change_grows_the_sequence_by_one() {
    let board = Board::new();
    let mut watch = board.watch();
    let first = watch.borrow_and_update().sequence;
    board.update(|facts| facts.pending = 1);
    assert_eq!(watch.borrow_and_update().sequence, first + 1);
    board.update(|facts| facts.pending = 2);
    board.update(|facts| facts.paused = Some(Pause::UntilResumed));
    let posted = watch.borrow_and_update().clone();
    assert_eq!(posted.sequence, first + 3);
    assert_eq!(posted.facts, board.facts());
}

#[test]
fn nobody_is_woken_when_nothing_changes() {
    let board = Board::new();
    board.update(|facts| facts.pending = 1);
    let mut watch = board.watch();
    let before = watch.borrow_and_update().sequence;
    board.update(|facts| facts.pending = 1);
    board.update(|_| {});
    assert!(!watch.has_changed().unwrap());
    assert_eq!(board.watch().borrow().sequence, before);
}

#[test]
fn an_issue_keeps_its_beginning_until_it_is_gone() {
    let board = Board::new();
    board.update(|facts| facts.catalog.reachable = Some(true));
    let trouble = || Trouble::new("DIGIBLE_REFUSES", "no".to_owned(), "ask").lasting();
    board.update(|facts| facts.fails(Area::Digible, trouble()));
    let since = |code| board.facts().since.get(code).copied();
    let began = since("DIGIBLE_REFUSES").unwrap();
    board.update(|facts| facts.fails(Area::Digible, trouble()));
    assert_eq!(since("DIGIBLE_REFUSES"), Some(began));
    board.update(|facts| facts.works(Area::Digible));
    assert_eq!(since("DIGIBLE_REFUSES"), None);
}

#[test]
fn an_issue_keeps_its_beginning_over_a_change_of_the_configuration() {
    let board = Board::new();
    let refused = |facts: &mut Facts| {
        facts.catalog.reachable = Some(true);
        facts.counts.parked = 1;
    };
    board.update(refused);
    let since = || board.facts().since.get("PRODUCTS_REFUSED").copied();
    let began = since().unwrap();
    // A new engine, which has not looked yet.
    board.update(|facts| {
        *facts = Facts {
            since: facts.since.clone(),
            ..Facts::new()
        };
    });
    board.update(refused);
    assert_eq!(since(), Some(began));
    board.update(|facts| facts.counts.parked = 0);
    assert_eq!(since(), None);
}
