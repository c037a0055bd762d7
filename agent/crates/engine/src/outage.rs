//! A shop's database that is away: looked for each few seconds, and asked again as soon as it is back.
//!
//! Tries wait longer and longer, because they log in, and failed logins lock accounts. A look does not, so that
//! the first price after an outage need not wait for the end of the longest wait.

use std::sync::{Mutex, MutexGuard, PoisonError};

use shopmaster_catalog::CatalogError;

/// What the last failure said, and what was phase since.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<Phase>);

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
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
        let mut phase = self.phase();
        *phase = match *phase {
            _ if error.is_reserved() => Phase::Reserved,
            _ if !error.is_away() => Phase::Nothing,
            Phase::Back | Phase::Doubtful => Phase::Doubtful,
            Phase::Nothing | Phase::Gone | Phase::Reserved => Phase::Gone,
        };
    }

    /// Whether looks may tell that it is back.
    pub(super) fn is_on(&self) -> bool {
        matches!(
            *self.phase(),
            Phase::Gone | Phase::Doubtful | Phase::Reserved
        )
    }

    /// Whether somebody has it alone.
    pub(super) fn is_reserved(&self) -> bool {
        *self.phase() == Phase::Reserved
    }

    /// Notes what a look has found. True when it is back.
    pub(super) fn found(&self, answers: bool) -> bool {
        let mut phase = self.phase();
        let (next, is_back) = match (*phase, answers) {
            (Phase::Gone | Phase::Reserved, true) => (Phase::Back, true),
            (Phase::Doubtful, false) => (Phase::Gone, false),
            (same, _) => (same, false),
        };
        *phase = next;
        is_back
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
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
