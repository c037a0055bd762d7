//! Who looks at the board is woken by changes, and by nothing else.

use super::super::board::Board;
use crate::{
    health::{Area, Trouble},
    journal::Pause,
};

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
    let trouble = || Trouble::new("DIGIBLE_REFUSES", "no".to_owned(), "ask").lasting();
    board.update(|facts| facts.fails(Area::Digible, trouble()));
    let since = |code| board.facts().since.get(code).copied();
    let began = since("DIGIBLE_REFUSES").unwrap();
    board.update(|facts| facts.fails(Area::Digible, trouble()));
    assert_eq!(since("DIGIBLE_REFUSES"), Some(began));
    board.update(|facts| facts.works(Area::Digible));
    assert_eq!(since("DIGIBLE_REFUSES"), None);
}
