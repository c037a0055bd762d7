//! Changes wake the tasks that watch the status, and nothing else does.

use shopmaster_health::{Area, Facts, Trouble};
use shopmaster_journal::Pause;

use crate::status_store::StatusStore;

#[test]
fn each_change_grows_the_sequence_by_one() {
    let status_store = StatusStore::new();
    let mut watch = status_store.watch();
    let first = watch.borrow_and_update().sequence;
    status_store.update(|facts| facts.pending = 1);
    assert_eq!(watch.borrow_and_update().sequence, first + 1);
    status_store.update(|facts| facts.pending = 2);
    status_store.update(|facts| facts.paused = Some(Pause::UntilResumed));
    let snapshot = watch.borrow_and_update().clone();
    assert_eq!(snapshot.sequence, first + 3);
    assert_eq!(snapshot.facts, status_store.facts());
}

#[test]
fn no_watcher_wakes_when_nothing_changes() {
    let status_store = StatusStore::new();
    status_store.update(|facts| facts.pending = 1);
    let mut watch = status_store.watch();
    let before = watch.borrow_and_update().sequence;
    status_store.update(|facts| facts.pending = 1);
    status_store.update(|_| {});
    assert!(!watch.has_changed().unwrap());
    assert_eq!(status_store.watch().borrow().sequence, before);
}

#[test]
fn an_issue_keeps_its_beginning_until_it_is_gone() {
    let status_store = StatusStore::new();
    status_store.update(|facts| facts.catalog.reachable = Some(true));
    let trouble = || Trouble::new("DIGIBLE_REFUSES", "no".to_owned(), "ask").lasting();
    status_store.update(|facts| facts.fails(Area::Digible, trouble()));
    let since = |code| status_store.facts().since.get(code).copied();
    let began = since("DIGIBLE_REFUSES").unwrap();
    status_store.update(|facts| facts.fails(Area::Digible, trouble()));
    assert_eq!(since("DIGIBLE_REFUSES"), Some(began));
    status_store.update(|facts| facts.works(Area::Digible));
    assert_eq!(since("DIGIBLE_REFUSES"), None);
}

#[test]
fn an_issue_keeps_its_beginning_over_a_change_of_the_configuration() {
    let status_store = StatusStore::new();
    let refused = |facts: &mut Facts| {
        facts.catalog.reachable = Some(true);
        facts.counts.parked = 1;
    };
    status_store.update(refused);
    let since = || status_store.facts().since.get("PRODUCTS_REFUSED").copied();
    let began = since().unwrap();
    // A new engine, which has not checked anything yet.
    status_store.update(|facts| {
        *facts = Facts {
            since: facts.since.clone(),
            ..Facts::new()
        };
    });
    status_store.update(refused);
    assert_eq!(since(), Some(began));
    status_store.update(|facts| facts.counts.parked = 0);
    assert_eq!(since(), None);
}
