//! A shop's database that is away: looked for each few seconds, and asked again as soon as it is back.
//!
//! Tries wait longer and longer, because they log in, and failed logins lock accounts. A look does not, so that
//! the first price after an outage need not wait for the end of the longest wait.

use std::sync::{Mutex, MutexGuard, PoisonError};

use shopmaster_catalog::CatalogError;

/// What the last failure said, and what was seen since.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<Seen>);

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// It is not away, or no look could tell.
    #[default]
    Nothing,
    /// Nothing is there.
    Gone,
    /// It was there again.
    Back,
    /// It was there again, and the try failed as before: looks say too little, so that the wait counts.
    Doubtful,
    /// Somebody has it alone. Nothing is tried before a look says that this is over.
    Reserved,
}

impl Outage {
    /// Notes why a call to the database failed.
    pub(super) fn note(&self, error: &CatalogError) {
        let mut seen = self.seen();
        *seen = match *seen {
            _ if error.is_reserved() => Seen::Reserved,
            _ if !error.is_away() => Seen::Nothing,
            Seen::Back | Seen::Doubtful => Seen::Doubtful,
            Seen::Nothing | Seen::Gone | Seen::Reserved => Seen::Gone,
        };
    }

    /// Whether looks may tell that it is back.
    pub(super) fn is_on(&self) -> bool {
        matches!(*self.seen(), Seen::Gone | Seen::Doubtful | Seen::Reserved)
    }

    /// Whether somebody has it alone.
    pub(super) fn is_reserved(&self) -> bool {
        *self.seen() == Seen::Reserved
    }

    /// Notes what a look has found. True when it is back.
    pub(super) fn found(&self, answers: bool) -> bool {
        let mut seen = self.seen();
        let (next, is_back) = match (*seen, answers) {
            (Seen::Gone | Seen::Reserved, true) => (Seen::Back, true),
            (Seen::Doubtful, false) => (Seen::Gone, false),
            (same, _) => (same, false),
        };
        *seen = next;
        is_back
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shopmaster_catalog::{Closed, ConnectFailure, Passing};

    fn failed(is_away: bool) -> CatalogError {
        CatalogError::Connect {
            server: "shop".to_owned(),
            cause: ConnectFailure {
                code: "CODE",
                remedy: "".into(),
                passing: Passing::Perhaps,
                is_away,
                fingerprint: None,
                error: "failed".into(),
            },
        }
    }

    fn gone() -> CatalogError {
        failed(true)
    }

    #[test]
    fn only_what_was_gone_comes_back_and_once() {
        let outage = Outage::default();
        assert!(!outage.is_on() && !outage.found(true));
        outage.note(&gone());
        assert!(outage.is_on());
        assert!(!outage.found(false));
        assert!(outage.found(true));
        assert!(!outage.is_on() && !outage.found(true));
    }

    #[test]
    fn a_look_that_says_too_little_does_not_hurry_anybody() {
        let outage = Outage::default();
        outage.note(&gone());
        assert!(outage.found(true));
        // Something answers in its place, as a forwarded port does.
        outage.note(&gone());
        assert!(!outage.found(true));
        outage.note(&gone());
        assert!(!outage.found(true));
        assert!(!outage.found(false));
        assert!(outage.found(true));
    }

    #[test]
    fn a_refused_login_is_not_hurried() {
        let outage = Outage::default();
        outage.note(&gone());
        outage.note(&failed(false));
        assert!(!outage.is_on() && !outage.found(true));
    }

    #[test]
    fn a_reserved_database_is_waited_for_however_long() {
        let outage = Outage::default();
        outage.note(&CatalogError::Closed {
            database: "shop".to_owned(),
            state: Closed::SingleUser,
        });
        assert!(outage.is_reserved() && !outage.found(false));
        assert!(outage.is_reserved() && outage.found(true));
        assert!(!outage.is_reserved());
    }
}
